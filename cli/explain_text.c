/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The answers of explain in words.
 */

#include <stdio.h>
#include <string.h>

#include "cli/explain.h"
#include "cli/text.h"

bool question_is_sound(const Question *question)
{
        return question->partition && strcmp(question->partition, "sound") == 0;
}

static void print_reasons(const Question *question)
{
        for (size_t i = 0; question->reasons[i]; i++)
                (void)printf("  %zu  %s\n", i + 1, question->reasons[i]->text);
}

static void print_partition(const Question *question)
{
        if (question->partition)
                (void)printf(" of partition %s", question->partition);
}

const iso_mismatch *question_mismatch(const Question *question, const iso_device *device)
{
        const iso_comparison *comparison = question->comparison;

        for (size_t i = 0; comparison && i < comparison->n_mismatches; i++)
                if (strcmp(comparison->mismatches[i].device, device->address) == 0)
                        return &comparison->mismatches[i];
        return NULL;
}

/* Two devices in two groups: what is between them, or that nothing is known to be. */
static void print_apart(const Question *question)
{
        const iso_device *a = question->a, *b = question->b;
        const iso_mismatch *mismatch =
                question_mismatch(question, a) ?: question_mismatch(question, b);

        (void)printf("%s and %s are %s: %s%s and %s%s.\n", a->address, b->address,
                     question->only_observed || question->may_reach ? "in two groups" : "apart",
                     question->group ? "group " : "no group",
                     question->group ? question->group->id : "",
                     question->other ? "group " : "no group",
                     question->other ? question->other->id : "");
        if (question->only_observed)
                (void)printf(
                        "\nOnly the kernel's word separates them: by its rules, worked out from "
                        "what was read, they are together.\n");
        if (question->only_observed && mismatch)
                (void)printf("%s: %s\n", mismatch->cause, mismatch->text);
        if (question->may_reach)
                (void)printf(
                        "\nNothing shows that what they send each other passes the IOMMU: isoctl "
                        "explain --partition sound %s %s with the same --from says how.\n",
                        a->address, b->address);
        else if (question->separators)
                (void)printf("\nWhat separates them\n  %s\n  %s\n", question->separators[0].text,
                             question->separators[1].text);
}

static void print_pair(const Question *question)
{
        const iso_device *a = question->a, *b = question->b;
        _cleanup_(free_text) char *name = NULL;

        if (!question->together) {
                print_apart(question);
                return;
        }
        name = group_describe(question->group);
        (void)printf("%s and %s are together in %s", a->address, b->address, name);
        print_partition(question);
        (void)printf(".\n");
        if (!question->reasons[0])
                return;
        (void)printf("\nWhy\n");
        print_reasons(question);
}

/* Alone is not isolated: whether others reach it is asked too. */
static void print_alone(const Question *question)
{
        const iso_strength *p2p = question->p2p;
        bool is_grouped = question->group->kernel_group >= 0;

        if (question->partition || !p2p || (!is_grouped && strcmp(p2p->value, "yes") == 0))
                (void)printf("\nIt is alone in its group.\n");
        else if (strcmp(p2p->value, "yes") == 0)
                (void)printf("\nIt is alone in its group: it can be handed out by itself.\n");
        else
                (void)printf("\nIt is alone in %s group. %s\n  %s\n",
                             is_grouped ? "the kernel's" : "its",
                             strcmp(p2p->value, "no") == 0
                                     ? "Others reach it, or it reaches them:"
                                     : "Whether others reach it is not known:",
                             p2p->text);
}

static void print_members(const Question *question)
{
        _cleanup_(table_deinit) Table table = {.n_columns = 4};
        const iso_group *group = question->group;

        for (size_t i = 0; i < group->n_devices; i++) {
                const iso_device *member = device_find(question->host, group->devices[i]);

                if (member && member != question->a)
                        table_add_device(&table, member);
        }
        if (table.n_cells == 0) {
                print_alone(question);
                return;
        }
        (void)printf("\n%s\n", question->a ? "It cannot be separated from" : "Members");
        table_print(&table, "  ");
        if (question->reasons[0]) {
                (void)printf("\nWhy\n");
                print_reasons(question);
        }
}

static const char *assumption_text(const char *name)
{
        if (strcmp(name, "root-complex") == 0)
                return "The root complex lets its ports reach each other only through the IOMMU.";
        if (strcmp(name, "sriov") == 0)
                return "Functions of an SR-IOV device that has no ACS do not reach each other.";
        return name;
}

/* What cannot be seen from outside, and what nobody checks. */
static void print_assumptions(const iso_group *group)
{
        if (group->assumes[0])
                (void)printf("\nTaken for granted\n");
        for (size_t i = 0; group->assumes[i]; i++)
                (void)printf("  %s\n", assumption_text(group->assumes[i]));
        if (group->spoofable)
                (void)printf("\nNo port up to the root checks the requester id of every member: "
                             "one may send under another's.\n");
}

/* The links are what counts; that the rules say otherwise is worth knowing, and why. */
static void print_difference(const Question *question)
{
        const iso_device *device = question->a;
        const iso_mismatch *mismatch = question_mismatch(question, device);

        if (mismatch)
                (void)printf("\nThe kernel's rules give another group (%s): %s\n", mismatch->cause,
                             mismatch->text);
        else if (!question->comparison && *device->group && *device->computed_group &&
                 strcmp(device->group, device->computed_group) != 0)
                (void)printf("\nThe kernel's rules, computed, give group %s: an override "
                             "(pcie_acs_override=, config_acs=), a quirk that isolationd does not "
                             "know, or ACS changed since boot.\n",
                             device->computed_group);
}

static void print_one(const Question *question)
{
        _cleanup_(free_text) char *name = NULL;

        if (question->group)
                name = group_describe(question->group);
        if (question->a) {
                const iso_device *device = question->a;

                _cleanup_(free_text) char *ids = ids_describe(device);

                (void)printf("%s  %s %s  %s  %s", device->address, ids,
                             class_name(device->class_code), *device->driver ? device->driver : "-",
                             name ? name : "no group");
        } else if (name) {
                (void)printf("%s", name);
        }
        print_partition(question);
        (void)printf("\n");
        if (question->group)
                print_members(question);
        else if (question->a && question->a->group_unknown)
                (void)printf("\nWhat was read does not tell which group it is in.\n");
        else
                (void)printf("\nNo IOMMU covers it, so nothing isolates it and it cannot be "
                             "leased.\n");
        if (question->group && question_is_sound(question))
                print_assumptions(question->group);
        if (question->a && !question->partition)
                print_difference(question);
}

void explain_print(const Question *question)
{
        if (question->b)
                print_pair(question);
        else
                print_one(question);
}
