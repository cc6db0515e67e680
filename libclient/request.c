/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Unset options are not sent: the daemon has the defaults. */

#include <errno.h>
#include <string.h>

#include "libclient/request.h"

int request_append_option(sd_bus_message *message, const char *name, const char *type,
                          const void *value)
{
        int r;

        r = sd_bus_message_open_container(message, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(message, 's', name);
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'v', type);
        if (r >= 0)
                r = sd_bus_message_append_basic(message, *type, value);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        return r;
}

/* One mode is sent as "mode"; several, separated by commas, as "modes". */
static int append_mode(sd_bus_message *message, const char *mode)
{
        int r;

        if (!strchr(mode, ','))
                return request_append_option(message, "mode", "s", mode);
        r = sd_bus_message_open_container(message, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(message, 's', "modes");
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'a', "s");
        while (r >= 0) {
                size_t n = strcspn(mode, ",");
                _cleanup_(freep) char *name = strndup(mode, n);

                r = name ? sd_bus_message_append_basic(message, 's', name) : -ENOMEM;
                if (!mode[n])
                        break;
                mode += n + 1;
        }
        for (int i = 0; r >= 0 && i < 3; i++)
                r = sd_bus_message_close_container(message);
        return r;
}

static int append_options(sd_bus_message *message, const iso_acquire_options *options,
                          const char *ticket)
{
        const int yes = true;
        int r;

        r = sd_bus_message_open_container(message, 'a', "{sv}");
        if (r >= 0 && options->mode)
                r = append_mode(message, options->mode);
        if (r >= 0 && options->uid)
                r = request_append_option(message, "uid", "u", options->uid);
        if (r >= 0 && options->lifetime)
                r = request_append_option(message, "lifetime", "s", options->lifetime);
        if (r >= 0 && options->with_members)
                r = request_append_option(message, "with-members", "b", &yes);
        if (r >= 0 && options->force)
                r = request_append_option(message, "force", "b", &yes);
        if (r >= 0 && options->release_console)
                r = request_append_option(message, "release-console", "b", &yes);
        if (r >= 0 && options->driver)
                r = request_append_option(message, "driver", "s", options->driver);
        if (r >= 0 && options->type)
                r = request_append_option(message, "type", "s", options->type);
        if (r >= 0 && options->memory > 0)
                r = request_append_option(message, "memory", "t", &options->memory);
        if (r >= 0 && options->wait_usec > 0)
                r = request_append_option(message, "wait-usec", "t", &options->wait_usec);
        if (r >= 0 && ticket)
                r = request_append_option(message, "ticket", "s", ticket);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        return r;
}

int request_new(iso_host *host, const char *const *selectors, const iso_acquire_options *options,
                const char *method, const char *ticket, sd_bus_message **ret_message)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        int r;

        r = sd_bus_message_new_method_call(host->bus, &message, HOST_SERVICE, HOST_PATH,
                                           HOST_MANAGER, method);
        if (r >= 0)
                r = sd_bus_message_append_strv(message, (char **)selectors);
        if (r >= 0)
                r = append_options(message, options, ticket);
        if (r < 0)
                return r;
        *ret_message = TAKE_PTR(message);
        return 0;
}
