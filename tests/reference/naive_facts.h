/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Facts about a device that both naive readings need: of the kernel's rules and of the sound ones.
 */

#include "core/model/snapshot.h"

typedef const Snapshot World;

#define NOBODY ((size_t)-1)

/* The bridge a device is below, looked up by address, or NOBODY. */
size_t naive_bridge_above(World *world, size_t i);

/* Whose requester id a device's requests carry: its own or a VMD endpoint's. */
size_t naive_sender(World *world, size_t i);

/* Are both behind one VMD endpoint that is missing? */
bool naive_share_missing_sender(World *world, size_t a, size_t b);

bool naive_on_one_bus(World *world, size_t a, size_t b);
bool naive_in_one_slot(World *world, size_t a, size_t b);

/* The types that the function may have, one bit each; bit 16: not PCIe. */
uint32_t naive_possible_types(World *world, size_t i);

/* 1: a quirk says isolated, 0: not, -1: no opinion. */
int naive_quirk(World *world, size_t i, uint32_t types);

/* The major number of the kernel. */
unsigned naive_release_major(World *world);

/*
 * Do two functions of one bus use one id: by a quirk, by firmware's table, or through a VMD
 * endpoint?
 */
bool naive_aliases(World *world, size_t a, size_t b);

/* Is the bridge above the device missing? */
bool naive_is_orphan(World *world, size_t i);

/* Certainly isolated, by the kernel's test. */
bool naive_isolated(World *world, size_t i);

bool naive_may_be_one_of_several(World *world, size_t i);

/*
 * Per device: may a missing bridge join it to the devices below such a bridge, for the kernel
 * (`ret_kernel`), and for requests that also come down (`ret_sound`, may be NULL)?
 */
void naive_find_doubt(World *world, bool *ret_kernel, bool *ret_sound);
