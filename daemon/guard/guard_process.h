/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The sentinel: a process that does nothing but wait for the kernel to tell of a function where one
 * would be in an assigned group, and then block it, before a host driver's probe if it can.
 *
 * It has a socket of its own, and what it has to know beforehand: it does not read the machine, and
 * asks nobody. With the gate (daemon/guard/gate.h) it also does for all other functions what the
 * kernel does no more; a second process, the usher, does that, since probing may block. It runs
 * only while a group is assigned and the kernel does not guard it by itself. When the daemon dies,
 * it does what it has begun, and ends.
 */

#include <event2/event.h>
#include <stdint.h>

#include "core/model/snapshot.h"
#include "daemon/guard/places.h"
#include "daemon/host/host.h"

typedef struct GuardProcess GuardProcess;

typedef struct GuardOrders {
        HostPaths host;
        Places places; /* what appears there is blocked */
        bool gate;     /* to be shut, and everybody else to be let in */
} GuardOrders;

typedef enum GuardReportKind {
        GUARD_REPORT_READY,   /* it listens, and the gate is shut if that was the order */
        GUARD_REPORT_FAILED,  /* it does not, for the reason `text`; it ends */
        GUARD_REPORT_BLOCKED, /* a function came, and is blocked; `text` is a host driver that has it */
        GUARD_REPORT_REFUSED, /* a function came, and writing its override failed: `code` */
        GUARD_REPORT_BOUND,   /* a function of ours was bound to the driver `text` */
        GUARD_REPORT_LET_IN,  /* another one came; `text` is its driver, "" if it got none */
        GUARD_REPORT_LOST,    /* events were missed, or not reported */
        _GUARD_REPORT_N,
} GuardReportKind;

typedef struct GuardReport {
        GuardReportKind kind;
        int code;      /* negative errno */
        Bdf bdf;       /* of a function */
        uint64_t nsec; /* from the receipt of its event */
        char text[256];
} GuardReport;

typedef struct GuardProcessHandler {
        void (*report)(const GuardReport *report, void *userdata);
        /* It has ended, by itself or because it was retired; it is freed after this returns. */
        void (*ended)(GuardProcess *process, void *userdata);
        void *userdata;
} GuardProcessHandler;

/*
 * Starts a sentinel, a child of the daemon's: at once, and with what priority the daemon has. It has a
 * copy of the orders. The handler is called from the event loop, never from here. Returns 0 and *ret,
 * or -errno.
 */
_nodiscard_ int guard_process_start(struct event_base *base, const GuardOrders *orders,
                               const GuardProcessHandler *handler, GuardProcess **ret_sentinel);

/*
 * The same as a service of its own, which the service manager gives the real-time priority that the
 * daemon may not ask for (daemon/host/helper.h), and takes its time to start. -ENOENT: there is none.
 */
_nodiscard_ int guard_process_start_helper(struct event_base *base, const GuardOrders *orders,
                                    const GuardProcessHandler *handler, GuardProcess **ret_sentinel);

/* Has it do what it has begun, and end. The gate stays as it is. */
void guard_process_retire(GuardProcess *process);

/* Forgets it, which retires it too (NULL is fine); its handler is not called. Returns NULL. */
GuardProcess *guard_process_free(GuardProcess *process);
DEFINE_CLEANUP(GuardProcess *, guard_process_free);
