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
        GuardOrders orders; /* the sentinel's; its places are owned */
        bool is_ready;
        GuardProcess *former;    /* on duty until the other one is ready, or about to end */
        bool gate_confirmed; /* a sentinel shut it */
        GuardProcess *better;    /* an aide with the same orders, which takes over when it is ready */
        bool helper_failed;    /* it did not come up: there is no second try */
        bool gate_failed;    /* and a driver came all the same */
        unsigned n_heeded;   /* functions that came while it was shut, and found no driver */

        struct event *late_event; /* the longest that the post may take to settle */
        bool is_late;             /* that is over, and it has not settled yet */

        Worker *worker;      /* that undoes things, or NULL */
        bool sweep_overrides; /* of all functions */
        bool sweep_functions; /* that have not been let in */
        Sweep sweep;          /* what the worker does */
        Bdf *strays;          /* blocked, and not known to be with reason */
        size_t n_strays;
        size_t n_loose; /* of these, at the front, in no lease's group as of the last reading */
} GuardController;

/* The daemon's only one. Borrowed. */
GuardController *controller_of(const Ledger *ledger);

/* Notes a function that was blocked: whether with reason, the next reading shows. */
void controller_add_stray(GuardController *controller, Bdf bdf);

/*
 * Forgets those that are gone, or that a lease has reason to hold. Those in the group of a lease that
 * is being given back wait for its end: they may have come when it had already put back all it knew.
 */
void controller_settle_strays(GuardController *controller);

/* Has a worker undo what is to be undone, if there is something. */
void controller_sweep(GuardController *controller, bool open_gate);

/* Takes the gate out of the orders if it is somebody else's, or is just being opened. */
void controller_check_gate(GuardController *controller, GuardOrders *orders);
