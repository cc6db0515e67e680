/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `isoctl policy`: checks the policy files and shows the rules in force. */

#include <stdio.h>
#include <string.h>

#include "cli/document.h"
#include "cli/policy.h"

static const char *file_state(const iso_policy_file *file)
{
        if (*file->shadowed_by)
                return "shadowed";
        if (file->is_masked)
                return "masked";
        return *file->error ? "refused" : "good";
}

static void add_file(json_object *files, const iso_policy_file *file)
{
        json_object *object = json_append(files, must(json_object_new_object()));

        json_add_text(object, "path", file->path);
        json_add_text(object, "state", file_state(file));
        json_add_optional(object, "shadowed_by", file->shadowed_by);
        json_add_number(object, "rules", (int64_t)file->n_rules, 0);
        json_add_optional(object, "error", file->error);
        json_add_number(object, "line", (int64_t)file->line, 1);
        json_add_number(object, "column", (int64_t)file->column, 1);
        json_add_optional(object, "excerpt", file->excerpt);
}

static void print_indented(const char *text)
{
        while (*text) {
                size_t n = strcspn(text, "\n");

                (void)printf("    %.*s\n", (int)n, text);
                text += n + (text[n] == '\n');
        }
}

static void print_file(const iso_policy_file *file)
{
        if (*file->error) {
                (void)printf("%s\n", file->error);
                print_indented(file->excerpt);
        } else if (*file->shadowed_by) {
                (void)printf("%s: shadowed by %s\n", file->path, file->shadowed_by);
        } else if (file->is_masked) {
                (void)printf("%s: masks the files of its name\n", file->path);
        } else {
                (void)printf("%s: %zu rule%s\n", file->path, file->n_rules,
                             file->n_rules == 1 ? "" : "s");
        }
}

static int check(Invocation *invocation, const char *const *paths)
{
        _cleanup_(policy_freep) iso_policy *policy = NULL;
        unsigned flags = invocation->any_names ? ISO_POLICY_ANY_NAMES : 0;
        const iso_policy_file *files;
        size_t n, n_refused = 0;
        json_object *document, *array;
        int code = policy_open(invocation, paths, flags, &policy);

        if (code != EXIT_DONE)
                return code;
        files = iso_policy_files(policy, &n);
        for (size_t i = 0; i < n; i++)
                n_refused += *files[i].error != '\0';
        if (invocation->json) {
                document = json_document("policy-check");
                json_add_bool(document, "good", n_refused == 0);
                array = json_add_array(document, "files");
                for (size_t i = 0; i < n; i++)
                        add_file(array, &files[i]);
                json_print(document);
        } else {
                for (size_t i = 0; i < n; i++)
                        print_file(&files[i]);
                if (n == 0)
                        (void)printf("no policy files: only root may lease\n");
                else if (n_refused > 0)
                        (void)printf("policy refused: a running daemon keeps its current policy; a "
                                     "daemon that starts lets only root lease\n");
        }
        return n_refused > 0 ? EXIT_FAILED : EXIT_DONE;
}

static void show_json(const iso_policy *policy)
{
        json_object *document = json_document("policy-show"), *array;
        const iso_policy_file *files;
        const iso_policy_rule *rules;
        size_t n;

        rules = iso_policy_rules(policy, &n);
        array = json_add_array(document, "rules");
        for (size_t i = 0; i < n; i++) {
                json_object *object = json_append(array, must(json_object_new_object()));

                json_add_text(object, "name", rules[i].name);
                json_add_text(object, "file", rules[i].file);
                json_add_number(object, "line", (int64_t)rules[i].line, 1);
                (void)json_add(object, "rule", must(json_tokener_parse(rules[i].text)));
        }
        json_add_text(document, "default", "only root may lease");
        files = iso_policy_files(policy, &n);
        array = json_add_array(document, "files");
        for (size_t i = 0; i < n; i++)
                add_file(array, &files[i]);
        json_print(document);
}

static void show_text(const iso_policy *policy)
{
        const iso_policy_file *files;
        const iso_policy_rule *rules;
        size_t n;

        rules = iso_policy_rules(policy, &n);
        for (size_t i = 0; i < n; i++)
                (void)printf("%s:%zu: %s\n    %s\n", rules[i].file, rules[i].line, rules[i].name,
                             rules[i].text);
        (void)printf("devices that no rule matches: only root may lease them\n");
        files = iso_policy_files(policy, &n);
        for (size_t i = 0; i < n; i++)
                if (*files[i].shadowed_by || files[i].is_masked)
                        print_file(&files[i]);
}

static int show(Invocation *invocation, const char *const *paths)
{
        _cleanup_(policy_freep) iso_policy *policy = NULL;
        int code = policy_open_good(invocation, paths, ISO_POLICY_ANY_NAMES, &policy);

        if (code != EXIT_DONE)
                return code;
        if (invocation->json)
                show_json(policy);
        else
                show_text(policy);
        return EXIT_DONE;
}

/* Each subcommand takes only some of the verb's options. */
static int run_part(Invocation *invocation, unsigned options,
                    int (*run)(Invocation *invocation, const char *const *arguments))
{
        const char *what = invocation->arguments[0];

        if (invocation->any_names && !(options & OPTION_ANY_NAMES))
                return fail_usage(invocation, "policy %s takes no --any-names", what);
        if (invocation->from && !(options & OPTION_FROM))
                return fail_usage(invocation, "policy %s takes no --from", what);
        if (invocation->policy && !(options & OPTION_POLICY))
                return fail_usage(invocation, "policy %s takes no --policy", what);
        return run(invocation, invocation->arguments + 1);
}

static int run_policy(Invocation *invocation)
{
        static const struct {
                const char *name;
                unsigned options;
                int (*run)(Invocation *invocation, const char *const *arguments);
        } rows[] = {
                {"check", OPTION_ANY_NAMES, check},
                {"show", 0, show},
                {"test", OPTION_FROM | OPTION_POLICY, policy_test},
                {"generate", OPTION_FROM, policy_generate},
        };
        const char *what = invocation->arguments[0];

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (strcmp(rows[i].name, what) == 0)
                        return run_part(invocation, rows[i].options, rows[i].run);
        return fail_usage(invocation, "unknown policy subcommand '%s'", what);
}

const Verb verb_policy = {
        .name = "policy",
        .arguments = "check|show|test|generate [PATH...]",
        .summary = "check, show, test or generate the policy",
        .help = "check    check the files; print each error with its place and a hint; exit 1 "
                "then\n"
                "show     print the rules in force, in their order, with their files\n"
                "test     check the expectations in the files; print those that fail; exit 1 then\n"
                "generate print a first policy: a rule for each device; only root may lease it\n"
                "PATH of check and show is a file, or a directory (the first has the highest\n"
                "precedence). Default: the directories that the daemon reads, isolationd/policy.d\n"
                "in /etc, /run and /usr/lib.\n"
                "--any-names    check: accept users and groups that do not exist here\n"
                "--policy PATH  test: the policy to test; default: the one that the daemon reads\n"
                "--from PATH    test, generate: the machine; default: /sys\n",
        .options = OPTION_ANY_NAMES | OPTION_POLICY | OPTION_FROM,
        .min_arguments = 1,
        .max_arguments = ANY_NUMBER,
        .host = VERB_HOST_NONE,
        .run = run_policy,
};
