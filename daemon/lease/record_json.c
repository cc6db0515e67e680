/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A lease record as a file: version 5, every field required but "owed" of devices, which its first
 * writers did not know. Version 4 knew none of the terms
 * (record_terms.c); version 3 no joiners that were taken and nothing that is required; version 2 no
 * virtual functions, version 1 no changes and no breach either.
 *
 * Reading is strict. A half-written file or one from a later version is not guessed at: the manager
 * sets it aside and takes the truth from the kernel.
 */

#include <errno.h>
#include <string.h>

#include "daemon/lease/json.h"
#include "daemon/lease/record.h"

#define RECORD_VERSION 5
#define RECORD_VERSION_BEFORE_TERMS 4
#define RECORD_VERSION_BEFORE_MEMBERS 3
#define RECORD_VERSION_BEFORE_VFS 2
#define RECORD_VERSION_BEFORE_GUARD 1

static int put_devices(struct json_object *root, const LeaseRecord *record)
{
        struct json_object *array = json_object_new_array();
        int r = json_put(root, "devices", array);

        for (size_t i = 0; r == 0 && i < record->n_devices; i++) {
                const LeaseDevice *device = &record->devices[i];
                struct json_object *entry = json_object_new_object();
                char text[BDF_TEXT_SIZE], fingerprint[FINGERPRINT_TEXT_SIZE];

                r = json_append(array, entry);
                if (r == 0)
                        r = json_put(entry, "device",
                                     json_object_new_string(bdf_format(device->bdf, text)));
                if (r == 0)
                        r = json_put(entry, "role", json_object_new_int((int)device->role));
                if (r == 0)
                        r = json_put(entry, "lost", json_object_new_boolean(device->lost));
                if (r == 0)
                        r = json_put(entry, "driver_before",
                                     json_object_new_string(device->driver_before));
                if (r == 0)
                        r = json_put(entry, "override_before",
                                     json_object_new_string(device->override_before));
                if (r == 0)
                        r = json_put(entry, "joined", json_object_new_boolean(device->joined));
                if (r == 0)
                        r = json_put(entry, "taking", json_object_new_boolean(device->taking));
                if (r == 0)
                        r = json_put(entry, "returned", json_object_new_boolean(device->returned));
                if (r == 0)
                        r = json_put(entry, "owed", json_object_new_boolean(device->owed));
                if (r == 0)
                        r = json_put(entry, "fingerprint",
                                     json_object_new_string(fingerprint_format(&device->fingerprint,
                                                                               fingerprint)));
        }
        return r;
}

static int put_groups(struct json_object *root, const LeaseRecord *record)
{
        struct json_object *array = json_object_new_array();
        int r = json_put(root, "groups", array);

        for (size_t i = 0; r == 0 && i < record->n_groups; i++) {
                struct json_object *entry = json_object_new_object();

                r = json_append(array, entry);
                if (r == 0)
                        r = json_put(entry, "number",
                                     json_object_new_int(record->groups[i].number));
                if (r == 0)
                        r = json_put(entry, "id", json_object_new_string(record->groups[i].id));
        }
        return r;
}

static int put_fd_names(struct json_object *root, const LeaseRecord *record)
{
        struct json_object *array = json_object_new_array();
        int r = json_put(root, "fds", array);

        for (size_t i = 0; r == 0 && i < record->n_fd_names; i++)
                r = json_append(array, json_object_new_string(record->fd_names[i]));
        return r;
}

static int put_changes(struct json_object *root, const LeaseRecord *record)
{
        struct json_object *array = json_object_new_array();
        int r = json_put(root, "changes", array);

        for (size_t i = 0; r == 0 && i < record->n_changes; i++) {
                struct json_object *entry = json_object_new_object();

                r = json_append(array, entry);
                if (r == 0)
                        r = json_put(entry, "kind",
                                     json_object_new_int((int)record->changes[i].kind));
                if (r == 0)
                        r = json_put(entry, "place",
                                     json_object_new_string(record->changes[i].place));
        }
        return r;
}

int lease_record_to_json(const LeaseRecord *record, char **ret_text)
{
        _cleanup_(json_putp) struct json_object *root = json_object_new_object();
        if (!root)
                return -ENOMEM;

        const struct {
                const char *key;
                struct json_object *value;
        } fields[] = {
                {"version", json_object_new_int(RECORD_VERSION)},
                {"id", json_object_new_int64(record->id)},
                {"state", json_object_new_int((int)record->state)},
                {"mode", json_object_new_int((int)record->mode)},
                {"lifetime", json_object_new_int((int)record->lifetime)},
                {"uid", json_object_new_int64(record->uid)},
                {"unit", json_object_new_string(record->unit)},
                {"rule", json_object_new_string(record->rule)},
                {"since_usec", json_object_new_int64((int64_t)record->since_usec)},
                {"trouble", json_object_new_string(record->trouble ? record->trouble : "")},
                {"on_breach", json_object_new_int((int)record->on_breach)},
                {"breach", json_object_new_string(record->breach ? record->breach : "")},
                {"on_join", json_object_new_int((int)record->on_join)},
                {"on_weaker", json_object_new_int((int)record->on_weaker)},
                {"guard", json_object_new_int((int)record->guard)},
                {"is_weaker", json_object_new_boolean(record->is_weaker)},
                {"parked", json_object_new_boolean(record->parked)},
        };
        int r = 0;
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
                if (r == 0)
                        r = json_put(root, fields[i].key, fields[i].value);
                else
                        (void)json_object_put(fields[i].value);
        }
        if (r == 0)
                r = put_groups(root, record);
        if (r == 0)
                r = put_devices(root, record);
        if (r == 0)
                r = put_fd_names(root, record);
        if (r == 0)
                r = put_changes(root, record);
        if (r == 0)
                r = lease_record_put_vfs(record, root);
        if (r == 0)
                r = lease_record_put_terms(record, root);
        if (r < 0)
                return r;

        const char *text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY);
        char *copy = text ? strdup(text) : NULL;
        if (!copy)
                return -ENOMEM;
        *ret_text = copy;
        return 0;
}

/* What is written to `bind` and `driver_override` at restore: one name, never a path or two lines.
 */
static bool is_driver_name(const char *name)
{
        return !strpbrk(name, "/\n");
}

static int parse_device(LeaseRecord *record, struct json_object *entry)
{
        struct json_object *lost;
        int64_t role;
        Bdf bdf;

        const char *text = json_get_string(entry, "device");
        const char *driver = json_get_string(entry, "driver_before");
        const char *override = json_get_string(entry, "override_before");
        if (!text || !bdf_parse(text, &bdf) || !driver || !is_driver_name(driver) || !override ||
            !is_driver_name(override) ||
            !json_get_number(entry, "role", _LEASE_ROLE_N - 1, &role) ||
            !json_object_object_get_ex(entry, "lost", &lost))
                return -EBADMSG;
        int r = lease_record_add_device(record, bdf, (LeaseRole)role, driver, override);
        if (r == 0)
                record->devices[record->n_devices - 1].lost = json_object_get_boolean(lost);
        return r;
}

/* What older records do not know of a device. */
static int parse_member(LeaseRecord *record, struct json_object *entry)
{
        int r = parse_device(record, entry);
        if (r < 0)
                return r;
        LeaseDevice *device = &record->devices[record->n_devices - 1];
        const char *fingerprint = json_get_string(entry, "fingerprint");
        if (json_object_object_get_ex(entry, "owed", NULL) &&
            !json_get_flag(entry, "owed", &device->owed))
                return -EBADMSG;
        if (!json_get_flag(entry, "joined", &device->joined) ||
            !json_get_flag(entry, "taking", &device->taking) ||
            !json_get_flag(entry, "returned", &device->returned) || !fingerprint ||
            !fingerprint_parse(fingerprint, &device->fingerprint))
                return -EBADMSG;
        return 0;
}

static int parse_group(LeaseRecord *record, struct json_object *entry)
{
        int64_t number;

        const char *id = json_get_string(entry, "id");
        if (!id || !json_get_number(entry, "number", INT32_MAX, &number))
                return -EBADMSG;
        return lease_record_add_group(record, (int32_t)number, id);
}

static int parse_fd_name(LeaseRecord *record, struct json_object *entry)
{
        if (!json_object_is_type(entry, json_type_string))
                return -EBADMSG;
        return lease_record_add_fd_name(record, json_object_get_string(entry));
}

static int parse_change(LeaseRecord *record, struct json_object *entry)
{
        int64_t kind;

        const char *place = json_get_string(entry, "place");
        if (!place || !place[0] || place[0] == '.' || !is_driver_name(place) ||
            !json_get_number(entry, "kind", _LEASE_CHANGE_N - 1, &kind))
                return -EBADMSG;
        return lease_record_add_change(record, (LeaseChangeKind)kind, place);
}

static int parse_array(LeaseRecord *record, struct json_object *root, const char *key, size_t max,
                       int (*parse)(LeaseRecord *, struct json_object *))
{
        struct json_object *array = json_get_array(root, key, max);
        if (!array)
                return -EBADMSG;
        size_t n = json_object_array_length(array);
        for (size_t i = 0; i < n; i++) {
                struct json_object *entry = json_object_array_get_idx(array, i);
                int r = entry ? parse(record, entry) : -EBADMSG;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse_strings(LeaseRecord *record, struct json_object *root, bool with_guard)
{
        const char *unit = json_get_string(root, "unit");
        const char *rule = json_get_string(root, "rule");
        const char *trouble = json_get_string(root, "trouble");
        const char *breach = with_guard ? json_get_string(root, "breach") : "";
        if (!unit || !rule || !trouble || !breach)
                return -EBADMSG;

        free(record->unit);
        free(record->rule);
        record->unit = strdup(unit);
        record->rule = strdup(rule);
        record->trouble = trouble[0] ? strdup(trouble) : NULL;
        record->breach = breach[0] ? strdup(breach) : NULL;
        if (!record->unit || !record->rule || (trouble[0] && !record->trouble) ||
            (breach[0] && !record->breach))
                return -ENOMEM;
        return 0;
}

static int parse_demands(LeaseRecord *record, struct json_object *root)
{
        int64_t on_join, on_weaker, guard;

        if (!json_get_number(root, "on_join", _POLICY_JOIN_N - 1, &on_join) ||
            !json_get_number(root, "on_weaker", _POLICY_BREACH_N - 1, &on_weaker) ||
            !json_get_number(root, "guard", _GUARD_N - 1, &guard) ||
            !json_get_flag(root, "is_weaker", &record->is_weaker) ||
            !json_get_flag(root, "parked", &record->parked))
                return -EBADMSG;
        record->on_join = (PolicyJoin)on_join;
        record->on_weaker = (PolicyBreach)on_weaker;
        record->guard = (GuardLayer)guard;
        return 0;
}

unsigned lease_record_version(void)
{
        return RECORD_VERSION;
}

/*
 * Fields that came without a new version and that an older daemon loses: a lease is then not put back
 * whole. `owner_bus` is not one of them: without it an owner's name is taken as it always was.
 */
const char *lease_record_first_optional(const LeaseRecord *record)
{
        if (record->in_hand)
                return "in_hand";
        if (record->memlock != 0)
                return "memlock";
        for (size_t i = 0; i < record->n_devices; i++)
                if (record->devices[i].owed)
                        return "owed";
        return NULL;
}

bool lease_record_is_newer(const char *text)
{
        _cleanup_(json_putp) struct json_object *root = json_tokener_parse(text);
        int64_t version;

        return json_object_is_type(root, json_type_object) &&
               json_get_number(root, "version", INT64_MAX, &version) && version > RECORD_VERSION;
}

int lease_record_from_json(const char *text, LeaseRecord **ret_record)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = NULL;
        _cleanup_(json_putp) struct json_object *root = json_tokener_parse(text);
        int64_t version, id, state, mode, lifetime, uid, since, on_breach = POLICY_BREACH_KEEP;

        if (!json_object_is_type(root, json_type_object) ||
            !json_get_number(root, "version", RECORD_VERSION, &version) ||
            version < RECORD_VERSION_BEFORE_GUARD ||
            !json_get_number(root, "id", UINT32_MAX, &id) || id == 0 ||
            !json_get_number(root, "state", _LEASE_STATE_N - 1, &state) ||
            !json_get_number(root, "mode", _LEASE_MODE_N - 1, &mode) || mode == LEASE_MODE_NONE ||
            !json_get_number(root, "lifetime", _LEASE_LIFETIME_N - 1, &lifetime) ||
            !json_get_number(root, "uid", UINT32_MAX, &uid) ||
            !json_get_number(root, "since_usec", INT64_MAX, &since))
                return -EBADMSG;

        int r = lease_record_new(&record);
        if (r < 0)
                return r;
        record->id = (uint32_t)id;
        record->state = (LeaseState)state;
        record->mode = (LeaseMode)mode;
        record->lifetime = (LeaseLifetime)lifetime;
        record->uid = (uid_t)uid;
        record->since_usec = (uint64_t)since;
        bool with_guard = version > RECORD_VERSION_BEFORE_GUARD;
        if (with_guard && !json_get_number(root, "on_breach", _POLICY_BREACH_N - 1, &on_breach))
                return -EBADMSG;
        record->on_breach = (PolicyBreach)on_breach;
        bool with_members = version > RECORD_VERSION_BEFORE_MEMBERS;
        if (with_members)
                r = parse_demands(record, root);
        if (r == 0)
                r = parse_strings(record, root, with_guard);
        if (r == 0)
                r = parse_array(record, root, "groups", LEASE_GROUPS_MAX, parse_group);
        if (r == 0)
                r = parse_array(record, root, "devices", LEASE_DEVICES_MAX,
                                with_members ? parse_member : parse_device);
        if (r == 0)
                r = parse_array(record, root, "fds", LEASE_DEVICES_MAX, parse_fd_name);
        if (r == 0 && with_guard)
                r = parse_array(record, root, "changes", LEASE_CHANGES_MAX, parse_change);
        if (r == 0 && version > RECORD_VERSION_BEFORE_VFS)
                r = lease_record_parse_vfs(record, root);
        if (r == 0 && version > RECORD_VERSION_BEFORE_TERMS)
                r = lease_record_parse_terms(record, root);
        if (r < 0)
                return r;
        *ret_record = TAKE_PTR(record);
        return 0;
}
