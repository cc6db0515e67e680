/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Forged machines: sixteen bytes make a device, with any address, bridge, PF and VMD endpoint,
 * including loops and repeats.
 */

#include "fuzz.h"

#include "check_groups.h"
#include "core/model/snapshot.h"

#define RECORD 16

/* Few buses and domains, so that devices share them. */
static Bdf take_bdf(uint8_t bus, uint8_t devfn)
{
        return (Bdf){(bus >> 4 & 1) * 0x10000U, bus & 7, devfn};
}

static PciDevice take_device(const uint8_t *data)
{
        static const uint32_t ids[] = {0xabcd0001, 0x808610fb, 0x1b4b9230, 0x10b587b0,
                                       0x80862260, 0x14e49084, 0x1a031150, 0x1d170720};
        PciDevice device = {
                .bdf = take_bdf(data[0], data[1]),
                .place.parent_bdf = take_bdf(data[2], data[3]),
                .place.physfn_bdf = take_bdf(data[4], data[5]),
                .place.real_dma_bdf = take_bdf(data[6], data[7]),
                .place.has_parent = data[8] & 1,
                .place.is_vf = (data[8] & 6) == 6,
                .place.has_real_dma = (data[8] & 24) == 24,
                .place.root_bus = data[8] >> 7,
                .place.vf_index = data[9] < 0xf0 ? data[9] % 8 : VF_INDEX_NONE,
                .kernel_group = (int8_t)data[10],
                .ids.vendor = (uint16_t)(ids[data[11] % 8] >> 16),
                .ids.device = (uint16_t)ids[data[11] % 8],
        };

        device.facts.present = TRISTATE_YES;
        device.facts.header_known = (Tristate)(data[12] % 3);
        device.facts.multifunction_bit = tristate_from_bool(data[12] & 0x80);
        device.facts.pcie = (Tristate)(data[13] % 3);
        device.facts.pcie_type = data[13] >> 4;
        device.facts.acs.present = (Tristate)(data[14] % 3);
        device.facts.acs.cap = 0x1f;
        device.facts.acs.ctrl = data[15];
        device.facts.caps.ari = (Tristate)((data[14] >> 4) % 3);
        return device;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_data)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;

        MUST(snapshot_new(&snapshot) == 0);
        for (size_t i = 0; i + RECORD <= n_data && i < 200 * RECORD; i += RECORD) {
                PciDevice device = take_device(data + i);

                MUST(snapshot_add(snapshot, &device) == 0);
        }
        MUST(snapshot_finish(snapshot) == 0);
        check_groups(snapshot);
        return 0;
}
