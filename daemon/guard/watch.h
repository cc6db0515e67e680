/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the sentinel's processes do (daemon/guard/guard_process.h is what the daemon sees of them).
 */

#include "daemon/guard/guard_process.h"

/*
 * In the sentinel's process: watches, reports to the packet socket `socket_fd`, and ends when the
 * other side of it is shut.
 */
_Noreturn void watch_run(const GuardOrders *orders, int socket_fd);

/* The same in an aide's process, where the orders come over the socket. */
_Noreturn void watch_serve(const HostPaths *host, int socket_fd);

/* Sends them to an aide. Returns 0 or -errno. */
_nodiscard_ int watch_order(const GuardOrders *orders, int socket_fd);

/* One errand for the usher, over a pipe. */
typedef struct AdmitTask {
        bool is_driver;
        Bdf bdf;                         /* of a function to be let in, */
        char driver[SNAPSHOT_NAME_SIZE]; /* or a driver that has been added */
        uint64_t since;                  /* CLOCK_MONOTONIC nanoseconds of its event */
} AdmitTask;

/* In the usher's process: runs errands from `pipe_fd` until its other end is closed. */
_Noreturn void admit_run(const GuardOrders *orders, int pipe_fd, int socket_fd);

/* CLOCK_MONOTONIC, in nanoseconds. */
uint64_t watch_now(void);

/* Sends a report, with `flags` as for send(2). Returns whether it could be sent. */
bool watch_report(int socket_fd, const GuardReport *report, int flags);
