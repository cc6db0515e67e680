/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The IVRS table of a sysfs tree: firmware/acpi/tables/IVRS.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

/*
 * Sets `ivrs` and `ivrs_read` of a snapshot whose devices are read, and their aliases as far as the
 * table could be read. Returns 0 or -ENOMEM.
 */
_nodiscard_ int sysfs_ivrs_read(int root, Snapshot *snapshot);
