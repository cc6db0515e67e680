/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Does a function by itself isolate its peers from each other?
 *
 * Access Control Services (PCIe Base Specification 6.12) let a port or function send peer-to-peer
 * requests up to the IOMMU instead of turning them around. The kernel's test (kernel-facts 1.2):
 * the quirk rows first, then by port type whether the capability is needed at all, then whether
 * every required bit that the capability offers is switched on.
 */

#include "core/model/groups.h"
#include "core/model/quirks.h"

#include <stdlib.h>
#include <string.h>

#define ACS_REQUIRED (ACS_SV | ACS_RR | ACS_CR | ACS_UF)

/* For types that need the capability. A bit that it does not offer cannot be missing. */
static uint8_t missing_by_capability(const Snapshot *snapshot, const PciDevice *device)
{
        if (device->facts.acs.present != TRISTATE_YES)
                return ACS_REQUIRED;
        return (uint8_t)(ACS_REQUIRED & quirk_acs_capability(snapshot, device) &
                         ~device->facts.acs.ctrl);
}

static uint8_t missing_by_type(const Snapshot *snapshot, const PciDevice *device)
{
        if (device->facts.pcie != TRISTATE_YES)
                return ACS_REQUIRED;
        if (device->pcie_type_uncertain)
                return missing_by_capability(snapshot, device);

        switch (device->pcie_type) {
        case PCIE_TYPE_PCIE_TO_PCI:
        case PCIE_TYPE_PCI_TO_PCIE:
        case PCIE_TYPE_RC_EVENT_COLLECTOR:
                return ACS_REQUIRED;
        case PCIE_TYPE_ROOT_PORT:
        case PCIE_TYPE_DOWNSTREAM:
                return missing_by_capability(snapshot, device);
        case PCIE_TYPE_ENDPOINT:
        case PCIE_TYPE_LEGACY_ENDPOINT:
        case PCIE_TYPE_UPSTREAM:
        case PCIE_TYPE_RC_ENDPOINT:
                /* A single function of a slot can only reach peers through a port. */
                if (device->multifunction == TRISTATE_NO)
                        return 0;
                return missing_by_capability(snapshot, device);
        default:
                return 0; /* reserved encodings: the kernel accepts them */
        }
}

bool acs_isolated(const Snapshot *snapshot, size_t index, uint8_t *ret_missing)
{
        uint8_t missing = 0;

        if (quirk_acs(snapshot, index, &missing) == QUIRK_NO_OPINION)
                missing = missing_by_type(snapshot, &snapshot->devices[index]);
        if (ret_missing)
                *ret_missing = missing;
        return missing == 0;
}

uint8_t acs_missing(const Snapshot *snapshot, size_t index)
{
        const PciDevice *device = &snapshot->devices[index];
        uint8_t missing = 0;

        if (quirk_acs(snapshot, index, &missing) != QUIRK_NO_OPINION)
                return missing;
        return device->facts.pcie == TRISTATE_YES ? missing_by_capability(snapshot, device)
                                                  : ACS_REQUIRED;
}

char *acs_bits_to_string(uint8_t bits)
{
        static const struct {
                uint8_t bit;
                const char *name;
        } rows[] = {
                {ACS_SV, "SV"}, {ACS_TB, "TB"}, {ACS_RR, "RR"}, {ACS_CR, "CR"},
                {ACS_UF, "UF"}, {ACS_EC, "EC"}, {ACS_DT, "DT"},
        };
        char *text = calloc(ARRAY_SIZE(rows) * 3 + 1, 1);
        size_t n = 0;

        if (!text)
                return NULL;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (!(bits & rows[i].bit))
                        continue;
                if (n > 0)
                        text[n++] = '|';
                memcpy(text + n, rows[i].name, 2);
                n += 2;
        }
        return text;
}
