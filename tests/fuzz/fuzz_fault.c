/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The input is a record of the kernel's log; the device in a reported fault has a valid address. */

#include "fuzz.h"

#include "core/model/fault.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_data)
{
        _cleanup_(freep) char *record = malloc(n_data + 1);
        char text[BDF_TEXT_SIZE];
        IommuFault fault;
        Bdf again;

        MUST(record);
        if (n_data > 0)
                memcpy(record, data, n_data);
        record[n_data] = '\0';
        MUST(fault_parse_suppressed(record) <= 1000000);
        if (!fault_parse(record, &fault))
                return 0;
        MUST(fault.access < _FAULT_ACCESS_N && fault_access_to_string(fault.access)[0]);
        MUST(bdf_parse(bdf_format(fault.bdf, text), &again) && bdf_equal(again, fault.bdf));
        return 0;
}
