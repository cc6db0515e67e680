/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The guard process waits for the kernel to announce a function that would join a leased group, and
 * blocks it, if possible before a host driver probes it.
 *
 * It has its own netlink socket and knows beforehand where such functions appear. It does not read
 * the machine and asks no other process. With the gate (daemon/guard/gate.h) it also binds drivers
 * to all other functions, as the kernel no longer does. Its child, the admitting process, does
 * that, since probing may block. The guard process runs only while a group is leased that the
 * kernel does not guard by itself. When the daemon dies, the guard process finishes what it has
 * begun, and ends.
 */

#include <event2/event.h>
#include <stdint.h>

#include "core/model/snapshot.h"
#include "daemon/guard/places.h"
#include "daemon/host/host.h"

typedef struct GuardProcess GuardProcess;

typedef struct GuardOrders {
        HostPaths host;
        TextList places; /* functions that appear there are blocked */
        bool gate;     /* shut the gate, and let other functions in */
} GuardOrders;

typedef enum GuardReportKind {
        GUARD_REPORT_READY,   /* listens, and has shut the gate if the orders say so */
        GUARD_REPORT_FAILED,  /* could not start, for the reason `text`; it ends */
        GUARD_REPORT_BLOCKED, /* blocked a function that came; `text` is the host driver it has */
        GUARD_REPORT_REFUSED, /* a function came, and its override could not be written: `code` */
        GUARD_REPORT_BOUND,   /* a function in a leased group was bound to the driver `text` */
        GUARD_REPORT_LET_IN,  /* let in another function; `text` is its driver, "" if it got none */
        GUARD_REPORT_LOST,    /* missed events, or could not report them */
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
        /*
         * The process has ended, by itself or because it was retired. It is freed after this
         * returns.
         */
        void (*ended)(GuardProcess *process, void *userdata);
        void *userdata;
} GuardProcessHandler;

/*
 * Starts a guard process as a child of the daemon, at once and with the daemon's priority. The
 * child has a copy of the orders. The event loop calls the handler; this function never does.
 * Returns 0 and *ret_process, or -errno.
 */
_nodiscard_ int guard_process_start(struct event_base *base, const GuardOrders *orders,
                                    const GuardProcessHandler *handler, GuardProcess **ret_process);

/*
 * The same as a service. The service manager gives it the real-time priority that the daemon may
 * not ask for (daemon/host/helper.h), but needs longer to start it. Same returns; -ENOENT: there is
 * no such service.
 */
_nodiscard_ int guard_process_start_helper(struct event_base *base, const GuardOrders *orders,
                                           const GuardProcessHandler *handler,
                                           GuardProcess **ret_process);

/* Tells the process to finish what it has begun, and to end. The gate stays as it is. */
void guard_process_retire(GuardProcess *process);

/*
 * Frees it, which also retires the process (NULL is fine). Its handler is not called. Returns NULL.
 */
GuardProcess *guard_process_free(GuardProcess *process);
DEFINE_CLEANUP(GuardProcess *, guard_process_free);
