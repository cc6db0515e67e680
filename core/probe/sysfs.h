/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The PCI part of a sysfs tree, live or copied, read into a snapshot.
 *
 * Writes nothing. A device that goes away while it is read is left out; an attribute that cannot
 * be read is UNKNOWN. A directory with `bus/pci/devices` is a tree.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

enum {
        _SYSFS_E_SUCCESS,
        SYSFS_E_NO_PCI, /* no bus/pci/devices below the root */
};

/*
 * Reads the tree at `root` ("/sys", or a copy). Returns 0, SYSFS_E_NO_PCI, or -errno; the caller
 * frees *ret.
 */
_nodiscard_ int sysfs_read_snapshot(const char *root, Snapshot **ret_snapshot);

/* The same without drivers, which grouping does not need: every `driver` is "". */
_nodiscard_ int sysfs_read_places(const char *root, Snapshot **ret_snapshot);

/*
 * The same without configuration space, so that no device wakes up. Of each device, place, ids,
 * class, driver and kernel group are read; its `facts` are unknown.
 */
_nodiscard_ int sysfs_read_links(const char *root, Snapshot **ret_snapshot);

/*
 * The same, but takes the configuration space of a device from `before` (may be NULL), an earlier
 * snapshot of this tree, if the device is still there: reading wakes a sleeping device and takes
 * time. Bits that change at run time (ACS and ATS control) may then be old.
 */
_nodiscard_ int sysfs_read_snapshot_again(const char *root, const Snapshot *before,
                                          Snapshot **ret_snapshot);

/*
 * Adds facts that only some policies need to a snapshot of the same tree: `removable` and
 * `numa_node`, one file each per device. Returns 0 or -errno.
 */
_nodiscard_ int sysfs_read_attachment(const char *root, Snapshot *snapshot);

/*
 * Adds facts that only strength and dumps need, one or two files per device or group, to a
 * snapshot of the same tree: `removable`, `numa_node`, `resettable`, `direct`,
 * `interrupt_remapping`. Returns 0 or -errno.
 */
_nodiscard_ int sysfs_read_traits(const char *root, Snapshot *snapshot);
