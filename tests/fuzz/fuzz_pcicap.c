/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A configuration space made of the input: two bytes give the readable length, the next byte makes
 * the device disappear while it is read, the rest is the space.
 */

#include "fuzz.h"

#include "core/model/pcicap.h"

#include <string.h>

typedef struct Space {
        uint8_t bytes[4096];
        size_t n_readable;
        unsigned n_reads, n_reads_before_gone;
} Space;

static bool space_read(void *context, unsigned offset, uint32_t *ret_value)
{
        Space *space = context;

        MUST(offset % 4 == 0 && offset + 4 <= sizeof(space->bytes));
        MUST(++space->n_reads <= 4096 / 4 + 16);
        if (offset + 4 > space->n_readable)
                return false;
        memcpy(ret_value, space->bytes + offset, 4);
        if (space->n_reads > space->n_reads_before_gone)
                *ret_value = 0xffffffff;
        return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_data)
{
        static const unsigned sizes[] = {0, 64, 256, 4096};
        Space space = {0};

        if (n_data < 3)
                return 0;
        memcpy(space.bytes, data + 3, n_data - 3 < 4096 ? n_data - 3 : 4096);
        space.n_readable = (size_t)data[0] << 8 | data[1];

        for (size_t i = 0; i < 4; i++) {
                PciFacts facts;

                space.n_reads = 0;
                space.n_reads_before_gone = data[2] ? data[2] : 10000;
                pcicap_read(space_read, &space, sizes[i], &facts);
                pcicap_read_pch(space_read, &space, &facts);
                if (facts.acs.present == TRISTATE_YES) {
                        MUST(sizes[i] == 4096);
                        MUST(facts.acs.offset >= 0x100 && facts.acs.offset <= 4096 - 8);
                        MUST(facts.acs.dword4 == ((uint32_t)facts.acs.ctrl << 16 | facts.acs.cap));
                        MUST(facts.acs.dword4 != 0xffffffff);
                }
                MUST(facts.present == TRISTATE_YES || facts.header_known == TRISTATE_UNKNOWN);
                MUST(facts.header_known == TRISTATE_YES || facts.pcie == TRISTATE_UNKNOWN);
                MUST(facts.pcie_type <= 15 && facts.header_type < 128);
        }
        return 0;
}
