/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What version 5 of a lease record knows more than version 4, by tables: a row for each number and
 * each short text, of the record, of its groups and of its devices. Each has to be there, in its
 * range, and fit.
 */

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "daemon/host/worker.h"
#include "daemon/lease/json.h"
#include "daemon/lease/record.h"

typedef struct Term {
        const char *key;
        size_t offset;
        size_t size;
        int64_t max; /* of a number; IS_TEXT, IS_NAME: a text, or one that is written to sysfs */
        bool may_miss; /* came later: a record without it has zero there */
} Term;

#define IS_TEXT (-1)
#define IS_NAME (-2)
#define TERM(type, key, field, max)                                                                \
        {                                                                                          \
                key, offsetof(type, field), sizeof(((type *)NULL)->field), max, false              \
        }
#define LATER_TERM(type, key, field, max)                                                          \
        {                                                                                          \
                key, offsetof(type, field), sizeof(((type *)NULL)->field), max, true               \
        }

static const Term record_terms[] = {
        TERM(LeaseRecord, "owner_name", owner_name, IS_TEXT),
        TERM(LeaseRecord, "path_uid", path_uid, UINT32_MAX),
        TERM(LeaseRecord, "on_fault_storm", on_fault_storm, _POLICY_BREACH_N - 1),
        TERM(LeaseRecord, "fault_storm", fault_storm, POLICY_FAULT_STORM_MAX),
        TERM(LeaseRecord, "handed_out", handed_out, 1),
        TERM(LeaseRecord, "exclusive_process", exclusive_process, 1),
        TERM(LeaseRecord, "revoke_grace", revoke_grace, POLICY_GRACE_MAX),
        TERM(LeaseRecord, "worker_pid", worker_pid, INT32_MAX),
        TERM(LeaseRecord, "worker_start", worker_start, INT64_MAX),
        TERM(LeaseRecord, "revoke_usec", revoke_usec, INT64_MAX),
        TERM(LeaseRecord, "revoke_kill", revoke_kill, 1),
        LATER_TERM(LeaseRecord, "in_hand", in_hand, 1),
        LATER_TERM(LeaseRecord, "owner_bus", owner_bus, IS_TEXT),
        LATER_TERM(LeaseRecord, "memlock", memlock, INT64_MAX),
        LATER_TERM(LeaseRecord, "memlock_soft", memlock_soft, INT64_MAX),
        LATER_TERM(LeaseRecord, "memlock_hard", memlock_hard, INT64_MAX),
        LATER_TERM(LeaseRecord, "memlock_pid", memlock_pid, INT32_MAX),
        LATER_TERM(LeaseRecord, "memlock_start", memlock_start, INT64_MAX),
};

static const Term group_terms[] = {
        TERM(LeaseGroup, "type", type, IS_NAME),
        TERM(LeaseGroup, "type_before", type_before, IS_NAME),
};

static const Term device_terms[] = {
        TERM(LeaseDevice, "driver", driver, IS_NAME),
        TERM(LeaseDevice, "power_before", power_before, IS_NAME),
        TERM(LeaseDevice, "d3cold_before", d3cold_before, IS_NAME),
        TERM(LeaseDevice, "reset_before", reset_before, IS_NAME),
};

typedef struct Table {
        const Term *terms;
        size_t n;
} Table;

#define TABLE(array)                                                                               \
        (Table)                                                                                    \
        {                                                                                          \
                array, ARRAY_SIZE(array)                                                           \
        }

static struct json_object *term_to_json(const Term *term, const void *base)
{
        const char *at = (const char *)base + term->offset;
        uint64_t number = 0;

        if (term->max < 0)
                return json_object_new_string(at);
        /* Little-endian or not: each size is read as what it is. */
        switch (term->size) {
        case sizeof(uint8_t):
                number = *(const uint8_t *)at;
                break;
        case sizeof(uint32_t): {
                uint32_t narrow;
                memcpy(&narrow, at, sizeof(narrow));
                number = narrow;
                break;
        }
        default:
                memcpy(&number, at, sizeof(number));
                break;
        }
        return json_object_new_int64((int64_t)number);
}

static bool text_from_json(const Term *term, struct json_object *value, char *at)
{
        if (!json_object_is_type(value, json_type_string))
                return false;
        const char *text = json_object_get_string(value);
        size_t n = strlen(text);
        if (n >= term->size || (term->max == IS_NAME && strpbrk(text, "/\n")))
                return false;
        memcpy(at, text, n + 1);
        return true;
}

static bool term_from_json(const Term *term, struct json_object *object, void *base)
{
        char *at = (char *)base + term->offset;
        struct json_object *value;

        if (!json_object_object_get_ex(object, term->key, &value))
                return term->may_miss;
        if (term->max < 0)
                return text_from_json(term, value, at);
        if (!json_object_is_type(value, json_type_int))
                return false;
        int64_t number = json_object_get_int64(value);
        if (number < 0 || number > term->max)
                return false;
        uint8_t byte = (uint8_t)number;
        uint32_t narrow = (uint32_t)number;
        const void *from = term->size == sizeof(byte)     ? (const void *)&byte
                           : term->size == sizeof(narrow) ? (const void *)&narrow
                                                          : &number;
        memcpy(at, from, term->size);
        return true;
}

/* An object with all terms, appended to `array`. */
static int put_terms(struct json_object *array, Table table, const void *base)
{
        struct json_object *entry = json_object_new_object();

        int r = json_append(array, entry);
        for (size_t i = 0; r == 0 && i < table.n; i++)
                r = json_put(entry, table.terms[i].key, term_to_json(&table.terms[i], base));
        return r;
}

static int parse_terms(struct json_object *entry, Table table, void *base)
{
        if (!json_object_is_type(entry, json_type_object))
                return -EBADMSG;
        for (size_t i = 0; i < table.n; i++)
                if (!term_from_json(&table.terms[i], entry, base))
                        return -EBADMSG;
        return 0;
}

int lease_record_put_terms(const LeaseRecord *record, struct json_object *root)
{
        /* The record's own first, then one for each group, then one for each device. */
        struct json_object *array = json_object_new_array();

        int r = json_put(root, "terms", array);
        if (r == 0)
                r = put_terms(array, TABLE(record_terms), record);
        for (size_t i = 0; r == 0 && i < record->n_groups; i++)
                r = put_terms(array, TABLE(group_terms), &record->groups[i]);
        for (size_t i = 0; r == 0 && i < record->n_devices; i++)
                r = put_terms(array, TABLE(device_terms), &record->devices[i]);
        return r;
}

int lease_record_parse_terms(LeaseRecord *record, struct json_object *root)
{
        struct json_object *array =
                json_get_array(root, "terms", 1 + LEASE_GROUPS_MAX + LEASE_DEVICES_MAX);

        if (!array || json_object_array_length(array) != 1 + record->n_groups + record->n_devices)
                return -EBADMSG;
        size_t next = 0;
        int r = parse_terms(json_object_array_get_idx(array, next++), TABLE(record_terms), record);
        for (size_t i = 0; r == 0 && i < record->n_groups; i++)
                r = parse_terms(json_object_array_get_idx(array, next++), TABLE(group_terms),
                                &record->groups[i]);
        for (size_t i = 0; r == 0 && i < record->n_devices; i++)
                r = parse_terms(json_object_array_get_idx(array, next++), TABLE(device_terms),
                                &record->devices[i]);
        return r;
}
