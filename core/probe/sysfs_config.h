/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A function's configuration space, as facts.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

/*
 * Whether the files below `root` are a disk's copies: sysfs asks the hardware at every read, dword by
 * dword; a copy is had whole for the price of one.
 */
bool sysfs_is_copy(int root);

/* Fills `facts` from the `config` file of the device whose sysfs directory this is. */
void sysfs_read_facts(int directory, bool is_copy, PciDevice *device);
