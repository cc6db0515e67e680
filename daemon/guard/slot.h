/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which driver adds cards below a port while the machine runs, as sysfs shows it.
 *
 * Only slots that pciehp serves can be sealed. If another driver serves a slot, it is named for the
 * evidence. A port is thought to take no card only if it says so itself and no driver serves it. A
 * rescan by hand is not covered.
 */

#include "core/model/guard.h"
#include "core/model/snapshot.h"
#include "daemon/host/host.h"

typedef enum SlotServer {
        SLOT_SERVER_UNKNOWN, /* a card may be added, by an unknown driver */
        SLOT_SERVER_NONE,    /* no card can be added */
        SLOT_SERVER_PCIEHP,
        SLOT_SERVER_ACPI,
        SLOT_SERVER_SHPCHP,
        SLOT_SERVER_OTHER, /* a driver that calls the slot by `name` */
} SlotServer;

typedef struct Slot {
        SlotServer server;
        bool is_shut; /* pciehp could serve it, but is not bound */
        char name[SNAPSHOT_SLOT_SIZE];
} Slot;

/* Looks at the slot below `port`. Returns 0 or -errno. */
_nodiscard_ int slot_find(const HostPaths *host, const PciDevice *port, Slot *ret_slot);

/*
 * Counts the slots below `ports` (guard_find_ports()) in `facts`. Describes in *ret_open (freed by
 * the caller; may be NULL) which driver serves each slot that is not shut, "" if there is none.
 * Returns 0 or -errno.
 */
_nodiscard_ int slot_survey(const HostPaths *host, const Snapshot *snapshot, const size_t *ports,
                            size_t n_ports, GuardFacts *facts, char **ret_open);
