/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads "reserve": devices that host drivers must not bind at boot, and their fingerprint. */

#include <errno.h>
#include <string.h>

#include "core/model/text.h"
#include "core/probe/policy_reader.h"

#define MEMBERS_MAX 4096

static int read_at(PolicyReader *reader, json_object *value)
{
        if (strcmp(json_object_get_string(value), "boot") != 0)
                return policy_complain(reader, value,
                                       "unknown time \"%s\": a reservation is at \"boot\"",
                                       json_object_get_string(value));
        reader->rule->reserve.at_boot = true;
        return 0;
}

static int read_vendor(PolicyReader *reader, json_object *value)
{
        PolicyReserve *reserve = &reader->rule->reserve;

        return policy_read_id(reader, value, "vendor", &reserve->vendor);
}

static int read_device(PolicyReader *reader, json_object *value)
{
        PolicyReserve *reserve = &reader->rule->reserve;

        return policy_read_id(reader, value, "device", &reserve->device);
}

static int read_members(PolicyReader *reader, json_object *value)
{
        return policy_read_number(reader, value, "a group's number of members", 1, MEMBERS_MAX,
                                  &reader->rule->reserve.n_members);
}

/* "10de:2484", as lspci -n has it. */
static bool parse_ids(const char *text, uint32_t *ret_ids)
{
        uint32_t ids = 0;

        if (strlen(text) != 9 || text[4] != ':')
                return false;
        for (size_t i = 0; i < 9; i++) {
                int digit = hex_digit(text[i]);

                if (i == 4)
                        continue;
                if (digit < 0)
                        return false;
                ids = ids << 4 | (unsigned)digit;
        }
        *ret_ids = ids;
        return true;
}

static int read_group(PolicyReader *reader, json_object *list)
{
        PolicyReserve *reserve = &reader->rule->reserve;
        size_t n;
        int r = policy_check_list(reader, list, &n);

        if (r != 0)
                return r;
        reserve->ids = calloc(n, sizeof(*reserve->ids));
        if (!reserve->ids)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                json_object *value = json_object_array_get_idx(list, i);

                r = policy_check_type(reader, value, json_type_string);
                if (r != 0)
                        return r;
                if (!parse_ids(json_object_get_string(value), &reserve->ids[i]))
                        return policy_complain(reader, value,
                                               "\"%s\" is not vendor and device: use four "
                                               "hexadecimal digits each, 10de:2484",
                                               json_object_get_string(value));
                reserve->n_ids = i + 1;
        }
        return 0;
}

static int read_fingerprint(PolicyReader *reader, json_object *value)
{
        static const PolicyMember members[] = {
                {"vendor", json_type_string, read_vendor},
                {"device", json_type_string, read_device},
                {"members", json_type_int, read_members},
                {"group", json_type_array, read_group},
        };

        if (json_object_object_length(value) == 0)
                return policy_complain(reader, value, "the fingerprint is empty");
        return policy_read_members(reader, value, members, ARRAY_SIZE(members));
}

static int read_park(PolicyReader *reader, json_object *value)
{
        reader->rule->reserve.park = json_object_get_boolean(value);
        return 0;
}

int policy_read_reserve(PolicyReader *reader, json_object *value)
{
        static const PolicyMember members[] = {
                {"at", json_type_string, read_at},
                {"fingerprint", json_type_object, read_fingerprint},
                {"park", json_type_boolean, read_park},
        };
        int r = policy_read_members(reader, value, members, ARRAY_SIZE(members));

        if (r == 0 && !reader->rule->reserve.at_boot)
                return policy_complain(reader, value, "the reservation needs a time: \"at\"");
        return r;
}
