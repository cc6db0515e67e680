/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reads members of JSON objects strictly: a member of another type or out of range counts as
 * missing.
 */

#include <json.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/model/base.h"

static inline void json_putp(struct json_object **object)
{
        (void)json_object_put(*object);
}

/* Adds `value`, taken over; NULL is a failed allocation. Return 0 or -ENOMEM. */
_nodiscard_ int json_put(struct json_object *object, const char *key, struct json_object *value);
_nodiscard_ int json_append(struct json_object *array, struct json_object *value);

/* Reads an integer within [0, max]. */
_nodiscard_ bool json_get_number(struct json_object *object, const char *key, int64_t max,
                                 int64_t *ret);

_nodiscard_ bool json_get_flag(struct json_object *object, const char *key, bool *ret);

/* Borrowed from `object`, or NULL. */
const char *json_get_string(struct json_object *object, const char *key);

/* Borrowed from `object`; NULL unless an array of at most `max` entries. */
struct json_object *json_get_array(struct json_object *object, const char *key, size_t max);
