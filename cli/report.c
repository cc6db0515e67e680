/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How isoctl fails: a sentence on stderr that says what to do next, an object on stdout for
 * scripts, and the exit code that belongs to the error.
 */

#include <stdio.h>
#include <string.h>

#include "cli/isoctl.h"
#include "cli/document.h"

static void print_failure(const Invocation *invocation, const char *name, const char *message)
{
        json_object *object;

        (void)fprintf(stderr, "isoctl: %s\n", message);
        if (!invocation->json)
                return;
        object = json_document("error");
        json_add_text(object, "error", name);
        json_add_text(object, "message", message);
        json_print(object);
}

int fail_usage(const Invocation *invocation, const char *format, ...)
{
        _cleanup_(free_text) char *text = NULL, *message = NULL;
        const char *verb = invocation->verb ? invocation->verb->name : NULL;
        va_list arguments;

        va_start(arguments, format);
        text = must_vformat(format, arguments);
        va_end(arguments);
        message = must_format("%s (see: isoctl help%s%s)", text, verb ? " " : "", verb ? verb : "");
        print_failure(invocation, "Usage", message);
        return EXIT_USAGE;
}

int fail_refusal(const Invocation *invocation, int error, const char *format, ...)
{
        _cleanup_(free_text) char *message = NULL;
        va_list arguments;

        va_start(arguments, format);
        message = must_vformat(format, arguments);
        va_end(arguments);
        print_failure(invocation, error > 0 ? iso_error_name(error) : "Failed", message);
        return iso_error_exit_code(error);
}

int fail_host(const Invocation *invocation, int error)
{
        const char *message = iso_host_message(invocation->host);
        const char *hint = "";

        if (!*message)
                message = error < 0 ? strerror(-error) : iso_error_name(error);
        if (error == ISO_E_NO_DAEMON && invocation->verb->host == VERB_HOST_ANY)
                hint = "; this machine can be read without it: add --from /sys";
        return fail_refusal(invocation, error, "%s%s", message, hint);
}

int find_group(const Invocation *invocation, const char *selector, const iso_group **ret_group)
{
        const iso_device *device;
        int r = iso_host_resolve(invocation->host, selector, &device, ret_group);

        if (r != 0)
                return fail_host(invocation, r);
        if (!*ret_group)
                return fail_refusal(invocation, ISO_E_NOT_FOUND,
                                    "%s is in no group: no IOMMU covers it", device->address);
        return EXIT_DONE;
}

static bool is_silent;

void notes_silence(void)
{
        is_silent = true;
}

void note(const char *format, ...)
{
        _cleanup_(free_text) char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        text = must_vformat(format, arguments);
        va_end(arguments);
        if (!is_silent)
                (void)fprintf(stderr, "isoctl: %s\n", text);
}
