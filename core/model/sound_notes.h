/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Questions of the sound partition about ports, and its notes about groups: the ports that check
 * requester ids, and the assumptions.
 */

#include "core/model/base.h"
#include "core/model/groups.h"
#include "core/model/snapshot.h"

/* Roles. An unknown type may be any type that the header and the port above allow. */
bool port_may_be_root(const Snapshot *snapshot, size_t index);
bool port_may_be_downstream(const Snapshot *snapshot, size_t index);

/* Can the function have an ACS capability with RR that is off? */
bool function_may_talk(const Snapshot *snapshot, size_t index);

/* Is there a link with one device below: a root port, downstream port or PCI-to-PCIe bridge? */
bool port_is_link(const PciDevice *device);

/* A switch's upstream port, or a port that may be either end of a switch. */
bool port_is_upstream(const PciDevice *device);

/* Which ports at or above a device check requester ids (SV). */
typedef struct SourceCheck {
        size_t lacking;  /* the nearest port, if it may not check; else NONE */
        size_t checking; /* the nearest port that certainly checks, or NONE */
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
