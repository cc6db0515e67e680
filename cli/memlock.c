/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How much memory a program must lock so that the devices of some groups can access it, how much
 * it may lock, and what to change. The daemon is only asked for the groups.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/document.h"
#include "cli/isoctl.h"
#include "cli/text.h"

#define GROUPS_MAX 256

typedef struct Plan {
        const iso_group *groups[GROUPS_MAX];
        unsigned n_groups;
        unsigned n_devices; /* without bridges */
        unsigned n_spaces;  /* I/O address spaces that map the memory */
        const char *mode;
        const char *accounting; /* "process", or "owner": depends on the owner's address space */
        uint64_t ram;
        int pid; /* 0: isoctl itself, which has its caller's limit */
        iso_memlock memlock;
} Plan;

static int add_selector(Invocation *invocation, const char *selector, Plan *plan)
{
        const iso_group *group;
        int r;

        r = find_group(invocation, selector, &group);
        if (r != EXIT_DONE)
                return r;
        for (unsigned i = 0; i < plan->n_groups; i++)
                if (plan->groups[i] == group)
                        return EXIT_DONE;
        if (plan->n_groups == GROUPS_MAX)
                return fail_usage(invocation, "more than %d groups", GROUPS_MAX);
        plan->groups[plan->n_groups++] = group;
        for (size_t i = 0; i < group->n_devices; i++) {
                const iso_device *member = device_find(invocation->host, group->devices[i]);

                plan->n_devices += member && member->class_code >> 16 != 0x06;
        }
        return EXIT_DONE;
}

/*
 * How the kernel counts locked memory in a mode; NULL for an unknown mode. If the owner makes the
 * address space, it is a container, which counts per process, or the owner's iommufd, which counts
 * per user. The limit is that of the process in both.
 */
static const char *find_accounting(const char *mode)
{
        static const struct {
                const char *mode, *accounting;
        } modes[] = {
                {"vfio", "process"},   {"iommufd", "process"}, {"iommufd-unbound", "process"},
                {"group-fd", "owner"}, {"path", "owner"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
                if (strcmp(modes[i].mode, mode) == 0)
                        return modes[i].accounting;
        return NULL;
}

static int read_options(const Invocation *invocation, Plan *plan)
{
        char *end;
        long pid;

        plan->mode = invocation->mode ? invocation->mode : "vfio";
        plan->accounting = find_accounting(plan->mode);
        if (!plan->accounting)
                return fail_usage(
                        invocation,
                        "unknown mode %s; use vfio, iommufd, iommufd-unbound, group-fd or path",
                        plan->mode);
        plan->ram = invocation->memory;
        if (!invocation->pid)
                return EXIT_DONE;
        pid = strtol(invocation->pid, &end, 10);
        if (*end || pid <= 0 || pid > INT32_MAX)
                return fail_usage(invocation, "%s is not a process id", invocation->pid);
        plan->pid = (int)pid;
        return EXIT_DONE;
}

/* The next step for the user, or NULL. Borrowed. */
static const char *advise(const Plan *plan)
{
        if (!plan->memlock.known)
                return "the limits of the process cannot be read; check that it exists";
        return *plan->memlock.next ? plan->memlock.next : NULL;
}

/* null if the size is unknown or there is no limit */
static void json_add_size(json_object *object, const char *key, uint64_t size, bool is_there)
{
        (void)json_add(object, key, is_there ? must(json_object_new_uint64(size)) : NULL);
}

static void print_json(const Plan *plan, const char *advice)
{
        const iso_memlock *memlock = &plan->memlock;
        json_object *document = json_document("memlock"), *groups;

        groups = json_add_array(document, "groups");
        for (unsigned i = 0; i < plan->n_groups; i++)
                (void)json_append(groups, must(json_object_new_string(plan->groups[i]->id)));
        json_add_number(document, "devices", plan->n_devices, 0);
        json_add_text(document, "mode", plan->mode);
        json_add_text(document, "accounting", plan->accounting);
        json_add_number(document, "address_spaces", plan->n_spaces, 0);
        json_add_size(document, "ram", plan->ram, plan->ram > 0);
        json_add_size(document, "need", memlock->need, plan->ram > 0);
        json_add_size(document, "limit", memlock->limit,
                      memlock->known && memlock->limit != UINT64_MAX);
        json_add_size(document, "locked", memlock->locked, memlock->known);
        json_add_size(document, "ram_allowed", memlock->allowed_ram,
                      memlock->known && memlock->allowed_ram != UINT64_MAX);
        json_add_bool(document, "exempt", memlock->exempt);
        json_add_text(document, "verdict", plan->ram > 0 ? memlock->verdict : "unknown");
        json_add_optional(document, "next", advice ? advice : "");
        json_print(document);
}

static void print_size(const char *what, uint64_t size, const char *none)
{
        if (size == UINT64_MAX)
                (void)printf("%-10s %s\n", what, none);
        else
                (void)printf("%-10s %" PRIu64 " bytes (%.1f GiB)\n", what, size,
                             (double)size / (1 << 30));
}

static void print_text(const Plan *plan, const char *advice)
{
        const iso_memlock *memlock = &plan->memlock;

        (void)printf("%u group%s, %u device%s, %u address space%s, mode %s\n", plan->n_groups,
                     plan->n_groups == 1 ? "" : "s", plan->n_devices,
                     plan->n_devices == 1 ? "" : "s", plan->n_spaces,
                     plan->n_spaces == 1 ? "" : "s", plan->mode);
        if (strcmp(plan->accounting, "owner") == 0)
                (void)printf(
                        "%-10s per process in a container, per user in the owner's own iommufd\n",
                        "counted");
        if (plan->ram > 0)
                print_size("need", memlock->need, "more than any limit allows");
        if (memlock->known) {
                print_size("limit", memlock->exempt ? UINT64_MAX : memlock->limit,
                           memlock->exempt ? "none: CAP_IPC_LOCK" : "none");
                print_size("locked", memlock->locked, "");
                print_size("RAM up to", memlock->allowed_ram, "any");
        }
        (void)printf("%-10s %s\n", "verdict", plan->ram > 0 ? memlock->verdict : "unknown");
        if (advice)
                (void)printf("%-10s %s\n", "next", advice);
}

static int run_memlock(Invocation *invocation)
{
        const char *advice;
        Plan plan = {0};
        int code = read_options(invocation, &plan);

        for (size_t i = 0; code == EXIT_DONE && i < invocation->n_arguments; i++)
                code = add_selector(invocation, invocation->arguments[i], &plan);
        if (code != EXIT_DONE)
                return code;
        plan.n_spaces = invocation->viommu ? plan.n_groups : 1;
        iso_memlock_judge(plan.pid, plan.ram, plan.n_spaces, &plan.memlock);
        advice = advise(&plan);
        if (invocation->json)
                print_json(&plan, advice);
        else
                print_text(&plan, advice);
        return plan.ram > 0 && strcmp(plan.memlock.verdict, "too-small") == 0 ? EXIT_FAILED
                                                                              : EXIT_DONE;
}

const Verb verb_memlock = {
        .name = "memlock",
        .arguments = "SELECTOR...",
        .summary = "compare a program's memory lock limit with what devices need",
        .help = "--ram SIZE     memory that the devices access: 16G, 512M, or bytes\n"
                "--mode MODE    vfio (the default), iommufd, iommufd-unbound, group-fd or path\n"
                "--viommu       the guest has an IOMMU: one address space for each group\n"
                "--pid PID      the process that will map the memory; default: isoctl's caller\n"
                "Exits with 1 if the limit is too small.\n",
        .options = OPTION_FROM | OPTION_MODE | OPTION_RAM | OPTION_VIOMMU | OPTION_PID,
        .min_arguments = 1,
        .max_arguments = ANY_NUMBER,
        .host = VERB_HOST_ANY,
        .run = run_memlock,
};
