/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Documents by json-c. An object owns the values that are added to it, so one call frees a
 * document.
 */

#include "cli/document.h"

#include <stdlib.h>
#include <string.h>

#include "cli/isoctl.h"
#include "cli/output.h"

static void must_succeed(int r)
{
        if (r < 0)
                (void)must(NULL);
}

/* Invalid UTF-8 from a command line would make the whole document invalid JSON. */
static json_object *new_text(const char *text)
{
        _cleanup_(free_text) char *copy = must(strdup(text));

        for (char *p = copy; *p;) {
                size_t n = utf8_length(p, strnlen(p, 4));

                if (n == 0)
                        *p = '?';
                p += n == 0 ? 1 : n;
        }
        return must(json_object_new_string(copy));
}

json_object *json_add(json_object *object, const char *key, json_object *value)
{
        must_succeed(json_object_object_add(object, key, value));
        return value;
}

json_object *json_document(const char *name)
{
        _cleanup_(free_text) char *schema = must_format("isolationd.%s/1", name);
        json_object *object = must(json_object_new_object());

        json_add_text(object, "schema", schema);
        return object;
}

json_object *json_add_array(json_object *object, const char *key)
{
        return json_add(object, key, must(json_object_new_array()));
}

json_object *json_append(json_object *array, json_object *value)
{
        must_succeed(json_object_array_add(array, value));
        return value;
}

void json_add_text(json_object *object, const char *key, const char *text)
{
        (void)json_add(object, key, new_text(text));
}

void json_add_optional(json_object *object, const char *key, const char *text)
{
        (void)json_add(object, key, *text ? new_text(text) : NULL);
}

void json_add_number(json_object *object, const char *key, int64_t number, int64_t least)
{
        (void)json_add(object, key, number < least ? NULL : must(json_object_new_int64(number)));
}

void json_add_bool(json_object *object, const char *key, bool value)
{
        (void)json_add(object, key, must(json_object_new_boolean(value)));
}

void json_add_list(json_object *object, const char *key, const char *const *texts)
{
        json_object *array = json_add_array(object, key);

        for (; *texts; texts++)
                (void)json_append(array, new_text(*texts));
}

static void add_hex(json_object *object, const char *key, int digits, uint32_t value)
{
        _cleanup_(free_text) char *text = must_format("%0*x", digits, value);

        json_add_text(object, key, text);
}

/* null for an unknown id. */
static void add_id(json_object *object, const char *key, uint16_t id)
{
        if (id != 0)
                add_hex(object, key, 4, id);
        else
                json_add_optional(object, key, "");
}

json_object *json_device(iso_host *host, const iso_device *device)
{
        json_object *object = must(json_object_new_object());
        size_t n_uses;

        json_add_text(object, "device", device->address);
        json_add_text(object, "id", device->id);
        json_add_optional(object, "group", device->group);
        json_add_number(object, "kernel_group", device->kernel_group, 0);
        add_id(object, "vendor", device->vendor);
        add_id(object, "device_id", device->device);
        add_hex(object, "class", 6, device->class_code);
        json_add_optional(object, "driver", device->driver);
        json_add_text(object, "state", device->state);
        json_add_number(object, "lease", device->lease, 1);
        json_add_optional(object, "parent", device->parent);
        json_add_optional(object, "name", iso_host_device_name(host, device));
        json_add_list(object, "uses", iso_host_device_uses(host, device, &n_uses));
        return object;
}

json_object *json_reason(const iso_reason *reason)
{
        json_object *object = must(json_object_new_object());

        json_add_text(object, "rule", reason->rule);
        json_add_optional(object, "a", reason->a);
        json_add_optional(object, "b", reason->b);
        json_add_optional(object, "at", reason->at);
        json_add_list(object, "missing", reason->missing);
        json_add_text(object, "text", reason->text);
        return object;
}

void json_print_to(json_object *document, FILE *stream)
{
        const char *text = json_object_to_json_string_ext(
                document, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

        (void)fprintf(stream, "%s\n", (const char *)must((void *)text));
        (void)json_object_put(document);
}

void json_print(json_object *document)
{
        json_print_to(document, stdout);
}
