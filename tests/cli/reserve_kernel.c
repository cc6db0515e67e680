/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The kernel's part for isolationd-reserve, on a tree of files. The program links it in place of
 * the one function that writes to sysfs.
 *
 * An override is replaced, not overwritten. A file `panic` beside drivers_probe ends the program
 * before the replacement. unbind removes the driver's link, unless a file `sticky` beside it marks
 * a driver that stays bound. drivers_probe binds the driver that a file `wanted` in the device's
 * directory names, unless an override forbids it.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/host/host.h"
#include "daemon/host/driver.h"

int __real_host_write_text(const char *path, const char *text);
int __wrap_host_write_text(const char *path, const char *text);

static bool ends_with(const char *text, const char *end)
{
        size_t n_text = strlen(text), n_end = strlen(end);

        return n_text >= n_end && strcmp(text + n_text - n_end, end) == 0;
}

/* How much of a path of bus/pci is the root of the tree. */
static int root_length(const char *path)
{
        const char *end = strstr(path, "/bus/pci/");

        return end ? (int)(end - path) : 0;
}

static int set_override(const char *path, const char *text)
{
        char line[HOST_TEXT_SIZE];

        (void)snprintf(line, sizeof(line), "%.*s/bus/pci/panic", root_length(path), path);
        if (access(line, F_OK) == 0)
                _exit(99);
        if (truncate(path, 0) < 0)
                return -errno;
        (void)snprintf(line, sizeof(line), "%s\n", text[0] == '\n' ? DRIVER_OVERRIDE_NONE : text);
        return __real_host_write_text(path, line);
}

/* "…/bus/pci/devices/ADDRESS/NAME" for a path of bus/pci. */
static void device_file(const char *path, const char *address, const char *name,
                        char device[static PATH_MAX])
{
        (void)snprintf(device, PATH_MAX, "%.*s/bus/pci/devices/%s/%s", root_length(path), path,
                       address, name);
}

static int unbind(const char *path, const char *address)
{
        _cleanup_(freep) char *directory = strdup(path);
        char name[PATH_MAX];

        if (!directory)
                return -ENOMEM;
        directory[strlen(directory) - strlen("unbind")] = '\0';
        (void)snprintf(name, sizeof(name), "%ssticky", directory);
        if (access(name, F_OK) == 0)
                return -EBUSY;
        device_file(path, address, "driver", name);
        return unlink(name) < 0 ? -errno : 0;
}

static int probe(const char *path, const char *address)
{
        _cleanup_(freep) char *override = NULL, *wanted = NULL;
        char name[PATH_MAX], target[PATH_MAX];

        device_file(path, address, "driver_override", name);
        int r = host_read_text(name, &override);
        if (r < 0)
                return r;
        device_file(path, address, "wanted", name);
        if (strcmp(override, DRIVER_OVERRIDE_NONE) != 0 || host_read_text(name, &wanted) < 0)
                return 0;
        (void)snprintf(target, sizeof(target), "../../../bus/pci/drivers/%s", wanted);
        device_file(path, address, "driver", name);
        return symlink(target, name) < 0 ? -errno : 0;
}

int __wrap_host_write_text(const char *path, const char *text)
{
        if (ends_with(path, "/driver_override"))
                return set_override(path, text);
        int r = __real_host_write_text(path, text);
        if (r == 0 && ends_with(path, "/unbind"))
                r = unbind(path, text);
        if (r == 0 && ends_with(path, "/drivers_probe"))
                r = probe(path, text);
        return r;
}
