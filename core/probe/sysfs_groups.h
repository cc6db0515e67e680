/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a sysfs tree says beside the functions themselves: the kernel's groups and the named slots.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

/*
 * Fills `kernel_groups` (kernel/iommu_groups) and `slots` (bus/pci/slots) of a snapshot that has
 * none yet, sorted by number and by name. What cannot be read is left out or UNKNOWN. Returns 0 or
 * -ENOMEM.
 */
_nodiscard_ int sysfs_groups_read(int root, Snapshot *snapshot);

/* Fills `direct` of the groups that the snapshot has. What cannot be read stays UNKNOWN. */
void sysfs_groups_read_regions(int root, Snapshot *snapshot);
