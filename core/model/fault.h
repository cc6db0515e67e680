/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reads IOMMU faults of devices from the kernel's log.
 *
 * Each IOMMU driver has its own form of report; this file knows those of kernel-facts and ignores
 * other lines. A record is a line of /dev/kmsg, with the lines below it that name its device.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/base.h"
#include "core/model/bdf.h"

typedef enum FaultAccess {
        FAULT_ACCESS_UNKNOWN,
        FAULT_ACCESS_READ,
        FAULT_ACCESS_WRITE,
        FAULT_ACCESS_INTERRUPT, /* an interrupt without a valid entry */
        _FAULT_ACCESS_N,
} FaultAccess;

typedef struct IommuFault {
        Bdf bdf; /* the requester id, which may be that of a bridge above the device */
        FaultAccess access;
        bool has_address;
        uint64_t address; /* I/O virtual; of an interrupt: the index */
} IommuFault;

/* "read", "write", "interrupt", "unknown". */
const char *fault_access_to_string(FaultAccess access);

/*
 * Reads one record, NUL-terminated. Returns true and *ret if it reports a fault of a PCI function.
 */
_nodiscard_ bool fault_parse(const char *record, IommuFault *ret);

/*
 * The number of reports, of all devices, that the kernel says it has suppressed ("fault: 17
 * callbacks suppressed"); 0 for other records.
 */
unsigned fault_parse_suppressed(const char *record);
