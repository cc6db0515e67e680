/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The arguments of a call, read value by value within limits.
 *
 * The caller decides how many values a message has and how long each is. Each reader counts and
 * measures values, and refuses the call at the first value that is too many or too long. It reads
 * nothing after that value. No other file of daemon/bus reads what callers send; tests/lint.py
 * checks this.
 *
 * All readers return 0, or -errno after they have answered the call with Invalid. Texts are
 * borrowed from the message.
 */

#include "daemon/bus/call/reply.h"
#include "daemon/limits/request.h"

#define ARGUMENT_SELECTORS_MAX REQUEST_SELECTORS_MAX
#define ARGUMENT_MODES_MAX 64
/* Bytes of one selector, of the name of an option, and of the text of an option. */
#define ARGUMENT_TEXT_MAX 256

/* Answers with Invalid: the name `key`, and the reason `what`. Returns -EINVAL. */
int argument_refuse(sd_bus_message *message, const char *key, const char *what);

/* Moves the cursor back to the first argument. */
_nodiscard_ int argument_rewind(sd_bus_message *message);

/* Reads an argument of type s. A refusal calls the argument `name`. */
_nodiscard_ int argument_read_text(sd_bus_message *message, const char *name,
                                   const char **ret_text);

/*
 * Reads an argument of type as. `texts` has room for `max` texts and the NULL at their end.
 */
_nodiscard_ int argument_read_texts(sd_bus_message *message, const char *name, size_t max,
                                    const char **texts);

/*
 * An option that a method knows. `read` reads its value into `to`, which is `offset` bytes behind
 * the begin of the target: it is one of the functions below, or calls one and checks the value.
 */
typedef struct ArgumentOption {
        const char *key;
        int (*read)(sd_bus_message *message, const char *key, void *to);
        size_t offset;
} ArgumentOption;

#define ARGUMENT_OPTIONS_MAX 32 /* rows of one table */

/*
 * Reads an argument a{sv}. Refuses an option that is not in the table, or is given twice. The
 * functions of the table fill `target`.
 */
_nodiscard_ int argument_read_options(sd_bus_message *message, const ArgumentOption *options,
                                      size_t n_options, void *target);

/* Reads the options of a method that has none. Returns false if the call has been answered. */
_nodiscard_ bool method_read_no_options(MethodCall *call);

/* Read the value of an option, a variant of one type, into a const char *, bool, uint32_t,
 * uint64_t. */
_nodiscard_ int option_read_text(sd_bus_message *message, const char *key, void *ret_text);
_nodiscard_ int option_read_flag(sd_bus_message *message, const char *key, void *ret_flag);
_nodiscard_ int option_read_u32(sd_bus_message *message, const char *key, void *ret_number);
_nodiscard_ int option_read_u64(sd_bus_message *message, const char *key, void *ret_number);

/* The same of an array of texts, which argument_read_texts() describes. */
_nodiscard_ int option_read_texts(sd_bus_message *message, const char *key, size_t max,
                                  const char **texts);
