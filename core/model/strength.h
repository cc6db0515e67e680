/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How strong the isolation of a group is, bit by bit, each with its evidence.
 *
 * A bit is YES only if all its conditions are known to hold, NO if one is known not to hold, and
 * UNKNOWN otherwise.
 */

#include "core/model/base.h"
#include "core/model/groups.h"
#include "core/model/snapshot.h"

typedef enum StrengthBit {
        STRENGTH_TRANSLATED, /* an IOMMU covers all members and does not pass addresses unchanged */
        STRENGTH_P2P,        /* no device outside can reach a member past the IOMMU */
        STRENGTH_MSI,        /* interrupts are remapped */
        STRENGTH_CLAIMABLE,  /* the kernel allows an owner of the group */
        STRENGTH_RESETTABLE, /* members can be reset without affecting another group */
        STRENGTH_TRUSTED_ATS, /* no removable device may translate by itself */
        STRENGTH_PASID,       /* per-process address spaces are possible */
        _STRENGTH_N,
} StrengthBit;

typedef struct StrengthFact {
        Tristate value;
        char *text; /* the evidence, a sentence */
} StrengthFact;

typedef struct Strength {
        StrengthFact bits[_STRENGTH_N];
} Strength;

/*
 * The strength of group `group` of `partition` (the kernel's, observed or computed); `sound` is the
 * sound partition of the same snapshot. Returns 0 or -ENOMEM; the caller frees *ret.
 */
_nodiscard_ int strength_compute(const Snapshot *snapshot, const Partition *partition, size_t group,
                                 const Partition *sound, Strength **ret_strength);

Strength *strength_free(Strength *strength);
DEFINE_CLEANUP(Strength *, strength_free);

/*
 * May a driver of that name ("" is none) stay bound in an owned group, because it does no DMA of
 * its own (kernel-facts 4.2)?
 */
bool driver_is_harmless(const char *driver);

/* Is this a driver for user space: vfio-pci, or one that is built on it? */
bool driver_is_vfio(const char *driver);

/* "translated", "p2p", …; "" for other values. */
const char *strength_bit_to_string(StrengthBit bit);
