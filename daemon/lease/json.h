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

typedef enum JsonKind {
        JSON_NUMBER,         /* of 1, 2, 4 or 8 bytes, from `min` to `max` */
        JSON_FLAG,           /* a bool */
        JSON_STRING,         /* a char * that its structure owns, of `min` to `max` bytes */
        JSON_STRING_OR_NULL, /* the same; NULL is written as "" */
        JSON_TEXT,           /* an array of char */
        JSON_HEX,            /* an array of bytes, as hexadecimal digits */
        JSON_BDF,
        JSON_FINGERPRINT,
} JsonKind;

typedef struct JsonField {
        const char *key; /* NULL: the value stands for itself, as an entry of an array */
        JsonKind kind;
        size_t offset, size; /* of the field in its structure */
        int64_t min, max;    /* of a string, `max` 0 is no limit */
        unsigned since;      /* the first version of the file that has it */
        bool is_name;        /* one line that has no '/': it may be written to sysfs */
        bool may_miss;       /* a file without it leaves the field as it is */
        bool omit_empty;     /* NULL, "" and false are not written */
} JsonField;

#define JSON_FIELD(type, name, member, its_kind, ...)                                              \
        {                                                                                          \
                .key = (name), .kind = (its_kind), .offset = offsetof(type, member),               \
                .size = sizeof(((type *)NULL)->member), __VA_ARGS__                                \
        }

typedef struct JsonTable {
        const JsonField *fields;
        size_t n;
} JsonTable;

#define JSON_TABLE(array)                                                                          \
        {                                                                                          \
                (array), ARRAY_SIZE(array)                                                         \
        }

/*
 * An array that a structure owns, with the number of its entries. As read, entries of zeros follow
 * it: an array of strings ends with NULL.
 */
typedef struct JsonList {
        const char *key;
        JsonTable table;       /* of an entry */
        size_t items, n_items; /* offsets in the structure */
        size_t size;           /* of an entry */
        size_t max;            /* entries */
        unsigned since;
        bool is_inside; /* the structure has room for all entries, and no pointer to them */
} JsonList;

#define JSON_LIST(type, name, member, fields, most, version)                                       \
        {                                                                                          \
                .key = (name), .table = JSON_TABLE(fields), .items = offsetof(type, member),       \
                .n_items = offsetof(type, n_##member), .size = sizeof(*((type *)NULL)->member),    \
                .max = (most), .since = (version)                                                  \
        }

/* An array of plain values, as the last arguments tell of each. `inside`: see JsonList. */
#define JSON_VALUES(type, name, member, n_member, most, inside, ...)                               \
        {                                                                                          \
                .key = (name), .items = offsetof(type, member),                                    \
                .n_items = offsetof(type, n_member), .size = sizeof(*((type *)NULL)->member),      \
                .max = (most), .is_inside = (inside),                                              \
                .table = {(const JsonField[]){                                                     \
                                  {.size = sizeof(*((type *)NULL)->member), __VA_ARGS__}},         \
                          1},                                                                      \
        }

static inline void json_putp(struct json_object **object)
{
        (void)json_object_put(*object);
}

/*
 * Parses a whole text strictly. Returns its root, an object with a "version" from 1 to `newest`
 * that the caller owns, or NULL.
 */
struct json_object *json_read(const char *text, unsigned newest, unsigned *ret_version);

/* Adds `value`, taken over; NULL is a failed allocation. Return 0 or -ENOMEM. */
_nodiscard_ int json_put(struct json_object *object, const char *key, struct json_object *value);
_nodiscard_ int json_append(struct json_object *array, struct json_object *value);

/* Adds the fields, or the list, of the structure `from`. Return 0 or -ENOMEM. */
_nodiscard_ int json_put_fields(struct json_object *object, JsonTable table, const void *from);
_nodiscard_ int json_put_list(struct json_object *object, const JsonList *list, const void *from);

/*
 * Reads the fields, or the list, that a file of `version` has into the structure `to`, which owns
 * what has been read also if this fails. Return 0, -EBADMSG or -ENOMEM.
 */
_nodiscard_ int json_get_fields(struct json_object *object, JsonTable table, unsigned version,
                                void *to);
_nodiscard_ int json_get_list(struct json_object *object, const JsonList *list, unsigned version,
                              void *to);

/* Reads an integer within [min, max]. */
_nodiscard_ bool json_to_number(struct json_object *value, int64_t min, int64_t max, int64_t *ret);

/* Borrowed from `object`; NULL unless an array of at most `max` entries. */
struct json_object *json_get_array(struct json_object *object, const char *key, size_t max);
