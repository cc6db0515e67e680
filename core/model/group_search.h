/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Finds the existing group that a device joins, by the kernel's algorithm.
 *
 * The replay (kernel_groups.c) searches for all devices in turn, with precomputed facts. For a
 * single new device nothing is precomputed; the cost depends on the devices above and beside it,
 * not on the size of the machine.
 */

#include "core/model/base.h"
#include "core/model/doubt.h"
#include "core/model/groups.h"
#include "core/model/partition.h"
#include "core/model/quirks.h"
#include "core/model/snapshot.h"

/* A VMD endpoint that is missing from the snapshot: all users of its id share a group. */
typedef struct LostEndpoint {
        Bdf bdf;
        size_t first; /* the first grouped user, or SNAPSHOT_NONE */
} LostEndpoint;

/* Facts that do not depend on groups; arrays by device. */
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
        size_t newcomer; /* with the kernel's labels: a device that counts as not yet grouped */
        const SearchFacts *facts; /* or NULL: computed on demand */
        const LostEndpoint *lost; /* sorted by address; used with `facts` */
        size_t n_lost;

        /* Of the search. */
        AliasMask visited;
        ReasonList steps; /* from the device to the group; owned */
        int error;        /* of the first allocation that failed */
} GroupSearch;

/*
 * Returns the label of the group that device `at` joins, with the steps to it in `steps`;
 * SNAPSHOT_NONE if there is none. Check `error` afterwards.
 */
size_t group_search(GroupSearch *search, size_t at);

/*
 * The same for a future card with one plain function, alone on the bus below the bridge `port`:
 * its steps begin with the port.
 */
size_t group_search_below(GroupSearch *search, size_t port);

/* Frees the contents of a search. */
static inline void group_search_deinitp(GroupSearch *search)
{
        free(search->steps.reasons);
}

/* Is the VMD endpoint of this device missing from the snapshot? */
static inline bool search_is_behind_lost(const PciDevice *device)
{
        return device->place.has_real_dma && device->real_dma == SNAPSHOT_NONE;
}

/* The missing VMD endpoint of `device`, or NULL if it is in the snapshot or there is none. */
const LostEndpoint *search_find_lost(const LostEndpoint *lost, size_t n_lost,
                                     const PciDevice *device);

/* Compares endpoints, for qsort(). */
int search_compare_lost(const void *a, const void *b);
