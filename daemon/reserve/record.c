/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The record as JSON, version 1: { "version": 1, "devices": [ { "device": …, "rule": … } ] }.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/model/text.h"
#include "daemon/base/array.h"
#include "daemon/host/file.h"
#include "daemon/lease/json.h"
#include "daemon/reserve/record.h"

#define RECORD_VERSION 1
#define DEVICES_MAX 65536U

static const JsonField device_fields[] = {
        JSON_FIELD(ReservedDevice, "device", bdf, JSON_BDF),
        JSON_FIELD(ReservedDevice, "rule", rule, JSON_STRING),
};
static const JsonList device_list =
        JSON_LIST(ReserveRecord, "devices", devices, device_fields, DEVICES_MAX, RECORD_VERSION);

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

static int to_json(const ReserveRecord *record, char **ret_text)
{
        _cleanup_(json_putp) struct json_object *root = json_object_new_object();
        _cleanup_(freep) ReservedDevice *kept = calloc(record->n_devices + 1, sizeof(*kept));
        ReserveRecord left = {.devices = kept};

        for (size_t i = 0; kept && i < record->n_devices; i++)
                if (!record->devices[i].is_gone)
                        kept[left.n_devices++] = record->devices[i];
        int r = root && kept ? json_put_list(root, &device_list, &left) : -ENOMEM;
        if (r == 0)
                r = json_put(root, "version", json_object_new_int(RECORD_VERSION));
        if (r < 0)
                return r;
        *ret_text =
                text_print("%s\n", json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN));
        return *ret_text ? 0 : -ENOMEM;
}

static bool has_twice(const ReserveRecord *record)
{
        for (size_t i = 0; i < record->n_devices; i++)
                if (reserve_record_find(record, record->devices[i].bdf) != &record->devices[i])
                        return true;
        return false;
}

static int from_json(const char *text, ReserveRecord *record)
{
        unsigned version;
        _cleanup_(json_putp) struct json_object *root = json_read(text, RECORD_VERSION, &version);
        _cleanup_(reserve_record_deinitp) ReserveRecord read = {.devices = NULL};

        int r = root ? json_get_list(root, &device_list, version, &read) : -EBADMSG;
        if (r < 0)
                return r;
        if (has_twice(&read))
                return -EBADMSG;
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
                r = from_json(text, record);
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
        int r = to_json(record, &text);
        return r < 0 ? r : file_replace(directory, RESERVE_RECORD_NAME, text, 0644);
}
