/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One question to polkit for each call; the daemon does not wait for the answer.
 *
 * The subject is the caller's bus name, which polkit resolves itself. A missing polkit, a missing
 * answer and a refusal all end the call with NotAuthorized; the message says which it was.
 */

#include "daemon/bus/access/polkit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/bus/access/object.h"
#include "daemon/bus/call/reply.h"

/* CheckAuthorizationFlags of the polkit authority interface */
#define POLKIT_ALLOW_USER_INTERACTION 1U

/* The user may have to type a password. */
#define POLKIT_TIMEOUT_USEC (120 * 1000000ULL)

static const char *describe_right(const MethodCall *call)
{
        const Lease *lease = method_object(call).lease;

        if (call->row->access == METHOD_ADMIN)
                return "this requires an administrator";
        if (lease && lease_record_is_withheld(lease->record))
                return "this lease is in quarantine until an administrator releases it";
        return "this lease belongs to another user";
}

static void refuse(const MethodCall *call, const char *format, ...) _printf_(2, 3);

/* Refuses with a sentence: who may make the call, and the reason in `format`. */
static void refuse(const MethodCall *call, const char *format, ...)
{
        char why[256];
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(why, sizeof(why), format, arguments);
        va_end(arguments);
        bus_reply_refusal(call->message, REFUSAL_NOT_AUTHORIZED, "%s, and %s", describe_right(call),
                          why);
}

static void refuse_unasked(const MethodCall *call, const char *why)
{
        refuse(call, "polkit cannot be asked (%.160s); only root may do this", why);
}

/* Returns whether the call may go on; if not, it has been answered. */
static bool read_answer(const MethodCall *call, sd_bus_message *reply)
{
        const sd_bus_error *failure = sd_bus_message_get_error(reply);
        const char *action = call->row->action;
        int granted = 0, challenge = 0;

        if (failure)
                refuse_unasked(call, failure->message ? failure->message : failure->name);
        else if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
                 sd_bus_message_read(reply, "bb", &granted, &challenge) < 0)
                refuse_unasked(call, "its answer cannot be read");
        else if (!granted && challenge)
                refuse(call,
                       "polkit requires a password for %s and cannot ask for it: the session "
                       "has no agent, or the caller does not allow interaction",
                       action);
        else if (!granted)
                refuse(call, "polkit does not grant %s", action);
        else
                return method_check_object(call);
        return false;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;

        if (read_answer(call, reply))
                method_call_resume(TAKE_PTR(call));
        return 0;
}

static int send_question(MethodCall *call)
{
        _cleanup_(message_unrefp) sd_bus_message *message = NULL;
        uint32_t flags = sd_bus_message_get_allow_interactive_authorization(call->message) > 0
                                 ? POLKIT_ALLOW_USER_INTERACTION
                                 : 0;

        int r = sd_bus_message_new_method_call(
                call->bus->bus, &message, "org.freedesktop.PolicyKit1",
                "/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.PolicyKit1.Authority",
                "CheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(message, "(sa{sv})s", "system-bus-name", 1, "name", "s",
                                          sd_bus_message_get_sender(call->message),
                                          call->row->action);
        if (r >= 0)
                r = method_append_details(message, call);
        if (r >= 0)
                r = sd_bus_message_append(message, "us", flags, "");
        return r < 0 ? r
                     : sd_bus_call_async(call->bus->bus, NULL, message, on_answer, call,
                                         POLKIT_TIMEOUT_USEC);
}

CallVerdict polkit_ask(MethodCall *call)
{
        int r = send_question(call);
        if (r >= 0)
                return CALL_WAITS;
        refuse_unasked(call, strerror(-r));
        return CALL_ANSWERED;
}
