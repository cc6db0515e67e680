/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* json-c answers leniently (a missing number is 0): nothing here does. */

#include <errno.h>

#include "daemon/lease/json.h"

int json_put(struct json_object *object, const char *key, struct json_object *value)
{
        if (!value)
                return -ENOMEM;
        if (json_object_object_add(object, key, value) < 0) {
                (void)json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_append(struct json_object *array, struct json_object *value)
{
        if (!value)
                return -ENOMEM;
        if (json_object_array_add(array, value) < 0) {
                (void)json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

bool json_get_number(struct json_object *object, const char *key, int64_t max, int64_t *ret)
{
        struct json_object *value;

        if (!json_object_object_get_ex(object, key, &value) ||
            !json_object_is_type(value, json_type_int))
                return false;
        int64_t number = json_object_get_int64(value);
        if (number < 0 || number > max)
                return false;
        *ret = number;
        return true;
}

bool json_get_flag(struct json_object *object, const char *key, bool *ret)
{
        struct json_object *value;

        if (!json_object_object_get_ex(object, key, &value) ||
            !json_object_is_type(value, json_type_boolean))
                return false;
        *ret = json_object_get_boolean(value);
        return true;
}

const char *json_get_string(struct json_object *object, const char *key)
{
        struct json_object *value;

        if (!json_object_object_get_ex(object, key, &value) ||
            !json_object_is_type(value, json_type_string))
                return NULL;
        return json_object_get_string(value);
}

struct json_object *json_get_array(struct json_object *object, const char *key, size_t max)
{
        struct json_object *value;

        if (!json_object_object_get_ex(object, key, &value) ||
            !json_object_is_type(value, json_type_array) || json_object_array_length(value) > max)
                return NULL;
        return value;
}
