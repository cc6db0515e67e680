/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Group operations that only the daemon has: setting the type of the domain, and reading reserved
 * regions.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "libclient/host.h"

/* The path of the group's object, or NULL if the group is not of the view. */
static const char *path_of(const iso_host *host, const iso_group *group)
{
        size_t index = (size_t)(group - host->view->groups);

        return host->bus && index < host->view->n_groups ? host->view->group_paths[index] : NULL;
}

/* Reads the a(tts) of GetReservedRegions. Returns 0 or -errno. */
static int read_regions(sd_bus_message *reply, Arena *arena, iso_region **ret, size_t *ret_n)
{
        iso_region *regions = NULL;
        size_t n = 0, capacity = 0;
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "(tts)");
        while (r >= 0) {
                uint64_t start, end;
                const char *kind;

                regions = arena_grow(arena, regions, n, &capacity, sizeof(*regions));
                if (!regions)
                        return -ENOMEM;
                r = sd_bus_message_read(reply, "(tts)", &start, &end, &kind);
                if (r <= 0)
                        break;
                regions[n] = (iso_region){start, end, arena_strdup(arena, kind)};
                if (!regions[n++].kind)
                        return -ENOMEM;
        }
        *ret = regions;
        *ret_n = n;
        return r;
}

int iso_host_regions(iso_host *host, const iso_group *group, const iso_region **ret, size_t *ret_n)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        iso_region *regions = NULL;
        int r;

        if (!host->bus)
                return host_fail(host, ISO_E_UNSUPPORTED,
                                 "only the running kernel has reserved regions: ask the daemon");
        if (!path_of(host, group))
                return -EINVAL;
        r = sd_bus_call_method(host->bus, HOST_SERVICE, path_of(host, group), HOST_GROUP,
                               "GetReservedRegions", &error, &reply, "a{sv}", 0);
        if (r < 0)
                return host_fail_bus(host, r, &error);
        r = read_regions(reply, &host->view->arena, &regions, ret_n);
        if (r < 0)
                return host_fail(host, r, "isolationd's answer cannot be read: %s", strerror(-r));
        *ret = regions;
        return 0;
}

int iso_set_group_type(iso_host *host, const iso_group *group, const char *type)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        if (!path_of(host, group))
                return -EINVAL;
        r = sd_bus_call_method(host->bus, HOST_SERVICE, path_of(host, group), HOST_GROUP, "SetType",
                               &error, NULL, "sa{sv}", type, 0);
        if (r == -EINVAL && !sd_bus_error_is_set(&error))
                return host_fail(host, ISO_E_INVALID, "the type is not UTF-8 text");
        return r < 0 ? host_fail_bus(host, r, &error) : 0;
}
