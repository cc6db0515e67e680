/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Refusals and values that several methods and objects answer with. */

#include "daemon/bus/call/reply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int bus_append_path(sd_bus_message *reply, char *path)
{
        _cleanup_(freep) char *owned = path;

        return owned ? sd_bus_message_append(reply, "o", owned) : -ENOMEM;
}

int bus_append_addresses(sd_bus_message *reply, const Snapshot *snapshot, const size_t *devices,
                         size_t n_devices)
{
        char text[BDF_TEXT_SIZE];

        int r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; r >= 0 && i < n_devices; i++)
                r = sd_bus_message_append(reply, "s",
                                          bdf_format(snapshot->devices[devices[i]].bdf, text));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* The length in bytes of the UTF-8 character at `text`; 0 if it is invalid or incomplete. */
static size_t measure_character(const unsigned char *text)
{
        size_t n = text[0] < 0x80                      ? 1
                   : text[0] >= 0xc2 && text[0] < 0xe0 ? 2
                   : text[0] >= 0xe0 && text[0] < 0xf0 ? 3
                   : text[0] >= 0xf0 && text[0] < 0xf5 ? 4
                                                       : 0;

        for (size_t i = 1; i < n; i++)
                if ((text[i] & 0xc0) != 0x80)
                        return 0;
        /* Not the shortest form, a surrogate, or beyond U+10FFFF. */
        if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] >= 0xa0) ||
            (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] >= 0x90))
                return 0;
        return n;
}

void bus_mend_text(char *text)
{
        for (char *at = text; *at;) {
                size_t n = measure_character((const unsigned char *)at);

                if (n == 0)
                        *at = '?';
                at += n > 0 ? n : 1;
        }
}

void bus_reply_failure(sd_bus_message *call, const LeaseAnswer *answer)
{
        char text[2048];

        if (answer->code > 0)
                return bus_reply_refusal(call, (Refusal)answer->code, "%s", answer->message);
        (void)snprintf(text, sizeof(text), "%s", answer->message);
        bus_mend_text(text);
        if (text[0])
                (void)sd_bus_reply_method_errnof(call, answer->code, "%s", text);
        else
                (void)sd_bus_reply_method_errno(call, answer->code, NULL);
}

void bus_reply_refusal(sd_bus_message *call, Refusal refusal, const char *format, ...)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        char name[64], text[2048];
        va_list args;

        va_start(args, format);
        (void)vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        bus_mend_text(text);
        (void)snprintf(name, sizeof(name), REFUSAL_BUS_PREFIX "%s", refusal_to_string(refusal));
        if (sd_bus_error_set(&error, name, text) != 0)
                (void)sd_bus_reply_method_error(call, &error);
}

CallVerdict method_fail(const MethodCall *call, int r)
{
        (void)sd_bus_reply_method_errno(call->message, r, NULL);
        return CALL_ANSWERED;
}

void method_finish(const MethodCall *call, sd_bus_message *reply, int r)
{
        if (r >= 0)
                r = sd_bus_send(call->bus->bus, reply, NULL);
        if (r < 0)
                (void)method_fail(call, r);
}

void method_answer(const MethodCall *call, const LeaseAnswer *answer,
                   int (*append)(sd_bus_message *reply, const void *value), const void *value)
{
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;

        if (answer->code != 0)
                return bus_reply_failure(call->message, answer);
        int r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0 && append)
                r = append(reply, value);
        method_finish(call, reply, r);
}
