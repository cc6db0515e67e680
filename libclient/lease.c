/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Acquires and releases leases. The message owns the fds of a reply, so this file duplicates each,
 * above 2, because a program may have closed stdin, stdout or stderr. It releases a lease at once
 * if its reply is unusable.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "libclient/grant.h"
#include "libclient/request.h"

/* The name of the socket that carries the fds for which the message has no room. */
#define MORE_FDS "more"
/* The longest grace that a policy can give on revocation, in seconds. */
#define GRACE_SECONDS_MAX 3600
#define DEFAULT_TIMEOUT_USEC (120ULL * 1000 * 1000)
#define TICKET_BYTES 16
/* If the daemon ends more often than this during one wait, the request fails. */
#define RESTARTS_MAX 16

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

/*
 * Adds the named fd at the reply's cursor, or the fds that wait in that socket. Returns 1, 0 at
 * the end, or -errno.
 */
static int read_named_fd(sd_bus_message *reply, iso_grant *grant)
{
        const char *name;
        int fd = -1, r;

        r = sd_bus_message_enter_container(reply, 'r', "sh");
        if (r <= 0)
                return r;
        r = sd_bus_message_read_basic(reply, 's', &name);
        if (r < 0)
                return r;
        r = read_fd(reply, &fd);
        if (r < 0)
                return r;
        if (strcmp(name, MORE_FDS) == 0) {
                r = grant_receive(grant, fd);
                (void)close(fd);
        } else {
                r = grant_add(grant, name, fd);
        }
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

/* A lease's number is the end of its path (org.isolationd1(5)). Returns whether there is one. */
static bool read_id(const char *path, uint32_t *ret_lease)
{
        const char *end = strrchr(path, '/');
        char *rest;

        if (!end || end[1] < '0' || end[1] > '9')
                return false;
        unsigned long long number = strtoull(end + 1, &rest, 10);
        if (*rest || number > UINT32_MAX)
                return false;
        *ret_lease = (uint32_t)number;
        return true;
}

static int read_grant(sd_bus_message *reply, iso_grant **ret_grant)
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

        if (!read_id(path, &grant->lease))
                return -EBADMSG;
        *ret_grant = TAKE_PTR(grant);
        return 0;
}

/*
 * Makes the message for a call of a lease; the caller owns *ret_message. Returns 0 or an error of
 * host_fail().
 */
static int new_call(iso_host *host, uint32_t lease, const char *method,
                    sd_bus_message **ret_message)
{
        char path[sizeof(HOST_LEASES) + 16];
        int r;

        if (!host->bus)
                return host_fail(host, ISO_E_UNSUPPORTED, "a sysfs tree has no leases");
        (void)snprintf(path, sizeof(path), HOST_LEASES "/%" PRIu32, lease);
        r = sd_bus_message_new_method_call(host->bus, ret_message, HOST_SERVICE, path, HOST_LEASE,
                                           method);
        return r < 0 ? host_fail_bus(host, r, NULL) : 0;
}

/*
 * Sends the message. `r` is the result of appending its arguments. Returns 0 or an error of
 * host_fail().
 */
static int call(iso_host *host, int r, uint32_t lease, sd_bus_message *message, uint64_t timeout,
                sd_bus_message **ret_reply)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (r >= 0)
                r = sd_bus_call(host->bus, message, timeout, &error, ret_reply);
        if (r < 0 && sd_bus_error_has_name(&error, SD_BUS_ERROR_UNKNOWN_OBJECT))
                return host_fail(host, ISO_E_NOT_FOUND, "there is no lease %" PRIu32, lease);
        return r < 0 ? host_fail_bus(host, r, &error) : 0;
}

static int call_release(iso_host *host, uint32_t lease, sd_bus_message **ret_reply)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;

        int r = new_call(host, lease, "Release", &message);
        if (r != 0)
                return r;
        r = sd_bus_message_append(message, "a{sv}", 0);
        return call(host, r, lease, message, DEFAULT_TIMEOUT_USEC, ret_reply);
}

/* The daemon made a lease, but its reply is unusable: releases it. */
static int fail_grant(iso_host *host, sd_bus_message *reply, int error)
{
        const char *path;
        uint32_t lease;

        if (sd_bus_message_rewind(reply, true) >= 0 &&
            sd_bus_message_read_basic(reply, 'o', &path) > 0 && read_id(path, &lease))
                (void)call_release(host, lease, NULL);
        return host_fail(
                host, error,
                "the lease was acquired and released again, because its fds are unusable: %s",
                strerror(-error));
}

/* Calls once. Returns 0 with *ret_reply, or -errno with *error. */
static int call_acquire(iso_host *host, const char *const *selectors,
                        const iso_acquire_options *options, const char *ticket, sd_bus_error *error,
                        sd_bus_message **ret_reply)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        uint64_t timeout = options->timeout_usec > 0 ? options->timeout_usec : DEFAULT_TIMEOUT_USEC;
        int r;

        r = request_new(host, selectors, options, "Acquire", ticket, &message);
        if (r < 0)
                return r;
        timeout = options->wait_usec < UINT64_MAX - timeout ? options->wait_usec + timeout
                                                            : UINT64_MAX;
        return sd_bus_call(host->bus, message, timeout, error, ret_reply);
}

/* Makes a random ticket, the secret name of our place in the queue. Returns 0 or -errno. */
static int make_ticket(char ticket[static 2 * TICKET_BYTES + 1])
{
        uint8_t bytes[TICKET_BYTES];

        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
                return -EIO;
        for (size_t i = 0; i < sizeof(bytes); i++)
                (void)snprintf(ticket + 2 * i, 3, "%02x", bytes[i]);
        return 0;
}

static uint64_t now_usec(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_BOOTTIME, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Calls, and repeats the call with the same ticket if the daemon ends before it answers. */
static int wait_and_acquire(iso_host *host, const char *const *selectors,
                            iso_acquire_options options, sd_bus_error *error,
                            sd_bus_message **ret_reply)
{
        char ticket[2 * TICKET_BYTES + 1];
        uint64_t begin = now_usec(), wait = options.wait_usec;
        int r = make_ticket(ticket);

        for (int i = 0; r >= 0 && i < RESTARTS_MAX; i++) {
                sd_bus_error_free(error);
                r = call_acquire(host, selectors, &options, ticket, error, ret_reply);
                if (r >= 0 || !sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY))
                        break;
                uint64_t gone = now_usec() - begin;
                if (wait != ISO_WAIT_FOREVER)
                        options.wait_usec = gone < wait ? wait - gone : 1;
                r = 0;
        }
        return r;
}

int iso_acquire(iso_host *host, const char *const *selectors, const iso_acquire_options *options,
                iso_grant **ret)
{
        static const iso_acquire_options defaults = {0};
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        if (!host->bus)
                return host_fail(host, ISO_E_UNSUPPORTED,
                                 "a sysfs tree cannot lease; ask isolationd");
        if (!options)
                options = &defaults;
        if (options->wait_usec > 0)
                r = wait_and_acquire(host, selectors, *options, &error, &reply);
        else
                r = call_acquire(host, selectors, options, NULL, &error, &reply);
        if (r == -EINVAL && !sd_bus_error_is_set(&error))
                return host_fail(host, ISO_E_INVALID, "a selector or an option is not UTF-8 text");
        if (r < 0 || !reply)
                return host_fail_bus(host, r < 0 ? r : -ECONNRESET, &error);
        r = read_grant(reply, ret);
        return r < 0 ? fail_grant(host, reply, r) : 0;
}

int iso_release(iso_host *host, uint32_t lease)
{
        return call_release(host, lease, NULL);
}

int iso_release_resets(iso_host *host, uint32_t lease, const iso_reset **ret, size_t *ret_n)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        int r = call_release(host, lease, &reply);
        return r != 0 ? r : resets_read(host, reply, ret, ret_n);
}

int iso_revoke(iso_host *host, uint32_t lease, const iso_revoke_options *options,
               const iso_reset **ret, size_t *ret_n)
{
        static const iso_revoke_options defaults = {0};
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *reply = NULL;
        const int yes = true;

        if (!options)
                options = &defaults;
        int r = new_call(host, lease, "Revoke", &message);
        if (r != 0)
                return r;
        r = sd_bus_message_open_container(message, 'a', "{sv}");
        if (r >= 0 && options->kill)
                r = request_append_option(message, "kill", "b", &yes);
        if (r >= 0 && options->has_grace)
                r = request_append_option(message, "grace-seconds", "u", &options->grace_seconds);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        uint64_t grace = options->has_grace ? options->grace_seconds : GRACE_SECONDS_MAX;
        r = call(host, r, lease, message, DEFAULT_TIMEOUT_USEC + grace * 1000000ULL, &reply);
        return r != 0 ? r : resets_read(host, reply, ret, ret_n);
}

/* Calls a method of a lease about one device. */
static int call_member(iso_host *host, uint32_t lease, const char *method, const char *address,
                       sd_bus_message **ret_reply)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;

        int r = new_call(host, lease, method, &message);
        if (r != 0)
                return r;
        r = sd_bus_message_append(message, "sa{sv}", address, 0);
        if (r == -EINVAL)
                return host_fail(host, ISO_E_INVALID, "the device's address is not UTF-8 text");
        return call(host, r, lease, message, DEFAULT_TIMEOUT_USEC, ret_reply);
}

int iso_take_device(iso_host *host, uint32_t lease, const char *address, iso_grant **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(iso_grant_freep) iso_grant *grant = grant_new();

        if (!grant)
                return -ENOMEM;
        int r = call_member(host, lease, "TakeDevice", address, &reply);
        if (r != 0)
                return r;
        r = read_named_fds(reply, grant);
        if (r < 0)
                return host_fail(host, r,
                                 "%s now belongs to the lease, but its fds are unusable: %s",
                                 address, strerror(-r));
        grant->lease = lease;
        *ret = TAKE_PTR(grant);
        return 0;
}

int iso_expel_device(iso_host *host, uint32_t lease, const char *address)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        return call_member(host, lease, "ExpelDevice", address, &reply);
}

int iso_transfer(iso_host *host, uint32_t lease, const char *name, uid_t uid)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        const uint32_t number = uid;

        int r = new_call(host, lease, "Transfer", &message);
        if (r != 0)
                return r;
        r = sd_bus_message_open_container(message, 'a', "{sv}");
        if (r >= 0)
                r = name ? request_append_option(message, "name", "s", name)
                         : request_append_option(message, "uid", "u", &number);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        if (r == -EINVAL)
                return host_fail(host, ISO_E_INVALID, "the name is not UTF-8 text");
        return call(host, r, lease, message, DEFAULT_TIMEOUT_USEC, NULL);
}

int iso_get_descriptors(iso_host *host, uint32_t lease, iso_grant **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *reply = NULL;
        _cleanup_(iso_grant_freep) iso_grant *grant = grant_new();

        if (!grant)
                return -ENOMEM;
        int r = new_call(host, lease, "GetDescriptors", &message);
        if (r != 0)
                return r;
        r = sd_bus_message_append(message, "a{sv}", 0);
        r = call(host, r, lease, message, DEFAULT_TIMEOUT_USEC, &reply);
        if (r != 0)
                return r;
        r = read_fd(reply, &grant->lease_fd);
        if (r >= 0)
                r = read_named_fds(reply, grant);
        if (r < 0)
                return host_fail(host, r, "the descriptors are unusable: %s", strerror(-r));
        grant->lease = lease;
        *ret = TAKE_PTR(grant);
        return 0;
}
