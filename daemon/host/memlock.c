/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * prlimit(2) takes a process number only; it is read from a pidfd. If the process has ended after
 * the change of the limit, the number may belong to another process, and the change is undone.
 */

#include "daemon/host/memlock.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/probe/cleanup.h"
#include "core/probe/process.h"
#include "daemon/host/holders.h"

/* The request to the helper, sent as the text of a HelperRequest. */
typedef struct Order {
        MemlockPair before;
        MemlockPair after;
} Order;

_Static_assert(sizeof(Order) < sizeof(((HelperRequest *)NULL)->text), "it is in the request");
_Static_assert(RLIM_INFINITY == UINT64_MAX, "a limit is written as the kernel has it");

/* A pidfd becomes readable at the end of its process, before the number can be reused. */
static bool has_ended(int pid_fd)
{
        struct pollfd event = {.fd = pid_fd, .events = POLLIN};

        return TEMP_FAILURE_RETRY(poll(&event, 1, 0)) != 0;
}

/* Returns the process's number in the reader's PID namespace, -ESRCH or -errno. */
static int read_pid(int pid_fd)
{
        char line[128];
        int pid = -1;

        _cleanup_(fclosep) FILE *info = host_open_text("/proc/self/fdinfo/%d", pid_fd);
        if (!info)
                return -errno;
        while (pid < 0 && fgets(line, sizeof(line), info))
                (void)sscanf(line, "Pid: %d", &pid);
        return pid > 0 ? pid : -ESRCH;
}

static bool is_same(const struct rlimit *limit, const MemlockPair *pair)
{
        return limit->rlim_cur == pair->soft && limit->rlim_max == pair->hard;
}

static int apply(int pid_fd, const Order *order)
{
        const struct rlimit wanted = {.rlim_cur = order->after.soft, .rlim_max = order->after.hard};
        struct rlimit now, old;

        pid_t pid = read_pid(pid_fd);
        if (pid < 0)
                return pid;
        if (prlimit(pid, RLIMIT_MEMLOCK, NULL, &now) < 0)
                return -errno;
        if (has_ended(pid_fd))
                return -ESRCH;
        if (is_same(&now, &order->after))
                return 0;
        if (!is_same(&now, &order->before))
                return -ESTALE;
        if (prlimit(pid, RLIMIT_MEMLOCK, &wanted, &old) < 0)
                return -errno;
        if (has_ended(pid_fd)) {
                (void)prlimit(pid, RLIMIT_MEMLOCK, &old, NULL);
                return -ESRCH;
        }
        if (prlimit(pid, RLIMIT_MEMLOCK, NULL, &now) < 0)
                return -errno;
        return is_same(&now, &order->after) ? 0 : -EIO;
}

int memlock_serve(const HostPaths *host, const HelperRequest *request, int fd, HelperReply *reply,
                  int *ret_fd)
{
        Order order;

        memcpy(&order, request->text, sizeof(order));
        return apply(fd, &order);
}

/* --- the daemon's side ------------------------------------------------------------------------ */

/* "Uid: 1000 1000 1000 1000": whether all four are that user's. */
static bool is_of(int process, uid_t uid)
{
        char text[4096];
        unsigned ids[4];

        process_read_file(process, "status", text, sizeof(text));
        const char *line = strstr(text, "\nUid:");
        if (!line || sscanf(line, "\nUid: %u %u %u %u", &ids[0], &ids[1], &ids[2], &ids[3]) != 4)
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
                if (ids[i] != uid)
                        return false;
        return true;
}

int memlock_look(const HostPaths *host, int32_t pid, uid_t uid, MemlockProcess *ret_process,
                 MemlockPair *ret_limits)
{
        MemlockProcess process = {.pid = pid};
        MemlockLimit limit;
        uint64_t start = 0;

        if (pid <= 0 || !holder_read_start(host, pid, &process.start))
                return -ESRCH;
        _cleanup_(closep) int directory = process_open(host->proc, pid);
        if (directory < 0)
                return -ESRCH;
        process_read_memlock(directory, &limit);
        if (!limit.known || !is_of(directory, uid))
                return -ESRCH;
        /* If the start time is the same before and after, all reads were of one process. */
        if (!holder_read_start(host, pid, &start) || start != process.start)
                return -ESRCH;
        *ret_process = process;
        *ret_limits = (MemlockPair){.soft = limit.limit, .hard = limit.hard};
        return limit.exempt;
}

int memlock_change(const HostPaths *host, const MemlockProcess *process, const MemlockPair *before,
                   const MemlockPair *after)
{
        const Order order = {.before = *before, .after = *after};
        HelperRequest request = {.task = HELPER_SET_MEMLOCK};
        HelperReply reply;
        uint64_t start = 0;

        _cleanup_(closep) int pid_fd = (int)syscall(SYS_pidfd_open, process->pid, 0);
        if (pid_fd < 0)
                return -errno;
        if (!holder_read_start(host, process->pid, &start) || start != process->start ||
            has_ended(pid_fd))
                return -ESRCH;
        memcpy(request.text, &order, sizeof(order));
        return helper_have_done(host, HELPER_SET, memlock_serve, &request, pid_fd, &reply);
}
