/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Requester id aliases in AMD firmware: the alias entries of the IVRS table.
 *
 * The table (AMD I/O Virtualization Technology (IOMMU) Specification, 48882, section 5.2) is a
 * list of blocks, one or more for each IOMMU, each a list of entries about devices. A device is a
 * bus number and a device.function in a PCI segment.
 */

#include <stdint.h>

#include "core/model/base.h"
#include "core/model/snapshot.h"

#define IVRS_SIZE_MAX                                                                              \
        65536 /* the reader ignores bytes beyond; real tables have a few hundred bytes */

/* Devices `first` to `last` (bus << 8 | device.function) use the requester id `alias`. */
typedef struct IvrsAlias {
        uint16_t segment;
        uint16_t first, last;
        uint16_t alias;
} IvrsAlias;

/* In the order of the table; the last alias of a device applies. */
typedef struct IvrsTable {
        IvrsAlias *aliases; /* owned */
        size_t n_aliases;
        size_t n_allocated;
} IvrsTable;

typedef enum IvrsResult {
        _IVRS_E_SUCCESS = 0,
        IVRS_E_NOT_WHOLE, /* a length in it is wrong, or its end is missing */
} IvrsResult;

/*
 * Reads the aliases of a table; ignores its checksum. At the first invalid length it stops, keeps
 * the aliases read so far (an alias only joins devices), and returns IVRS_E_NOT_WHOLE: a missing
 * alias then proves nothing. Returns that, 0, or -ENOMEM with *ret_table empty; the caller calls
 * ivrs_table_deinit() on *ret_table.
 */
_nodiscard_ int ivrs_parse(const uint8_t *bytes, size_t n_bytes, IvrsTable *ret_table);

/* Frees what the table owns and leaves it empty. */
void ivrs_table_deinit(IvrsTable *table);

/*
 * Gives each device of `snapshot` its alias, if that is another id on the device's own bus: the
 * kernel ignores all others for groups (kernel-facts 1.4).
 */
void ivrs_apply(const IvrsTable *table, Snapshot *snapshot);
