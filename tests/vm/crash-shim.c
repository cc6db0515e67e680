/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loaded into a daemon (LD_PRELOAD) by the crash sweep: counts what it and its workers do to the host,
 * and at one point ends it, or has that one fail.
 *
 * Counted are writes to sysfs, requests to VFIO and iommufd, access control lists, and records put in
 * their place or removed; or one kind of request alone. The count, the point and what happens there are
 * numbers in a file, which whoever runs the sweep reads and writes with od(1) and printf(1).
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FILE_NAME "/run/crash-sweep"
#define VFIO_TYPE ';'

typedef struct Sweep {
        _Atomic uint32_t n;      /* operations so far */
        _Atomic uint32_t at;     /* the one that is hit; 0: none */
        _Atomic uint32_t error;  /* what it fails with; 0: the daemon is killed */
        _Atomic uint32_t struck; /* it has been */
        _Atomic uint32_t request; /* count only these; 0: everything */
        _Atomic int32_t daemon;
} Sweep;

static Sweep *sweep;

__attribute__((constructor)) static void begin(void)
{
        int fd = open(FILE_NAME, O_RDWR | O_CLOEXEC);

        if (fd < 0)
                return;
        void *memory = mmap(NULL, sizeof(*sweep), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (memory == MAP_FAILED)
                return;
        sweep = memory;
        sweep->daemon = getpid();
}

/* Returns whether the operation is to fail, with errno set. `request`: of ioctl(), else 0. */
static bool strikes(unsigned long request)
{
        if (!sweep || (sweep->request != 0 && sweep->request != request))
                return false;
        uint32_t n = atomic_fetch_add(&sweep->n, 1) + 1;
        if (n != sweep->at)
                return false;
        sweep->at = 0;
        sweep->struck = 1;
        if (sweep->error != 0) {
                errno = (int)sweep->error;
                return true;
        }
        kill(sweep->daemon, SIGKILL);
        kill(getpid(), SIGKILL);
        return false;
}

static bool is_in_sysfs(int fd)
{
        char link[64], path[PATH_MAX];

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, path, sizeof(path) - 1);
        return n > 5 && strncmp(path, "/sys/", 5) == 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t n)
{
        return is_in_sysfs(fd) && strikes(0) ? -1 : REAL(write)(fd, data, n);
}

int ioctl(int fd, unsigned long request, ...)
{
        static int (*real)(int, unsigned long, ...);
        va_list arguments;

        if (!real)
                real = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
        va_start(arguments, request);
        void *argument = va_arg(arguments, void *);
        va_end(arguments);
        return (request >> 8 & 0xff) == VFIO_TYPE && strikes(request) ? -1 : real(fd, request, argument);
}

int setxattr(const char *path, const char *name, const void *value, size_t n, int flags)
{
        return strikes(0) ? -1 : REAL(setxattr)(path, name, value, n, flags);
}

int renameat(int from, const char *before, int to, const char *after)
{
        return strikes(0) ? -1 : REAL(renameat)(from, before, to, after);
}

int rename(const char *before, const char *after)
{
        return strikes(0) ? -1 : REAL(rename)(before, after);
}

/* A record that could not be removed comes up again: that nobody promises to mend. */
int unlink(const char *path)
{
        bool fails = sweep && sweep->error == 0 && strncmp(path, "/run/isolationd", 15) == 0 &&
                     strikes(0);

        return fails ? -1 : REAL(unlink)(path);
}
