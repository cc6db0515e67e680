/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The kernel sends the uevent of a function before a driver can be matched (kernel-facts 3.1), and
 * no event when it can. It makes the file in /proc/bus/pci a moment before that. So this waits for
 * the file, and then tries.
 */

#include "daemon/guard/gate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "core/probe/cleanup.h"
#include "daemon/host/driver.h"

#define GATE "bus/pci/drivers_autoprobe"

/* The kernel adds all functions of a bus, which may be hundreds, before it matches any. */
#define ADDING_MILLISECONDS_MAX 30000
/* The pauses between tries double, from one millisecond: 1 s altogether. */
#define TRIES 10

int gate_read(const HostPaths *host, bool *ret_open)
{
        _cleanup_(freep) char *text = NULL;

        int r = host_read_at(&text, "%s/" GATE, host->sysfs);
        if (r == 0)
                *ret_open = strcmp(text, "0") != 0;
        return r;
}

int gate_write(const HostPaths *host, bool open, char **ret_message)
{
        bool now = !open;

        int w = host_write_at(open ? "1" : "0", "%s/" GATE, host->sysfs);
        int r = gate_read(host, &now);
        if (r < 0 || now == open)
                return r;
        return host_refuse_write(w, ret_message, "drivers_autoprobe of the PCI bus still reads %d",
                                 now);
}

/*
 * Locks the directory of the helpers' sockets. All helpers see it, and none of them writes to it.
 */
int gate_lock(const HostPaths *host, int *ret_fd)
{
        *ret_fd = -1;
        if (!host->helpers)
                return 0;
        _cleanup_(closep) int fd = open(host->helpers, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (TEMP_FAILURE_RETRY(flock(fd, LOCK_EX)) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static void pause_for(unsigned milliseconds)
{
        const struct timespec pause = {
                .tv_sec = milliseconds / 1000,
                .tv_nsec = (long)(milliseconds % 1000) * 1000000,
        };

        (void)nanosleep(&pause, NULL);
}

/*
 * The function is in /proc/bus/pci then. On some machines its path there names the domain even if
 * that is 0.
 */
bool gate_has_added(const HostPaths *host, Bdf bdf)
{
        char text[BDF_TEXT_SIZE];
        const char *whole = bdf_format(bdf, text);
        const char *const names[] = {whole, strchr(whole, ':') + 1};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                char path[PATH_MAX];

                (void)snprintf(path, sizeof(path), "%s/bus/pci/%s", host->proc, names[i]);
                char *colon = strrchr(path, ':');
                if (colon)
                        *colon = '/';
                if (access(path, F_OK) == 0)
                        return true;
        }
        return false;
}

/*
 * Waits until the kernel has almost finished adding a function, or the function is gone, or the
 * time is over.
 */
static void await_added(const HostPaths *host, Bdf bdf)
{
        if (!host_has("%s/bus/pci", host->proc))
                return;
        for (unsigned i = 0; i < ADDING_MILLISECONDS_MAX; i++) {
                if (gate_has_added(host, bdf) || !host_has_device(host, bdf))
                        return;
                pause_for(1);
        }
}

int gate_let_in(const HostPaths *host, Bdf bdf, bool is_new, char **ret_driver)
{
        if (is_new)
                await_added(host, bdf);
        for (unsigned i = 0;; i++) {
                _cleanup_(freep) char *driver = NULL, *message = NULL;

                int r = driver_read(host, bdf, &driver);
                if (r == 0 && !driver[0] && driver_probe_any(host, bdf, &message) >= 0) {
                        free(TAKE_PTR(driver));
                        r = driver_read(host, bdf, &driver);
                }
                if (r < 0)
                        return r;
                if (driver[0] || !is_new || i == TRIES) {
                        *ret_driver = TAKE_PTR(driver);
                        return 0;
                }
                pause_for(1U << i);
        }
}

int gate_admit(const HostPaths *host, const char *driver, const TextList *kept)
{
        char path[PATH_MAX];

        _cleanup_(closedirp) DIR *dir = host_open_directory("%s/bus/pci/devices", host->sysfs);
        if (!dir)
                return -errno;
        for (struct dirent *entry; (entry = readdir(dir));) {
                _cleanup_(freep) char *bound = NULL;
                Bdf bdf;

                if (!bdf_parse(entry->d_name, &bdf) || driver_read(host, bdf, &bound) < 0 ||
                    bound[0] || place_of(host, bdf, path) < 0 || places_contain(kept, path))
                        continue;
                /* A function that does not match, or whose probe fails, is no error here. */
                if (host_write_at(entry->d_name, "%s/bus/pci/drivers/%s/bind", host->sysfs,
                                  driver) != -ENOENT)
                        continue;
                if (!driver_exists(host, driver))
                        return -ENOENT;
                /* The driver has no bind file. */
                _cleanup_(freep) char *message = NULL;
                if (driver_probe_any(host, bdf, &message) == -ENOMEM)
                        return -ENOMEM;
        }
        return 0;
}
