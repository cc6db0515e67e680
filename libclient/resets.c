/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The resets of devices and their methods: reads the daemon's a(ss), and calls Reset. */

#include <errno.h>
#include <string.h>

#include "libclient/host.h"

int resets_read(iso_host *host, sd_bus_message *reply, const iso_reset **ret, size_t *ret_n)
{
        Arena *arena = &host->view->arena;
        iso_reset *resets = NULL;
        size_t n = 0, capacity = 0;
        int r;

        /* An older daemon does not send it. */
        r = sd_bus_message_has_signature(reply, "a(ss)") > 0
                    ? sd_bus_message_enter_container(reply, 'a', "(ss)")
                    : 0;
        while (r > 0) {
                const char *device, *text;

                resets = arena_grow(arena, resets, n, &capacity, sizeof(*resets));
                if (!resets)
                        return -ENOMEM;
                r = sd_bus_message_read(reply, "(ss)", &device, &text);
                if (r <= 0)
                        break;
                resets[n] = (iso_reset){arena_strdup(arena, device), arena_strdup(arena, text)};
                if (!resets[n].device || !resets[n].text)
                        return -ENOMEM;
                n++;
        }
        if (r < 0)
                return r;
        *ret = resets;
        *ret_n = n;
        return 0;
}

int iso_reset_device(iso_host *host, const iso_device *device, const iso_reset **ret, size_t *ret_n)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        size_t index;
        int r;

        if (!host->bus)
                return host_fail(host, ISO_E_UNSUPPORTED,
                                 "a sysfs tree cannot reset; ask isolationd");
        index = (size_t)(device - host->view->devices);
        if (index >= host->view->n_devices)
                return -EINVAL;
        r = sd_bus_call_method(host->bus, HOST_SERVICE, host->view->device_paths[index],
                               HOST_DEVICE, "Reset", &error, &reply, "a{sv}", 0);
        if (r < 0)
                return host_fail_bus(host, r, &error);
        return resets_read(host, reply, ret, ret_n);
}
