/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Parses the text of one policy file into rules.
 *
 *   { "rules": [ { "name": …, "alias": …, "match": { … }, "lease": { … } or "deny", "require": { …
 * }, "on_join": …, "on_breach": …, "on_weaker": …, "on_vf_loss": …, "reserve": { … } } ] }
 *
 * Each object has a table of its allowed keys; an error shows the place of any other key. Lists
 * must not be empty: an empty list reads like "nobody", but a rule without the key means "all".
 * Two rules of one file must have different names, because a verdict names the rule.
 */

#include "core/probe/policy_json.h"

#include "core/probe/policy_names.h"
#include "core/probe/policy_reader.h"
#include "core/probe/selector.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RULES_MAX 4096
#define ALIAS_MAX 64 /* characters */
#define TEXT_MAX ((size_t)1 << 20)

static int read_name(PolicyReader *reader, json_object *value)
{
        if (json_object_get_string_len(value) == 0)
                return policy_complain(reader, value, "the name of a rule must not be empty");
        return policy_read_string(value, &reader->rule->name);
}

/* An alias is typed like other names of devices, so it must not look like one of their forms. */
static int read_alias(PolicyReader *reader, json_object *value)
{
        const char *text = json_object_get_string(value);
        size_t n =
                strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

        if (strlen(text) > ALIAS_MAX || text[n] != '\0' || !isalpha((unsigned char)text[0]) ||
            selector_parse(text).kind != SELECTOR_NAME)
                return policy_complain(
                        reader, value,
                        "an alias is a letter, followed by at most %d letters, "
                        "digits, or characters of \"_.-\"; and no form of an address",
                        ALIAS_MAX - 1);
        return policy_read_string(value, &reader->rule->alias);
}

/* Facts that are unknown when the host boots, or that change while a card is plugged in. */
static int check_reservable(PolicyReader *reader, json_object *match)
{
        static const char *const unfit[] = {"serial", "driver", "group_size"};
        json_object *member;

        for (size_t i = 0; i < ARRAY_SIZE(unfit); i++)
                if (json_object_object_get_ex(match, unfit[i], &member))
                        return policy_complain(reader, member,
                                               "a reservation cannot match this: it is unknown "
                                               "when drivers are bound; see \"fingerprint\"");
        return 0;
}

/* A reservation or a requirement for devices that nobody may lease is an error. */
static int check_sense(PolicyReader *reader, json_object *value)
{
        json_object *member;

        if (reader->rule->access.deny && json_object_object_get_ex(value, "reserve", &member))
                return policy_complain(
                        reader, member,
                        "a reservation is useless here: the rule denies every lease");
        if (reader->rule->access.deny && json_object_object_get_ex(value, "require", &member))
                return policy_complain(
                        reader, member,
                        "a requirement is useless here: the rule denies every lease");
        if (reader->rule->require.guard == GUARD_NONE &&
            json_object_object_get_ex(value, "on_weaker", &member))
                return policy_complain(
                        reader, member,
                        "on_weaker needs a required guard, and the rule requires none");
        if (reader->rule->reserve.at_boot && json_object_object_get_ex(value, "match", &member))
                return check_reservable(reader, member);
        return 0;
}

/* Without "match" a rule would match everything; without "lease" it would have no effect. */
static int check_complete(PolicyReader *reader, json_object *value)
{
        static const char *const needed[] = {"match", "lease"};

        for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
                if (!json_object_object_get_ex(value, needed[i], NULL))
                        return policy_complain(reader, value, "the rule has no \"%s\"", needed[i]);
        return 0;
}

/* The state of reading one file. */
typedef struct FileReader {
        PolicyReader reader;
        Policy *policy;
        const PolicyOptions *options;
        size_t first;  /* first rule of the file */
        size_t offset; /* of the last rule, whose line is: */
        unsigned line;
} FileReader;

/* Rules come in the order of the text, so lines are counted once. */
static unsigned find_line(FileReader *file, size_t offset)
{
        for (; file->offset < offset; file->offset++)
                file->line += file->reader.json->original[file->offset] == '\n';
        return file->line;
}

static const char *file_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static int name_rule(FileReader *file, json_object *value, size_t number)
{
        PolicyReader *reader = &file->reader;
        PolicyRule *rule = reader->rule;
        json_object *name;

        if (!rule->name && asprintf(&rule->name, "rule %zu", number) < 0) {
                rule->name = NULL;
                return -ENOMEM;
        }
        if (!json_object_object_get_ex(value, "name", &name))
                name = value;
        for (size_t i = file->first; i + 1 < file->policy->n_rules; i++)
                if (strcmp(file->policy->rules[i].name, rule->name) == 0)
                        return policy_complain(reader, name,
                                               "the name \"%s\" is already used in line %u",
                                               rule->name, file->policy->rules[i].line);
        for (size_t i = 0; rule->alias && i + 1 < file->policy->n_rules; i++)
                if (file->policy->rules[i].alias &&
                    strcmp(file->policy->rules[i].alias, rule->alias) == 0)
                        return policy_complain(reader, json_object_object_get(value, "alias"),
                                               "the alias \"%s\" is already used by %s",
                                               rule->alias, file->policy->rules[i].origin);

        rule->line = find_line(file, json_text_place(value)->value);
        if (asprintf(&rule->origin, "%s:%u: %s", file_name(reader->json->name), rule->line,
                     rule->name) < 0) {
                rule->origin = NULL;
                return -ENOMEM;
        }
        return 0;
}

static int keep_text(FileReader *file, json_object *value)
{
        if (!file->options->keep_text)
                return 0;
        file->reader.rule->text = strdup(json_object_to_json_string_ext(
                value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
        return file->reader.rule->text ? 0 : -ENOMEM;
}

/* Counts the rule before it is filled, so that the policy also frees a partial one. */
static int read_rule(FileReader *file, json_object *value, size_t number)
{
        static const PolicyMember members[] = {
                {"name", json_type_string, read_name},
                {"alias", json_type_string, read_alias},
                {"match", json_type_object, policy_read_match},
                {"lease", json_type_null, policy_read_lease},
                {"reserve", json_type_object, policy_read_reserve},
                {"require", json_type_object, policy_read_require},
                {"widen", json_type_boolean, policy_read_widen},
                {"on_join", json_type_string, policy_read_on_join},
                {"on_breach", json_type_string, policy_read_on_breach},
                {"on_vf_loss", json_type_string, policy_read_on_vf_loss},
                {"on_weaker", json_type_string, policy_read_on_weaker},
                {"fault_storm", json_type_int, policy_read_fault_storm},
                {"on_fault_storm", json_type_string, policy_read_on_fault_storm},
        };
        PolicyReader *reader = &file->reader;
        int r = policy_check_type(reader, value, json_type_object);

        if (r != 0)
                return r;
        reader->rule = &file->policy->rules[file->policy->n_rules++];
        reader->rule->terms.revoke_grace = POLICY_GRACE_DEFAULT;
        reader->rule->terms.fault_storm = POLICY_FAULT_STORM_DEFAULT;
        r = check_complete(reader, value);
        if (r == 0)
                r = policy_read_members(reader, value, members, ARRAY_SIZE(members));
        if (r == 0)
                r = check_sense(reader, value);
        if (r == 0)
                r = name_rule(file, value, number);
        return r != 0 ? r : keep_text(file, value);
}

static int read_rules(FileReader *file, json_object *list)
{
        size_t n = json_object_array_length(list);
        Policy *policy = file->policy;
        PolicyRule *rules;

        if (n > RULES_MAX || policy->n_rules + n > RULES_MAX)
                return policy_complain(&file->reader, list, "more than %d rules", RULES_MAX);
        if (n == 0)
                return 0;
        rules = realloc(policy->rules, (policy->n_rules + n) * sizeof(*rules));
        if (!rules)
                return -ENOMEM;
        policy->rules = rules;
        memset(rules + policy->n_rules, 0, n * sizeof(*rules));

        for (size_t i = 0; i < n; i++) {
                int r = read_rule(file, json_object_array_get_idx(list, i), i + 1);

                if (r != 0)
                        return r;
        }
        return 0;
}

/* Reads "rules" after all other keys are refused. */
static int accept_rules(PolicyReader *reader, json_object *value)
{
        return 0;
}

static int read_root(FileReader *file)
{
        static const PolicyMember members[] = {{"rules", json_type_array, accept_rules}};
        PolicyReader *reader = &file->reader;
        json_object *root = reader->json->root, *rules;
        int r = policy_check_type(reader, root, json_type_object);

        if (r == 0)
                r = policy_read_members(reader, root, members, ARRAY_SIZE(members));
        if (r != 0)
                return r;
        if (!json_object_object_get_ex(root, "rules", &rules))
                return policy_complain(reader, root, "the file has no \"rules\"");
        return read_rules(file, rules);
}

void policy_fault_clear(PolicyFault *fault)
{
        free(fault->message);
        free(fault->excerpt);
        *fault = (PolicyFault){.message = NULL};
}

static int complain_size(const char *name, PolicyFault *ret_fault)
{
        if (asprintf(&ret_fault->message, "%s: larger than %zu bytes", name, TEXT_MAX) < 0) {
                ret_fault->message = NULL;
                return -ENOMEM;
        }
        return POLICY_E_INVALID;
}

int policy_parse_text(Policy *policy, const char *name, const char *text, size_t n_text,
                      const PolicyOptions *options, PolicyFault *ret_fault)
{
        _cleanup_(json_text_deinitp) JsonText json = {0};
        _cleanup_(policy_fault_clear) PolicyFault fault = {.message = NULL};
        FileReader file = {
                .reader = {.json = &json, .ret_message = &fault.message, .lookup = options->lookup},
                .policy = policy,
                .options = options,
                .first = policy->n_rules,
                .line = 1,
        };
        int r;

        if (n_text > TEXT_MAX)
                return complain_size(name, ret_fault);

        r = json_text_parse(&json, name, text, n_text, &fault.message);
        if (r == 0)
                r = read_root(&file);
        if (r <= 0)
                return r;
        fault.excerpt = json_text_excerpt(&json);
        if (!fault.excerpt)
                return -ENOMEM;
        fault.line = json.fault_line;
        fault.column = json.fault_column;
        *ret_fault = fault;
        fault = (PolicyFault){.message = NULL};
        return POLICY_E_INVALID;
}

static int parse(Policy *policy, const char *name, const char *text, size_t n_text,
                 const PolicyLookup *lookup, char **ret_message)
{
        _cleanup_(policy_fault_clear) PolicyFault fault = {.message = NULL};
        const PolicyOptions options = {.lookup = lookup};
        int r = policy_parse_text(policy, name, text, n_text, &options, &fault);

        if (r == POLICY_E_INVALID)
                *ret_message = TAKE_PTR(fault.message);
        return r;
}

int policy_parse(Policy *policy, const char *name, const char *text, size_t n_text,
                 char **ret_message)
{
        return parse(policy, name, text, n_text, &policy_lookup_system, ret_message);
}

int policy_parse_nameless(Policy *policy, const char *name, const char *text, size_t n_text,
                          char **ret_message)
{
        return parse(policy, name, text, n_text, &policy_lookup_nobody, ret_message);
}
