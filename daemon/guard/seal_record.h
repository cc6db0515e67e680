/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Puts the slots to be sealed on the record of a lease. A worker makes the changes later
 * (daemon/guard/enforce.h).
 */

#include "core/model/snapshot.h"
#include "daemon/host/host.h"
#include "daemon/lease/record.h"

/* Puts the slot of a port on record, once, if pciehp serves it. Returns 0 or -errno. */
_nodiscard_ int seal_record_slot(const HostPaths *host, LeaseRecord *record, Bdf port);

/*
 * Puts all slots that lead into the record's groups on record, in the modes in which the owner
 * claims the groups: these slots are shut before the first driver is unbound. Returns 0 or -errno.
 */
_nodiscard_ int seal_record_slots(const HostPaths *host, const Snapshot *snapshot,
                                  LeaseRecord *record);

/*
 * Notes the place of a VF that a lease takes. If new VFs of its PF could join the same group, they
 * get no drivers. Returns 0 or -errno.
 */
_nodiscard_ int seal_record_vf(const HostPaths *host, const Snapshot *snapshot, LeaseRecord *record,
                               const PciDevice *device);
