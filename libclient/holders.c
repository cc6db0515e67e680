/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Asks the daemon which processes have a lease or a group open; the host keeps the answer like the
 * view.
 */

#include <errno.h>
#include <string.h>

#include "libclient/host.h"

/* Reads the a(uussb) of GetHolders. Returns 0 or -errno. */
static int read_holders(sd_bus_message *reply, Arena *arena, iso_holder **ret, size_t *ret_n)
{
        iso_holder *holders = NULL;
        size_t n = 0, capacity = 0;
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "(uussb)");
        while (r >= 0) {
                const char *comm, *unit;
                uint32_t pid, uid;
                int certain;

                holders = arena_grow(arena, holders, n, &capacity, sizeof(*holders));
                if (!holders)
                        return -ENOMEM;
                r = sd_bus_message_read(reply, "(uussb)", &pid, &uid, &comm, &unit, &certain);
                if (r <= 0)
                        break;
                holders[n] = (iso_holder){
                        .pid = (pid_t)pid,
                        .uid = uid,
                        .comm = arena_strdup(arena, comm),
                        .unit = arena_strdup(arena, unit),
                        .certain = certain,
                };
                if (!holders[n].comm || !holders[n].unit)
                        return -ENOMEM;
                n++;
        }
        *ret = holders;
        *ret_n = n;
        return r;
}

static int ask(iso_host *host, const char *path, const char *interface, const iso_holder **ret,
               size_t *ret_n)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        iso_holder *holders = NULL;
        int r;

        r = sd_bus_call_method(host->bus, HOST_SERVICE, path, interface, "GetHolders", &error,
                               &reply, "a{sv}", 0);
        if (r < 0)
                return host_fail_bus(host, r, &error);
        r = read_holders(reply, &host->view->arena, &holders, ret_n);
        if (r < 0)
                return host_fail(host, r, "isolationd's answer cannot be read: %s", strerror(-r));
        *ret = holders;
        return 0;
}

int iso_host_lease_holders(iso_host *host, const iso_lease *lease, const iso_holder **ret,
                           size_t *ret_n)
{
        char path[64];

        if (!host->bus)
                return host_fail(host, ISO_E_UNSUPPORTED, "a sysfs tree has no leases");
        if ((size_t)(lease - host->view->leases) >= host->view->n_leases)
                return -EINVAL;
        (void)snprintf(path, sizeof(path), HOST_LEASES "/%u", lease->id);
        return ask(host, path, HOST_LEASE, ret, ret_n);
}

int iso_host_group_holders(iso_host *host, const iso_group *group, const iso_holder **ret,
                           size_t *ret_n)
{
        size_t index;

        if (!host->bus)
                return host_fail(host, ISO_E_UNSUPPORTED,
                                 "only isolationd knows which processes have a group open");
        index = (size_t)(group - host->view->groups);
        if (index >= host->view->n_groups)
                return -EINVAL;
        return ask(host, host->view->group_paths[index], HOST_GROUP, ret, ret_n);
}
