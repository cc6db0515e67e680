/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The record as JSON, version 1: { "version": 1, "devices": [ { "device": …, "rule": … } ] }.
 */

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/array.h"
#include "daemon/host/file.h"
#include "daemon/reserve/record.h"

#define RECORD_VERSION 1
#define DEVICES_MAX 65536U

static inline void json_putp(struct json_object **object)
{
        (void)json_object_put(*object);
}

static inline void tokener_freep(struct json_tokener **tokener)
{
        if (*tokener)
                json_tokener_free(*tokener);
}

void reserve_record_deinit(ReserveRecord *record)
{
        for (size_t i = 0; i < record->n_devices; i++)
                free(record->devices[i].rule);
        free(record->devices);
        *record = (ReserveRecord){.devices = NULL};
}

ReservedDevice *reserve_record_find(const ReserveRecord *record, Bdf bdf)
{
        for (size_t i = 0; i < record->n_devices; i++)
                if (!record->devices[i].is_gone && bdf_equal(record->devices[i].bdf, bdf))
                        return &record->devices[i];
        return NULL;
}

int reserve_record_add(ReserveRecord *record, Bdf bdf, const char *rule)
{
        ReservedDevice *known = reserve_record_find(record, bdf);
        _cleanup_(freep) char *copy = strdup(rule);

        if (!copy)
                return -ENOMEM;
        if (known) {
                free(known->rule);
                known->rule = TAKE_PTR(copy);
                return 0;
        }
        if (!ARRAY_GROW(record->devices, record->n_devices))
                return -ENOMEM;
        record->devices[record->n_devices++] =
                (ReservedDevice){.bdf = bdf, .rule = TAKE_PTR(copy), .is_new = true};
        return 0;
}

/* Adds `value` (taken over) under `key`; a NULL value is a failed allocation. */
static int put(struct json_object *object, const char *key, struct json_object *value)
{
        if (value && json_object_object_add(object, key, value) == 0)
                return 0;
        (void)json_object_put(value);
        return -ENOMEM;
}

static int put_device(struct json_object *array, const ReservedDevice *device)
{
        struct json_object *entry = json_object_new_object();
        char text[BDF_TEXT_SIZE];

        if (!entry || json_object_array_add(array, entry) < 0) {
                (void)json_object_put(entry);
                return -ENOMEM;
        }
        int r = put(entry, "device", json_object_new_string(bdf_format(device->bdf, text)));
        return r < 0 ? r : put(entry, "rule", json_object_new_string(device->rule));
}

int reserve_record_to_json(const ReserveRecord *record, char **ret_text)
{
        _cleanup_(json_putp) struct json_object *root = json_object_new_object();
        struct json_object *array = json_object_new_array();

        if (!root) {
                (void)json_object_put(array);
                return -ENOMEM;
        }
        int r = put(root, "devices", array);
        for (size_t i = 0; r == 0 && i < record->n_devices; i++)
                if (!record->devices[i].is_gone)
                        r = put_device(array, &record->devices[i]);
        if (r == 0)
                r = put(root, "version", json_object_new_int(RECORD_VERSION));
        if (r < 0)
                return r;

        const char *text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN);
        if (!text || asprintf(ret_text, "%s\n", text) < 0)
                return -ENOMEM;
        return 0;
}

static int read_device(ReserveRecord *record, struct json_object *entry)
{
        struct json_object *device, *rule;
        Bdf bdf;

        if (!json_object_is_type(entry, json_type_object) ||
            !json_object_object_get_ex(entry, "device", &device) ||
            !json_object_object_get_ex(entry, "rule", &rule) ||
            !json_object_is_type(device, json_type_string) ||
            !json_object_is_type(rule, json_type_string) ||
            !bdf_parse(json_object_get_string(device), &bdf) || reserve_record_find(record, bdf))
                return -EBADMSG;
        int r = reserve_record_add(record, bdf, json_object_get_string(rule));
        if (r == 0)
                record->devices[record->n_devices - 1].is_new = false;
        return r;
}

static int read_root(ReserveRecord *record, struct json_object *root)
{
        struct json_object *version, *devices;

        if (!json_object_is_type(root, json_type_object) ||
            !json_object_object_get_ex(root, "version", &version) ||
            !json_object_is_type(version, json_type_int) ||
            json_object_get_int(version) != RECORD_VERSION ||
            !json_object_object_get_ex(root, "devices", &devices) ||
            !json_object_is_type(devices, json_type_array) ||
            json_object_array_length(devices) > DEVICES_MAX)
                return -EBADMSG;
        for (size_t i = 0; i < json_object_array_length(devices); i++) {
                int r = read_device(record, json_object_array_get_idx(devices, i));
                if (r < 0)
                        return r;
        }
        return 0;
}

int reserve_record_from_json(const char *text, ReserveRecord *record)
{
        _cleanup_(tokener_freep) struct json_tokener *tokener = json_tokener_new_ex(8);
        _cleanup_(json_putp) struct json_object *root = NULL;
        _cleanup_(reserve_record_deinitp) ReserveRecord read = {.devices = NULL};

        if (!tokener)
                return -ENOMEM;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
        root = json_tokener_parse_ex(tokener, text, (int)strlen(text) + 1);
        int r = root ? read_root(&read, root) : -EBADMSG;
        if (r < 0)
                return r;
        *record = read;
        read = (ReserveRecord){.devices = NULL};
        return 0;
}

int reserve_record_load(int directory, ReserveRecord *record)
{
        _cleanup_(freep) char *text = NULL;

        int r = file_read(directory, RESERVE_RECORD_NAME, &text);
        if (r == -ENOENT)
                return 0;
        if (r == 0)
                r = reserve_record_from_json(text, record);
        char aside[NAME_MAX + 1];
        int set = r == -EBADMSG ? file_set_aside(directory, RESERVE_RECORD_NAME, aside) : 0;
        return set < 0 ? set : r;
}

int reserve_record_save(int directory, const ReserveRecord *record)
{
        _cleanup_(freep) char *text = NULL;
        size_t n = 0;

        for (size_t i = 0; i < record->n_devices; i++)
                n += !record->devices[i].is_gone;
        if (n == 0)
                return unlinkat(directory, RESERVE_RECORD_NAME, 0) < 0 && errno != ENOENT ? -errno
                                                                                          : 0;
        int r = reserve_record_to_json(record, &text);
        return r < 0 ? r : file_replace(directory, RESERVE_RECORD_NAME, text, 0644);
}
