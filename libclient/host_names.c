/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Other names of devices in a tree or a dump than address and stable id: interfaces, block
 * devices, slots, serial numbers.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/probe/policy_names.h"
#include "libclient/host.h"

static void close_fdp(int *fd)
{
        if (*fd >= 0)
                (void)close(*fd);
}

/* The last device address among the components of a link's target. */
static const iso_device *find_in_link(const iso_host *host, int root, const char *path)
{
        char target[PATH_MAX], address[BDF_TEXT_SIZE];
        ssize_t n;

        n = readlinkat(root, path, target, sizeof(target) - 1);
        if (n <= 0)
                return NULL;
        target[n] = '\0';

        for (char *slash; (slash = strrchr(target, '/')); *slash = '\0') {
                const iso_device *device;
                Bdf bdf;

                if (!bdf_parse(slash + 1, &bdf))
                        continue;
                device = view_find_device(host->view, bdf_format(bdf, address));
                if (device)
                        return device;
        }
        return NULL;
}

const iso_device *tree_find_named(const iso_host *host, const char *name)
{
        static const char *const classes[] = {"net", "block"};
        static const char *const links[] = {"", "/device"};
        _cleanup_(close_fdp) int root = -1;
        char path[NAME_MAX + 64];

        if (strlen(name) > NAME_MAX || name[0] == '.')
                return NULL;
        root = open(host->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return NULL;

        for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
                for (size_t k = 0; k < ARRAY_SIZE(links); k++) {
                        const iso_device *device;

                        (void)snprintf(path, sizeof(path), "class/%s/%s%s", classes[i], name,
                                       links[k]);
                        device = find_in_link(host, root, path);
                        if (device)
                                return device;
                }
        return NULL;
}

bool tree_is_label(const char *selector)
{
        uint64_t number;

        return strncmp(selector, "serial:", 7) == 0 || strncmp(selector, "slot:", 5) == 0 ||
               policy_parse_serial(selector, &number);
}

/* All functions of a card may have the same serial number. A snapshot leaves out the number 0. */
static const iso_device *find_serial(const iso_host *host, const char *text)
{
        const Snapshot *snapshot = host->snapshot;
        uint64_t number;

        if (!policy_parse_serial(text, &number) || number == 0)
                return NULL;
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (snapshot->devices[i].facts.serial == TRISTATE_YES &&
                    snapshot->devices[i].facts.serial_number == number)
                        return &host->view->devices[i];
        return NULL;
}

static const iso_device *find_slot(const iso_host *host, const char *name)
{
        const Snapshot *snapshot = host->snapshot;

        for (size_t i = 0; i < snapshot->n_slots; i++) {
                const Bdf slot = snapshot->slots[i].bdf;

                if (strcmp(snapshot->slots[i].name, name) != 0)
                        continue;
                for (size_t k = 0; k < snapshot->n_devices; k++) {
                        const Bdf bdf = snapshot->devices[k].bdf;

                        if (bdf.domain == slot.domain && bdf.bus == slot.bus &&
                            bdf_device(bdf) == bdf_device(slot))
                                return &host->view->devices[k];
                }
        }
        return NULL;
}

/* The view's devices are the snapshot's, in the same order. */
const iso_device *tree_find_label(const iso_host *host, const char *selector)
{
        if (!host->snapshot || host->snapshot->n_devices != host->view->n_devices)
                return NULL;
        if (strncmp(selector, "slot:", 5) == 0)
                return find_slot(host, selector + 5);
        return find_serial(host, strncmp(selector, "serial:", 7) == 0 ? selector + 7 : selector);
}
