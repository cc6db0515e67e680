/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reads the kernel's groups and the named slots of a sysfs tree. */

#include "core/model/base.h"
#include "core/model/snapshot.h"

/*
 * Fills `kernel_groups` (kernel/iommu_groups) and `slots` (bus/pci/slots) of a snapshot that has
 * none yet, sorted by number and by name. Entries that cannot be read are left out or UNKNOWN.
 * Returns 0 or -ENOMEM.
 */
_nodiscard_ int sysfs_groups_read(int root, Snapshot *snapshot);

/* Fills `direct` of the groups of the snapshot; stays UNKNOWN if it cannot be read. */
void sysfs_groups_read_regions(int root, Snapshot *snapshot);
