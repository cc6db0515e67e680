/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Building blocks for reading a rule: an object with a table of its allowed keys, a list, and a
 * word from a list of words. Each refuses other values with their place.
 */

#include "core/model/policy.h"
#include "core/probe/json_places.h"
#include "core/probe/policy_json.h"

typedef struct PolicyReader {
        JsonText *json;
        char **ret_message;
        PolicyRule *rule; /* being filled */
        const PolicyLookup *lookup;
} PolicyReader;

/* Handles one member's value; returns 0, POLICY_E_INVALID or -errno, as do all below. */
typedef int (*PolicyMemberReader)(PolicyReader *reader, json_object *value);

typedef struct PolicyMember {
        const char *key;
        json_type type; /* json_type_null: `read` checks the type */
        PolicyMemberReader read;
} PolicyMember;

/* Reports an error in a value, with its place. */
#define policy_complain(reader, json_value, ...)                                                   \
        json_text_complain((reader)->json, json_text_place(json_value)->value,                     \
                           (reader)->ret_message, __VA_ARGS__)

_nodiscard_ int policy_check_type(PolicyReader *reader, json_object *value, json_type type);

/* Reads each member of an object by its row; refuses a key without a row. */
_nodiscard_ int policy_read_members(PolicyReader *reader, json_object *object,
                                    const PolicyMember *members, size_t n_members);

/* Checks a list's length, which must not be 0. */
_nodiscard_ int policy_check_list(PolicyReader *reader, json_object *list, size_t *ret_n);

/* Refuses a text that is not in `words` (NULL-terminated) as an unknown `what`. */
_nodiscard_ int policy_complain_word(PolicyReader *reader, json_object *value, const char *what,
                                     const char *const *words);

/* Copies a text. Returns 0 and *ret (freed by the caller) or -ENOMEM. */
_nodiscard_ int policy_read_string(json_object *value, char **ret_text);

/* Reads a vendor or device id; `what` names it in the error. */
_nodiscard_ int policy_read_id(PolicyReader *reader, json_object *value, const char *what,
                               PolicyNumber *ret);

/* Reads an integer from `least` to `most`; `what` names it in the error. */
_nodiscard_ int policy_read_number(PolicyReader *reader, json_object *value, const char *what,
                                   int64_t least, int64_t most, unsigned *ret_number);

/* The parts of a rule, each in its own file: policy_match.c and so on. */
_nodiscard_ int policy_read_match(PolicyReader *reader, json_object *value);
_nodiscard_ int policy_read_lease(PolicyReader *reader, json_object *value);
_nodiscard_ int policy_read_require(PolicyReader *reader, json_object *value);
_nodiscard_ int policy_read_reserve(PolicyReader *reader, json_object *value);

_nodiscard_ int policy_read_widen(PolicyReader *reader, json_object *value);

/* Reactions to events of a lease (policy_react.c). */
_nodiscard_ int policy_read_on_join(PolicyReader *reader, json_object *value);
_nodiscard_ int policy_read_on_breach(PolicyReader *reader, json_object *value);
_nodiscard_ int policy_read_on_weaker(PolicyReader *reader, json_object *value);
_nodiscard_ int policy_read_on_vf_loss(PolicyReader *reader, json_object *value);
_nodiscard_ int policy_read_on_fault_storm(PolicyReader *reader, json_object *value);
_nodiscard_ int policy_read_fault_storm(PolicyReader *reader, json_object *value);
