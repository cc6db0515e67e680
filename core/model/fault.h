/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the kernel's log says of a device that went where the IOMMU did not let it.
 *
 * Drivers of IOMMUs word their reports each in their own way; what is not one of the known wordings is
 * no fault. A record is a line as /dev/kmsg gives it, with the lines below it that name its device.
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
        FAULT_ACCESS_INTERRUPT, /* an interrupt that no entry lets pass */
        _FAULT_ACCESS_N,
} FaultAccess;

typedef struct IommuFault {
        Bdf bdf; /* the requester id, which may be a bridge's for what is below it */
        FaultAccess access;
        bool has_address;
        uint64_t address; /* I/O virtual; of an interrupt: the index */
} IommuFault;

/* "read", "write", "interrupt", "unknown". */
const char *fault_access_to_string(FaultAccess access);

/*
 * Reads one record, NUL-terminated. Returns true and *ret if it is the report of a fault of a PCI
 * function.
 */
_nodiscard_ bool fault_parse(const char *record, IommuFault *ret);

/*
 * The number of reports that the kernel says it has kept back ("fault: 17 callbacks suppressed"), of
 * whatever device; 0 if the record says nothing of the kind.
 */
unsigned fault_parse_suppressed(const char *record);
