/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The virtual functions of a lease record as JSON. Numbers have a table, which is written and read
 * alike; each has to be there and in its range.
 */

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/model/text.h"
#include "daemon/lease/json.h"
#include "daemon/lease/record.h"

#define MAC_TEXT_SIZE (2 * VF_MAC_SIZE + 1)
#define KNOWN_MAX ((1 << _VF_SETTING_N) - 1)

typedef struct Number {
        const char *key;
        size_t offset;
        size_t size; /* 2 or 4 bytes */
        int64_t max;
} Number;

#define NUMBER(key, field, max)                                                                    \
        {                                                                                          \
                key, offsetof(LeaseVf, field), sizeof(((LeaseVf *)NULL)->field), max               \
        }

static const Number numbers[] = {
        NUMBER("index", place.index, UINT32_MAX),
        NUMBER("n_vfs", place.n_vfs, UINT16_MAX),
        NUMBER("vendor", place.vendor, UINT16_MAX),
        NUMBER("device_id", place.device, UINT16_MAX),
        NUMBER("group", group, INT32_MAX),
        NUMBER("known", settings.known, KNOWN_MAX),
        NUMBER("vlan", settings.vlan, UINT32_MAX),
        NUMBER("qos", settings.qos, UINT32_MAX),
        NUMBER("vlan_protocol", settings.vlan_protocol, UINT16_MAX),
        NUMBER("min_rate", settings.min_rate, UINT32_MAX),
        NUMBER("max_rate", settings.max_rate, UINT32_MAX),
        NUMBER("spoofchk", settings.spoofchk, UINT32_MAX),
        NUMBER("link_state", settings.link_state, UINT32_MAX),
        NUMBER("trust", settings.trust, UINT32_MAX),
};

static int64_t load(const LeaseVf *vf, const Number *number)
{
        uint16_t narrow;
        uint32_t wide;

        if (number->size == sizeof(narrow)) {
                memcpy(&narrow, (const char *)vf + number->offset, sizeof(narrow));
                return narrow;
        }
        memcpy(&wide, (const char *)vf + number->offset, sizeof(wide));
        return wide;
}

static void store(LeaseVf *vf, const Number *number, int64_t value)
{
        uint16_t narrow = (uint16_t)value;
        uint32_t wide = (uint32_t)value;

        memcpy((char *)vf + number->offset,
               number->size == sizeof(narrow) ? (const void *)&narrow : &wide, number->size);
}

static int put_vf(struct json_object *entry, const LeaseVf *vf)
{
        char text[BDF_TEXT_SIZE], mac[MAC_TEXT_SIZE];
        int r = json_put(entry, "device", json_object_new_string(bdf_format(vf->bdf, text)));

        for (size_t i = 0; i < VF_MAC_SIZE; i++)
                (void)snprintf(mac + 2 * i, 3, "%02x", vf->settings.mac[i]);
        if (r == 0)
                r = json_put(entry, "pf", json_object_new_string(bdf_format(vf->place.pf, text)));
        if (r == 0)
                r = json_put(entry, "pf_driver", json_object_new_string(vf->place.pf_driver));
        if (r == 0)
                r = json_put(entry, "mac", json_object_new_string(mac));
        if (r == 0)
                r = json_put(entry, "returning", json_object_new_boolean(vf->returning));
        if (r == 0)
                r = json_put(entry, "returned", json_object_new_boolean(vf->returned));
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(numbers); i++)
                r = json_put(entry, numbers[i].key, json_object_new_int64(load(vf, &numbers[i])));
        return r;
}

int lease_record_put_vfs(const LeaseRecord *record, struct json_object *root)
{
        struct json_object *array = json_object_new_array();

        int r = json_put(root, "vfs", array);
        if (r == 0)
                r = json_put(root, "on_vf_loss", json_object_new_int((int)record->on_vf_loss));
        if (r == 0)
                r = json_put(root, "recreated_usec",
                             json_object_new_int64((int64_t)record->recreated_usec));
        for (size_t i = 0; r == 0 && i < record->n_vfs; i++) {
                struct json_object *entry = json_object_new_object();

                r = json_append(array, entry);
                if (r == 0)
                        r = put_vf(entry, &record->vfs[i]);
        }
        return r;
}

static bool parse_mac(const char *text, uint8_t mac[static VF_MAC_SIZE])
{
        if (!text || strlen(text) != 2 * VF_MAC_SIZE)
                return false;
        for (size_t i = 0; i < VF_MAC_SIZE; i++) {
                int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

                if (high < 0 || low < 0)
                        return false;
                mac[i] = (uint8_t)(high << 4 | low);
        }
        return true;
}

static int parse_vf(LeaseRecord *record, struct json_object *entry)
{
        LeaseVf vf = {.returning = false};
        struct json_object *returning, *returned;
        int64_t value;

        const char *bdf = json_get_string(entry, "device"), *pf = json_get_string(entry, "pf");
        const char *driver = json_get_string(entry, "pf_driver");
        if (!bdf || !bdf_parse(bdf, &vf.bdf) || !pf || !bdf_parse(pf, &vf.place.pf) || !driver ||
            strlen(driver) >= sizeof(vf.place.pf_driver) ||
            !parse_mac(json_get_string(entry, "mac"), vf.settings.mac) ||
            !json_object_object_get_ex(entry, "returning", &returning) ||
            !json_object_object_get_ex(entry, "returned", &returned))
                return -EBADMSG;
        (void)snprintf(vf.place.pf_driver, sizeof(vf.place.pf_driver), "%s", driver);
        vf.returning = json_object_get_boolean(returning);
        vf.returned = json_object_get_boolean(returned);
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                if (!json_get_number(entry, numbers[i].key, numbers[i].max, &value))
                        return -EBADMSG;
                store(&vf, &numbers[i], value);
        }
        return lease_record_add_vf(record, &vf);
}

int lease_record_parse_vfs(LeaseRecord *record, struct json_object *root)
{
        struct json_object *array;
        int64_t on_vf_loss, recreated;

        if (!json_get_number(root, "on_vf_loss", _POLICY_VF_LOSS_N - 1, &on_vf_loss) ||
            !json_get_number(root, "recreated_usec", INT64_MAX, &recreated) ||
            !json_object_object_get_ex(root, "vfs", &array) ||
            !json_object_is_type(array, json_type_array) ||
            json_object_array_length(array) > LEASE_DEVICES_MAX)
                return -EBADMSG;
        record->on_vf_loss = (PolicyVfLoss)on_vf_loss;
        record->recreated_usec = (uint64_t)recreated;
        for (size_t i = 0; i < json_object_array_length(array); i++) {
                struct json_object *entry = json_object_array_get_idx(array, i);
                int r = entry ? parse_vf(record, entry) : -EBADMSG;

                if (r < 0)
                        return r;
        }
        return 0;
}
