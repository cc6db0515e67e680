/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Compares two machines, or one machine at two times: under two kernels, firmwares, or settings. A
 * device is the same if it has the same address. The cause of a changed group is read off the
 * reasons that joined its members then, and that join them now.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/document.h"
#include "cli/output.h"
#include "cli/text.h"

/* A group of the second machine whose members were not one group in the first. */
typedef struct Change {
        const iso_group *group;
        char **added,
                **removed; /* members that came into, or left, the group of its first device */
        size_t n_added, n_removed;
        const char **then, **now; /* reasons that only one of the machines has; borrowed texts */
        size_t n_then, n_now;
} Change;

typedef struct Difference {
        iso_host *a, *b;
        const char **gone, **come; /* addresses; borrowed */
        size_t n_gone, n_come;
        Change *changes;
        size_t n_changes;
} Difference;

static void difference_deinit(Difference *difference)
{
        for (size_t i = 0; i < difference->n_changes; i++) {
                free(difference->changes[i].added);
                free(difference->changes[i].removed);
                free(difference->changes[i].then);
                free(difference->changes[i].now);
        }
        free(difference->changes);
        free(difference->gone);
        free(difference->come);
        (void)iso_host_free(difference->a);
        (void)iso_host_free(difference->b);
}

/* Addresses of the devices of one machine that the other lacks. */
static const char **missing(const iso_host *from, const iso_host *in, size_t *ret_n)
{
        const iso_device *devices;
        const char **list;
        size_t n;

        devices = iso_host_devices(from, &n);
        list = must(calloc(n + 1, sizeof(*list)));
        *ret_n = 0;
        for (size_t i = 0; i < n; i++)
                if (!device_find(in, devices[i].address))
                        list[(*ret_n)++] = devices[i].address;
        return list;
}

/* Members of `group` that are not in `other`, and that both machines have. */
static char **members_without(const iso_group *group, const iso_group *other, const iso_host *in,
                              size_t *ret_n)
{
        char **list = must(calloc((group ? group->n_devices : 0) + 1, sizeof(*list)));

        *ret_n = 0;
        for (size_t i = 0; group && i < group->n_devices; i++)
                if (!(other && group_has(other, group->devices[i])) &&
                    device_find(in, group->devices[i]))
                        list[(*ret_n)++] = (char *)group->devices[i];
        return list;
}

/* The texts of the reasons of one group that are not among those of the other. */
static int reasons_without(iso_host *host, const iso_group *group, iso_host *other_host,
                           const iso_group *other, const char ***ret, size_t *ret_n)
{
        const iso_reason *reasons = NULL, *others = NULL;
        size_t n = 0, n_others = 0;
        int r = group ? iso_host_reasons(host, group, &reasons, &n) : 0;

        if (r == 0 && other)
                r = iso_host_reasons(other_host, other, &others, &n_others);
        if (r != 0)
                return r;
        *ret = must(calloc(n + 1, sizeof(**ret)));
        for (size_t i = 0; i < n; i++) {
                bool is_new = true;

                for (size_t k = 0; k < n_others; k++)
                        is_new &= strcmp(reasons[i].text, others[k].text) != 0;
                if (is_new)
                        (*ret)[(*ret_n)++] = reasons[i].text;
        }
        return 0;
}

static int add_change(Difference *difference, const iso_group *before, const iso_group *after)
{
        Change change = {.group = after};
        int r;

        change.added = members_without(after, before, difference->a, &change.n_added);
        change.removed = members_without(before, after, difference->b, &change.n_removed);
        if (change.n_added == 0 && change.n_removed == 0) {
                free(change.added);
                free(change.removed);
                return 0;
        }
        difference->changes =
                must(reallocarray(difference->changes, difference->n_changes + 1, sizeof(change)));
        r = reasons_without(difference->a, before, difference->b, after, &change.then,
                            &change.n_then);
        if (r == 0)
                r = reasons_without(difference->b, after, difference->a, before, &change.now,
                                    &change.n_now);
        difference->changes[difference->n_changes++] = change;
        return r;
}

/* Each group of the second machine is compared with the one that its first member was in. */
static int find_changes(Difference *difference)
{
        const iso_group *groups;
        size_t n;
        int r = 0;

        difference->gone = missing(difference->a, difference->b, &difference->n_gone);
        difference->come = missing(difference->b, difference->a, &difference->n_come);
        groups = iso_host_groups(difference->b, &n);
        for (size_t i = 0; r == 0 && i < n; i++) {
                const iso_device *before = NULL;

                for (size_t k = 0; !before && k < groups[i].n_devices; k++)
                        before = device_find(difference->a, groups[i].devices[k]);
                if (before)
                        r = add_change(difference, group_find(difference->a, before->group),
                                       &groups[i]);
        }
        return r;
}

static json_object *changes_json(const Difference *difference)
{
        json_object *array = must(json_object_new_array());

        for (size_t i = 0; i < difference->n_changes; i++) {
                const Change *change = &difference->changes[i];
                json_object *object = json_append(array, must(json_object_new_object()));

                json_add_text(object, "group", change->group->id);
                json_add_list(object, "devices", change->group->devices);
                json_add_list(object, "added", (const char *const *)change->added);
                json_add_list(object, "removed", (const char *const *)change->removed);
                json_add_list(object, "reasons_before", change->then);
                json_add_list(object, "reasons_now", change->now);
        }
        return array;
}

static void print_devices(iso_host *host, const char *heading, const char *const *addresses)
{
        if (addresses[0])
                (void)printf("%s%s%s\n", colour_begin(COLOUR_HEADING), heading, colour_end());
        for (; *addresses; addresses++) {
                const iso_device *device = device_find(host, *addresses);
                _cleanup_(free_text) char *name = device ? device_describe(host, device) : NULL;

                (void)printf("  %s  %s\n", *addresses, name ? name : "");
        }
}

static void print_reasons(const char *heading, const char *const *reasons)
{
        for (size_t i = 0; reasons[i]; i++)
                (void)printf("    %s  %s\n", i == 0 ? heading : "        ", reasons[i]);
}

static void print_change(const Change *change)
{
        _cleanup_(free_text) char *members = join_texts(change->group->devices, " ");
        _cleanup_(free_text) char *added = join_texts((const char *const *)change->added, " ");
        _cleanup_(free_text) char *removed = join_texts((const char *const *)change->removed, " ");

        (void)printf("  %s: now %s\n", change->group->id, members);
        if (*added)
                (void)printf("    came      %s\n", added);
        if (*removed)
                (void)printf("    left      %s\n", removed);
        print_reasons("before: ", change->then);
        print_reasons("now:    ", change->now);
        if (change->n_then == 0 && change->n_now == 0)
                (void)printf(
                        "    The kernel's rules give no reason: another kernel, command line or "
                        "firmware table decided.\n");
}

static void print_text(const Difference *difference)
{
        print_devices(difference->a, "Devices that only the first has", difference->gone);
        print_devices(difference->b, "Devices that only the second has", difference->come);
        if (difference->n_changes > 0)
                (void)printf("%sGroups that changed%s\n", colour_begin(COLOUR_HEADING),
                             colour_end());
        for (size_t i = 0; i < difference->n_changes; i++)
                print_change(&difference->changes[i]);
        if (difference->n_gone + difference->n_come + difference->n_changes == 0)
                (void)printf("The devices and their groups are the same.\n");
}

static int run_diff(Invocation *invocation)
{
        _cleanup_(difference_deinit) Difference difference = {.n_changes = 0};
        json_object *document;
        int r;

        for (size_t i = 0; i < 2; i++) {
                invocation->from = invocation->arguments[i];
                r = open_tree(invocation);
                if (r != EXIT_DONE)
                        return r;
                *(i == 0 ? &difference.a : &difference.b) = invocation->host;
                invocation->host = NULL;
        }
        r = find_changes(&difference);
        if (r != 0)
                return fail_refusal(invocation, r, "the machines cannot be compared: %s",
                                    r < 0 ? strerror(-r) : iso_error_name(r));
        if (invocation->json) {
                document = json_document("diff");
                json_add_list(document, "only_first", difference.gone);
                json_add_list(document, "only_second", difference.come);
                (void)json_add(document, "changes", changes_json(&difference));
                json_print(document);
        } else {
                print_text(&difference);
        }
        return difference.n_gone + difference.n_come + difference.n_changes == 0 ? EXIT_DONE
                                                                                 : EXIT_FAILED;
}

const Verb verb_diff = {
        .name = "diff",
        .arguments = "A B",
        .summary = "compare the groups of two machines, or of two boots",
        .help = "A and B are what --from takes: snapshots, outputs of lspci, sysfs trees; /sys is\n"
                "this machine. Devices with the same address are compared. For each group that\n"
                "differs: which devices came and left, and the reasons before and now.\n"
                "Exits with 1 if the machines differ.\n",
        .min_arguments = 2,
        .max_arguments = 2,
        .host = VERB_HOST_NONE,
        .run = run_diff,
};
