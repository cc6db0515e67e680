/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A partition of a snapshot's devices into groups, with reasons.
 *
 * There are three partitions: `kernel` replays the kernel's own algorithm, so that it can be
 * explained; `observed` follows the kernel's iommu_group links; `sound` joins all devices that can
 * reach each other past the IOMMU. Each merge keeps its reason.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/model/base.h"
#include "core/model/snapshot.h"

typedef enum __attribute__((packed)) ReasonRule {
        REASON_UPSTREAM_ACS, /* the port `at` above `a` does not redirect: joined to `b` there */
        REASON_MULTIFUNCTION_ACS, /* a and b are functions of one slot, both without ACS */
        REASON_BRIDGE_ALIAS,      /* the IOMMU sees bridge b's requester id for a */
        REASON_DMA_ALIAS,         /* a quirk: a and b share a requester id */
        REASON_REAL_DMA_DEVICE,   /* a's requests carry b's id (VMD) */
        REASON_UNKNOWN_PARENT,    /* the bridge above `at` is not in the snapshot: doubt.h */
        REASON_OBSERVED,          /* from the kernel's links; no known rule explains it */

        /* Only in the sound partition: b, or a device below `at`, reaches a. */
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
 * An edge: the reason why `a` is in the group of `b`. It is small, because there is about one per
 * device; 32 bits suffice for indices, because a snapshot has at most 1 << 20 devices.
 */
typedef struct Reason {
        uint32_t a;
        uint32_t b;
        uint32_t at; /* the port or bridge that causes it (may equal a or b) */
        ReasonRule rule;
        uint8_t missing; /* relevant ACS bits of SV|RR|CR|UF that `at` lacks, or 0 */
        Tristate acs;    /* whether `at` has an ACS capability */
} Reason;

/* Assumptions of the sound partition about a group. */
enum {
        SOUND_ASSUMES_ROOT_COMPLEX = 1 << 0, /* it routes between slots through the IOMMU */
        SOUND_ASSUMES_SRIOV = 1 << 1,        /* its functions without ACS are separate */
};

typedef struct Group {
        size_t *members; /* sorted device indices; never empty. The partition's. */
        size_t n_members;
        Reason *reasons; /* connect all members: at least n_members - 1. The partition's. */
        size_t n_reasons;
        size_t anchor;        /* topmost member; its path is the group's id */
        int32_t kernel_group; /* the number all members share in the snapshot, or -1 */
        const char *id;       /* the partition's */

        /* Only in the sound partition. */
        uint8_t assumes; /* SOUND_ASSUMES_* */
        bool spoofable;  /* no port up to the root checks a member's requester id */
} Group;

typedef struct Partition {
        Group *groups; /* ordered by anchor */
        size_t n_groups;
        size_t *group_of; /* per device: index into groups, or SNAPSHOT_NONE */
        size_t n_devices;
        /* The arrays of all groups. Owned. */
        size_t *members;
        Reason *reasons;
        char *ids; /* in sequence, each with its NUL */
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

/* The same, but a device without a kernel group is in no group. */
_nodiscard_ int kernel_groups_compute_covered(const Snapshot *snapshot, Partition **ret_partition);

/*
 * Predicts the kernel's group of a hot-added device, which comes after all others; ignores its
 * `kernel_group`. *ret_group is -1 if it gets its own group; else *ret_reason (may be NULL) joins
 * it with a member. The cost depends on the devices above and beside it, not on the size of the
 * machine. Returns 0 or -ENOMEM.
 */
_nodiscard_ int kernel_groups_predict(const Snapshot *snapshot, size_t index, int32_t *ret_group,
                                      Reason *ret_reason);

/*
 * Predicts the kernel's group of a card with one plain function that is plugged in below the
 * bridge `port` now; -1 if it gets its own group. The cost is as low. Returns 0 or -ENOMEM.
 */
_nodiscard_ int kernel_groups_predict_below(const Snapshot *snapshot, size_t port,
                                            int32_t *ret_group);

/*
 * The partition of the kernel's links. Devices without a link are in no group. Reasons are from
 * `computed` (may be NULL) if it explains the merge, else REASON_OBSERVED. Returns 0 or -ENOMEM;
 * the caller frees *ret.
 */
_nodiscard_ int observed_groups_compute(const Snapshot *snapshot, const Partition *computed,
                                        Partition **ret_partition);

/*
 * The sound partition: the closure of the groups of `kernel` (whose reasons must connect its
 * groups) and of all further paths past the IOMMU, which the kernel does not check. Every device
 * gets a group. Returns 0 or -ENOMEM; the caller frees *ret.
 */
_nodiscard_ int sound_groups_compute(const Snapshot *snapshot, const Partition *kernel,
                                     Partition **ret_partition);

/* "root-complex" and "sriov" for one SOUND_ASSUMES_* bit, "" for anything else. */
const char *sound_assumption_to_string(unsigned bit);

/*
 * A literal reading of `acs_ok` (kernel-facts 1.2): does this function by itself isolate its
 * peers? *ret_missing (may be NULL) gets the bits of SV|RR|CR|UF that it lacks.
 */
bool acs_isolated(const Snapshot *snapshot, size_t index, uint8_t *ret_missing);

/*
 * The bits of SV|RR|CR|UF that a function of any type lacks. Bits that are on, that its ACS
 * capability does not offer, or that a quirk row provides, do not count as lacking.
 */
uint8_t acs_missing(const Snapshot *snapshot, size_t index);

const char *reason_rule_to_string(ReasonRule rule);

/* Writes an English sentence for the reason; returns a string the caller frees, or NULL. */
char *reason_describe(const Snapshot *snapshot, const Reason *reason);

/* "SV|RR|CR|UF" for a mask, into a string the caller frees, or NULL if memory is short. */
char *acs_bits_to_string(uint8_t bits);
