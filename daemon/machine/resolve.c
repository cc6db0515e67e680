/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Finds devices and groups by the names that users type: the forms of core/probe/selector.h, and
 * for names the stable ids, the ids of groups, the classes of sysfs, and the aliases of the policy.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/model/text.h"
#include "core/probe/selector.h"
#include "daemon/host/file.h"
#include "daemon/machine/world.h"

#define CANDIDATES_MAX 8 /* devices that the message about an ambiguous selector lists */

/* Finds the PCI device above /sys/class/CLASS/NAME: the last address in the path of the link. */
static size_t find_in_class(const World *world, const HostPaths *host, const char *class_name,
                            const char *name)
{
        char target[PATH_MAX], *save = NULL;
        size_t found = SNAPSHOT_NONE;
        Bdf bdf;

        if (strchr(name, '/') || name[0] == '.' ||
            host_read_target_at(target, "%s/class/%s/%s", host->sysfs, class_name, name) < 0)
                return SNAPSHOT_NONE;
        for (char *step = strtok_r(target, "/", &save); step; step = strtok_r(NULL, "/", &save))
                if (bdf_parse(step, &bdf))
                        found = snapshot_find(world->snapshot, bdf);
        return found;
}

/* A stable id, an interface, a disk, a screen, or an RDMA device; SNAPSHOT_NONE for another name.
 */
static size_t find_named(const World *world, const HostPaths *host, const char *name)
{
        static const char *const classes[] = {"net", "block", "nvme", "drm", "infiniband"};
        size_t found = SNAPSHOT_NONE;

        for (size_t i = 0; i < world->snapshot->n_devices; i++)
                if (strcmp(world->paths[i], name) == 0)
                        return i;
        for (size_t i = 0; i < ARRAY_SIZE(classes) && found == SNAPSHOT_NONE; i++)
                found = find_in_class(world, host, classes[i], name);
        return found;
}

/* The group that has this number or id, or SNAPSHOT_NONE. */
static size_t find_group(const World *world, const Selector *selector)
{
        const Partition *groups = world->groups;

        if (selector->kind == SELECTOR_NAME)
                return partition_find_group(groups, selector->name);
        for (size_t i = 0; i < groups->n_groups && selector->kind == SELECTOR_GROUP; i++)
                if (selector->number >= 0 && groups->groups[i].kernel_group == selector->number)
                        return i;
        return SNAPSHOT_NONE;
}

static size_t mark(bool *devices, size_t device)
{
        if (device == SNAPSHOT_NONE)
                return 0;
        devices[device] = true;
        return 1;
}

/* Marks the devices for which the rule with that alias decides. */
static size_t mark_alias(const World *world, const Policy *policy, const char *alias, bool *devices)
{
        size_t n = 0;

        for (size_t i = 0; policy && i < world->snapshot->n_devices; i++) {
                const PolicySubject subject = world_subject(world, i);
                const PolicyRule *rule = policy_find_rule(policy, &subject);

                if (rule && rule->alias && strcmp(rule->alias, alias) == 0 &&
                    !world_is_bridge(&world->snapshot->devices[i]))
                        n += mark(devices, i);
        }
        return n;
}

static size_t mark_functions(const World *world, const HostPaths *host, const Selector *selector,
                             bool *devices)
{
        const Snapshot *snapshot = world->snapshot;
        size_t pf = SNAPSHOT_NONE, n = 0;

        if (selector->kind == SELECTOR_VFS) {
                const Selector of = selector_parse(selector->name);

                if (of.kind == SELECTOR_ADDRESS)
                        pf = snapshot_find(snapshot, of.bdf);
                else if (of.kind == SELECTOR_NAME)
                        pf = find_named(world, host, of.name);
        }
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (selector_has_device(selector, snapshot, i) ||
                    (pf != SNAPSHOT_NONE && snapshot->devices[i].physfn == pf))
                        n += mark(devices, i);
        return n;
}

size_t world_select(const World *world, const HostPaths *host, const Policy *policy,
                    const char *text, bool *devices, size_t *ret_group)
{
        const Selector selector = selector_parse(text);
        size_t group = find_group(world, &selector), n;

        *ret_group = group;
        if (group != SNAPSHOT_NONE) {
                const Group *found = &world->groups->groups[group];

                for (size_t i = 0; i < found->n_members; i++)
                        devices[found->members[i]] = true;
                return found->n_members;
        }
        if (selector.kind != SELECTOR_NAME)
                return mark_functions(world, host, &selector, devices);
        n = mark(devices, find_named(world, host, text));
        return n > 0 ? n : mark_alias(world, policy, text, devices);
}

/* Says that a selector names several devices, of more than one group, and lists them. */
static int fail_ambiguous(const World *world, const char *selector, const bool *devices, size_t n,
                          char **ret_message)
{
        char list[CANDIDATES_MAX * (BDF_TEXT_SIZE + 1) + 1] = "", text[BDF_TEXT_SIZE];
        size_t length = 0, n_listed = 0;

        for (size_t i = 0; i < world->snapshot->n_devices && n_listed < CANDIDATES_MAX; i++)
                if (devices[i]) {
                        length +=
                                (size_t)snprintf(list + length, sizeof(list) - length, " %s",
                                                 bdf_format(world->snapshot->devices[i].bdf, text));
                        n_listed++;
                }
        *ret_message = text_print("%.64s names %zu devices in several groups, name one:%s%s",
                                  selector, n, list, n > n_listed ? " …" : "");
        return *ret_message ? REFUSAL_INVALID : -ENOMEM;
}

int world_resolve(const World *world, const HostPaths *host, const Policy *policy,
                  const char *selector, size_t *ret_device, size_t *ret_group, char **ret_message)
{
        _cleanup_(freep) bool *devices = calloc(world->snapshot->n_devices + 1, sizeof(*devices));
        size_t device = SNAPSHOT_NONE, group;

        if (!devices)
                return -ENOMEM;
        size_t n = world_select(world, host, policy, selector, devices, &group);
        if (n == 0) {
                *ret_message = text_print(
                        "%.64s: no device, group, interface or disk has that name, and the policy "
                        "has no such alias (isoctl list shows all devices)",
                        selector);
                return *ret_message ? REFUSAL_NOT_FOUND : -ENOMEM;
        }
        for (size_t i = 0; group == SNAPSHOT_NONE && i < world->snapshot->n_devices; i++) {
                if (!devices[i])
                        continue;
                if (device == SNAPSHOT_NONE)
                        device = i;
                if (world->groups->group_of[i] != world->groups->group_of[device])
                        return fail_ambiguous(world, selector, devices, n, ret_message);
        }
        *ret_device = device;
        *ret_group = device == SNAPSHOT_NONE ? group : world->groups->group_of[device];
        return 0;
}
