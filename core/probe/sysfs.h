/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The PCI part of a sysfs tree, live or copied, read into a snapshot.
 *
 * Only reads. Every device that vanishes while it is read is left out; every attribute that cannot
 * be read is UNKNOWN. A tree is known by the presence of `bus/pci/devices`.
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

/* The same without drivers, which grouping does not ask for: `driver` of all is "". */
_nodiscard_ int sysfs_read_places(const char *root, Snapshot **ret_snapshot);

/*
 * The same without what is in configuration space: no device is woken. Of each, its place, ids,
 * class, driver and kernel group are known, and its `facts` are not.
 */
_nodiscard_ int sysfs_read_links(const char *root, Snapshot **ret_snapshot);

/*
 * The same, but what is in the configuration space of a device that is in `before` (may be NULL), a
 * snapshot of this tree, and has not gone since, is taken from there: asking wakes a device that
 * sleeps, and takes time. The bits that change while a device is there (ACS and ATS control) may be
 * old then.
 */
_nodiscard_ int sysfs_read_snapshot_again(const char *root, const Snapshot *before,
                                          Snapshot **ret_snapshot);

/*
 * Reads on, into a snapshot of the same tree, what only some policies ask: `removable` and
 * `numa_node`, a file each per device. Returns 0 or -errno.
 */
_nodiscard_ int sysfs_read_attachment(const char *root, Snapshot *snapshot);

/*
 * Reads on, into a snapshot of the same tree, what only strength and dumps need and what costs a
 * file or two per device or group: `removable`, `numa_node`, `resettable`, `direct`, `interrupt_remapping`.
 * Returns 0 or -errno.
 */
_nodiscard_ int sysfs_read_traits(const char *root, Snapshot *snapshot);
