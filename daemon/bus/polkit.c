/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One question to polkit, asked without waiting.
 *
 * The subject is the caller's bus name, which polkit resolves itself. No polkit, no answer and a no
 * are the same: not authorized.
 */

#include <errno.h>

#include "daemon/bus/method.h"

/* CheckAuthorizationFlags of the polkit authority interface */
#define POLKIT_ALLOW_USER_INTERACTION 1U

/* Somebody may have to type a password. */
#define POLKIT_TIMEOUT_USEC (120 * 1000000ULL)

typedef struct PolkitQuestion {
        MethodCall *call;
        void (*allowed)(MethodCall *call);
        const char *action;
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

static void refuse(const PolkitQuestion *question)
{
        bool is_admin = question->call->row->access == METHOD_ADMIN;

        bus_reply_refusal(question->call->message, REFUSAL_NOT_AUTHORIZED,
                          "%s, and polkit does not grant %s to uid %u",
                          is_admin ? "this is for administrators" : "this lease is not yours",
                          question->action, question->call->caller.uid);
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        _cleanup_(polkit_question_freep) PolkitQuestion *question = userdata;
        int granted = 0, challenge = 0;

        if (sd_bus_message_is_method_error(reply, NULL) ||
            sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
            sd_bus_message_read(reply, "bb", &granted, &challenge) < 0 || !granted) {
                refuse(question);
                return 0;
        }
        question->allowed(TAKE_PTR(question->call));
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
                r = sd_bus_message_append(message, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name",
                                          "s", sd_bus_message_get_sender(call), question->action, 0,
                                          flags, "");
        if (r >= 0)
                r = sd_bus_call_async(bus->bus, NULL, message, on_answer, question,
                                      POLKIT_TIMEOUT_USEC);
        return r;
}

void polkit_check(MethodCall *call, const char *action, void (*allowed)(MethodCall *call))
{
        Bus *bus = call->bus;
        _cleanup_(polkit_question_freep) PolkitQuestion *question = calloc(1, sizeof(*question));
        if (!question) {
                (void)sd_bus_reply_method_errno(call->message, -ENOMEM, NULL);
                method_call_free(call);
                return;
        }

        *question = (PolkitQuestion){.call = call, .allowed = allowed, .action = action};
        if (ask(bus, question) < 0)
                refuse(question);
        else
                (void)TAKE_PTR(question);
}
