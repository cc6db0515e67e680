/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reads facts from a function's configuration space. */

#include "core/model/base.h"
#include "core/model/snapshot.h"

/*
 * Are the files below `root` copies on a disk? sysfs reads the hardware dword by dword; a copy can
 * be read as a whole.
 */
bool sysfs_is_copy(int root);

/* Fills `facts` from the `config` file of the device whose sysfs directory this is. */
void sysfs_read_facts(int directory, bool is_copy, PciDevice *device);
