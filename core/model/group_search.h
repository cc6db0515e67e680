/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The kernel's question for one device: which of the groups that there are takes it in?
 *
 * Asked for all devices in turn it is the replay (kernel_groups.c), which prepares what is asked
 * again and again; asked for one that has just come, nothing is prepared, and it costs what is
 * above the device and beside it, however large the machine is.
 */

#include "core/model/base.h"
#include "core/model/doubt.h"
#include "core/model/groups.h"
#include "core/model/partition.h"
#include "core/model/quirks.h"
#include "core/model/snapshot.h"

/* A VMD endpoint that is not in the snapshot: all that use its id are together. */
typedef struct LostEndpoint {
        Bdf bdf;
        size_t first; /* the first of them to be grouped, or SNAPSHOT_NONE */
} LostEndpoint;

/* What holds for a device whatever is grouped; arrays by device. */
typedef struct SearchFacts {
        uint8_t *missing;   /* ACS bits each function lacks; 0: isolated */
        size_t *blame;      /* nearest function at or above that does not redirect, or NONE */
        size_t *bus_first;  /* lowest index on the same bus */
        AliasMask *aliases; /* NULL if no function has any */
        bool *bus_aliases;  /* by bus_first: does any function there have aliases? */
} SearchFacts;

typedef struct GroupSearch {
        const Snapshot *snapshot;
        const size_t *labels; /* group of each device, or SNAPSHOT_NONE; or NULL: the kernel's */
        size_t newcomer;      /* with the kernel's: one that is in none yet, whatever it says */
        const SearchFacts *facts; /* or NULL: each is found out when it is asked for */
        const LostEndpoint *lost; /* sorted by address; used with `facts` */
        size_t n_lost;

        /* Of the search. */
        AliasMask visited;
        ReasonList steps; /* that led to the group, from the device on; owned */
        int error;        /* of the first allocation that failed */
} GroupSearch;

/*
 * The label of the group that takes device `at` in, with the steps that lead there in `steps`;
 * SNAPSHOT_NONE if none does. Look at `error` afterwards.
 */
size_t group_search(GroupSearch *search, size_t at);

/*
 * The same for a card of one plain function that is not there yet, on the bus below the bridge `port`
 * alone: steps that begin with it begin with the port instead.
 */
size_t group_search_below(GroupSearch *search, size_t port);

/* Frees what a search owns, not the search. */
static inline void group_search_deinitp(GroupSearch *search)
{
        free(search->steps.reasons);
}

/* Is the VMD endpoint that this device is behind not in the snapshot? */
static inline bool search_is_behind_lost(const PciDevice *device)
{
        return device->has_real_dma && device->real_dma == SNAPSHOT_NONE;
}

/* The endpoint that `device` is behind, or NULL if that is in the snapshot or there is none. */
const LostEndpoint *search_find_lost(const LostEndpoint *lost, size_t n_lost,
                                     const PciDevice *device);

/* An order of endpoints for qsort(). */
int search_compare_lost(const void *a, const void *b);
