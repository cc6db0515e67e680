/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A partition of a snapshot's devices into groups, and why.
 *
 * Three come from here: `kernel`, the kernel's own algorithm replayed so that it can be explained,
 * `observed`, what the kernel's iommu_group links say, and `sound`, who can really reach whom. Each
 * merge keeps its reason.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/model/base.h"
#include "core/model/snapshot.h"

typedef enum __attribute__((packed)) ReasonRule {
        REASON_UPSTREAM_ACS, /* the port `at` above `a` does not redirect: joined to `b` there */
        REASON_MULTIFUNCTION_ACS, /* a and b are functions of one slot, both without ACS */
        REASON_BRIDGE_ALIAS,      /* a is seen by the IOMMU under bridge b's requester id */
        REASON_DMA_ALIAS,         /* a quirk: a and b share a requester id */
        REASON_REAL_DMA_DEVICE,   /* a's requests carry b's id (VMD) */
        REASON_UNKNOWN_PARENT, /* the bridge above `at` is not in the snapshot: doubt.h */
        REASON_OBSERVED,          /* the kernel says so; no rule here explains it */

        /* Of the sound partition only: b, or what is below `at`, reaches a. */
        REASON_SHARED_BUS,       /* a is on the conventional bus that b owns */
        REASON_FUNCTION_PEER,    /* b is a function of the same device and lacks RR */
        REASON_SWITCH_PEER,      /* the downstream port `at` lacks RR */
        REASON_TURNED_AROUND,    /* the port `at` lacks UF or CR */
        REASON_FORGED_ID,        /* the port `at` lacks SV */
        REASON_ROOT_PORT_PEER,   /* the root port `at` of a slot with several lacks RR */
        REASON_VIRTUAL_FUNCTION, /* `at`, a PF or VF of the device, has ACS and RR off */
        _REASON_N,
} ReasonRule;

/*
 * One edge: why `a` is in the group that `b` is in. As small as it can be, there is about one for
 * each device; indices fit, a snapshot has 1 << 20 devices at most.
 */
typedef struct Reason {
        uint32_t a;
        uint32_t b;
        uint32_t at; /* the port or bridge that causes it (may equal a or b) */
        ReasonRule rule;
        uint8_t missing; /* ACS bits of SV|RR|CR|UF that `at` lacks and that matter here, or 0 */
        Tristate acs;    /* whether `at` has an ACS capability at all */
} Reason;

/* What the sound partition takes for granted about a group. */
enum {
        SOUND_ASSUMES_ROOT_COMPLEX = 1 << 0, /* that routes between its slots only by the IOMMU */
        SOUND_ASSUMES_SRIOV = 1 << 1, /* functions of an SR-IOV device without ACS do not talk */
};

typedef struct Group {
        size_t *members; /* sorted device indices; never empty. The partition's. */
        size_t n_members;
        Reason *reasons; /* connect all members: at least n_members - 1. The partition's. */
        size_t n_reasons;
        size_t anchor;        /* topmost member; its path is the group's id */
        int32_t kernel_group; /* the number all members share in the snapshot, or -1 */
        const char *id;       /* the partition's */

        /* Of the sound partition only. */
        uint8_t assumes; /* SOUND_ASSUMES_* */
        bool spoofable;  /* no port up to the root checks a member's requester id */
} Group;

typedef struct Partition {
        Group *groups; /* ordered by anchor */
        size_t n_groups;
        size_t *group_of; /* per device: index into groups, or SNAPSHOT_NONE */
        size_t n_devices;
        /* Of all groups, what they point into. Owned. */
        size_t *members;
        Reason *reasons;
        char *ids; /* one after the other, each with its NUL */
} Partition;

Partition *partition_free(Partition *partition);
DEFINE_CLEANUP(Partition *, partition_free);

/* The group of that id, or SNAPSHOT_NONE. */
size_t partition_find_group(const Partition *partition, const char *id);

/*
 * The kernel's partition, computed: a literal replay in probe order (kernel-facts 1.3). Every
 * device gets a group. Returns 0 or -ENOMEM; the caller frees *ret.
 */
_nodiscard_ int kernel_groups_compute(const Snapshot *snapshot, Partition **ret_partition);

/* The same, but a device that is in none of the kernel's groups is in none here. */
_nodiscard_ int kernel_groups_compute_covered(const Snapshot *snapshot, Partition **ret_partition);

/*
 * The kernel's group that takes in a device which comes last, after all others have theirs: a
 * hot-added one, whose `kernel_group` is not looked at. *ret_group is -1 if it gets one of its own;
 * else *ret_reason (may be NULL) joins it with a member. Costs what is above the device and beside
 * it, not what else there is. Returns 0 or -ENOMEM.
 */
_nodiscard_ int kernel_groups_predict(const Snapshot *snapshot, size_t index, int32_t *ret_group,
                                      Reason *ret_reason);

/*
 * The kernel's group that a card of one plain function would be in if it were plugged in below the
 * bridge `port` now; -1 if it would get one of its own. Costs as little. Returns 0 or -ENOMEM.
 */
_nodiscard_ int kernel_groups_predict_below(const Snapshot *snapshot, size_t port,
                                            int32_t *ret_group);

/*
 * The partition the kernel's links show. Devices without a link are in none. Reasons are taken from
 * `computed` (may be NULL) where it explains the merge, REASON_OBSERVED otherwise. Returns 0 or
 * -ENOMEM; the caller frees *ret.
 */
_nodiscard_ int observed_groups_compute(const Snapshot *snapshot, const Partition *computed,
                                        Partition **ret_partition);

/*
 * Who can really reach whom: the closure of what `kernel` has together (its reasons must connect
 * its groups) and of the requests that the kernel does not ask about. Every device gets a group.
 * Returns 0 or -ENOMEM; the caller frees *ret.
 */
_nodiscard_ int sound_groups_compute(const Snapshot *snapshot, const Partition *kernel,
                                     Partition **ret_partition);

/* "root-complex" and "sriov" for one SOUND_ASSUMES_* bit, "" for anything else. */
const char *sound_assumption_to_string(unsigned bit);

/*
 * A literal reading of `acs_ok` (kernel-facts 1.2): does this function, alone, keep its peers
 * apart? *ret_missing gets the bits of SV|RR|CR|UF it lacks (may be NULL).
 */
bool acs_isolated(const Snapshot *snapshot, size_t index, uint8_t *ret_missing);

/*
 * Which of SV|RR|CR|UF a function really lacks, whatever its type: bits that are on, that its ACS
 * capability does not offer, or that a quirk row vouches for are not lacking.
 */
uint8_t acs_missing(const Snapshot *snapshot, size_t index);

const char *reason_rule_to_string(ReasonRule rule);

/* Writes an English sentence for the reason; returns a string the caller frees, or NULL. */
char *reason_describe(const Snapshot *snapshot, const Reason *reason);

/* "SV|RR|CR|UF" for a mask, into a string the caller frees, or NULL if memory is short. */
char *acs_bits_to_string(uint8_t bits);
