/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Why a device of a lease is gone, from what was and what is there.
 *
 * A virtual function lives as long as its physical one wants: what matters for it is its place, the
 * PF and its number there, and what became of the PF. The kernel takes virtual functions away one
 * after another, so that a reading in between shows a part of it: such a loss is not settled yet.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

/* Of a VF, as it was. */
typedef struct VfPlace {
        Bdf pf;
        unsigned index;  /* N of the PF's virtfnN, or VF_INDEX_NONE */
        unsigned n_vfs;  /* that the PF had */
        uint16_t vendor; /* the VF's own ids */
        uint16_t device;
        char pf_driver[SNAPSHOT_NAME_SIZE]; /* "" if it had none */
} VfPlace;

typedef enum LossCause {
        LOSS_UNPLUGGED,  /* or removed: nothing more is known */
        LOSS_REPLACED,   /* the same, and something is there again */
        LOSS_DRIVER,     /* it is there, but VFIO drives it no more */
        LOSS_NUMVFS,     /* the PF's sriov_numvfs was written */
        LOSS_PF_UNBOUND, /* the PF lost its driver, which took its VFs along */
        LOSS_PF_GONE,
        _LOSS_N,
} LossCause;

/* What is lost, for the functions below. `before` is the reading before `now`, NULL if none. */
typedef struct Loss {
        Bdf bdf;
        const VfPlace *place; /* of a VF; NULL for other devices */
        const Snapshot *before;
        const Snapshot *now;
} Loss;

/* The place of the VF of that index. Returns false if it is none, or its PF is not known. */
bool vf_place_find(const Snapshot *snapshot, size_t index, VfPlace *ret_place);

/* Whether the device of that index is the VF that was in `place`, or one just like it. */
bool vf_place_fits(const VfPlace *place, const Snapshot *snapshot, size_t index);

/*
 * Whether VFs that its PF gets anew could land in the group of a VF: it is not alone there. In a
 * group of its own nothing else is ever born.
 */
bool vf_place_is_shared(const Snapshot *snapshot, size_t index);

/* Number of VFs that a PF has. */
unsigned vf_place_count(const Snapshot *snapshot, Bdf pf);

/*
 * Whether another reading right now could add nothing: two agree about the driver, or about the PF,
 * or it is plain already what the PF does.
 */
bool loss_is_settled(const Loss *loss);

LossCause loss_find_cause(const Loss *loss);

/*
 * Whether the cause, once settled, is so for good. It is not where something may still be on its
 * way out: a driver has been taken away, or a VF is gone and its PF is there with others.
 */
bool loss_is_final(const Loss *loss);

/* The cause in words. Returns NULL if memory is short; freed by the caller. */
char *loss_describe(const Loss *loss);

/*
 * What happened to the PF of a VF that is still there: its driver, or VFs beside it. Returns 0 and
 * *ret, NULL if nothing did (freed by the caller), or -ENOMEM.
 */
_nodiscard_ int loss_describe_pf(const Loss *loss, char **ret_text);
