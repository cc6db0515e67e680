/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Explains why a device is in its group, and why two devices are or are not in one group. Each
 * reason joins two devices: a shortest chain of reasons connects two members.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/document.h"
#include "cli/explain.h"
#include "cli/suppose.h"
#include "cli/text.h"

#define NOT_REACHED ((size_t)-1)

static void question_deinit(Question *question)
{
        free(question->reasons);
        change_deinit(&question->change);
}

static size_t member_index(const iso_group *group, const char *address)
{
        size_t i = 0;

        while (i < group->n_devices && strcmp(group->devices[i], address) != 0)
                i++;
        return i;
}

/*
 * Writes the reasons on a shortest chain from `to` back to `from` into `chain` (room for all
 * members). The search is breadth-first: `via` holds the reason that reached each member.
 */
static size_t find_chain(const Question *question, size_t from, size_t to, const iso_reason **chain)
{
        const iso_group *group = question->group;
        size_t *queue = must(calloc(group->n_devices + 1, sizeof(*queue)));
        size_t *before = must(calloc(group->n_devices + 1, sizeof(*before)));
        const iso_reason **via = must(calloc(group->n_devices + 1, sizeof(const iso_reason *)));
        size_t n = 0, n_queue = 0;

        for (size_t i = 0; i < group->n_devices; i++)
                before[i] = NOT_REACHED;
        before[from] = from;
        queue[n_queue++] = from;

        for (size_t done = 0; done < n_queue && before[to] == NOT_REACHED; done++)
                for (size_t i = 0; i < question->n_all; i++) {
                        const iso_reason *reason = &question->all[i];
                        size_t a = member_index(group, reason->a);
                        size_t b = member_index(group, reason->b);
                        size_t next = a == queue[done] ? b : a;

                        if ((a != queue[done] && b != queue[done]) || next == group->n_devices ||
                            before[next] != NOT_REACHED)
                                continue;
                        before[next] = queue[done];
                        via[next] = reason;
                        queue[n_queue++] = next;
                }

        if (before[to] != NOT_REACHED)
                for (size_t at = to; at != from; at = before[at])
                        chain[n++] = via[at];
        free(queue);
        free(before);
        free(via);
        return n;
}

static void find_reasons(Question *question)
{
        const iso_group *group = question->group;
        size_t room = group ? question->n_all + group->n_devices : 0, n = 0;

        question->reasons = must(calloc(room + 1, sizeof(const iso_reason *)));
        if (!group || (question->b && !question->together))
                return;
        if (question->b) {
                size_t from = member_index(group, question->b->address);
                size_t to = member_index(group, question->a->address);

                if (from < group->n_devices && to < group->n_devices)
                        (void)find_chain(question, from, to, question->reasons);
                return;
        }
        for (size_t i = 0; i < question->n_all; i++)
                question->reasons[n++] = &question->all[i];
}

static void add_separators(json_object *document, const Question *question)
{
        json_object *array;

        if (!question->separators)
                return;
        array = json_add_array(document, "separators");
        for (size_t i = 0; i < 2; i++) {
                json_object *object = json_append(array, must(json_object_new_object()));

                json_add_optional(object, "port", question->separators[i].port);
                json_add_text(object, "text", question->separators[i].text);
        }
}

/* Adds where the kernel's group of the first device differs from the group that its rules give. */
static void add_mismatch(json_object *document, const Question *question)
{
        const iso_mismatch *mismatch =
                question->a ? question_mismatch(question, question->a) : NULL;
        json_object *object;

        if (question->b)
                json_add_bool(document, "only_observed", question->only_observed);
        if (!mismatch)
                return;
        object = json_add(document, "mismatch", must(json_object_new_object()));
        json_add_text(object, "cause", mismatch->cause);
        json_add_text(object, "text", mismatch->text);
}

static int print_json(const Question *question)
{
        static const char *const nobody[] = {NULL};
        const iso_group *group = question->group;
        json_object *document = json_document("explain"), *reasons;

        json_add_optional(document, "device", question->a ? question->a->address : "");
        if (question->b) {
                json_add_text(document, "b", question->b->address);
                json_add_bool(document, "together", question->together);
        }
        if (question->partition)
                json_add_text(document, "partition", question->partition);
        json_add_optional(document, "group", group ? group->id : "");
        json_add_number(document, "kernel_group", group ? group->kernel_group : -1, 0);
        json_add_list(document, "members", group ? group->devices : nobody);
        reasons = json_add_array(document, "reasons");
        for (size_t i = 0; question->reasons[i]; i++)
                (void)json_append(reasons, json_reason(question->reasons[i]));
        add_separators(document, question);
        add_mismatch(document, question);
        if (question->change.is_asked)
                (void)json_add(document, "changes", change_json(&question->change));
        if (group && question_is_sound(question)) {
                json_add_list(document, "assumes", group->assumes);
                json_add_bool(document, "spoofable", group->spoofable);
        }
        json_print(document);
        return EXIT_DONE;
}

static int resolve_pair(Invocation *invocation, Question *question)
{
        int r;

        r = iso_host_resolve(invocation->host, invocation->arguments[0], &question->a,
                             &question->group);
        if (r != 0)
                return fail_host(invocation, r);
        if (invocation->n_arguments == 1)
                return EXIT_DONE;

        r = iso_host_resolve(invocation->host, invocation->arguments[1], &question->b,
                             &question->other);
        if (r != 0)
                return fail_host(invocation, r);
        if (!question->a || !question->b)
                return fail_usage(invocation, "with two arguments, both must be devices");
        return EXIT_DONE;
}

/* Asks the same question about the changed machine. */
static int move_question(Invocation *invocation, Question *question, const Supposition *supposition)
{
        const iso_device *const asked[] = {question->a, question->b};

        if (!question->a)
                return fail_usage(invocation,
                                  "a changed machine is asked for devices: name a member of %s",
                                  invocation->arguments[0]);
        if (question->partition && strcmp(question->partition, "observed") == 0)
                return fail_usage(
                        invocation,
                        "no kernel has grouped the machine of --what-if, so it "
                                  "has no observed groups");
        question->host = supposition->host;
        for (size_t i = 0; i < 2 && asked[i]; i++) {
                const iso_device *found = suppose_find(supposition, asked[i]);

                if (!found)
                        return fail_refusal(invocation, ISO_E_NOT_FOUND,
                                            "%s would not be in the machine any more",
                                            asked[i]->address);
                *(i == 0 ? &question->a : &question->b) = found;
                *(i == 0 ? &question->group : &question->other) =
                        group_find(supposition->host, found->group);
        }
        /* For an added card, asks whether it is in one group with the device. */
        if (supposition->card && !question->b) {
                question->b = supposition->card;
                question->other = group_find(supposition->host, supposition->card->group);
        }
        return EXIT_DONE;
}

static const iso_group *group_of(const iso_group *groups, size_t n, const char *address)
{
        for (size_t i = 0; i < n; i++)
                if (group_has(&groups[i], address))
                        return &groups[i];
        return NULL;
}

/* Asks the same question about another partition. */
static int change_partition(Invocation *invocation, Question *question)
{
        const char *first = question->a ? question->a->address : question->group->devices[0];
        const iso_group *groups;
        size_t n;
        int r = iso_host_partition(question->host, question->partition, &groups, &n);

        if (r == ISO_E_INVALID)
                return fail_usage(invocation, "%s", iso_host_message(question->host));
        if (r != 0)
                return fail_host(invocation, r);
        question->group = group_of(groups, n, first);
        question->other = question->b ? group_of(groups, n, question->b->address) : NULL;
        return EXIT_DONE;
}

static int find_all_reasons(Invocation *invocation, Question *question)
{
        int r = 0;

        question->together = question->b && question->group && question->group == question->other;
        if (question->group)
                r = iso_host_reasons(question->host, question->group, &question->all,
                                     &question->n_all);
        /* The daemon only knows reasons for the groups in force. */
        return r == 0 || r == ISO_E_UNSUPPORTED ? EXIT_DONE : fail_host(invocation, r);
}

/* Are two devices that the kernel's rules separate in one group of the sound partition? */
static int find_reach(Invocation *invocation, Question *question)
{
        const iso_group *groups, *group;
        size_t n;
        int r;

        if (question->partition)
                return EXIT_DONE;
        r = iso_host_partition(question->host, "sound", &groups, &n);
        if (r == ISO_E_UNSUPPORTED || r == ISO_E_INVALID)
                return EXIT_DONE;
        if (r != 0)
                return fail_host(invocation, r);
        group = group_of(groups, n, question->a->address);
        question->may_reach = group && group == group_of(groups, n, question->b->address);
        return EXIT_DONE;
}

/* Only a snapshot shows what separates two devices; the daemon's view does not have it. */
static int find_separators(Invocation *invocation, Question *question)
{
        int r;

        if (!question->b || question->together)
                return EXIT_DONE;
        r = iso_host_separators(question->host, question->a, question->b, &question->separators);
        question->only_observed = r == ISO_E_INVALID && !question->partition;
        if (r == ISO_E_UNSUPPORTED || r == ISO_E_INVALID)
                return EXIT_DONE;
        return r == 0 ? find_reach(invocation, question) : fail_host(invocation, r);
}

/* Reads how the rules differ from the kernel's group, and whether others can reach the device. */
static int find_judgement(Invocation *invocation, Question *question)
{
        int r = iso_host_compare(question->host, &question->comparison);

        if (r == ISO_E_UNSUPPORTED)
                question->comparison = NULL;
        else if (r != 0)
                return fail_host(invocation, r);
        if (!question->group || question->b)
                return EXIT_DONE;
        r = iso_host_strength(question->host, question->group, &question->bits, &question->n_bits);
        if (r == ISO_E_UNSUPPORTED)
                return EXIT_DONE;
        if (r != 0)
                return fail_host(invocation, r);
        for (size_t i = 0; i < question->n_bits; i++)
                if (strcmp(question->bits[i].bit, "p2p") == 0)
                        question->p2p = &question->bits[i];
        return EXIT_DONE;
}

/* Is another machine to be explained than the present one? */
static bool is_supposed(const Invocation *invocation)
{
        return invocation->what_if || invocation->if_on || invocation->acs_override;
}

static int answer(Invocation *invocation, Question *question)
{
        int r = 0;

        find_reasons(question);
        if (!question->partition && !is_supposed(invocation))
                r = change_find(question, &question->change);
        if (r != 0)
                return fail_host(invocation, r);
        if (invocation->json)
                return print_json(question);
        if (invocation->what_if)
                (void)printf("If %s:\n\n", invocation->what_if);
        if (invocation->if_on)
                (void)printf("If the IOMMU were on and covered all devices:\n\n");
        if (invocation->acs_override)
                (void)printf("If pcie_acs_override=%s of a patched kernel were set:\n\n",
                             invocation->acs_override);
        explain_print(question);
        return EXIT_DONE;
}

/* What is asked for must be of one machine. */
static int check_options(const Invocation *invocation)
{
        if (!!invocation->what_if + invocation->if_on + !!invocation->acs_override > 1)
                return fail_usage(invocation,
                                  "--what-if, --if-on and --acs-override each change the machine: "
                                  "give one");
        return EXIT_DONE;
}

/* Remembers the group without the override: what it splits is still one group in fact. */
static int keep_real(Invocation *invocation, Question *question)
{
        int r = 0;

        question->real = question->host;
        question->real_group = question->group;
        if (question->group)
                r = iso_host_reasons(question->host, question->group, &question->real_reasons,
                                     &question->n_real_reasons);
        return r == 0 || r == ISO_E_UNSUPPORTED ? EXIT_DONE : fail_host(invocation, r);
}

static int run_explain(Invocation *invocation)
{
        _cleanup_(question_deinit) Question question = {0};
        _cleanup_(supposition_deinit) Supposition supposition = {0};
        int code = check_options(invocation);

        question.partition = invocation->partition;
        if (code == EXIT_DONE && (is_supposed(invocation) || question_is_sound(&question)))
                code = use_tree(invocation);
        question.host = invocation->host;
        if (code == EXIT_DONE)
                code = resolve_pair(invocation, &question);
        if (code == EXIT_DONE && invocation->acs_override)
                code = keep_real(invocation, &question);
        if (code == EXIT_DONE && is_supposed(invocation))
                code = suppose(invocation, &supposition);
        if (code == EXIT_DONE && is_supposed(invocation))
                code = move_question(invocation, &question, &supposition);
        if (code == EXIT_DONE && question.partition)
                code = change_partition(invocation, &question);
        if (code == EXIT_DONE)
                code = find_all_reasons(invocation, &question);
        if (code == EXIT_DONE)
                code = find_separators(invocation, &question);
        if (code == EXIT_DONE && !question.partition && !is_supposed(invocation))
                code = find_judgement(invocation, &question);
        return code == EXIT_DONE ? answer(invocation, &question) : code;
}

const Verb verb_explain = {
        .name = "explain",
        .arguments = "SELECTOR [DEVICE]",
        .summary = "explain why a device is in its group, or two share one",
        .help = "Every merge of devices has a reason: the rule, the port, its missing ACS bits.\n"
                "--what-if 'add PORT'         as if a plain card were plugged in below PORT now\n"
                "--what-if 'move CARD PORT'   as if the card were in another slot\n"
                "--what-if 'acs BITS@PORT'    as if ACS control were set as config_acs= sets it\n"
                "--what-if 'remove DEVICE'    as if the function were removed\n"
                "--if-on                      as if the IOMMU were switched on\n"
                "--acs-override WORDS         as if pcie_acs_override=WORDS were set, and what it\n"
                "                             would hide: downstream,multifunction\n"
                "--partition sound            show by which path requests reach another device\n"
                "Without --from, these read this machine's /sys.\n",
        .options = OPTION_FROM | OPTION_WHAT_IF | OPTION_IF | OPTION_PARTITION,
        .min_arguments = 1,
        .max_arguments = 2,
        .host = VERB_HOST_ANY,
        .run = run_explain,
};
