/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads "require": the strength and the guard that a lease must have. */

#include <string.h>

#include "core/model/guard_demand.h"
#include "core/model/strength.h"
#include "core/probe/policy_reader.h"

static int read_guard(PolicyReader *reader, json_object *value)
{
        static const char *const words[] = {"owned", "sealed", "gated", "reactive", NULL};

        if (guard_layer_from_string(json_object_get_string(value), &reader->rule->require.guard))
                return 0;
        return policy_complain_word(reader, value, "guard", words);
}

static int read_memlock(PolicyReader *reader, json_object *value)
{
        reader->rule->require.needs_memlock = json_object_get_boolean(value);
        return 0;
}

static int read_strength_bit(PolicyReader *reader, json_object *value)
{
        const char *words[_STRENGTH_N + 1] = {NULL};
        int r = policy_check_type(reader, value, json_type_string);

        if (r != 0)
                return r;
        for (size_t i = 0; i < _STRENGTH_N; i++) {
                words[i] = strength_bit_to_string((StrengthBit)i);
                if (strcmp(words[i], json_object_get_string(value)) != 0)
                        continue;
                reader->rule->require.strength |= 1U << i;
                return 0;
        }
        return policy_complain_word(reader, value, "strength", words);
}

static int read_strength(PolicyReader *reader, json_object *list)
{
        size_t n;
        int r = policy_check_list(reader, list, &n);

        for (size_t i = 0; r == 0 && i < n; i++)
                r = read_strength_bit(reader, json_object_array_get_idx(list, i));
        return r;
}

int policy_read_require(PolicyReader *reader, json_object *value)
{
        static const PolicyMember members[] = {
                {"guard", json_type_string, read_guard},
                {"strength", json_type_array, read_strength},
                {"memlock", json_type_boolean, read_memlock},
        };

        if (json_object_object_length(value) == 0)
                return policy_complain(reader, value, "\"require\" is empty");
        return policy_read_members(reader, value, members, ARRAY_SIZE(members));
}

/* "widen" is here because it extends a lease that a required strength of `p2p` would refuse. */
int policy_read_widen(PolicyReader *reader, json_object *value)
{
        reader->rule->widen = json_object_get_boolean(value);
        return 0;
}
