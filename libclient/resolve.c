/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Resolves selectors: the forms of core/probe/selector.h, and lease numbers. Searches the view
 * first, then the tree or the daemon.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/model/bdf.h"
#include "core/model/text.h"
#include "core/probe/selector.h"
#include "libclient/host.h"

#define CANDIDATES_MAX 8 /* devices that the message about an ambiguous selector lists */

/* What a selector names: a group, or devices, which are marked by their place in the view. */
typedef struct Found {
        const iso_group *group;
        bool *devices;
        size_t n_devices;
} Found;

static void found_deinit(Found *found)
{
        free(found->devices);
}

static void mark(Found *found, const View *view, const iso_device *device)
{
        size_t index = (size_t)(device - view->devices);

        found->n_devices += !found->devices[index];
        found->devices[index] = true;
}

static const iso_device *find_by_id(const View *view, const char *id)
{
        for (size_t i = 0; i < view->n_devices; i++)
                if (strcmp(view->devices[i].id, id) == 0)
                        return &view->devices[i];
        return NULL;
}

/* Does a selector of an address, card, ids, slot or serial number mean this device of the view? */
static bool has(const iso_host *host, const Selector *selector, size_t index)
{
        const iso_device *device = &host->view->devices[index];
        Bdf bdf;

        /* The view's devices are the snapshot's, in the same order. */
        if (host->snapshot && host->snapshot->n_devices == host->view->n_devices)
                return selector_has_device(selector, host->snapshot, index);
        return bdf_parse(device->address, &bdf) &&
               selector_has(selector, bdf, device->vendor, device->device);
}

/* Finds the one device that a name means and the view has not. Returns 0, a refusal, or -errno. */
static int search_elsewhere(iso_host *host, const char *text, Found *found)
{
        const iso_device *device = NULL;
        int r = 0;

        if (!host->bus)
                device = strchr(text, '/') ? NULL : tree_find_named(host, text);
        else
                r = daemon_resolve(host, text, &device, &found->group);
        if (r == -EINVAL)
                return 0; /* not UTF-8, so it cannot be a name */
        if (r == 0 && device) {
                found->group = NULL;
                mark(found, host->view, device);
        }
        return r;
}

/* Virtual functions have the stable id of their physical function and "/vfN". */
static int search_vfs(iso_host *host, const Selector *selector, Found *found)
{
        const iso_device *pf;
        const iso_group *group;
        size_t n;
        int r;

        if (strncmp(selector->name, "vfs:", 4) == 0)
                return 0; /* there are no virtual functions of virtual functions */
        r = iso_host_resolve(host, selector->name, &pf, &group);
        if (r != 0 || !pf)
                return r;
        n = strlen(pf->id);
        for (size_t i = 0; i < host->view->n_devices; i++)
                if (strncmp(host->view->devices[i].id, pf->id, n) == 0 &&
                    strncmp(host->view->devices[i].id + n, "/vf", 3) == 0)
                        mark(found, host->view, &host->view->devices[i]);
        return 0;
}

static int search(iso_host *host, const Selector *selector, const char *text, Found *found)
{
        const View *view = host->view;
        const iso_device *device;

        switch (selector->kind) {
        case SELECTOR_GROUP:
                found->group = selector->number >= 0
                                       ? view_find_kernel_group(view, selector->number)
                                       : NULL;
                return 0;
        case SELECTOR_VFS:
                return search_vfs(host, selector, found);
        case SELECTOR_NAME:
                device = find_by_id(view, text);
                if (device)
                        mark(found, view, device);
                else
                        found->group = view_find_group(view, text);
                return device || found->group || !*text ? 0 : search_elsewhere(host, text, found);
        case SELECTOR_SLOT:
        case SELECTOR_SERIAL:
                if (host->bus)
                        return search_elsewhere(host, text, found);
                break;
        case SELECTOR_ADDRESS:
        case SELECTOR_CARD:
        case SELECTOR_IDS:
                break;
        }
        for (size_t i = 0; i < view->n_devices; i++)
                if (has(host, selector, i))
                        mark(found, view, &view->devices[i]);
        return 0;
}

static int fail_not_found(iso_host *host, const Selector *selector, const char *text)
{
        switch (selector->kind) {
        case SELECTOR_ADDRESS:
        case SELECTOR_CARD:
                return host_fail(host, ISO_E_NOT_FOUND, "there is no device at %s", text);
        case SELECTOR_IDS:
                return host_fail(host, ISO_E_NOT_FOUND, "no device has the ids %s", text);
        case SELECTOR_GROUP:
                return host_fail(host, ISO_E_NOT_FOUND, "there is no kernel group %s", text + 6);
        case SELECTOR_SLOT:
                return host_fail(host, ISO_E_NOT_FOUND, "there is no slot '%s', or it is empty",
                                 selector->name);
        case SELECTOR_SERIAL:
                return host_fail(host, ISO_E_NOT_FOUND, "no device has the serial number %s",
                                 selector->name);
        case SELECTOR_VFS:
                return host_fail(host, ISO_E_NOT_FOUND, "%s has no virtual functions",
                                 selector->name);
        case SELECTOR_NAME:
                break;
        }
        return host_fail(host, ISO_E_NOT_FOUND,
                         "nothing has the name '%s': give an address (01:00.0), ids (8086:10d3), "
                         "a stable id (0000:00/1c.4), group:N, slot:NAME, or the name of an "
                         "interface or disk",
                         text);
}

/* Finds all that a selector names. Returns 0, a refusal, or -errno; the caller clears *ret. */
static int find(iso_host *host, const char *text, Found *ret)
{
        const Selector selector = selector_parse(text);
        int r = 0;

        if (host->view) {
                ret->devices = calloc(host->view->n_devices + 1, sizeof(*ret->devices));
                if (!ret->devices)
                        return -ENOMEM;
                r = search(host, &selector, text, ret);
        }
        if (r != 0)
                return r;
        return ret->group || ret->n_devices > 0 ? 0 : fail_not_found(host, &selector, text);
}

/* The first device, if all are in one group; else a refusal that lists them. */
static int choose(iso_host *host, const char *text, const Found *found, const iso_device **ret)
{
        char list[CANDIDATES_MAX * (BDF_TEXT_SIZE + 1) + 1] = "";
        const View *view = host->view;
        size_t length = 0, n = 0;
        bool is_one = true;

        *ret = NULL;
        for (size_t i = 0; i < view->n_devices; i++) {
                if (!found->devices[i])
                        continue;
                if (!*ret)
                        *ret = &view->devices[i];
                is_one &= strcmp(view->devices[i].group, (*ret)->group) == 0;
                if (n++ < CANDIDATES_MAX)
                        length += (size_t)snprintf(list + length, sizeof(list) - length, " %s",
                                                   view->devices[i].address);
        }
        /* Devices that are in no group are not together. */
        if (n == 1 || (is_one && *(*ret)->group))
                return 0;
        return host_fail(host, ISO_E_INVALID,
                         "%s names %zu devices in several groups, name one:%s%s", text, n, list,
                         n > CANDIDATES_MAX ? " …" : "");
}

int iso_host_resolve(iso_host *host, const char *selector, const iso_device **ret_device,
                     const iso_group **ret_group)
{
        _cleanup_(found_deinit) Found found = {.n_devices = 0};
        const iso_device *device = NULL;
        int r;

        r = find(host, selector, &found);
        if (r == 0 && !found.group)
                r = choose(host, selector, &found, &device);
        if (r != 0)
                return r;
        *ret_device = device;
        *ret_group = device ? view_find_group(host->view, device->group) : found.group;
        return 0;
}

int iso_host_resolve_all(iso_host *host, const char *selector, const iso_device *const **ret,
                         size_t *ret_n)
{
        _cleanup_(found_deinit) Found found = {.n_devices = 0};
        const iso_device **devices;
        size_t n = 0;
        int r;

        r = find(host, selector, &found);
        if (r != 0)
                return r;
        for (size_t i = 0; found.group && i < found.group->n_devices; i++) {
                const iso_device *member = view_find_device(host->view, found.group->devices[i]);

                if (member)
                        mark(&found, host->view, member);
        }
        devices = arena_alloc(&host->view->arena, found.n_devices + 1, sizeof(*devices));
        if (!devices)
                return -ENOMEM;
        for (size_t i = 0; i < host->view->n_devices; i++)
                if (found.devices[i])
                        devices[n++] = &host->view->devices[i];
        *ret = devices;
        *ret_n = n;
        return 0;
}

int iso_host_resolve_lease(iso_host *host, const char *selector, const iso_lease **ret_lease)
{
        const iso_device *device;
        const iso_group *group;
        const iso_lease *lease;
        uint32_t id;
        int r;

        if (text_read_u32(selector, &id)) {
                lease = host->view ? view_find_lease(host->view, id) : NULL;
                if (!lease)
                        return host_fail(host, ISO_E_NOT_FOUND, "there is no lease %s", selector);
                *ret_lease = lease;
                return 0;
        }

        r = iso_host_resolve(host, selector, &device, &group);
        if (r != 0)
                return r;

        lease = group && group->lease ? view_find_lease(host->view, group->lease) : NULL;
        if (!lease)
                return host_fail(host, ISO_E_NOT_FOUND, "%s is not leased", selector);
        *ret_lease = lease;
        return 0;
}
