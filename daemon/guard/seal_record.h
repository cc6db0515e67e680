/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is to be sealed for a lease goes on its record first; a worker makes the changes later
 * (daemon/guard/enforce.h).
 */

#include "core/model/snapshot.h"
#include "daemon/host/host.h"
#include "daemon/lease/record.h"

/* Puts a port's slot on record, once, if pciehp serves it. Returns 0 or -errno. */
_nodiscard_ int seal_record_slot(const HostPaths *host, LeaseRecord *record, Bdf port);

/*
 * Puts all slots that lead into the record's groups on record, in the modes that leave claiming to the
 * owner: these slots are shut before the first driver leaves. Returns 0 or -errno.
 */
_nodiscard_ int seal_record_slots(const HostPaths *host, const Snapshot *snapshot,
                                  LeaseRecord *record);

/*
 * Notes the place of a VF that a lease takes. If new VFs of its PF could be born into the same group,
 * they are to get no drivers. Returns 0 or -errno.
 */
_nodiscard_ int seal_record_vf(const HostPaths *host, const Snapshot *snapshot, LeaseRecord *record,
                               const PciDevice *device);
