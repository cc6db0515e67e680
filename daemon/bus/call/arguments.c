/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The functions of sd-bus that are used here cost no more than the value that they return. Two are
 * not used: sd_bus_message_read_strv() of systemd 252 takes time that grows with the square of the
 * number of texts, and sd_bus_message_skip() reads all that it skips. A container that is not read
 * to its end stays open until the message is freed.
 */

#include "daemon/bus/call/arguments.h"

#include <errno.h>
#include <string.h>

int argument_refuse(sd_bus_message *message, const char *key, const char *what)
{
        bus_reply_refusal(message, REFUSAL_INVALID, "%.64s: %s", key, what);
        return -EINVAL;
}

int argument_rewind(sd_bus_message *message)
{
        return sd_bus_message_rewind(message, true) < 0
                       ? argument_refuse(message, "arguments", "cannot be read")
                       : 0;
}

/* Reads one text at the cursor. Returns 1, 0 at the end of a container, or -errno: answered. */
static int next_text(sd_bus_message *message, const char *name, const char **ret_text)
{
        const char *text;

        int r = sd_bus_message_read_basic(message, 's', &text);
        if (r == 0)
                return 0;
        if (r < 0)
                return argument_refuse(message, name, "cannot be read");
        if (strnlen(text, ARGUMENT_TEXT_MAX + 1) > ARGUMENT_TEXT_MAX)
                return argument_refuse(message, name, "a text has more than 256 bytes");
        *ret_text = text;
        return 1;
}

int argument_read_text(sd_bus_message *message, const char *name, const char **ret_text)
{
        int r = next_text(message, name, ret_text);

        if (r == 0)
                return argument_refuse(message, name, "is missing");
        return r < 0 ? r : 0;
}

int argument_read_texts(sd_bus_message *message, const char *name, size_t max, const char **texts)
{
        const char *text = "";
        size_t n = 0;

        int r = sd_bus_message_enter_container(message, 'a', "s");
        if (r <= 0)
                return argument_refuse(message, name, "must be an array of strings");
        while ((r = next_text(message, name, &text)) > 0) {
                if (n == max) {
                        bus_reply_refusal(message, REFUSAL_INVALID, "%s: more than %zu", name, max);
                        return -E2BIG;
                }
                texts[n++] = text;
        }
        texts[n] = NULL;
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(message) < 0
                       ? argument_refuse(message, name, "cannot be read")
                       : 0;
}

static const ArgumentOption *find_option(const ArgumentOption *options, size_t n, const char *key)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(options[i].key, key) == 0)
                        return &options[i];
        return NULL;
}

/* Reads the entry at the cursor. `seen` has one bit for each row of the table. */
static int read_option(sd_bus_message *message, const ArgumentOption *options, size_t n,
                       void *target, uint32_t *seen)
{
        const char *key;

        int r = argument_read_text(message, "options", &key);
        if (r < 0)
                return r;
        const ArgumentOption *option = find_option(options, n, key);
        if (!option)
                return argument_refuse(message, key, "no such option");
        uint32_t bit = UINT32_C(1) << (option - options);
        if (*seen & bit)
                return argument_refuse(message, key, "is given twice");
        *seen |= bit;
        return option->read(message, key, (char *)target + option->offset);
}

int argument_read_options(sd_bus_message *message, const ArgumentOption *options, size_t n_options,
                          void *target)
{
        uint32_t seen = 0;

        int r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = read_option(message, options, n_options, target, &seen);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(message);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        return r < 0 ? argument_refuse(message, "options", "cannot be read") : 0;
}

bool method_read_no_options(MethodCall *call)
{
        return argument_read_options(call->message, NULL, 0, NULL) == 0;
}

/* Reads a variant of one basic type. */
static int read_value(sd_bus_message *message, const char *key, char type, void *ret,
                      const char *what)
{
        const char contents[] = {type, '\0'};

        int r = sd_bus_message_enter_container(message, 'v', contents);
        if (r > 0)
                r = sd_bus_message_read_basic(message, type, ret);
        if (r > 0)
                r = sd_bus_message_exit_container(message);
        return r <= 0 ? argument_refuse(message, key, what) : 0;
}

int option_read_text(sd_bus_message *message, const char *key, void *ret_text)
{
        const char *text;

        int r = read_value(message, key, 's', &text, "must be a string");
        if (r < 0)
                return r;
        if (strnlen(text, ARGUMENT_TEXT_MAX + 1) > ARGUMENT_TEXT_MAX)
                return argument_refuse(message, key, "has more than 256 bytes");
        *(const char **)ret_text = text;
        return 0;
}

int option_read_texts(sd_bus_message *message, const char *key, size_t max, const char **texts)
{
        if (sd_bus_message_enter_container(message, 'v', "as") <= 0)
                return argument_refuse(message, key, "must be an array of strings");
        int r = argument_read_texts(message, key, max, texts);
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(message) < 0
                       ? argument_refuse(message, key, "cannot be read")
                       : 0;
}

int option_read_flag(sd_bus_message *message, const char *key, void *ret_flag)
{
        int value;

        int r = read_value(message, key, 'b', &value, "must be a boolean");
        if (r == 0)
                *(bool *)ret_flag = value;
        return r;
}

int option_read_u32(sd_bus_message *message, const char *key, void *ret_number)
{
        return read_value(message, key, 'u', ret_number, "must be an unsigned number, of type u");
}

int option_read_u64(sd_bus_message *message, const char *key, void *ret_number)
{
        return read_value(message, key, 't', ret_number, "must be an unsigned number, of type t");
}
