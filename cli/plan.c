/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Prints the steps that acquire would take, in order, and their effect on the host. Changes
 * nothing.
 */

#include <stdio.h>
#include <stdlib.h>

#include "cli/lease_text.h"
#include "cli/strength.h"
#include "cli/text.h"

static void free_plan(iso_plan **plan)
{
        (void)iso_plan_free(*plan);
}

static void free_strengths(Strengths **strengths)
{
        free(*strengths);
}

/* The strength of each group of the plan, by the group's index. */
static int read_strengths(iso_host *host, const iso_plan *plan, Strengths *strengths)
{
        int r = 0;

        for (size_t i = 0; r == 0 && plan->groups[i]; i++) {
                const iso_group *group = group_find(host, plan->groups[i]);

                if (group)
                        r = strengths_read(host, group, &strengths[i]);
        }
        return r;
}

static void print_json(const iso_plan *plan, const Strengths *strengths)
{
        json_object *document = json_document("plan"), *devices, *groups;

        json_add_text(document, "refusal", plan->refusal ? iso_error_name(plan->refusal) : "");
        json_add_text(document, "message", plan->message);
        json_add_optional(document, "mode", plan->mode);
        json_add_optional(document, "guard", plan->guard);
        json_add_optional(document, "rule", plan->rule);
        json_add_optional(document, "memory_warning", plan->memory_warning);
        json_add_list(document, "groups", plan->groups);
        groups = json_add_array(document, "strengths");
        for (size_t i = 0; plan->groups[i]; i++) {
                json_object *group = json_append(groups, must(json_object_new_object()));

                json_add_text(group, "group", plan->groups[i]);
                json_add_strengths(group, &strengths[i]);
        }
        devices = json_add_array(document, "devices");
        for (size_t i = 0; i < plan->n_members; i++) {
                json_object *device = must(json_object_new_object());

                json_add_text(device, "device", plan->members[i].address);
                json_add_bool(device, "taken", plan->members[i].is_taken);
                json_add_optional(device, "driver", plan->members[i].driver);
                json_add_optional(device, "driver_then", plan->members[i].driver_then);
                (void)json_append(devices, device);
        }
        json_add_list(document, "steps", plan->steps);
        json_add_list(document, "critical", plan->critical);
        json_print(document);
}

static void print_members(const iso_plan *plan)
{
        _cleanup_(table_deinit) Table table = {.n_columns = 3};

        for (size_t i = 0; i < plan->n_members; i++) {
                const iso_plan_member *member = &plan->members[i];

                table_add(&table, "%s", member->address);
                table_add(&table, "%s", member->is_taken ? "is leased" : "stays");
                if (member->is_taken)
                        table_add(&table, "%s → %s", *member->driver ? member->driver : "no driver",
                                  member->driver_then);
                else
                        table_add(&table, "%s", *member->driver ? member->driver : "no driver");
        }
        table_print(&table, "  ");
}

static void print_text(const iso_plan *plan, const Strengths *strengths)
{
        _cleanup_(free_text) char *groups = join_texts(plan->groups, ", ");

        if (*plan->mode) {
                (void)printf("%s %s · mode %s · guard %s · allowed by %s\n",
                             plan->groups[0] && plan->groups[1] ? "Groups" : "Group", groups,
                             plan->mode, plan->guard, plan->rule);
                print_members(plan);
                for (size_t i = 0; plan->groups[i]; i++)
                        print_strengths(&strengths[i], plan->groups[1] ? plan->groups[i] : NULL);
                (void)printf("\nSteps\n");
        }
        for (size_t i = 0; plan->steps[i]; i++)
                (void)printf("  %zu. %s\n", i + 1, plan->steps[i]);
        if (plan->critical[0])
                (void)printf("\nUsed by the host\n");
        for (size_t i = 0; plan->critical[i]; i++)
                (void)printf("  %s\n", plan->critical[i]);
        if (*plan->memory_warning)
                (void)printf("\nMemory\n  %s\n", plan->memory_warning);
        if (plan->refusal == 0)
                (void)printf("\nNo obstacle: acquire would succeed.\n");
}

static int run_plan(Invocation *invocation)
{
        iso_acquire_options options = lease_options(invocation, "persistent");
        _cleanup_(free_plan) iso_plan *plan = NULL;
        int r;

        r = iso_plan_lease(invocation->host, invocation->arguments, &options, &plan);
        if (r != 0)
                return fail_host(invocation, r);
        _cleanup_(free_strengths) Strengths *strengths =
                must(calloc(count_texts(plan->groups) + 1, sizeof(*strengths)));
        r = read_strengths(invocation->host, plan, strengths);
        if (r != 0)
                return fail_host(invocation, r);
        if (invocation->json)
                print_json(plan, strengths);
        else
                print_text(plan, strengths);
        if (plan->refusal == 0)
                return EXIT_DONE;
        note("acquire would be refused: %s", plan->message);
        return iso_error_exit_code(plan->refusal);
}

const Verb verb_plan = {
        .name = "plan",
        .arguments = "SELECTOR...",
        .summary = "show what acquire would do, without doing it",
        .help = "Members, drivers, steps in order, the guard, the strength of the isolation, and\n"
                "the host's uses of the devices. Exits with the code that acquire would have.\n"
                "Takes the options of acquire, except --wait.\n",
        .options = ACQUIRE_OPTIONS & ~OPTION_WAIT,
        .min_arguments = 1,
        .max_arguments = ANY_NUMBER,
        .host = VERB_HOST_DAEMON,
        .run = run_plan,
};
