/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads "match": the devices of a rule. */

#include "core/probe/policy_names.h"
#include "core/probe/policy_pattern.h"
#include "core/probe/policy_reader.h"

#define MEMBERS_MAX 4096

static int read_vendor(PolicyReader *reader, json_object *value)
{
        return policy_read_id(reader, value, "vendor", &reader->rule->match.vendor);
}

static int read_device(PolicyReader *reader, json_object *value)
{
        return policy_read_id(reader, value, "device", &reader->rule->match.device);
}

static int read_subsystem_vendor(PolicyReader *reader, json_object *value)
{
        return policy_read_id(reader, value, "vendor", &reader->rule->match.subsystem_vendor);
}

static int read_subsystem_device(PolicyReader *reader, json_object *value)
{
        return policy_read_id(reader, value, "device", &reader->rule->match.subsystem_device);
}

static int read_serial(PolicyReader *reader, json_object *value)
{
        if (!policy_parse_serial(json_object_get_string(value), &reader->rule->match.serial))
                return policy_complain(reader, value,
                                       "\"%s\" is not a serial number: use eight bytes as lspci "
                                       "prints them, 00-1b-21-ff-ff-3a-4c-5d",
                                       json_object_get_string(value));
        reader->rule->match.has_serial = true;
        return 0;
}

static int read_slot(PolicyReader *reader, json_object *value)
{
        return policy_read_name_pattern(reader, value, &reader->rule->match.slot);
}

static int read_driver(PolicyReader *reader, json_object *value)
{
        return policy_read_name_pattern(reader, value, &reader->rule->match.driver);
}

static int read_removable(PolicyReader *reader, json_object *value)
{
        reader->rule->match.removable = tristate_from_bool(json_object_get_boolean(value));
        return 0;
}

static int read_numa_node(PolicyReader *reader, json_object *value)
{
        unsigned node;
        int r = policy_read_number(reader, value, "a node's number", 0, UINT16_MAX, &node);

        if (r == 0)
                reader->rule->match.numa_node =
                        (PolicyNumber){.is_set = true, .value = (uint16_t)node};
        return r;
}

static int read_group_min(PolicyReader *reader, json_object *value)
{
        return policy_read_number(reader, value, "a group's number of members", 1, MEMBERS_MAX,
                                  &reader->rule->match.group_min);
}

static int read_group_max(PolicyReader *reader, json_object *value)
{
        return policy_read_number(reader, value, "a group's number of members", 1, MEMBERS_MAX,
                                  &reader->rule->match.group_max);
}

static int read_group_size(PolicyReader *reader, json_object *value)
{
        static const PolicyMember members[] = {
                {"min", json_type_int, read_group_min},
                {"max", json_type_int, read_group_max},
        };

        if (json_object_object_length(value) == 0)
                return policy_complain(reader, value, "group_size needs \"min\" or \"max\"");
        int r = policy_read_members(reader, value, members, ARRAY_SIZE(members));

        if (r == 0 && reader->rule->match.group_max > 0 &&
            reader->rule->match.group_min > reader->rule->match.group_max)
                return policy_complain(reader, value, "\"min\" is larger than \"max\"");
        return r;
}

static int read_class(PolicyReader *reader, json_object *value)
{
        if (!policy_parse_class(json_object_get_string(value), &reader->rule->match.class_value,
                                &reader->rule->match.class_mask))
                return policy_complain(reader, value,
                                       "\"%s\" is not a class: use two, four or six hexadecimal "
                                       "digits, or the name of a base class",
                                       json_object_get_string(value));
        return 0;
}

static int read_path(PolicyReader *reader, json_object *value)
{
        return policy_read_path_pattern(reader, value, &reader->rule->match.path);
}

static int read_address(PolicyReader *reader, json_object *value)
{
        return policy_read_address_pattern(reader, value, &reader->rule->match.address);
}

int policy_read_match(PolicyReader *reader, json_object *value)
{
        static const PolicyMember members[] = {
                {"vendor", json_type_string, read_vendor},
                {"device", json_type_string, read_device},
                {"class", json_type_string, read_class},
                {"subsystem_vendor", json_type_string, read_subsystem_vendor},
                {"subsystem_device", json_type_string, read_subsystem_device},
                {"path", json_type_string, read_path},
                {"address", json_type_string, read_address},
                {"slot", json_type_string, read_slot},
                {"serial", json_type_string, read_serial},
                {"driver", json_type_string, read_driver},
                {"removable", json_type_boolean, read_removable},
                {"numa_node", json_type_int, read_numa_node},
                {"group_size", json_type_object, read_group_size},
        };

        return policy_read_members(reader, value, members, ARRAY_SIZE(members));
}
