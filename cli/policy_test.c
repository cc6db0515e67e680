/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Tests a policy against expectations: user, device, mode, verdict and rule. The machine can be a
 * file, so that a policy can be tested where it is written.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json.h>

#include "cli/document.h"
#include "cli/policy.h"
#include "cli/text.h"

#define EXPECTATIONS_MAX (1 << 22) /* largest file, in bytes */

typedef struct Testing {
        Invocation *invocation;
        iso_policy *policy;
        const char *path;     /* of the file that is read */
        json_object *results; /* NULL: text is wanted */
        size_t n, n_failed;
} Testing;

static void put_json(json_object **object)
{
        json_object_put(*object);
}

static void free_tokener(json_tokener **tokener)
{
        json_tokener_free(*tokener);
}

static void close_stream(FILE **stream)
{
        if (*stream)
                (void)fclose(*stream);
}

static int fail_at(const Testing *testing, size_t number, const char *what)
{
        return fail_refusal(testing->invocation, -EINVAL, "%s: expectation %zu: %s", testing->path,
                            number, what);
}

static size_t line_of(const char *text, size_t offset)
{
        size_t line = 1;

        for (size_t i = 0; i < offset && text[i]; i++)
                line += text[i] == '\n';
        return line;
}

/* json-c accepts comments unless strict. */
static int read_expectations(const Testing *testing, json_object **ret)
{
        _cleanup_(free_tokener) json_tokener *tokener = must(json_tokener_new());
        _cleanup_(free_text) char *text = must(malloc(EXPECTATIONS_MAX + 1));
        _cleanup_(close_stream) FILE *stream = fopen(testing->path, "re");
        size_t n;

        if (!stream)
                return fail_refusal(testing->invocation, errno == ENOENT ? ISO_E_NOT_FOUND : -errno,
                                    "%s: %s", testing->path, strerror(errno));
        n = fread(text, 1, EXPECTATIONS_MAX, stream);
        if (ferror(stream) || n == EXPECTATIONS_MAX)
                return fail_refusal(testing->invocation, -EIO, "%s cannot be read, or is too large",
                                    testing->path);
        text[n] = '\0';
        *ret = json_tokener_parse_ex(tokener, text, (int)n + 1);
        if (!*ret)
                return fail_refusal(testing->invocation, -EINVAL, "%s:%zu: %s", testing->path,
                                    line_of(text, json_tokener_get_parse_end(tokener)),
                                    json_tokener_error_desc(json_tokener_get_error(tokener)));
        return EXIT_DONE;
}

/* *ret is NULL if the key is absent. Returns false if the value is not text. */
static bool get_text(json_object *object, const char *key, const char **ret)
{
        json_object *value;

        *ret = NULL;
        if (!json_object_object_get_ex(object, key, &value) || !value)
                return true;
        *ret = json_object_get_string(value);
        return json_object_is_type(value, json_type_string);
}

static bool knows_all(json_object *object, const char *const *keys)
{
        json_object_object_foreach(object, key, value)
        {
                const char *const *known = keys;

                (void)value;
                while (*known && strcmp(*known, key) != 0)
                        known++;
                if (!*known)
                        return false;
        }
        return true;
}

/* Fills the user of the question; `groups` has room for all groups. Returns the error, or NULL. */
static const char *read_who(json_object *who, iso_policy_question *question, const char **groups)
{
        static const char *const keys[] = {"user", "groups", "unit", "label", NULL};
        json_object *list = NULL;
        size_t n;

        if (json_object_is_type(who, json_type_string)) {
                question->user = json_object_get_string(who);
                return NULL;
        }
        if (!json_object_is_type(who, json_type_object) || !knows_all(who, keys))
                return "\"who\" is a user, or an object with user, groups, unit and label";
        if (!get_text(who, "user", &question->user) || !get_text(who, "unit", &question->unit) ||
            !get_text(who, "label", &question->label) || !question->user)
                return "\"who\" needs a user; its values are texts";
        if (!json_object_object_get_ex(who, "groups", &list))
                return NULL;
        if (!json_object_is_type(list, json_type_array))
                return "\"groups\" is a list of names";
        n = json_object_array_length(list);
        for (size_t i = 0; i < n; i++) {
                json_object *name = json_object_array_get_idx(list, i);

                if (!json_object_is_type(name, json_type_string))
                        return "\"groups\" is a list of names";
                groups[i] = json_object_get_string(name);
        }
        question->groups = groups;
        return NULL;
}

static size_t count_groups(json_object *who)
{
        json_object *list;

        return json_object_is_type(who, json_type_object) &&
                               json_object_object_get_ex(who, "groups", &list) &&
                               json_object_is_type(list, json_type_array)
                       ? json_object_array_length(list)
                       : 0;
}

/* An expectation: a question, and the expected answer. */
typedef struct Expectation {
        iso_policy_question question;
        const char *name;
        const char *verdict;
        bool has_rule;
        const char *rule; /* NULL: no rule matches */
} Expectation;

static const char *read_expectation(json_object *object, Expectation *ret, const char **groups)
{
        static const char *const keys[] = {"name", "who", "what", "mode", "verdict", "rule", NULL};
        json_object *who = NULL;

        if (!json_object_is_type(object, json_type_object) || !knows_all(object, keys))
                return "give an object with name, who, what, mode, verdict and rule";
        ret->has_rule = json_object_object_get_ex(object, "rule", NULL);
        if (!get_text(object, "name", &ret->name) ||
            !get_text(object, "mode", &ret->question.mode) ||
            !get_text(object, "what", &ret->question.selector) ||
            !get_text(object, "verdict", &ret->verdict) || !get_text(object, "rule", &ret->rule))
                return "a text is expected";
        if (!ret->question.selector || !ret->verdict ||
            !json_object_object_get_ex(object, "who", &who))
                return "\"who\", \"what\" and \"verdict\" are needed";
        if (strcmp(ret->verdict, "allow") != 0 && strcmp(ret->verdict, "deny") != 0 &&
            strcmp(ret->verdict, "weak") != 0 && strcmp(ret->verdict, "changed") != 0)
                return "a verdict is allow, deny, weak or changed";
        return read_who(who, &ret->question, groups);
}

static bool is_met(const Expectation *expectation, const iso_policy_verdict *found)
{
        const char *rule = expectation->rule ? expectation->rule : "";

        return strcmp(expectation->verdict, found->verdict) == 0 &&
               (!expectation->has_rule || strcmp(rule, found->rule) == 0 ||
                strcmp(rule, found->origin) == 0);
}

static void report(Testing *testing, size_t number, const Expectation *expectation,
                   const iso_policy_verdict *found)
{
        bool good = is_met(expectation, found);
        json_object *object;

        testing->n++;
        testing->n_failed += !good;
        if (testing->results) {
                object = json_append(testing->results, must(json_object_new_object()));
                json_add_text(object, "file", testing->path);
                json_add_number(object, "number", (int64_t)number, 1);
                json_add_optional(object, "name", expectation->name ? expectation->name : "");
                json_add_bool(object, "passed", good);
                json_add_text(object, "verdict", found->verdict);
                json_add_optional(object, "rule", found->rule);
                json_add_optional(object, "origin", found->origin);
                json_add_optional(object, "text", found->text);
        } else if (!good) {
                (void)printf("%s: expectation %zu%s%s: %s, %s: expected %s%s%s, is %s by %s\n",
                             testing->path, number, expectation->name ? ", " : "",
                             expectation->name ? expectation->name : "", expectation->question.user,
                             expectation->question.selector, expectation->verdict,
                             expectation->has_rule ? " by " : "",
                             !expectation->has_rule ? ""
                             : expectation->rule    ? expectation->rule
                                                    : "the default",
                             found->verdict, *found->origin ? found->origin : "the default");
                if (*found->text)
                        (void)printf("    %s\n", found->text);
        }
}

static int test_one(Testing *testing, json_object *object, size_t number)
{
        json_object *who = NULL;
        Expectation expectation = {.name = NULL};
        iso_policy_verdict found;
        const char *wrong;
        int r;

        if (json_object_is_type(object, json_type_object))
                (void)json_object_object_get_ex(object, "who", &who);
        const char **groups = must(calloc(count_groups(who) + 1, sizeof(const char *)));
        wrong = read_expectation(object, &expectation, groups);
        if (wrong) {
                free(groups);
                return fail_at(testing, number, wrong);
        }
        r = iso_policy_ask(testing->policy, testing->invocation->host, &expectation.question,
                           &found);
        free(groups);
        if (r != 0)
                return fail_refusal(testing->invocation, r, "%s: expectation %zu: %s",
                                    testing->path, number,
                                    r > 0 ? iso_policy_message(testing->policy) : strerror(-r));
        report(testing, number, &expectation, &found);
        return EXIT_DONE;
}

static int test_file(Testing *testing)
{
        _cleanup_(put_json) json_object *root = NULL;
        json_object *list;
        size_t n;
        int code = read_expectations(testing, &root);

        if (code != EXIT_DONE)
                return code;
        if (!json_object_is_type(root, json_type_object) ||
            !json_object_object_get_ex(root, "expect", &list) ||
            !json_object_is_type(list, json_type_array))
                return fail_refusal(testing->invocation, -EINVAL,
                                    "%s: expectations are a list, \"expect\"", testing->path);
        n = json_object_array_length(list);
        for (size_t i = 0; code == EXIT_DONE && i < n; i++)
                code = test_one(testing, json_object_array_get_idx(list, i), i + 1);
        return code;
}

int policy_test(Invocation *invocation, const char *const *paths)
{
        const char *const policies[] = {invocation->policy, NULL};
        _cleanup_(policy_freep) iso_policy *policy = NULL;
        Testing testing = {.invocation = invocation};
        json_object *document = NULL;
        int code = policy_open_good(invocation, policies, ISO_POLICY_ANY_NAMES, &policy);

        if (code == EXIT_DONE && !*paths)
                return fail_usage(invocation, "policy test needs a file with expectations");
        if (code == EXIT_DONE)
                code = open_tree(invocation);
        testing.policy = policy;
        if (invocation->json && code == EXIT_DONE) {
                document = json_document("policy-test");
                testing.results = json_add_array(document, "expectations");
        }
        for (; code == EXIT_DONE && *paths; paths++) {
                testing.path = *paths;
                code = test_file(&testing);
        }
        if (code == EXIT_DONE && testing.n == 0)
                code = fail_refusal(invocation, -EINVAL, "the files have no expectations");
        if (code == EXIT_DONE && testing.n_failed > 0)
                code = EXIT_FAILED;
        else if (code != EXIT_DONE && document) {
                json_object_put(document); /* the failure was reported */
                return code;
        }
        if (document) {
                json_add_number(document, "failed", (int64_t)testing.n_failed, 0);
                json_print(document);
        } else if (testing.n > 0) {
                (void)printf("%zu expectations, %zu failed\n", testing.n, testing.n_failed);
        }
        return code;
}
