/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Finds the bridge above a PCI function from the path of its sysfs directory.
 *
 * `…/pci0000:00/0000:00:1c.0/0000:01:00.0`: below the host bridge `pci0000:00`, each function lies
 * in the directory of the bridge above it. A host bridge below a function is a VMD's own domain,
 * whose requests carry the id of that function.
 */

#include "core/model/snapshot.h"

/*
 * Fills parent, root bus and VMD endpoint of `device` (its address is set) from the target of its
 * link in bus/pci/devices. If the path does not show the bridge, the parent is an address that is
 * not in the snapshot, which means unknown.
 */
void sysfs_place_parse(PciDevice *device, const char *path);
