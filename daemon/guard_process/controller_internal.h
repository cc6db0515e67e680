/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of the controller share: controller.c gives the orders, gate.c judges the gate,
 * sweep.c undoes what is left.
 */

#include "daemon/guard/guard_process.h"
#include "daemon/guard/sweep.h"
#include "daemon/guard/watchfile.h"
#include "daemon/host/worker.h"
#include "daemon/ledger/ledger.h"

typedef struct GuardController {
        Ledger *ledger;
        WatchFile *file; /* what is on disk, or NULL */
        GuardProcess *process;
        GuardOrders orders; /* of `process`; its places are owned */
        bool is_ready;
        GuardProcess *former;  /* works until `process` is ready, or is about to end */
        bool gate_confirmed;   /* a guard process shut the gate */
        GuardProcess *service; /* a service with the same orders, replaces `process` when ready */
        bool helper_failed;    /* the service did not start; no second try */
        bool gate_failed;      /* the gate cannot be shut, or the kernel ignores it */
        unsigned n_heeded;     /* functions that came while the gate was shut, and got no driver */

        struct event *late_event; /* limits the time for settling */
        bool is_late;             /* the limit has passed without settling */

        Worker *worker;       /* the worker that undoes things, or NULL */
        bool sweep_overrides; /* check the overrides of all functions */
        bool sweep_functions; /* let in functions that came while the gate was shut */
        Sweep sweep;          /* the worker's task */
        Bdf *strays;          /* blocked, perhaps without a lease that needs it */
        size_t n_strays;
        size_t n_loose; /* the first `n_loose` strays are in no leased group */
} GuardController;

/* Returns the one controller of the daemon. Borrowed. */
GuardController *controller_of(const Ledger *ledger);

/* Notes a function that was blocked. The next reading shows whether a lease needs that. */
void controller_add_stray(GuardController *controller, Bdf bdf);

/*
 * Forgets strays that are gone, or that a lease needs. Strays in the group of a lease that is being
 * given back wait until that has ended: they may have come after it had restored all that it knew.
 */
void controller_settle_strays(GuardController *controller);

/* Starts a worker that undoes what has to be undone, if anything. */
void controller_sweep(GuardController *controller, bool open_gate);

/* Removes the gate from the orders if somebody else uses it, or if it is just being opened. */
void controller_check_gate(GuardController *controller, GuardOrders *orders);
