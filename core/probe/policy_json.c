/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One policy file's text into rules.
 *
 *   { "rules": [ { "name": …, "match": { … }, "lease": { … } or "deny", "reserve": { … },
 *                "on_breach": …, "on_vf_loss": … } ] }
 *
 * Each object has a table of the keys it may have, so that what is not in a table is refused where
 * it stands. Lists may not be empty: an empty list reads like "nobody" but a rule without the key
 * means "all", and one must not be taken for the other.
 */

#include "core/probe/policy_json.h"

#include "core/probe/json_places.h"
#include "core/probe/policy_names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RULES_MAX 4096
#define TEXT_MAX ((size_t)1 << 20)
#define LIST_MAX 4096
#define MEMBERS_MAX 4096

typedef struct Reader {
        const JsonText *json;
        char **ret_message;
        PolicyRule *rule; /* being filled */
        bool nameless;    /* names of users and groups are not looked up */
} Reader;

/* Handles one member's value; returns 0, POLICY_E_INVALID or -errno. */
typedef int (*MemberReader)(Reader *reader, json_object *value);

typedef struct Member {
        const char *key;
        json_type type; /* json_type_null: the reader looks itself */
        MemberReader read;
} Member;

#define complain(reader, json_value, ...)                                                          \
        json_text_complain((reader)->json, json_text_place(json_value)->value,                     \
                           (reader)->ret_message, __VA_ARGS__)

static int check_type(Reader *reader, json_object *value, json_type type)
{
        if (json_object_get_type(value) == type)
                return 0;
        return complain(reader, value, "expected %s, not %s", json_type_to_name(type),
                        json_type_to_name(json_object_get_type(value)));
}

static int read_members(Reader *reader, json_object *object, const Member *members,
                        size_t n_members)
{
        struct json_object_iterator i = json_object_iter_begin(object);
        struct json_object_iterator end = json_object_iter_end(object);

        for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
                const char *key = json_object_iter_peek_name(&i);
                json_object *value = json_object_iter_peek_value(&i);
                const Member *member = NULL;
                int r = 0;

                for (size_t k = 0; k < n_members && !member; k++)
                        if (strcmp(members[k].key, key) == 0)
                                member = &members[k];
                if (!member)
                        return json_text_complain(reader->json, json_text_place(value)->key,
                                                  reader->ret_message, "unknown key \"%s\"", key);
                if (member->type != json_type_null)
                        r = check_type(reader, value, member->type);
                if (r == 0)
                        r = member->read(reader, value);
                if (r != 0)
                        return r;
        }
        return 0;
}

static int read_string(json_object *value, char **ret_text)
{
        *ret_text = strdup(json_object_get_string(value));
        return *ret_text ? 0 : -ENOMEM;
}

static int read_id(Reader *reader, json_object *value, const char *what, bool *ret_has,
                   uint16_t *ret_id)
{
        if (!policy_parse_id(json_object_get_string(value), ret_id))
                return complain(reader, value, "\"%s\" is no %s id: one to four hexadecimal digits",
                                json_object_get_string(value), what);
        *ret_has = true;
        return 0;
}

static int read_vendor(Reader *reader, json_object *value)
{
        return read_id(reader, value, "vendor", &reader->rule->has_vendor, &reader->rule->vendor);
}

static int read_device(Reader *reader, json_object *value)
{
        return read_id(reader, value, "device", &reader->rule->has_device, &reader->rule->device);
}

static int read_class(Reader *reader, json_object *value)
{
        if (!policy_parse_class(json_object_get_string(value), &reader->rule->class_value,
                                &reader->rule->class_mask))
                return complain(reader, value,
                                "\"%s\" is no class: two, four or six hexadecimal digits, or the "
                                "name of a base class",
                                json_object_get_string(value));
        reader->rule->has_class = true;
        return 0;
}

static int read_path(Reader *reader, json_object *value)
{
        return read_string(value, &reader->rule->path);
}

static int read_address(Reader *reader, json_object *value)
{
        return read_string(value, &reader->rule->address);
}

static int read_name(Reader *reader, json_object *value)
{
        if (json_object_get_string_len(value) == 0)
                return complain(reader, value, "a rule's name may not be empty");
        return read_string(value, &reader->rule->name);
}

static int read_match(Reader *reader, json_object *value)
{
        static const Member members[] = {
                {"vendor", json_type_string, read_vendor},
                {"device", json_type_string, read_device},
                {"class", json_type_string, read_class},
                {"path", json_type_string, read_path},
                {"address", json_type_string, read_address},
        };

        return read_members(reader, value, members, ARRAY_SIZE(members));
}

static int check_list(Reader *reader, json_object *list, size_t *ret_n)
{
        *ret_n = json_object_array_length(list);
        if (*ret_n == 0)
                return complain(reader, list, "the list is empty");
        if (*ret_n > LIST_MAX)
                return complain(reader, list, "the list is longer than %d", LIST_MAX);
        return 0;
}

/* A number as it stands; (uid_t)-1 means "no user" to the kernel. */
static int read_number(Reader *reader, json_object *value, uint32_t *ret_id)
{
        int64_t number = json_object_get_int64(value);

        if (number < 0 || number >= UINT32_MAX)
                return complain(reader, value, "a user or group number is 0 to %u", UINT32_MAX - 1);
        *ret_id = (uint32_t)number;
        return 0;
}

typedef int (*NameLookup)(const char *name, uint32_t *ret_id);

static int read_principal(Reader *reader, json_object *value, const char *what, NameLookup lookup,
                          uint32_t *ret_id)
{
        int r;

        if (json_object_get_type(value) == json_type_int)
                return read_number(reader, value, ret_id);
        r = check_type(reader, value, json_type_string);
        if (r != 0)
                return r;
        if (reader->nameless) {
                *ret_id = UINT32_MAX; /* nobody */
                return 0;
        }
        r = lookup(json_object_get_string(value), ret_id);
        if (r == POLICY_NAMES_E_UNKNOWN)
                return complain(reader, value, "there is no %s \"%s\"", what,
                                json_object_get_string(value));
        return r;
}

/* uid_t and gid_t are both 32 bits wide on Linux. */
static int read_principals(Reader *reader, json_object *list, const char *what, NameLookup lookup,
                           uint32_t **ids, size_t *n_ids)
{
        size_t n;
        int r = check_list(reader, list, &n);

        if (r != 0)
                return r;
        *ids = calloc(n, sizeof(**ids));
        if (!*ids)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                r = read_principal(reader, json_object_array_get_idx(list, i), what, lookup,
                                   &(*ids)[i]);
                if (r != 0)
                        return r;
                *n_ids = i + 1;
        }
        return 0;
}

static int read_users(Reader *reader, json_object *value)
{
        return read_principals(reader, value, "user", policy_user_by_name, &reader->rule->uids,
                               &reader->rule->n_uids);
}

static int read_groups(Reader *reader, json_object *value)
{
        return read_principals(reader, value, "group", policy_group_by_name, &reader->rule->gids,
                               &reader->rule->n_gids);
}

static int read_modes(Reader *reader, json_object *list)
{
        size_t n;
        int r = check_list(reader, list, &n);

        for (size_t i = 0; r == 0 && i < n; i++) {
                json_object *value = json_object_array_get_idx(list, i);
                LeaseMode mode;

                r = check_type(reader, value, json_type_string);
                if (r != 0)
                        break;
                mode = lease_mode_from_string(json_object_get_string(value));
                if (mode == LEASE_MODE_NONE)
                        return complain(reader, value, "unknown mode \"%s\"",
                                        json_object_get_string(value));
                reader->rule->modes |= 1U << mode;
        }
        return r;
}

static int read_on_breach(Reader *reader, json_object *value)
{
        if (policy_breach_from_string(json_object_get_string(value), &reader->rule->on_breach))
                return 0;
        return complain(reader, value, "unknown reaction \"%s\": keep, revoke or quarantine",
                        json_object_get_string(value));
}

static int read_on_vf_loss(Reader *reader, json_object *value)
{
        if (policy_vf_loss_from_string(json_object_get_string(value), &reader->rule->on_vf_loss))
                return 0;
        return complain(reader, value, "unknown reaction \"%s\": keep or recreate",
                        json_object_get_string(value));
}

static int read_lease(Reader *reader, json_object *value)
{
        static const Member members[] = {
                {"users", json_type_array, read_users},
                {"groups", json_type_array, read_groups},
                {"modes", json_type_array, read_modes},
        };

        if (json_object_get_type(value) == json_type_string) {
                if (strcmp(json_object_get_string(value), "deny") != 0)
                        return complain(reader, value, "a lease is an object or \"deny\"");
                reader->rule->deny = true;
                return 0;
        }
        if (json_object_get_type(value) != json_type_object)
                return complain(reader, value, "a lease is an object or \"deny\"");
        return read_members(reader, value, members, ARRAY_SIZE(members));
}

static int read_at(Reader *reader, json_object *value)
{
        if (strcmp(json_object_get_string(value), "boot") != 0)
                return complain(reader, value, "unknown time \"%s\": a reservation is at \"boot\"",
                                json_object_get_string(value));
        reader->rule->reserve.at_boot = true;
        return 0;
}

static int read_expected_vendor(Reader *reader, json_object *value)
{
        PolicyReserve *reserve = &reader->rule->reserve;

        return read_id(reader, value, "vendor", &reserve->has_vendor, &reserve->vendor);
}

static int read_expected_device(Reader *reader, json_object *value)
{
        PolicyReserve *reserve = &reader->rule->reserve;

        return read_id(reader, value, "device", &reserve->has_device, &reserve->device);
}

static int read_expected_members(Reader *reader, json_object *value)
{
        int64_t number = json_object_get_int64(value);

        if (number < 1 || number > MEMBERS_MAX)
                return complain(reader, value, "a group has 1 to %d members", MEMBERS_MAX);
        reader->rule->reserve.n_members = (unsigned)number;
        return 0;
}

static int read_fingerprint(Reader *reader, json_object *value)
{
        static const Member members[] = {
                {"vendor", json_type_string, read_expected_vendor},
                {"device", json_type_string, read_expected_device},
                {"members", json_type_int, read_expected_members},
        };

        if (json_object_object_length(value) == 0)
                return complain(reader, value, "the fingerprint is empty");
        return read_members(reader, value, members, ARRAY_SIZE(members));
}

static int read_reserve(Reader *reader, json_object *value)
{
        static const Member members[] = {
                {"at", json_type_string, read_at},
                {"fingerprint", json_type_object, read_fingerprint},
        };
        int r = read_members(reader, value, members, ARRAY_SIZE(members));

        if (r == 0 && !reader->rule->reserve.at_boot)
                return complain(reader, value, "the reservation does not say when: \"at\"");
        return r;
}

/* Whoever reserves what nobody may lease meant something else. */
static int check_reserve(Reader *reader, json_object *value)
{
        json_object *reserve;

        if (reader->rule->deny && json_object_object_get_ex(value, "reserve", &reserve))
                return complain(reader, reserve,
                                "reserved for nobody: the rule denies every lease");
        return 0;
}

/* A forgotten match would match everything, a forgotten lease mean nothing. */
static int check_complete(Reader *reader, json_object *value)
{
        static const char *const needed[] = {"match", "lease"};

        for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
                if (!json_object_object_get_ex(value, needed[i], NULL))
                        return complain(reader, value, "the rule has no \"%s\"", needed[i]);
        return 0;
}

static int name_rule(PolicyRule *rule, const char *file, size_t number)
{
        if (!rule->name && asprintf(&rule->name, "rule %zu", number) < 0) {
                rule->name = NULL;
                return -ENOMEM;
        }
        if (asprintf(&rule->origin, "%s: %s", file, rule->name) < 0) {
                rule->origin = NULL;
                return -ENOMEM;
        }
        return 0;
}

/* The rule is counted before it is filled, so that the policy frees what a failure leaves. */
static int read_rule(Reader *reader, Policy *policy, json_object *value, size_t number)
{
        static const Member members[] = {
                {"name", json_type_string, read_name},
                {"match", json_type_object, read_match},
                {"lease", json_type_null, read_lease},
                {"reserve", json_type_object, read_reserve},
                {"on_breach", json_type_string, read_on_breach},
                {"on_vf_loss", json_type_string, read_on_vf_loss},
        };
        int r = check_type(reader, value, json_type_object);

        if (r != 0)
                return r;
        reader->rule = &policy->rules[policy->n_rules++];
        r = check_complete(reader, value);
        if (r == 0)
                r = read_members(reader, value, members, ARRAY_SIZE(members));
        if (r == 0)
                r = check_reserve(reader, value);
        if (r == 0)
                r = name_rule(reader->rule, reader->json->name, number);
        return r;
}

static int read_rules(Reader *reader, Policy *policy, json_object *list)
{
        size_t n = json_object_array_length(list);
        PolicyRule *rules;

        if (n > RULES_MAX || policy->n_rules + n > RULES_MAX)
                return complain(reader, list, "more than %d rules", RULES_MAX);
        if (n == 0)
                return 0;
        rules = realloc(policy->rules, (policy->n_rules + n) * sizeof(*rules));
        if (!rules)
                return -ENOMEM;
        policy->rules = rules;
        memset(rules + policy->n_rules, 0, n * sizeof(*rules));

        for (size_t i = 0; i < n; i++) {
                int r = read_rule(reader, policy, json_object_array_get_idx(list, i), i + 1);

                if (r != 0)
                        return r;
        }
        return 0;
}

static int read_root(Reader *reader, Policy *policy)
{
        json_object *root = reader->json->root, *rules;
        struct json_object_iterator i, end;
        int r = check_type(reader, root, json_type_object);

        if (r != 0)
                return r;
        i = json_object_iter_begin(root);
        end = json_object_iter_end(root);
        for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i))
                if (strcmp(json_object_iter_peek_name(&i), "rules") != 0)
                        return json_text_complain(
                                reader->json, json_text_place(json_object_iter_peek_value(&i))->key,
                                reader->ret_message, "unknown key \"%s\"",
                                json_object_iter_peek_name(&i));
        if (!json_object_object_get_ex(root, "rules", &rules))
                return complain(reader, root, "there are no \"rules\"");
        r = check_type(reader, rules, json_type_array);
        return r != 0 ? r : read_rules(reader, policy, rules);
}

static int parse(Policy *policy, const char *name, const char *text, size_t n_text, bool nameless,
                 char **ret_message)
{
        _cleanup_(json_text_deinitp) JsonText json = {0};
        _cleanup_(freep) char *message = NULL;
        Reader reader = {.json = &json, .ret_message = &message, .nameless = nameless};
        int r;

        if (n_text > TEXT_MAX) {
                if (asprintf(ret_message, "%s: larger than %zu bytes", name, TEXT_MAX) < 0)
                        return -ENOMEM;
                return POLICY_E_INVALID;
        }

        r = json_text_parse(&json, name, text, n_text, &message);
        if (r == 0)
                r = read_root(&reader, policy);
        if (r > 0) {
                *ret_message = TAKE_PTR(message);
                r = POLICY_E_INVALID;
        }
        return r;
}

int policy_parse(Policy *policy, const char *name, const char *text, size_t n_text,
                 char **ret_message)
{
        return parse(policy, name, text, n_text, false, ret_message);
}

int policy_parse_nameless(Policy *policy, const char *name, const char *text, size_t n_text,
                          char **ret_message)
{
        return parse(policy, name, text, n_text, true, ret_message);
}
