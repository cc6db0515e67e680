/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The parts of an answer: an error, or values that are appended to a reply.
 */

#include "daemon/bus/call/call.h"

/* Answers a call with the bus error of a manager's answer (code must not be 0). */
void bus_reply_failure(sd_bus_message *call, const LeaseAnswer *answer);

/* Answers a call with one refusal. */
void bus_reply_refusal(sd_bus_message *call, Refusal refusal, const char *format, ...)
        _printf_(3, 4);

/* Sends `reply` if `r` is not negative; else answers with that errno. */
void method_finish(const MethodCall *call, sd_bus_message *reply, int r);

/* Answers with an errno. Returns CALL_ANSWERED. */
CallVerdict method_fail(const MethodCall *call, int r);

/*
 * Answers with what the manager says: its error, or a reply that `append` fills from `value`. NULL
 * for `append` gives an empty reply. `append` returns as sd_bus_message_append().
 */
void method_answer(const MethodCall *call, const LeaseAnswer *answer,
                   int (*append)(sd_bus_message *reply, const void *value), const void *value);

/* Appends a path as `o` and frees it; NULL gives -ENOMEM. */
_nodiscard_ int bus_append_path(sd_bus_message *reply, char *path);

/* Appends the addresses of devices, as `as`. Returns 0 or -errno. */
_nodiscard_ int bus_append_addresses(sd_bus_message *reply, const Snapshot *snapshot,
                                     const size_t *devices, size_t n_devices);

/*
 * Replaces bytes that are not UTF-8 by `?`. The bus refuses such a text, and a text that was cut to
 * a length may end within a character.
 */
void bus_mend_text(char *text);
