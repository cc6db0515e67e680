/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The last failure of a host: its sentence, and the error code for a failed bus call. The table of
 * refusals (core/model/refusal.h) decodes the daemon's own errors; the table here decodes all
 * others: no daemon, no permission, no such object, no answer.
 */

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "core/model/refusal.h"
#include "core/model/text.h"
#include "libclient/host.h"

#define DBUS_PREFIX "org.freedesktop.DBus.Error."
/* Errors of the service manager, which the bus forwards if it could not start the daemon. */
#define SYSTEMD_PREFIX "org.freedesktop.systemd1."

/* The public enum is the core's, under names that a client may see. */
#define SAME(name) _Static_assert((int)ISO_E_##name == (int)REFUSAL_##name, "enum iso_error")
SAME(NOT_FOUND);
SAME(BUSY);
SAME(NOT_VIABLE);
SAME(CRITICAL);
SAME(POLICY_DENIED);
SAME(NOT_AUTHORIZED);
SAME(TOO_WEAK);
SAME(CHANGED);
SAME(STUCK);
SAME(QUOTA);
SAME(INVALID);
SAME(UNSUPPORTED);
SAME(KERNEL_REFUSED);
SAME(QUARANTINED);
SAME(NO_DAEMON);
_Static_assert((int)ISO_E_NO_DAEMON + 1 == (int)_REFUSAL_N, "enum iso_error");

static const struct {
        const char *name; /* after DBUS_PREFIX; a trailing dot matches all below it */
        int error;
} bus_names[] = {
        {"AccessDenied", ISO_E_NOT_AUTHORIZED},
        {"AuthFailed", ISO_E_NO_DAEMON},
        {"Disconnected", ISO_E_NO_DAEMON},
        {"InteractiveAuthorizationRequired", ISO_E_NOT_AUTHORIZED},
        {"InvalidArgs", ISO_E_INVALID},
        {"LimitsExceeded", ISO_E_QUOTA},
        {"NameHasNoOwner", ISO_E_NO_DAEMON},
        {"NoReply", ISO_E_NO_DAEMON},
        {"NoServer", ISO_E_NO_DAEMON},
        {"ServiceUnknown", ISO_E_NO_DAEMON},
        {"Spawn.", ISO_E_NO_DAEMON},
        {"TimedOut", ISO_E_NO_DAEMON}, /* the bus timed out while starting the daemon */
        {"Timeout", ISO_E_STUCK},      /* our call timed out */
        {"UnknownInterface", ISO_E_UNSUPPORTED},
        {"UnknownMethod", ISO_E_UNSUPPORTED},
        {"UnknownObject", ISO_E_NOT_FOUND},
};

const char *iso_error_name(int error)
{
        return error > 0 ? refusal_to_string((Refusal)error) : "";
}

int iso_error_exit_code(int error)
{
        if (error == 0)
                return 0;
        return error > 0 ? refusal_exit_code((Refusal)error) : 1;
}

static const char *after_prefix(const char *text, const char *prefix)
{
        size_t n = strlen(prefix);

        return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

static int error_from_name(const char *name)
{
        const char *rest;

        rest = after_prefix(name, REFUSAL_BUS_PREFIX);
        if (rest)
                return (int)refusal_from_string(rest);
        if (after_prefix(name, SYSTEMD_PREFIX))
                return ISO_E_NO_DAEMON;

        rest = after_prefix(name, DBUS_PREFIX);
        for (size_t i = 0; rest && i < ARRAY_SIZE(bus_names); i++) {
                size_t n = strlen(bus_names[i].name);

                if (strcmp(bus_names[i].name, rest) == 0)
                        return bus_names[i].error;
                if (bus_names[i].name[n - 1] == '.' && strncmp(bus_names[i].name, rest, n) == 0)
                        return bus_names[i].error;
        }
        return ISO_E_SUCCESS;
}

/* Errors of our own socket: the bus is not there, or has gone. */
static bool is_bus_gone(int error)
{
        switch (-error) {
        case ECONNREFUSED:
        case ECONNRESET:
        case ECONNABORTED:
        case ENOENT:
        case ENOTCONN:
        case ENOTDIR:
        case EPIPE:
        case ESHUTDOWN:
                return true;
        default:
                return false;
        }
}

int host_fail(iso_host *host, int error, const char *format, ...)
{
        va_list arguments;
        char *message;

        va_start(arguments, format);
        message = text_vprint(format, arguments);
        va_end(arguments);

        free(host->message);
        host->message = message;
        return error;
}

int host_fail_without_snapshot(iso_host *host)
{
        return host_fail(host, ISO_E_UNSUPPORTED,
                         "the daemon provides only the groups in force and their reasons: for "
                         "more, read /sys instead (isoctl --from /sys)");
}

const char *iso_host_message(const iso_host *host)
{
        return host && host->message ? host->message : "";
}

int host_fail_bus(iso_host *host, int error, const sd_bus_error *bus_error)
{
        const char *name = bus_error && bus_error->name ? bus_error->name : "";
        const char *text = bus_error && bus_error->message ? bus_error->message : strerror(-error);
        int known;

        if (error == -ENOMEM)
                return host_fail(host, -ENOMEM, "Out of memory");

        known = error_from_name(name);
        if (!known && !after_prefix(name, REFUSAL_BUS_PREFIX) && is_bus_gone(error))
                known = ISO_E_NO_DAEMON;

        if (known == ISO_E_NO_DAEMON)
                return host_fail(
                        host, known,
                        "isolationd cannot be reached: %s (see `systemctl status isolationd`)",
                        text);
        if (known == ISO_E_STUCK && after_prefix(name, DBUS_PREFIX))
                return host_fail(host, known,
                                 "isolationd does not answer; it may still be waiting for a driver "
                                 "(see `journalctl -u isolationd`)");
        if (known)
                return host_fail(host, known, "%s", text);
        return host_fail(host, error < 0 ? error : -EIO, "%s", text);
}
