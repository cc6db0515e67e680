/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Finds out why a device of a lease is gone, from the readings before and after.
 *
 * The life of a virtual function depends on its physical one: relevant are its place (the PF and
 * its number there) and the state of the PF. The kernel removes virtual functions one by one, so a
 * reading in between shows only some of them gone: such a loss is not settled yet.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

/* The former place of a VF. */
typedef struct VfPlace {
        Bdf pf;
        unsigned index;  /* N of the PF's virtfnN, or VF_INDEX_NONE */
        unsigned n_vfs;  /* former number of VFs of the PF */
        uint16_t vendor; /* the VF's own ids */
        uint16_t device;
        char pf_driver[SNAPSHOT_NAME_SIZE]; /* "" if it had none */
} VfPlace;

typedef enum LossCause {
        LOSS_UNPLUGGED,  /* or removed; the cause is unknown */
        LOSS_REPLACED,   /* the same, and its place has a device again */
        LOSS_DRIVER,     /* it exists, but without its VFIO driver */
        LOSS_NUMVFS,     /* the PF's sriov_numvfs was written */
        LOSS_PF_UNBOUND, /* the PF lost its driver, which removed its VFs */
        LOSS_PF_GONE,
        _LOSS_N,
} LossCause;

/* A loss, for the functions below. `before` is the reading before `now`, NULL if none. */
typedef struct Loss {
        Bdf bdf;
        const VfPlace *place; /* for a VF; NULL for other devices */
        const Snapshot *before;
        const Snapshot *now;
} Loss;

/* Gets the place of the VF of that index. Returns false if it is not a VF, or its PF is unknown. */
bool vf_place_find(const Snapshot *snapshot, size_t index, VfPlace *ret_place);

/* Is the device of that index the VF that was in `place`, or an equal one? */
bool vf_place_fits(const VfPlace *place, const Snapshot *snapshot, size_t index);

/* Could new VFs of its PF join the group of a VF? Yes, if the VF is not alone in its group. */
bool vf_place_is_shared(const Snapshot *snapshot, size_t index);

/* Number of VFs that a PF has. */
unsigned vf_place_count(const Snapshot *snapshot, Bdf pf);

/*
 * Is the cause settled, so that another reading now would add nothing? Yes, if two readings agree
 * about the driver or the PF, or the PF's change is clear already.
 */
bool loss_is_settled(const Loss *loss);

LossCause loss_find_cause(const Loss *loss);

/*
 * Is a settled cause final? Not while more may change: a driver was unbound, or a VF is gone while
 * its PF still has others.
 */
bool loss_is_final(const Loss *loss);

/* The cause as text. Returns NULL if memory is short; freed by the caller. */
char *loss_describe(const Loss *loss);

/*
 * Describes changes to the PF of a VF that still exists: its driver, or its other VFs. Returns 0
 * and *ret (freed by the caller), NULL if there is none, or -ENOMEM.
 */
_nodiscard_ int loss_describe_pf(const Loss *loss, char **ret_text);
