/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the sound partition asks about ports, and what it says besides who is together: where
 * requester ids are checked, what a group takes for granted.
 */

#include "core/model/base.h"
#include "core/model/groups.h"
#include "core/model/snapshot.h"

/* Roles. What is not known may be anything that the header and the port above leave open. */
bool port_may_be_root(const Snapshot *snapshot, size_t index);
bool port_may_be_downstream(const Snapshot *snapshot, size_t index);

/* May the function have an ACS capability that offers RR and has it off? */
bool function_may_talk(const Snapshot *snapshot, size_t index);

/* Is there a link with one device below: a root port, downstream port or PCI-to-PCIe bridge? */
bool port_is_link(const PciDevice *device);

/* A switch's upstream port, or an end of a switch that may be either. */
bool port_is_upstream(const PciDevice *device);

/* Which ports at or above a device check requester ids (SV). */
typedef struct SourceCheck {
        size_t lacking;  /* the nearest port does not, or may not: which one; else NONE */
        size_t checking; /* the nearest that certainly does, or NONE */
        size_t top;      /* the topmost port, or NONE */
} SourceCheck;

/* Fills one for every device; `missing` is acs_missing() of each. Returns 0 or -ENOMEM. */
_nodiscard_ int source_checks_find(const Snapshot *snapshot, const uint8_t *missing,
                                   SourceCheck **ret_checks);

/* Fills `assumes` and `spoofable` of all groups. Returns 0 or -ENOMEM. */
_nodiscard_ int sound_notes_fill(const Snapshot *snapshot, const uint8_t *missing,
                                 Partition *partition);

/* reason_describe() for the rules of the sound partition; NULL for any other or without memory. */
char *sound_reason_describe(const Snapshot *snapshot, const Reason *reason);
