/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Facts of the running machine outside sysfs: the kernel's release, its command line, and whether
 * interrupt messages pass the IOMMU.
 */

#include <stdio.h>

#include "core/model/base.h"
#include "core/model/snapshot.h"

/*
 * Fill those fields of a snapshot of this machine; fields that cannot be read stay unknown.
 * Interrupts have their own function, because that file is long on a big machine. The first
 * returns 0 or -ENOMEM.
 */
_nodiscard_ int sysfs_live_read(Snapshot *snapshot);
void sysfs_live_read_remapping(Snapshot *snapshot);

/*
 * Reads /proc/interrupts for the names of interrupt chips: with remapping on, x86 puts "IR-" in
 * front of them (kernel-facts 5). YES if any has it, NO if there are only PCI messages without.
 */
Tristate sysfs_live_remapping(FILE *interrupts);
