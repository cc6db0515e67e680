/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads a world, and answers questions about all of it. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/model/text.h"
#include "core/probe/sysfs.h"
#include "daemon/machine/world.h"

static int read_paths(World *world)
{
        world->paths = calloc(world->snapshot->n_devices + 1, sizeof(*world->paths));
        if (!world->paths)
                return -ENOMEM;
        for (size_t i = 0; i < world->snapshot->n_devices; i++) {
                world->paths[i] = snapshot_path(world->snapshot, i);
                if (!world->paths[i])
                        return -ENOMEM;
        }
        return 0;
}

/* Documentation/ABI/testing/sysfs-kernel-uevent_seqnum; 0 where there is none. */
static uint64_t last_event(const HostPaths *host)
{
        _cleanup_(freep) char *text = NULL;

        int r = host_read_at(&text, "%s/kernel/uevent_seqnum", host->sysfs);
        return r < 0 ? 0 : strtoull(text, NULL, 10);
}

int world_read(const HostPaths *host, const World *before, World **ret_world)
{
        _cleanup_(world_freep) World *world = calloc(1, sizeof(*world));
        if (!world)
                return -ENOMEM;
        world->event = last_event(host); /* read first: the world may miss later events */

        int r = sysfs_read_snapshot_again(host->sysfs, before ? before->snapshot : NULL,
                                          &world->snapshot);
        if (r == SYSFS_E_NO_PCI)
                return REFUSAL_UNSUPPORTED;
        if (r < 0)
                return r;
        for (size_t i = 0; i < world->snapshot->n_devices; i++)
                if (world->snapshot->devices[i].kernel_group >= 0)
                        world->has_kernel_groups = true;

        r = kernel_groups_compute(world->snapshot, &world->computed);
        if (r == 0 && world->has_kernel_groups)
                r = observed_groups_compute(world->snapshot, world->computed, &world->groups);
        else if (r == 0)
                r = kernel_groups_compute(world->snapshot, &world->groups);
        if (r == 0)
                r = read_paths(world);
        if (r < 0)
                return r;
        *ret_world = TAKE_PTR(world);
        return 0;
}

World *world_free(World *world)
{
        if (!world)
                return NULL;
        if (world->paths)
                for (size_t i = 0; i < world->snapshot->n_devices; i++)
                        free(world->paths[i]);
        free(world->paths);
        partition_free(world->groups);
        partition_free(world->computed);
        partition_free(world->sound);
        world_free(world->fresh);
        snapshot_free(world->snapshot);
        free(world);
        return NULL;
}

static int read_fresh(World *world, const HostPaths *host)
{
        _cleanup_(world_freep) World *fresh = NULL;

        int r = world_read(host, NULL, &fresh);
        if (r == 0)
                r = sysfs_read_traits(host->sysfs, fresh->snapshot);
        if (r == 0)
                r = sound_groups_compute(fresh->snapshot, fresh->computed, &fresh->sound);
        if (r == 0)
                world->fresh = TAKE_PTR(fresh);
        return r;
}

static bool is_same_group(const World *world, const Group *group, const World *fresh,
                          const Group *other)
{
        if (group->n_members != other->n_members)
                return false;
        for (size_t i = 0; i < group->n_members; i++)
                if (!bdf_equal(world->snapshot->devices[group->members[i]].bdf,
                               fresh->snapshot->devices[other->members[i]].bdf))
                        return false;
        return true;
}

int world_strength(World *world, const HostPaths *host, size_t group, Strength **ret_strength)
{
        const Group *asked = &world->groups->groups[group];
        const World *fresh;
        int r = world->fresh ? 0 : read_fresh(world, host);

        if (r != 0)
                return r;
        fresh = world->fresh;
        for (size_t i = 0; i < fresh->groups->n_groups; i++)
                if (is_same_group(world, asked, fresh, &fresh->groups->groups[i]))
                        return strength_compute(fresh->snapshot, fresh->groups, i, fresh->sound,
                                                ret_strength);
        return REFUSAL_CHANGED;
}

/*
 * Marks the groups in force that contain devices of a group of the sound partition of the fresh
 * world.
 */
static int mark_reachable(const World *world, size_t sound, bool *groups, size_t *ret_loose)
{
        const Group *reachable = &world->fresh->sound->groups[sound];

        for (size_t i = 0; i < reachable->n_members; i++) {
                const PciDevice *device = &world->fresh->snapshot->devices[reachable->members[i]];
                size_t index = snapshot_find(world->snapshot, device->bdf);

                if (index == SNAPSHOT_NONE)
                        return REFUSAL_CHANGED;
                size_t group = world->groups->group_of[index];
                if (group != SNAPSHOT_NONE) {
                        groups[group] = true;
                } else if (!world_is_bridge(device)) {
                        *ret_loose = index;
                        return REFUSAL_NOT_VIABLE;
                }
        }
        return 0;
}

int world_widen(World *world, const HostPaths *host, size_t group, bool *groups, size_t *ret_loose)
{
        const Group *asked = &world->groups->groups[group];
        int r = world->fresh ? 0 : read_fresh(world, host);

        for (size_t i = 0; r == 0 && i < asked->n_members; i++) {
                Bdf bdf = world->snapshot->devices[asked->members[i]].bdf;
                size_t index = snapshot_find(world->fresh->snapshot, bdf);

                if (index == SNAPSHOT_NONE)
                        return REFUSAL_CHANGED;
                r = mark_reachable(world, world->fresh->sound->group_of[index], groups, ret_loose);
        }
        return r;
}

bool world_kernel_at_least(const char *release, unsigned major, unsigned minor)
{
        unsigned have_major, have_minor;

        if (sscanf(release, "%u.%u", &have_major, &have_minor) != 2)
                return false;
        return have_major > major || (have_major == major && have_minor >= minor);
}

int world_obstacle(const World *world, char **ret_text)
{
        const char *release = world->snapshot->kernel_release;
        char *text = NULL;

        if (!world_kernel_at_least(release, 5, 19)) {
                /* Before Linux 5.19 a host driver may be bound in a group that is in use. */
                text = text_print(
                        "kernel %s does not know DMA ownership; leases need 5.19 or newer",
                        release[0] ? release : "of unknown version");
        } else if (!world->has_kernel_groups) {
                text = strdup("no IOMMU is active on this machine: turn on VT-d or AMD-Vi "
                              "(\"IOMMU\") in the firmware and boot with intel_iommu=on "
                              "(AMD needs no option); then /sys/kernel/iommu_groups has entries");
        } else {
                *ret_text = NULL;
                return 0;
        }
        *ret_text = text;
        return text ? 0 : -ENOMEM;
}
