/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A lease record as a file, by tables: the row of a field says which version of the file added it.
 * Version 2 added changes and the breach, version 3 virtual functions, version 4 what is required
 * of the guard and joiners that were taken, version 5 the terms.
 *
 * Reading is strict. The daemon does not guess at a half-written file or one of a later version: it
 * sets the file aside and takes the truth from the kernel.
 */

#include <errno.h>
#include <string.h>

#include "daemon/lease/json.h"
#include "daemon/lease/record.h"

#define RECORD_VERSION 5
#define WITH_GUARD 2
#define WITH_VFS 3
#define WITH_MEMBERS 4
#define WITH_TERMS 5

#define FLAG(type, key, member, ...) JSON_FIELD(type, key, member, JSON_FLAG, __VA_ARGS__)
#define STRING(type, key, member, ...) JSON_FIELD(type, key, member, JSON_STRING, __VA_ARGS__)
#define TEXT(type, key, member, ...) JSON_FIELD(type, key, member, JSON_TEXT, __VA_ARGS__)
#define NUMBER(type, key, member, most, ...)                                                       \
        JSON_FIELD(type, key, member, JSON_NUMBER, .max = (most), __VA_ARGS__)
#define MESSAGE(key, member, ...)                                                                  \
        JSON_FIELD(LeaseRecord, key, member, JSON_STRING_OR_NULL, __VA_ARGS__)

static const JsonField record_fields[] = {
        NUMBER(LeaseRecord, "id", id, UINT32_MAX, .min = 1),
        NUMBER(LeaseRecord, "state", state, _LEASE_STATE_N - 1),
        NUMBER(LeaseRecord, "mode", mode, _LEASE_MODE_N - 1, .min = LEASE_MODE_NONE + 1),
        NUMBER(LeaseRecord, "lifetime", lifetime, _LEASE_LIFETIME_N - 1),
        NUMBER(LeaseRecord, "uid", owner.uid, UINT32_MAX),
        STRING(LeaseRecord, "unit", owner.unit),
        STRING(LeaseRecord, "rule", terms.rule),
        NUMBER(LeaseRecord, "since_usec", since_usec, INT64_MAX),
        MESSAGE("trouble", condition.trouble),
        NUMBER(LeaseRecord, "on_breach", terms.on_breach, _POLICY_BREACH_N - 1,
               .since = WITH_GUARD),
        MESSAGE("breach", condition.breach, .since = WITH_GUARD),
        NUMBER(LeaseRecord, "on_join", terms.on_join, _POLICY_JOIN_N - 1, .since = WITH_MEMBERS),
        NUMBER(LeaseRecord, "on_weaker", terms.on_weaker, _POLICY_BREACH_N - 1,
               .since = WITH_MEMBERS),
        NUMBER(LeaseRecord, "guard", terms.guard, _GUARD_N - 1, .since = WITH_MEMBERS),
        FLAG(LeaseRecord, "is_weaker", condition.is_weaker, .since = WITH_MEMBERS),
        FLAG(LeaseRecord, "parked", parked, .since = WITH_MEMBERS),
};

static const JsonField group_fields[] = {
        NUMBER(LeaseGroup, "number", number, INT32_MAX),
        STRING(LeaseGroup, "id", id),
};

static const JsonField device_fields[] = {
        JSON_FIELD(LeaseDevice, "device", bdf, JSON_BDF),
        NUMBER(LeaseDevice, "role", role, _LEASE_ROLE_N - 1),
        FLAG(LeaseDevice, "lost", lost),
        STRING(LeaseDevice, "driver_before", before.driver, .is_name = true),
        STRING(LeaseDevice, "override_before", before.override, .is_name = true),
        FLAG(LeaseDevice, "joined", joined, .since = WITH_MEMBERS),
        FLAG(LeaseDevice, "taking", taking, .since = WITH_MEMBERS),
        FLAG(LeaseDevice, "returned", returned, .since = WITH_MEMBERS),
        FLAG(LeaseDevice, "owed", owed, .since = WITH_MEMBERS, .may_miss = true),
        JSON_FIELD(LeaseDevice, "fingerprint", fingerprint, JSON_FINGERPRINT,
                   .since = WITH_MEMBERS),
};

static const JsonField change_fields[] = {
        NUMBER(LeaseChange, "kind", kind, _LEASE_CHANGE_N - 1),
        STRING(LeaseChange, "place", place, .is_name = true, .min = 1),
};

static const JsonField vf_fields[] = {
        JSON_FIELD(LeaseVf, "device", bdf, JSON_BDF),
        JSON_FIELD(LeaseVf, "pf", place.pf, JSON_BDF),
        TEXT(LeaseVf, "pf_driver", place.pf_driver),
        JSON_FIELD(LeaseVf, "mac", settings.mac, JSON_HEX),
        FLAG(LeaseVf, "returning", returning),
        FLAG(LeaseVf, "returned", returned),
        NUMBER(LeaseVf, "index", place.index, UINT32_MAX),
        NUMBER(LeaseVf, "n_vfs", place.n_vfs, UINT16_MAX),
        NUMBER(LeaseVf, "vendor", place.vendor, UINT16_MAX),
        NUMBER(LeaseVf, "device_id", place.device, UINT16_MAX),
        NUMBER(LeaseVf, "group", group, INT32_MAX),
        NUMBER(LeaseVf, "known", settings.known, (1 << _VF_SETTING_N) - 1),
        NUMBER(LeaseVf, "vlan", settings.vlan, UINT32_MAX),
        NUMBER(LeaseVf, "qos", settings.qos, UINT32_MAX),
        NUMBER(LeaseVf, "vlan_protocol", settings.vlan_protocol, UINT16_MAX),
        NUMBER(LeaseVf, "min_rate", settings.min_rate, UINT32_MAX),
        NUMBER(LeaseVf, "max_rate", settings.max_rate, UINT32_MAX),
        NUMBER(LeaseVf, "spoofchk", settings.spoofchk, UINT32_MAX),
        NUMBER(LeaseVf, "link_state", settings.link_state, UINT32_MAX),
        NUMBER(LeaseVf, "trust", settings.trust, UINT32_MAX),
};

static const JsonList lists[] = {
        JSON_LIST(LeaseRecord, "groups", groups, group_fields, LEASE_GROUPS_MAX, 1),
        JSON_LIST(LeaseRecord, "devices", devices, device_fields, LEASE_DEVICES_MAX, 1),
        JSON_VALUES(LeaseRecord, "fds", fd_names, n_fd_names, LEASE_DEVICES_MAX, false,
                    .kind = JSON_STRING),
        JSON_LIST(LeaseRecord, "changes", changes, change_fields, LEASE_CHANGES_MAX, WITH_GUARD),
        JSON_LIST(LeaseRecord, "vfs", vfs, vf_fields, LEASE_DEVICES_MAX, WITH_VFS),
};

static const JsonField loss_fields[] = {
        NUMBER(LeaseRecord, "on_vf_loss", terms.on_vf_loss, _POLICY_VF_LOSS_N - 1,
               .since = WITH_VFS),
        NUMBER(LeaseRecord, "recreated_usec", recreated_usec, INT64_MAX, .since = WITH_VFS),
};

/* The terms are an array: those of the record, then of each group, then of each device. */
static const JsonField record_terms[] = {
        TEXT(LeaseRecord, "owner_name", owner.name),
        NUMBER(LeaseRecord, "path_uid", owner.path_uid, UINT32_MAX),
        NUMBER(LeaseRecord, "on_fault_storm", terms.on_fault_storm, _POLICY_BREACH_N - 1),
        NUMBER(LeaseRecord, "fault_storm", terms.fault_storm, POLICY_FAULT_STORM_MAX),
        NUMBER(LeaseRecord, "handed_out", condition.handed_out, 1),
        NUMBER(LeaseRecord, "exclusive_process", terms.exclusive_process, 1),
        NUMBER(LeaseRecord, "revoke_grace", terms.revoke_grace, POLICY_GRACE_MAX),
        NUMBER(LeaseRecord, "worker_pid", worker.pid, INT32_MAX),
        NUMBER(LeaseRecord, "worker_start", worker.start, INT64_MAX),
        NUMBER(LeaseRecord, "revoke_usec", revocation.end_usec, INT64_MAX),
        NUMBER(LeaseRecord, "revoke_kill", revocation.kill, 1),
        NUMBER(LeaseRecord, "in_hand", condition.in_hand, 1, .may_miss = true),
        TEXT(LeaseRecord, "owner_bus", owner.bus, .may_miss = true),
        NUMBER(LeaseRecord, "memlock", memlock.limit, INT64_MAX, .may_miss = true),
        NUMBER(LeaseRecord, "memlock_soft", memlock.soft, INT64_MAX, .may_miss = true),
        NUMBER(LeaseRecord, "memlock_hard", memlock.hard, INT64_MAX, .may_miss = true),
        NUMBER(LeaseRecord, "memlock_pid", memlock.pid, INT32_MAX, .may_miss = true),
        NUMBER(LeaseRecord, "memlock_start", memlock.start, INT64_MAX, .may_miss = true),
};

static const JsonField group_terms[] = {
        TEXT(LeaseGroup, "type", type, .is_name = true),
        TEXT(LeaseGroup, "type_before", type_before, .is_name = true),
};

static const JsonField device_terms[] = {
        TEXT(LeaseDevice, "driver", driver, .is_name = true),
        TEXT(LeaseDevice, "power_before", before.power, .is_name = true),
        TEXT(LeaseDevice, "d3cold_before", before.d3cold, .is_name = true),
        TEXT(LeaseDevice, "reset_before", before.reset_method, .is_name = true),
};

static const JsonTable record_table = JSON_TABLE(record_fields);
static const JsonTable loss_table = JSON_TABLE(loss_fields);
static const JsonTable record_term_table = JSON_TABLE(record_terms);
static const JsonTable group_term_table = JSON_TABLE(group_terms);
static const JsonTable device_term_table = JSON_TABLE(device_terms);

static int append_terms(struct json_object *array, JsonTable table, const void *from)
{
        struct json_object *entry = json_object_new_object();

        int r = json_append(array, entry);
        return r < 0 ? r : json_put_fields(entry, table, from);
}

static int put_terms(struct json_object *root, const LeaseRecord *record)
{
        struct json_object *array = json_object_new_array();

        int r = json_put(root, "terms", array);
        if (r == 0)
                r = append_terms(array, record_term_table, record);
        for (size_t i = 0; r == 0 && i < record->n_groups; i++)
                r = append_terms(array, group_term_table, &record->groups[i]);
        for (size_t i = 0; r == 0 && i < record->n_devices; i++)
                r = append_terms(array, device_term_table, &record->devices[i]);
        return r;
}

int lease_record_to_json(const LeaseRecord *record, char **ret_text)
{
        _cleanup_(json_putp) struct json_object *root = json_object_new_object();
        if (!root)
                return -ENOMEM;

        int r = json_put(root, "version", json_object_new_int(RECORD_VERSION));
        if (r == 0)
                r = json_put_fields(root, record_table, record);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lists); i++)
                r = json_put_list(root, &lists[i], record);
        if (r == 0)
                r = json_put_fields(root, loss_table, record);
        if (r == 0)
                r = put_terms(root, record);
        if (r < 0)
                return r;

        const char *text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY);
        char *copy = text ? strdup(text) : NULL;
        if (!copy)
                return -ENOMEM;
        *ret_text = copy;
        return 0;
}

unsigned lease_record_version(void)
{
        return RECORD_VERSION;
}

/*
 * The first field in use that was added without a new version. An older daemon loses such a field,
 * and then cannot restore everything. `owner_bus` is not one of them: without it an older daemon
 * treats the owner's name as before.
 */
const char *lease_record_first_optional(const LeaseRecord *record)
{
        if (record->condition.in_hand)
                return "in_hand";
        if (record->memlock.limit != 0)
                return "memlock";
        for (size_t i = 0; i < record->n_devices; i++)
                if (record->devices[i].owed)
                        return "owed";
        return NULL;
}

bool lease_record_is_newer(const char *text)
{
        unsigned version;
        _cleanup_(json_putp) struct json_object *root = json_read(text, UINT32_MAX, &version);

        return root && version > RECORD_VERSION;
}

static int parse_terms(struct json_object *root, unsigned version, LeaseRecord *record)
{
        struct json_object *array =
                json_get_array(root, "terms", 1 + LEASE_GROUPS_MAX + LEASE_DEVICES_MAX);
        size_t next = 0;

        if (!array || json_object_array_length(array) != 1 + record->n_groups + record->n_devices)
                return -EBADMSG;
        int r = json_get_fields(json_object_array_get_idx(array, next++), record_term_table,
                                version, record);
        for (size_t i = 0; r == 0 && i < record->n_groups; i++)
                r = json_get_fields(json_object_array_get_idx(array, next++), group_term_table,
                                    version, &record->groups[i]);
        for (size_t i = 0; r == 0 && i < record->n_devices; i++)
                r = json_get_fields(json_object_array_get_idx(array, next++), device_term_table,
                                    version, &record->devices[i]);
        return r;
}

int lease_record_from_json(const char *text, LeaseRecord **ret_record)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = NULL;
        unsigned version;
        _cleanup_(json_putp) struct json_object *root = json_read(text, RECORD_VERSION, &version);

        int r = root ? lease_record_new(&record) : -EBADMSG;
        if (r == 0)
                r = json_get_fields(root, record_table, version, record);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lists); i++)
                r = json_get_list(root, &lists[i], version, record);
        if (r == 0)
                r = json_get_fields(root, loss_table, version, record);
        for (size_t i = 0; r == 0 && i < record->n_devices; i++)
                memcpy(record->devices[i].driver, LEASE_DRIVER, sizeof(LEASE_DRIVER));
        for (size_t i = 0; r == 0 && i < record->n_changes; i++)
                if (record->changes[i].place[0] == '.')
                        r = -EBADMSG;
        if (r == 0 && version >= WITH_TERMS)
                r = parse_terms(root, version, record);
        if (r < 0)
                return r;
        *ret_record = TAKE_PTR(record);
        return 0;
}
