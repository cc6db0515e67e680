/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Who brings cards in below a port while the machine runs, as sysfs shows it.
 *
 * Only what pciehp serves can be sealed. Whoever serves a slot otherwise is named, for the evidence;
 * a port is thought to take no card only if it says so itself and nobody serves it. What a rescan by
 * hand brings is none of this.
 */

#include "core/model/guard.h"
#include "core/model/snapshot.h"
#include "daemon/host/host.h"

typedef enum SlotServer {
        SLOT_SERVER_UNKNOWN, /* a card may come in, nobody knows by whom */
        SLOT_SERVER_NONE,    /* none comes in */
        SLOT_SERVER_PCIEHP,
        SLOT_SERVER_ACPI,
        SLOT_SERVER_SHPCHP,
        SLOT_SERVER_OTHER, /* a driver that calls the slot by `name` */
} SlotServer;

typedef struct Slot {
        SlotServer server;
        bool is_shut; /* pciehp could serve it, and is not bound */
        char name[SNAPSHOT_SLOT_SIZE];
} Slot;

/* Looks at the slot below `port`. Returns 0 or -errno. */
_nodiscard_ int slot_find(const HostPaths *host, const PciDevice *port, Slot *ret_slot);

/*
 * Counts the slots below `ports` (guard_find_ports()) into `facts`, and says in *ret_open (freed by
 * the caller; may be NULL) of each that is not shut who serves it, "" if there is none. Returns 0 or
 * -errno.
 */
_nodiscard_ int slot_survey(const HostPaths *host, const Snapshot *snapshot, const size_t *ports,
                            size_t n_ports, GuardFacts *facts, char **ret_open);
