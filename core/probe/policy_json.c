/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One policy file's text into rules.
 *
 *   { "rules": [ { "name": …, "match": { … }, "lease": { … } or "deny", "require": { … },
 *                "on_join": …, "on_breach": …, "on_weaker": …, "on_vf_loss": …,
 *                "reserve": { … } } ] }
 *
 * Each object has a table of the keys it may have, so that what is not in a table is refused where
 * it stands. Lists may not be empty: an empty list reads like "nobody" but a rule without the key
 * means "all", and one must not be taken for the other.
 */

#include "core/probe/policy_json.h"

#include "core/model/guard_demand.h"
#include "core/probe/policy_names.h"
#include "core/probe/policy_reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RULES_MAX 4096
#define TEXT_MAX ((size_t)1 << 20)
#define MEMBERS_MAX 4096

static int read_vendor(PolicyReader *reader, json_object *value)
{
        return policy_read_id(reader, value, "vendor", &reader->rule->has_vendor,
                              &reader->rule->vendor);
}

static int read_device(PolicyReader *reader, json_object *value)
{
        return policy_read_id(reader, value, "device", &reader->rule->has_device,
                              &reader->rule->device);
}

static int read_class(PolicyReader *reader, json_object *value)
{
        if (!policy_parse_class(json_object_get_string(value), &reader->rule->class_value,
                                &reader->rule->class_mask))
                return policy_complain(
                        reader, value,
                        "\"%s\" is no class: two, four or six hexadecimal digits, or the "
                        "name of a base class",
                        json_object_get_string(value));
        reader->rule->has_class = true;
        return 0;
}

static int read_path(PolicyReader *reader, json_object *value)
{
        return policy_read_string(value, &reader->rule->path);
}

static int read_address(PolicyReader *reader, json_object *value)
{
        return policy_read_string(value, &reader->rule->address);
}

static int read_name(PolicyReader *reader, json_object *value)
{
        if (json_object_get_string_len(value) == 0)
                return policy_complain(reader, value, "a rule's name may not be empty");
        return policy_read_string(value, &reader->rule->name);
}

static int read_match(PolicyReader *reader, json_object *value)
{
        static const PolicyMember members[] = {
                {"vendor", json_type_string, read_vendor},
                {"device", json_type_string, read_device},
                {"class", json_type_string, read_class},
                {"path", json_type_string, read_path},
                {"address", json_type_string, read_address},
        };

        return policy_read_members(reader, value, members, ARRAY_SIZE(members));
}

/* A number as it stands; (uid_t)-1 means "no user" to the kernel. */
static int read_number(PolicyReader *reader, json_object *value, uint32_t *ret_id)
{
        int64_t number = json_object_get_int64(value);

        if (number < 0 || number >= UINT32_MAX)
                return policy_complain(reader, value, "a user or group number is 0 to %u",
                                       UINT32_MAX - 1);
        *ret_id = (uint32_t)number;
        return 0;
}

typedef int (*NameLookup)(const char *name, uint32_t *ret_id);

static int read_principal(PolicyReader *reader, json_object *value, const char *what,
                          NameLookup lookup, uint32_t *ret_id)
{
        int r;

        if (json_object_get_type(value) == json_type_int)
                return read_number(reader, value, ret_id);
        r = policy_check_type(reader, value, json_type_string);
        if (r != 0)
                return r;
        if (reader->nameless) {
                *ret_id = UINT32_MAX; /* nobody */
                return 0;
        }
        r = lookup(json_object_get_string(value), ret_id);
        if (r == POLICY_NAMES_E_UNKNOWN)
                return policy_complain(reader, value, "there is no %s \"%s\"", what,
                                       json_object_get_string(value));
        return r;
}

/* uid_t and gid_t are both 32 bits wide on Linux. */
static int read_principals(PolicyReader *reader, json_object *list, const char *what,
                           NameLookup lookup, uint32_t **ids, size_t *n_ids)
{
        size_t n;
        int r = policy_check_list(reader, list, &n);

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

static int read_users(PolicyReader *reader, json_object *value)
{
        return read_principals(reader, value, "user", policy_user_by_name, &reader->rule->uids,
                               &reader->rule->n_uids);
}

static int read_groups(PolicyReader *reader, json_object *value)
{
        return read_principals(reader, value, "group", policy_group_by_name, &reader->rule->gids,
                               &reader->rule->n_gids);
}

static int read_modes(PolicyReader *reader, json_object *list)
{
        size_t n;
        int r = policy_check_list(reader, list, &n);

        for (size_t i = 0; r == 0 && i < n; i++) {
                json_object *value = json_object_array_get_idx(list, i);
                LeaseMode mode;

                r = policy_check_type(reader, value, json_type_string);
                if (r != 0)
                        break;
                mode = lease_mode_from_string(json_object_get_string(value));
                if (mode == LEASE_MODE_NONE)
                        return policy_complain(reader, value, "unknown mode \"%s\"",
                                               json_object_get_string(value));
                reader->rule->modes |= 1U << mode;
        }
        return r;
}

static int read_reaction(PolicyReader *reader, json_object *value, PolicyBreach *ret)
{
        if (policy_breach_from_string(json_object_get_string(value), ret))
                return 0;
        return policy_complain(reader, value, "unknown reaction \"%s\": keep, revoke or quarantine",
                               json_object_get_string(value));
}

static int read_on_vf_loss(PolicyReader *reader, json_object *value)
{
        if (policy_vf_loss_from_string(json_object_get_string(value), &reader->rule->on_vf_loss))
                return 0;
        return policy_complain(reader, value, "unknown reaction \"%s\": keep or recreate",
                               json_object_get_string(value));
}

static int read_on_breach(PolicyReader *reader, json_object *value)
{
        return read_reaction(reader, value, &reader->rule->on_breach);
}

static int read_on_weaker(PolicyReader *reader, json_object *value)
{
        return read_reaction(reader, value, &reader->rule->on_weaker);
}

static int read_on_join(PolicyReader *reader, json_object *value)
{
        if (policy_join_from_string(json_object_get_string(value), &reader->rule->on_join))
                return 0;
        return policy_complain(reader, value, "unknown reaction \"%s\": hold or expel",
                               json_object_get_string(value));
}

static int read_guard(PolicyReader *reader, json_object *value)
{
        if (guard_layer_from_string(json_object_get_string(value), &reader->rule->guard))
                return 0;
        return policy_complain(reader, value,
                               "unknown guard \"%s\": owned, sealed, gated or reactive",
                               json_object_get_string(value));
}

static int read_require(PolicyReader *reader, json_object *value)
{
        static const PolicyMember members[] = {
                {"guard", json_type_string, read_guard},
        };

        if (json_object_object_length(value) == 0)
                return policy_complain(reader, value, "nothing is required");
        return policy_read_members(reader, value, members, ARRAY_SIZE(members));
}

static int read_lease(PolicyReader *reader, json_object *value)
{
        static const PolicyMember members[] = {
                {"users", json_type_array, read_users},
                {"groups", json_type_array, read_groups},
                {"modes", json_type_array, read_modes},
        };

        if (json_object_get_type(value) == json_type_string) {
                if (strcmp(json_object_get_string(value), "deny") != 0)
                        return policy_complain(reader, value, "a lease is an object or \"deny\"");
                reader->rule->deny = true;
                return 0;
        }
        if (json_object_get_type(value) != json_type_object)
                return policy_complain(reader, value, "a lease is an object or \"deny\"");
        return policy_read_members(reader, value, members, ARRAY_SIZE(members));
}

static int read_at(PolicyReader *reader, json_object *value)
{
        if (strcmp(json_object_get_string(value), "boot") != 0)
                return policy_complain(reader, value,
                                       "unknown time \"%s\": a reservation is at \"boot\"",
                                       json_object_get_string(value));
        reader->rule->reserve.at_boot = true;
        return 0;
}

static int read_expected_vendor(PolicyReader *reader, json_object *value)
{
        PolicyReserve *reserve = &reader->rule->reserve;

        return policy_read_id(reader, value, "vendor", &reserve->has_vendor, &reserve->vendor);
}

static int read_expected_device(PolicyReader *reader, json_object *value)
{
        PolicyReserve *reserve = &reader->rule->reserve;

        return policy_read_id(reader, value, "device", &reserve->has_device, &reserve->device);
}

static int read_expected_members(PolicyReader *reader, json_object *value)
{
        int64_t number = json_object_get_int64(value);

        if (number < 1 || number > MEMBERS_MAX)
                return policy_complain(reader, value, "a group has 1 to %d members", MEMBERS_MAX);
        reader->rule->reserve.n_members = (unsigned)number;
        return 0;
}

static int read_fingerprint(PolicyReader *reader, json_object *value)
{
        static const PolicyMember members[] = {
                {"vendor", json_type_string, read_expected_vendor},
                {"device", json_type_string, read_expected_device},
                {"members", json_type_int, read_expected_members},
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

static int read_reserve(PolicyReader *reader, json_object *value)
{
        static const PolicyMember members[] = {
                {"at", json_type_string, read_at},
                {"fingerprint", json_type_object, read_fingerprint},
                {"park", json_type_boolean, read_park},
        };
        int r = policy_read_members(reader, value, members, ARRAY_SIZE(members));

        if (r == 0 && !reader->rule->reserve.at_boot)
                return policy_complain(reader, value, "the reservation does not say when: \"at\"");
        return r;
}

/* Whoever reserves what nobody may lease, or demands something of it, meant something else. */
static int check_sense(PolicyReader *reader, json_object *value)
{
        json_object *member;

        if (reader->rule->deny && json_object_object_get_ex(value, "reserve", &member))
                return policy_complain(reader, member,
                                       "reserved for nobody: the rule denies every lease");
        if (reader->rule->deny && json_object_object_get_ex(value, "require", &member))
                return policy_complain(reader, member,
                                       "required of nobody: the rule denies every lease");
        if (reader->rule->guard == GUARD_NONE &&
            json_object_object_get_ex(value, "on_weaker", &member))
                return policy_complain(reader, member,
                                       "weaker than what? the rule requires no guard");
        return 0;
}

/* A forgotten match would match everything, a forgotten lease mean nothing. */
static int check_complete(PolicyReader *reader, json_object *value)
{
        static const char *const needed[] = {"match", "lease"};

        for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
                if (!json_object_object_get_ex(value, needed[i], NULL))
                        return policy_complain(reader, value, "the rule has no \"%s\"", needed[i]);
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
static int read_rule(PolicyReader *reader, Policy *policy, json_object *value, size_t number)
{
        static const PolicyMember members[] = {
                {"name", json_type_string, read_name},
                {"match", json_type_object, read_match},
                {"lease", json_type_null, read_lease},
                {"reserve", json_type_object, read_reserve},
                {"require", json_type_object, read_require},
                {"on_join", json_type_string, read_on_join},
                {"on_breach", json_type_string, read_on_breach},
                {"on_vf_loss", json_type_string, read_on_vf_loss},
                {"on_weaker", json_type_string, read_on_weaker},
        };
        int r = policy_check_type(reader, value, json_type_object);

        if (r != 0)
                return r;
        reader->rule = &policy->rules[policy->n_rules++];
        r = check_complete(reader, value);
        if (r == 0)
                r = policy_read_members(reader, value, members, ARRAY_SIZE(members));
        if (r == 0)
                r = check_sense(reader, value);
        if (r == 0)
                r = name_rule(reader->rule, reader->json->name, number);
        return r;
}

static int read_rules(PolicyReader *reader, Policy *policy, json_object *list)
{
        size_t n = json_object_array_length(list);
        PolicyRule *rules;

        if (n > RULES_MAX || policy->n_rules + n > RULES_MAX)
                return policy_complain(reader, list, "more than %d rules", RULES_MAX);
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

static int read_root(PolicyReader *reader, Policy *policy)
{
        json_object *root = reader->json->root, *rules;
        struct json_object_iterator i, end;
        int r = policy_check_type(reader, root, json_type_object);

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
                return policy_complain(reader, root, "there are no \"rules\"");
        r = policy_check_type(reader, rules, json_type_array);
        return r != 0 ? r : read_rules(reader, policy, rules);
}

static int parse(Policy *policy, const char *name, const char *text, size_t n_text, bool nameless,
                 char **ret_message)
{
        _cleanup_(json_text_deinitp) JsonText json = {0};
        _cleanup_(freep) char *message = NULL;
        PolicyReader reader = {.json = &json, .ret_message = &message, .nameless = nameless};
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
