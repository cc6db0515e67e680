/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One question to polkit, asked without waiting.
 *
 * The subject is the caller's bus name, which polkit resolves itself. No polkit, no answer and a no
 * are the same, not authorized; what is said of them is not.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/bus/authorize.h"

/* CheckAuthorizationFlags of the polkit authority interface */
#define POLKIT_ALLOW_USER_INTERACTION 1U

/* Somebody may have to type a password. */
#define POLKIT_TIMEOUT_USEC (120 * 1000000ULL)

typedef struct PolkitQuestion {
        MethodCall *call;
        void (*allowed)(MethodCall *call);
} PolkitQuestion;

static PolkitQuestion *polkit_question_free(PolkitQuestion *question)
{
        if (!question)
                return NULL;
        method_call_free(question->call);
        free(question);
        return NULL;
}
DEFINE_CLEANUP(PolkitQuestion *, polkit_question_free);

static const char *tell_whose(const MethodCall *call)
{
        const Lease *lease = method_object(call).lease;

        if (call->row->access == METHOD_ADMIN)
                return "this is for administrators";
        if (lease && lease_record_is_withheld(lease->record))
                return "this lease is in quarantine, for somebody to look at";
        return "this lease is not yours";
}

static void refuse(const PolkitQuestion *question, const char *format, ...) _printf_(2, 3);

/* Why not: ends a sentence that has begun with whose business it is. */
static void refuse(const PolkitQuestion *question, const char *format, ...)
{
        char why[256];
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(why, sizeof(why), format, arguments);
        va_end(arguments);
        bus_reply_refusal(question->call->message, REFUSAL_NOT_AUTHORIZED, "%s, and %s",
                          tell_whose(question->call), why);
}

static void refuse_unasked(const PolkitQuestion *question, const char *why)
{
        refuse(question, "polkit cannot be asked (%.160s): only root may", why);
}

static void take_answer(PolkitQuestion *question, bool granted, bool challenge)
{
        const char *action = question->call->row->action;

        if (!granted && challenge)
                refuse(question,
                       "polkit wants a password for %s, which nobody could be asked for: no agent "
                       "for this session, or the caller does not allow it",
                       action);
        else if (!granted)
                refuse(question, "polkit does not grant %s", action);
        else if (method_check_object(question->call))
                question->allowed(TAKE_PTR(question->call));
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        _cleanup_(polkit_question_freep) PolkitQuestion *question = userdata;
        const sd_bus_error *failure = sd_bus_message_get_error(reply);
        int granted = 0, challenge = 0;

        if (failure)
                refuse_unasked(question, failure->message ? failure->message : failure->name);
        else if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
                 sd_bus_message_read(reply, "bb", &granted, &challenge) < 0)
                refuse_unasked(question, "its answer cannot be read");
        else
                take_answer(question, granted, challenge);
        return 0;
}

static int ask(Bus *bus, PolkitQuestion *question)
{
        sd_bus_message *call = question->call->message;
        _cleanup_(message_unrefp) sd_bus_message *message = NULL;
        uint32_t flags = sd_bus_message_get_allow_interactive_authorization(call) > 0
                                 ? POLKIT_ALLOW_USER_INTERACTION
                                 : 0;

        int r = sd_bus_message_new_method_call(bus->bus, &message, "org.freedesktop.PolicyKit1",
                                               "/org/freedesktop/PolicyKit1/Authority",
                                               "org.freedesktop.PolicyKit1.Authority",
                                               "CheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(message, "(sa{sv})s", "system-bus-name", 1, "name", "s",
                                          sd_bus_message_get_sender(call),
                                          question->call->row->action);
        if (r >= 0)
                r = method_append_details(message, question->call);
        if (r >= 0)
                r = sd_bus_message_append(message, "us", flags, "");
        if (r >= 0)
                r = sd_bus_call_async(bus->bus, NULL, message, on_answer, question,
                                      POLKIT_TIMEOUT_USEC);
        return r;
}

void polkit_check(MethodCall *call, void (*allowed)(MethodCall *call))
{
        Bus *bus = call->bus;
        _cleanup_(polkit_question_freep) PolkitQuestion *question = calloc(1, sizeof(*question));
        if (!question) {
                (void)sd_bus_reply_method_errno(call->message, -ENOMEM, NULL);
                method_call_free(call);
                return;
        }

        *question = (PolkitQuestion){.call = call, .allowed = allowed};
        int r = ask(bus, question);
        if (r < 0)
                refuse_unasked(question, strerror(-r));
        else
                (void)TAKE_PTR(question);
}
