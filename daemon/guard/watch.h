/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the guard process and its admitting process do. The daemon's side is
 * daemon/guard/guard_process.h.
 */

#include "daemon/guard/guard_process.h"

/*
 * In the guard process: watches, reports to the packet socket `socket_fd`, and ends when the daemon
 * closes its end.
 */
_Noreturn void watch_run(const GuardOrders *orders, int socket_fd);

/* The same in a privileged helper, which receives its orders over the socket. */
_Noreturn void watch_serve(const HostPaths *host, int socket_fd);

/* Sends orders to a privileged helper. Returns 0 or -errno. */
_nodiscard_ int watch_order(const GuardOrders *orders, int socket_fd);

/* One task for the admitting process, sent over a pipe. */
typedef struct AdmitTask {
        bool is_driver;
        Bdf bdf;                         /* the function to let in, */
        char driver[SNAPSHOT_NAME_SIZE]; /* or the driver that was registered */
        uint64_t since;                  /* CLOCK_MONOTONIC nanoseconds of its event */
} AdmitTask;

/* In the admitting process: runs tasks from `pipe_fd` until its other end is closed. */
_Noreturn void admit_run(const GuardOrders *orders, int pipe_fd, int socket_fd);

/* CLOCK_MONOTONIC, in nanoseconds. */
uint64_t watch_now(void);

/* Sends a report, with `flags` as for send(2). Returns whether it could be sent. */
bool watch_report(int socket_fd, const GuardReport *report, int flags);
