/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reads the ids and the class of a function. */

#include "core/model/base.h"
#include "core/model/snapshot.h"

/*
 * Fills ids and class of the device whose sysfs directory this is. Returns 0, or -errno if
 * the device is gone.
 */
_nodiscard_ int sysfs_read_identity(int directory, PciDevice *device);
