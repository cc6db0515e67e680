/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Hypothetical machines: a copy of a snapshot with one change, to see its groups. The real machine
 * does not change.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

/* Obstacles to a change. */
enum {
        _WHAT_IF_E_SUCCESS = 0,
        WHAT_IF_E_NO_DEVICE, /* no function with that address */
        WHAT_IF_E_NO_CARD,   /* it is on a root bus, so it is part of the machine and not a card */
        WHAT_IF_E_NO_PORT,   /* it has no bus below it for a card */
        WHAT_IF_E_LOOP,      /* the port is on the card itself */
        WHAT_IF_E_OCCUPIED,  /* the port already has a device below it */
        WHAT_IF_E_NO_BUS,    /* no bus number is left */
        WHAT_IF_E_NO_ACS,    /* the port has no ACS capability, or it is unknown */
        WHAT_IF_E_MALFORMED, /* not of the form BITS@ADDRESS[;…] */
        WHAT_IF_E_NO_OVERRIDE, /* not words of pcie_acs_override= */
        _WHAT_IF_N,
};

/*
 * Moves the device of the function `card`, and all below it, to `port`. Moved functions get new
 * bus numbers if needed, and are in no kernel group. Returns 0 and a finished snapshot that the
 * caller frees, WHAT_IF_E_* or -ENOMEM.
 */
_nodiscard_ int what_if_move(const Snapshot *snapshot, Bdf card, Bdf port, Snapshot **ret_snapshot);

/*
 * Sets ACS control as the kernel's config_acs= does: bits right-aligned, `0` off, `1` on, `x` as it
 * is, from bit 0 at the right: SV, TB, RR, CR, UF, EC, DT; "1x0@0000:00:1c.0", several joined by
 * `;`. Bits that the capability does not offer stay off. Returns as what_if_move().
 */
_nodiscard_ int what_if_acs(const Snapshot *snapshot, const char *spec, Snapshot **ret_snapshot);

/*
 * Sees functions without ACS as a kernel with the override patch and pcie_acs_override=`words`
 * does: "downstream", "multifunction", "id:VVVV:DDDD", joined by commas. Returns as what_if_move().
 */
_nodiscard_ int what_if_override(const Snapshot *snapshot, const char *words,
                                 Snapshot **ret_snapshot);

/* Removes a function, its VFs and all devices below. Returns as what_if_move(). */
_nodiscard_ int what_if_remove(const Snapshot *snapshot, Bdf function, Snapshot **ret_snapshot);

/*
 * Plugs a card with one plain function (PCI Express below such a port) into `port` while the
 * machine runs. All other devices stay in their kernel groups; the card joins one of them or gets
 * the next number, if the port is in a group. *ret_card (may be NULL) is its address. Returns as
 * what_if_move().
 */
_nodiscard_ int what_if_add(const Snapshot *snapshot, Bdf port, Snapshot **ret_snapshot,
                            Bdf *ret_card);

/* "no function has that address" for WHAT_IF_E_*, "" for anything else. */
const char *what_if_error_to_string(int error);
