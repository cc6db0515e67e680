/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Resolves selectors: addresses, stable ids, kernel group numbers, names of interfaces and block
 * devices, slots, serial numbers, lease numbers. Searches the view first, then the tree or the
 * daemon.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/model/bdf.h"
#include "libclient/host.h"

/* A decimal number up to INT32_MAX, the whole text. */
static bool parse_number(const char *text, uint32_t *ret)
{
        uint64_t value = 0;

        if (!*text || strlen(text) > 10)
                return false;
        for (const char *p = text; *p; p++) {
                if (*p < '0' || *p > '9')
                        return false;
                value = value * 10 + (uint64_t)(*p - '0');
        }
        if (value > INT32_MAX)
                return false;
        *ret = (uint32_t)value;
        return true;
}

static const iso_device *find_device(const View *view, const char *selector)
{
        char address[BDF_TEXT_SIZE];
        Bdf bdf;

        if (bdf_parse(selector, &bdf))
                return view_find_device(view, bdf_format(bdf, address));

        for (size_t i = 0; i < view->n_devices; i++)
                if (strcmp(view->devices[i].id, selector) == 0)
                        return &view->devices[i];
        return NULL;
}

static const iso_group *find_group(const View *view, const char *selector)
{
        uint32_t number;

        if (strncmp(selector, "group:", 6) == 0)
                return parse_number(selector + 6, &number)
                               ? view_find_kernel_group(view, (int)number)
                               : NULL;
        return view_find_group(view, selector);
}

/* The view has all addresses and group numbers; only other names are searched elsewhere. */
static bool may_be_name(const char *selector)
{
        Bdf bdf;

        return *selector && !strchr(selector, '/') && strncmp(selector, "group:", 6) != 0 &&
               !bdf_parse(selector, &bdf);
}

static int fail_not_found(iso_host *host, const char *selector)
{
        Bdf bdf;

        if (bdf_parse(selector, &bdf))
                return host_fail(host, ISO_E_NOT_FOUND, "there is no device at %s", selector);
        if (strncmp(selector, "group:", 6) == 0)
                return host_fail(host, ISO_E_NOT_FOUND, "there is no kernel group %s",
                                 selector + 6);
        if (strncmp(selector, "slot:", 5) == 0)
                return host_fail(host, ISO_E_NOT_FOUND, "there is no slot '%s', or it is empty",
                                 selector + 5);
        if (!host->bus && tree_is_label(selector))
                return host_fail(host, ISO_E_NOT_FOUND, "no device has the serial number %s",
                                 strncmp(selector, "serial:", 7) == 0 ? selector + 7 : selector);
        return host_fail(host, ISO_E_NOT_FOUND,
                         "nothing has the name '%s': give an address (01:00.0), a stable id "
                         "(0000:00/1c.4), group:N, or the name of an interface or block device",
                         selector);
}

int iso_host_resolve(iso_host *host, const char *selector, const iso_device **ret_device,
                     const iso_group **ret_group)
{
        const iso_device *device;
        const iso_group *group = NULL;
        int r;

        if (!host->view)
                return fail_not_found(host, selector);

        device = find_device(host->view, selector);
        if (!device)
                group = find_group(host->view, selector);
        if (!device && !group && may_be_name(selector)) {
                if (host->bus) {
                        r = daemon_resolve(host, selector, &device, &group);
                        if (r == -EINVAL) /* not UTF-8, so it cannot be a name */
                                return fail_not_found(host, selector);
                        if (r != 0)
                                return r;
                } else if (tree_is_label(selector)) {
                        device = tree_find_label(host, selector);
                } else {
                        device = tree_find_named(host, selector);
                }
        }
        if (!device && !group)
                return fail_not_found(host, selector);

        if (device && !group)
                group = view_find_group(host->view, device->group);
        *ret_device = device;
        *ret_group = group;
        return 0;
}

int iso_host_resolve_lease(iso_host *host, const char *selector, const iso_lease **ret_lease)
{
        const iso_device *device;
        const iso_group *group;
        const iso_lease *lease;
        uint32_t id;
        int r;

        if (parse_number(selector, &id)) {
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
