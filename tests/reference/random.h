/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Random machines: root buses, ports, switches, bridges, functions, VFs and VMDs, with the quirks
 * that the naive reference knows, and missing facts. The same seed gives the same machine.
 */

#include "core/model/snapshot.h"

typedef struct Random {
        uint64_t state;
} Random;

/* A nearly uniform number below `limit`. */
unsigned random_below(Random *random, unsigned limit);

/* True `per_thousand` times in a thousand, on average. */
bool random_chance(Random *random, unsigned per_thousand);

typedef struct RandomOptions {
        bool tidy;              /* functions of a slot agree on being several; VFs have no quirks; */
                                /* firmware lists no aliases; otherwise order matters */
        unsigned unknown;       /* per thousand: a fact is UNKNOWN */
        bool redirecting;       /* ports mostly redirect, switches have several: so that little */
                                /* is together for the kernel, and the sound edges show */
        unsigned n_devices_max; /* stop growing at that number of devices */
} RandomOptions;

/* A finished snapshot whose addresses ascend from bridges to the devices below them. */
Snapshot *random_topology(Random *random, const RandomOptions *options);

/* Makes one random known fact unknown and finishes anew; false if the one chosen was unknown. */
bool random_degrade(Random *random, Snapshot *snapshot);

/* The same for one device's facts. */
bool random_degrade_device(Random *random, Snapshot *snapshot, PciDevice *device);

/* Gives a function ACS with everything on and finishes anew. */
void add_acs(Snapshot *snapshot, PciDevice *device);

/*
 * A finished copy with other bus numbers, except root buses, and its devices added in another
 * order.
 */
Snapshot *random_renumber(Random *random, const Snapshot *snapshot);
