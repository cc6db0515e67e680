/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The machine as the daemon last read it: snapshot, computed groups, and the groups in force.
 *
 * A world is read as a whole and never changed; the next reading replaces it. The groups in force
 * are those of the kernel, or the computed ones on a machine without an IOMMU, so that users can
 * look at those.
 */

#include "core/model/groups.h"
#include "core/model/policy.h"
#include "core/model/snapshot.h"
#include "core/model/strength.h"
#include "daemon/host/host.h"

typedef struct World {
        Snapshot *snapshot;
        Partition *computed;
        Partition *groups; /* in force */
        char **paths;      /* per device: its stable path */
        bool has_kernel_groups;
        uint64_t event; /* number of the kernel's last event when it was read; 0: unknown */

        struct World *fresh; /* a full reading, made for strength or widening; NULL before */
        Partition *sound;    /* of `fresh` */
} World;

/*
 * Reads the machine. With the world `before` (may be NULL) it reads configuration space only of new
 * devices. Returns 0, REFUSAL_UNSUPPORTED (no PCI), or -errno; the caller frees *ret_world.
 */
_nodiscard_ int world_read(const HostPaths *host, const World *before, World **ret_world);

World *world_free(World *world);
DEFINE_CLEANUP(World *, world_free);

/*
 * Marks in `devices`, one for each device, what a selector names (core/probe/selector.h): for a
 * group, all its members. Returns how many, 0 for a name of nothing; *ret_group is the group that
 * the selector names, or SNAPSHOT_NONE if it names devices. `policy`, for its aliases, may be NULL.
 */
_nodiscard_ size_t world_select(const World *world, const HostPaths *host, const Policy *policy,
                                const char *selector, bool *devices, size_t *ret_group);

/*
 * Finds the one group or device that a selector names. *ret_device is SNAPSHOT_NONE for a group,
 * and the first one for several devices of one group. Returns 0; REFUSAL_NOT_FOUND, or
 * REFUSAL_INVALID for devices of several groups, with *ret_message; or -ENOMEM.
 */
_nodiscard_ int world_resolve(const World *world, const HostPaths *host, const Policy *policy,
                              const char *selector, size_t *ret_device, size_t *ret_group,
                              char **ret_message);

/*
 * Computes the strength of the isolation of a group in force. The first call reads the whole
 * machine. Returns 0, REFUSAL_CHANGED (the members of the group have changed), or -errno; the
 * caller frees *ret.
 */
_nodiscard_ int world_strength(World *world, const HostPaths *host, size_t group,
                               Strength **ret_strength);

/*
 * Marks in `groups`, one for each group in force, those with a device that can reach a member of
 * `group` past the IOMMU, including `group`. The first call reads the whole machine. Returns 0,
 * REFUSAL_CHANGED (the devices have changed), REFUSAL_NOT_VIABLE (one of the devices is in no
 * group: *ret_loose), or -errno.
 */
_nodiscard_ int world_widen(World *world, const HostPaths *host, size_t group, bool *groups,
                            size_t *ret_loose);

/*
 * Says why no group of this machine can be leased, or NULL if groups can. Returns 0 and *ret_text
 * (freed by the caller), or -ENOMEM.
 */
_nodiscard_ int world_obstacle(const World *world, char **ret_text);

/* Whether kernel release `release` is at least major.minor; a release that is no number is not. */
bool world_kernel_at_least(const char *release, unsigned major, unsigned minor);

/*
 * Whether this kernel changes the type of groups with several devices: from 6.5 on, with drivers bound
 * that do no DMA themselves.
 */
static inline bool world_changes_types(const World *world)
{
        return world_kernel_at_least(world->snapshot->kernel_release, 6, 5);
}

/* A device of the world in the form in which the policy is asked. */
static inline PolicySubject world_subject(const World *world, size_t device)
{
        return (PolicySubject){world->snapshot, device, world->paths[device]};
}

/* A function behind a type 1 or 2 header: part of the path, never handed out. */
static inline bool world_is_bridge(const PciDevice *device)
{
        return device->facts.header_known == TRISTATE_YES && device->facts.header_type != 0;
}
