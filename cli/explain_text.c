/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The answers of explain as text. */

#include <stdio.h>
#include <string.h>

#include "cli/explain.h"
#include "cli/output.h"
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

/* Two devices in two groups: prints what separates them, or that nothing is known to. */
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
                (void)printf("\nOnly the kernel's groups separate them: its rules, computed from "
                             "the input, join them.\n");
        if (question->only_observed && mismatch)
                (void)printf("%s: %s\n", mismatch->cause, mismatch->text);
        if (question->may_reach)
                (void)printf(
                        "\nNothing shows that requests between them pass the IOMMU: for the path, "
                        "run isoctl explain --partition sound %s %s with the same --from.\n",
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
        print_heading("Why");
        print_reasons(question);
}

/* A device alone in its group is not isolated if others can reach it. */
static void print_alone(const Question *question)
{
        const iso_strength *p2p = question->p2p;
        bool is_grouped = question->group->kernel_group >= 0;

        if (question->partition || !p2p || (!is_grouped && strcmp(p2p->value, "yes") == 0))
                (void)printf("\nIt is alone in its group.\n");
        else if (strcmp(p2p->value, "yes") == 0)
                (void)printf("\nIt is alone in its group: it can be leased by itself.\n");
        else
                (void)printf("\nIt is alone in %s group. %s\n  %s\n",
                             is_grouped ? "the kernel's" : "its",
                             strcmp(p2p->value, "no") == 0
                                     ? "Others can reach it, or it can reach them:"
                                     : "It is unknown whether others can reach it:",
                             p2p->text);
}

static void print_members(const Question *question)
{
        _cleanup_(table_deinit) Table table = {.n_columns = 4, .flexible = 1U << 1};
        const iso_group *group = question->group;

        for (size_t i = 0; i < group->n_devices; i++) {
                const iso_device *member = device_find(question->host, group->devices[i]);

                if (member && member != question->a)
                        table_add_device(&table, question->host, member);
        }
        if (table.n_cells == 0) {
                print_alone(question);
                return;
        }
        print_heading(question->a ? "It cannot be separated from" : "Members");
        table_print(&table, "  ");
        if (question->reasons[0]) {
                print_heading("Why");
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

/* Prints assumptions that software cannot check, and checks that no port makes. */
static void print_assumptions(const iso_group *group)
{
        if (group->assumes[0])
                (void)printf("\nAssumptions\n");
        for (size_t i = 0; group->assumes[i]; i++)
                (void)printf("  %s\n", assumption_text(group->assumes[i]));
        if (group->spoofable)
                (void)printf("\nNot every member has a port above it that checks requester ids: "
                             "one may send under another's id.\n");
}

/* The kernel's links decide. If its rules give another group, prints that and the reason. */
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

                _cleanup_(free_text) char *product = device_describe(question->host, device);
                _cleanup_(free_text) char *uses = uses_describe(question->host, device);

                (void)printf("%s%s%s  %s  %s  %s%s%s%s", colour_begin(COLOUR_HEADING),
                             device->address, colour_end(), product,
                             *device->driver ? device->driver : "-", name ? name : "no group",
                             *uses ? " (the host's " : "", uses, *uses ? ")" : "");
        } else if (name) {
                (void)printf("%s", name);
        }
        print_partition(question);
        (void)printf("\n");
        if (question->group)
                print_members(question);
        else if (question->a && question->a->group_unknown)
                (void)printf("\nThe input does not show which group it is in.\n");
        else
                (void)printf("\nNo IOMMU covers it, so nothing isolates it and it cannot be "
                             "leased.\n");
        if (question->group && question_is_sound(question))
                print_assumptions(question->group);
        if (question->a && !question->partition)
                print_difference(question);
}

/* The bits of the group's strength in one line, and the next command. */
static void print_strength(const Question *question)
{
        if (question->n_bits > 0)
                (void)printf("\n%sStrength%s  ", colour_begin(COLOUR_HEADING), colour_end());
        for (size_t i = 0; i < question->n_bits; i++) {
                const iso_strength *bit = &question->bits[i];
                Colour colour = strcmp(bit->value, "yes") == 0  ? COLOUR_GOOD
                                : strcmp(bit->value, "no") == 0 ? COLOUR_BAD
                                                                : COLOUR_DOUBT;

                (void)printf("%s%s %s%s%s", i > 0 ? " · " : "", bit->bit, colour_begin(colour),
                             bit->value, colour_end());
        }
        if (question->n_bits > 0)
                (void)printf("   → isoctl show %s\n",
                             question->a ? question->a->address : question->group->id);
}

/* What the override would split, and why that is not separate in fact. */
static void print_hidden(const Question *question)
{
        bool any = false;

        for (size_t i = 0; i < question->n_real_reasons; i++) {
                const iso_reason *reason = &question->real_reasons[i];

                if (!question->group ||
                    group_has(question->group, reason->a) == group_has(question->group, reason->b))
                        continue;
                if (!any)
                        print_heading("What the override hides: these paths stay open");
                any = true;
                (void)printf("  ·  %s\n", reason->text);
        }
        if (!question->real)
                return;
        (void)printf(any ? "\nDevices that it splits can still reach each other: lease them to one "
                           "owner, or to owners who trust each other.\n"
                         : "\nThe override would change nothing here.\n");
}

void explain_print(const Question *question)
{
        if (question->b)
                print_pair(question);
        else
                print_one(question);
        change_print(question, &question->change);
        print_hidden(question);
        if (!question->b)
                print_strength(question);
}
