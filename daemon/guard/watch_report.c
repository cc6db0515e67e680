/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reports of the guard process and its admitting process, and the clock that they use. */

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/guard/watch.h"

uint64_t watch_now(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

bool watch_report(int socket_fd, const GuardReport *report, int flags)
{
        return TEMP_FAILURE_RETRY(send(socket_fd, report, sizeof(*report), flags | MSG_NOSIGNAL)) >=
               0;
}
