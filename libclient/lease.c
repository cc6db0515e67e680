/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Leases taken and given back. The fds of a reply belong to the message, so each is duplicated,
 * above the three that a program may have closed. A lease whose reply cannot be used is given back
 * at once.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "libclient/host.h"

#define DEFAULT_TIMEOUT_USEC (120ULL * 1000 * 1000)

DEFINE_CLEANUP(iso_grant *, iso_grant_free);

iso_grant *iso_grant_free(iso_grant *grant)
{
        if (grant) {
                for (size_t i = 0; i < grant->n_fds; i++) {
                        if (grant->fds[i].fd >= 0)
                                (void)close(grant->fds[i].fd);
                        free((char *)grant->fds[i].name);
                }
                if (grant->lease_fd >= 0)
                        (void)close(grant->lease_fd);
                free(grant->fds);
                free(grant);
        }
        return NULL;
}

static int read_fd(sd_bus_message *reply, int *ret_fd)
{
        int borrowed, fd, r;

        r = sd_bus_message_read_basic(reply, 'h', &borrowed);
        if (r < 0)
                return r;
        fd = fcntl(borrowed, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return -errno;
        *ret_fd = fd;
        return 0;
}

/* Appends the named fd at the reply's cursor. Returns 1, 0 at the end of the list, or -errno. */
static int read_named_fd(sd_bus_message *reply, iso_grant *grant)
{
        const char *name;
        iso_fd *fds, *slot;
        int r;

        r = sd_bus_message_enter_container(reply, 'r', "sh");
        if (r <= 0)
                return r;
        r = sd_bus_message_read_basic(reply, 's', &name);
        if (r < 0)
                return r;

        fds = reallocarray(grant->fds, grant->n_fds + 1, sizeof(*fds));
        if (!fds)
                return -ENOMEM;
        grant->fds = fds;
        slot = &fds[grant->n_fds];
        *slot = (iso_fd){.name = strdup(name), .fd = -1};
        if (!slot->name)
                return -ENOMEM;
        grant->n_fds++;

        r = read_fd(reply, &slot->fd);
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(reply);
        return r < 0 ? r : 1;
}

/* The list of named fds that ends a reply. Returns 0 or -errno. */
static int read_named_fds(sd_bus_message *reply, iso_grant *grant)
{
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "(sh)");
        if (r < 0)
                return r;
        do
                r = read_named_fd(reply, grant);
        while (r > 0);
        return r;
}

static iso_grant *grant_new(void)
{
        iso_grant *grant = calloc(1, sizeof(*grant));

        if (grant)
                grant->lease_fd = -1;
        return grant;
}

static int read_grant(iso_host *host, sd_bus_message *reply, iso_grant **ret_grant)
{
        _cleanup_(iso_grant_freep) iso_grant *grant = grant_new();
        const char *path;
        int r;

        if (!grant)
                return -ENOMEM;

        r = sd_bus_message_read_basic(reply, 'o', &path);
        if (r < 0)
                return r;
        r = read_fd(reply, &grant->lease_fd);
        if (r < 0)
                return r;

        r = read_named_fds(reply, grant);
        if (r < 0)
                return r;

        r = sd_bus_get_property_trivial(host->bus, HOST_SERVICE, path, HOST_LEASE, "Id", NULL, 'u',
                                        &grant->lease);
        if (r < 0)
                return r;
        *ret_grant = TAKE_PTR(grant);
        return 0;
}

static int append_option(sd_bus_message *message, const char *name, const char *type,
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

/* Options that were not asked for are not sent: their default is the daemon's. */
static int append_options(sd_bus_message *message, const iso_acquire_options *options)
{
        const int yes = true;
        int r;

        r = sd_bus_message_open_container(message, 'a', "{sv}");
        if (r >= 0 && options->mode)
                r = append_option(message, "mode", "s", options->mode);
        if (r >= 0 && options->lifetime)
                r = append_option(message, "lifetime", "s", options->lifetime);
        if (r >= 0 && options->with_members)
                r = append_option(message, "with-members", "b", &yes);
        if (r >= 0 && options->force)
                r = append_option(message, "force", "b", &yes);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        return r;
}

static int call_release(iso_host *host, const char *path)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        int r;

        r = sd_bus_message_new_method_call(host->bus, &message, HOST_SERVICE, path, HOST_LEASE,
                                           "Release");
        if (r >= 0)
                r = sd_bus_message_append(message, "a{sv}", 0);
        if (r < 0)
                return host_fail_bus(host, r, NULL);

        r = sd_bus_call(host->bus, message, DEFAULT_TIMEOUT_USEC, &error, NULL);
        return r < 0 ? host_fail_bus(host, r, &error) : 0;
}

/* A lease was made, but what came with it cannot be used. */
static int fail_grant(iso_host *host, sd_bus_message *reply, int error)
{
        const char *path;

        if (sd_bus_message_rewind(reply, true) >= 0 &&
            sd_bus_message_read_basic(reply, 'o', &path) > 0)
                (void)call_release(host, path);
        return host_fail(host, error,
                         "the lease was made and given back: its fds cannot be used: %s",
                         strerror(-error));
}

int iso_acquire(iso_host *host, const char *const *selectors, const iso_acquire_options *options,
                iso_grant **ret)
{
        static const iso_acquire_options defaults = {0};
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *reply = NULL;
        uint64_t timeout;
        int r;

        if (!host->bus)
                return host_fail(host, ISO_E_UNSUPPORTED,
                                 "a sysfs tree cannot lease: isolationd does");
        if (!options)
                options = &defaults;
        timeout = options->timeout_usec > 0 ? options->timeout_usec : DEFAULT_TIMEOUT_USEC;

        r = sd_bus_message_new_method_call(host->bus, &message, HOST_SERVICE, HOST_PATH,
                                           HOST_MANAGER, "Acquire");
        if (r >= 0)
                r = sd_bus_message_append_strv(message, (char **)selectors);
        if (r >= 0)
                r = append_options(message, options);
        if (r == -EINVAL)
                return host_fail(host, ISO_E_INVALID, "a selector or an option is not UTF-8 text");
        if (r < 0)
                return host_fail_bus(host, r, NULL);

        r = sd_bus_call(host->bus, message, timeout, &error, &reply);
        if (r < 0)
                return host_fail_bus(host, r, &error);
        r = read_grant(host, reply, ret);
        return r < 0 ? fail_grant(host, reply, r) : 0;
}

static const char *find_lease_path(const View *view, uint32_t lease)
{
        for (size_t i = 0; view && i < view->n_leases; i++)
                if (view->leases[i].id == lease)
                        return view->lease_paths[i];
        return NULL;
}

/* Returns 0 and the lease's path, which lives as long as *ret_fresh, or as iso_release() does. */
static int look_up_lease(iso_host *host, uint32_t lease, View **ret_fresh, const char **ret_path)
{
        const char *path;
        int r;

        if (!host->bus)
                return host_fail(host, ISO_E_UNSUPPORTED, "a sysfs tree has no leases");

        path = find_lease_path(host->view, lease);
        if (!path) {
                /* Taken after the view was read: look once more, without replacing the view. */
                r = daemon_read_view(host, ret_fresh);
                if (r != 0)
                        return r;
                path = find_lease_path(*ret_fresh, lease);
        }
        if (!path)
                return host_fail(host, ISO_E_NOT_FOUND, "there is no lease %u", lease);
        *ret_path = path;
        return 0;
}

int iso_release(iso_host *host, uint32_t lease)
{
        _cleanup_(view_freep) View *fresh = NULL;
        const char *path;
        int r;

        r = look_up_lease(host, lease, &fresh, &path);
        return r != 0 ? r : call_release(host, path);
}

/* Calls a method of a lease about one device. */
static int call_member(iso_host *host, uint32_t lease, const char *method, const char *address,
                       sd_bus_message **ret_reply)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        _cleanup_(view_freep) View *fresh = NULL;
        const char *path;
        int r;

        r = look_up_lease(host, lease, &fresh, &path);
        if (r != 0)
                return r;
        r = sd_bus_message_new_method_call(host->bus, &message, HOST_SERVICE, path, HOST_LEASE,
                                           method);
        if (r >= 0)
                r = sd_bus_message_append(message, "sa{sv}", address, 0);
        if (r == -EINVAL)
                return host_fail(host, ISO_E_INVALID, "the device's address is not UTF-8 text");
        if (r < 0)
                return host_fail_bus(host, r, NULL);
        r = sd_bus_call(host->bus, message, DEFAULT_TIMEOUT_USEC, &error, ret_reply);
        return r < 0 ? host_fail_bus(host, r, &error) : 0;
}

int iso_take_device(iso_host *host, uint32_t lease, const char *address, iso_grant **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(iso_grant_freep) iso_grant *grant = grant_new();
        int r;

        if (!grant)
                return -ENOMEM;
        r = call_member(host, lease, "TakeDevice", address, &reply);
        if (r != 0)
                return r;
        r = read_named_fds(reply, grant);
        if (r < 0)
                return host_fail(host, r, "%s is taken, but its fds cannot be used: %s", address,
                                 strerror(-r));
        grant->lease = lease;
        *ret = TAKE_PTR(grant);
        return 0;
}

int iso_expel_device(iso_host *host, uint32_t lease, const char *address)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        return call_member(host, lease, "ExpelDevice", address, &reply);
}
