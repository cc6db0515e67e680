/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each value is converted by the kind of its field, also inside objects and arrays. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/model/fingerprint.h"
#include "core/model/text.h"
#include "daemon/lease/json.h"

#define HEX_MAX 32 /* bytes */
#define TEXT_SIZE (2 * HEX_MAX + 1)

_Static_assert(TEXT_SIZE >= BDF_TEXT_SIZE && TEXT_SIZE >= FINGERPRINT_TEXT_SIZE, "one for all");

int json_put(struct json_object *object, const char *key, struct json_object *value)
{
        if (value && json_object_object_add(object, key, value) == 0)
                return 0;
        (void)json_object_put(value);
        return -ENOMEM;
}

int json_append(struct json_object *array, struct json_object *value)
{
        if (value && json_object_array_add(array, value) == 0)
                return 0;
        (void)json_object_put(value);
        return -ENOMEM;
}

static uint64_t load_number(const void *from, size_t size)
{
        switch (size) {
        case sizeof(uint8_t):
                return *(const uint8_t *)from;
        case sizeof(uint16_t):
                return *(const uint16_t *)from;
        case sizeof(uint32_t):
                return *(const uint32_t *)from;
        default:
                return *(const uint64_t *)from;
        }
}

static void store_number(int64_t number, size_t size, void *to)
{
        switch (size) {
        case sizeof(uint8_t):
                *(uint8_t *)to = (uint8_t)number;
                break;
        case sizeof(uint16_t):
                *(uint16_t *)to = (uint16_t)number;
                break;
        case sizeof(uint32_t):
                *(uint32_t *)to = (uint32_t)number;
                break;
        default:
                *(uint64_t *)to = (uint64_t)number;
                break;
        }
}

static struct json_object *hex_to_json(const uint8_t *bytes, size_t n)
{
        char text[TEXT_SIZE] = "";

        for (size_t i = 0; i < n && i < HEX_MAX; i++)
                (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
        return json_object_new_string(text);
}

static struct json_object *field_to_json(const JsonField *field, const void *from)
{
        const char *string = NULL;
        char text[TEXT_SIZE];

        switch (field->kind) {
        case JSON_NUMBER: {
                uint64_t number = load_number(from, field->size);
                return json_object_new_int64(number < INT64_MAX ? (int64_t)number : INT64_MAX);
        }
        case JSON_FLAG:
                return json_object_new_boolean(*(const bool *)from);
        case JSON_HEX:
                return hex_to_json(from, field->size);
        case JSON_STRING:
        case JSON_STRING_OR_NULL:
                string = *(char *const *)from;
                break;
        case JSON_TEXT:
                string = from;
                break;
        case JSON_BDF:
                string = bdf_format(*(const Bdf *)from, text);
                break;
        case JSON_FINGERPRINT:
                string = fingerprint_format(from, text);
                break;
        }
        return json_object_new_string(string ? string : "");
}

static bool is_empty(const JsonField *field, const void *from)
{
        return field->kind == JSON_STRING ? !*(char *const *)from : !*(const char *)from;
}

int json_put_fields(struct json_object *object, JsonTable table, const void *from)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < table.n; i++) {
                const JsonField *field = &table.fields[i];
                const void *at = (const char *)from + field->offset;

                if (!field->omit_empty || !is_empty(field, at))
                        r = json_put(object, field->key, field_to_json(field, at));
        }
        return r;
}

int json_put_list(struct json_object *object, const JsonList *list, const void *from)
{
        struct json_object *array = json_object_new_array();
        const size_t *n = (const void *)((const char *)from + list->n_items);
        const void *items = (const char *)from + list->items;
        const char *item = items;

        if (!list->is_inside)
                memcpy(&item, items, sizeof(item));
        int r = json_put(object, list->key, array);
        for (size_t i = 0; r == 0 && i < *n; i++, item += list->size) {
                bool is_object = list->table.fields->key;
                struct json_object *entry = is_object ? json_object_new_object()
                                                      : field_to_json(list->table.fields, item);

                r = json_append(array, entry);
                if (r == 0 && is_object)
                        r = json_put_fields(entry, list->table, item);
        }
        return r;
}

static bool hex_from_text(const char *text, uint8_t *bytes, size_t n)
{
        if (strlen(text) != 2 * n)
                return false;
        for (size_t i = 0; i < n; i++) {
                int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

                if (high < 0 || low < 0)
                        return false;
                bytes[i] = (uint8_t)(high << 4 | low);
        }
        return true;
}

static int string_from_text(const JsonField *field, const char *text, char **to)
{
        char *copy = NULL;

        if (text[0] || field->kind == JSON_STRING) {
                copy = strdup(text);
                if (!copy)
                        return -ENOMEM;
        }
        free(*to);
        *to = copy;
        return 0;
}

static int field_from_text(const JsonField *field, const char *text, void *to)
{
        size_t n = strlen(text);
        bool valid = false;

        if (n < (size_t)field->min || (field->max > 0 && n > (size_t)field->max) ||
            (field->is_name && strpbrk(text, "/\n")))
                return -EBADMSG;
        switch (field->kind) {
        case JSON_STRING:
        case JSON_STRING_OR_NULL:
                return string_from_text(field, text, to);
        case JSON_TEXT:
                valid = n < field->size;
                if (valid)
                        memcpy(to, text, n + 1);
                break;
        case JSON_HEX:
                valid = hex_from_text(text, to, field->size);
                break;
        case JSON_BDF:
                valid = bdf_parse(text, to);
                break;
        case JSON_FINGERPRINT:
                valid = fingerprint_parse(text, to);
                break;
        case JSON_NUMBER:
        case JSON_FLAG:
                break;
        }
        return valid ? 0 : -EBADMSG;
}

static int field_from_json(const JsonField *field, struct json_object *value, void *to)
{
        int64_t number;

        if (json_object_is_type(value, json_type_string))
                return field_from_text(field, json_object_get_string(value), to);
        if (field->kind == JSON_NUMBER && json_to_number(value, field->min, field->max, &number)) {
                store_number(number, field->size, to);
                return 0;
        }
        if (field->kind != JSON_FLAG || !json_object_is_type(value, json_type_boolean))
                return -EBADMSG;
        *(bool *)to = json_object_get_boolean(value);
        return 0;
}

int json_get_fields(struct json_object *object, JsonTable table, unsigned version, void *to)
{
        int r = json_object_is_type(object, json_type_object) ? 0 : -EBADMSG;

        for (size_t i = 0; r == 0 && i < table.n; i++) {
                const JsonField *field = &table.fields[i];
                struct json_object *value;

                if (field->since > version)
                        continue;
                if (json_object_object_get_ex(object, field->key, &value))
                        r = field_from_json(field, value, (char *)to + field->offset);
                else if (!field->may_miss)
                        r = -EBADMSG;
        }
        return r;
}

int json_get_list(struct json_object *object, const JsonList *list, unsigned version, void *to)
{
        if (list->since > version)
                return 0;
        struct json_object *array = json_get_array(object, list->key, list->max);
        if (!array)
                return -EBADMSG;
        size_t n = json_object_array_length(array);
        char *item = list->is_inside ? (char *)to + list->items : calloc(n + 1, list->size);
        if (!item)
                return -ENOMEM;
        if (!list->is_inside)
                memcpy((char *)to + list->items, &item, sizeof(item));
        memcpy((char *)to + list->n_items, &n, sizeof(n));

        int r = 0;
        for (size_t i = 0; r == 0 && i < n; i++, item += list->size) {
                struct json_object *entry = json_object_array_get_idx(array, i);

                r = list->table.fields->key ? json_get_fields(entry, list->table, version, item)
                                            : field_from_json(list->table.fields, entry, item);
        }
        return r;
}

struct json_object *json_read(const char *text, unsigned newest, unsigned *ret_version)
{
        struct json_tokener *tokener = json_tokener_new();
        _cleanup_(json_putp) struct json_object *root = NULL;
        int64_t version;

        if (!tokener)
                return NULL;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
        root = json_tokener_parse_ex(tokener, text, (int)strlen(text) + 1);
        json_tokener_free(tokener);
        if (!json_object_is_type(root, json_type_object) ||
            !json_to_number(json_object_object_get(root, "version"), 1, newest, &version))
                return NULL;
        *ret_version = (unsigned)version;
        return TAKE_PTR(root);
}

bool json_to_number(struct json_object *value, int64_t min, int64_t max, int64_t *ret)
{
        if (!json_object_is_type(value, json_type_int))
                return false;
        int64_t number = json_object_get_int64(value);
        if (number < min || number > max)
                return false;
        *ret = number;
        return true;
}

struct json_object *json_get_array(struct json_object *object, const char *key, size_t max)
{
        struct json_object *value;

        if (!json_object_object_get_ex(object, key, &value) ||
            !json_object_is_type(value, json_type_array) || json_object_array_length(value) > max)
                return NULL;
        return value;
}
