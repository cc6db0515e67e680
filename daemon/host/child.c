/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Closes all fds but those to keep, with one close_range(2) for each gap between them. */

#include "daemon/host/child.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int compare_int(const void *a, const void *b)
{
        return *(const int *)a - *(const int *)b;
}

static void close_others(const int *keep, size_t n_keep)
{
        int sorted[CHILD_KEEP_MAX];
        int next = STDERR_FILENO + 1;

        if (n_keep > CHILD_KEEP_MAX)
                n_keep = CHILD_KEEP_MAX;
        memcpy(sorted, keep, n_keep * sizeof(*keep));
        qsort(sorted, n_keep, sizeof(*sorted), compare_int);
        for (size_t i = 0; i < n_keep; i++) {
                if (sorted[i] > next)
                        (void)syscall(SYS_close_range, next, sorted[i] - 1, 0);
                if (sorted[i] >= next)
                        next = sorted[i] + 1;
        }
        (void)syscall(SYS_close_range, next, ~0U, 0);
}

void child_settle(const int *keep, size_t n_keep)
{
        sigset_t none;

        for (int sig = 1; sig < NSIG; sig++)
                (void)signal(sig, SIG_DFL);
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        close_others(keep, n_keep);
}
