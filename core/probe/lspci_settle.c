/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * lspci does not tell which IOMMU there is, but what it lists does; and once an IOMMU is in use,
 * the kernel has switched ACS on wherever it can.
 */

#include "core/model/quirks.h"
#include "core/probe/lspci_entry.h"

#define CLASS_HOST_BRIDGE 0x0600
#define CLASS_IOMMU 0x0806

/* What the kernel turns on at boot (kernel-facts 2). */
#define ACS_ENABLED (ACS_SV | ACS_RR | ACS_CR | ACS_UF)

static bool is_amd(const PciDevice *device)
{
        return device->vendor == 0x1022 || device->vendor == 0x1002;
}

static unsigned class_of(const PciDevice *device)
{
        return device->class_code >> 8;
}

static bool has_amd_iommu(const LspciEntry *entries, size_t n_entries)
{
        for (size_t i = 0; i < n_entries; i++)
                if (class_of(&entries[i].device) == CLASS_IOMMU && is_amd(&entries[i].device))
                        return true;
        return false;
}

/* Processors with an IOMMU of their own show their make in a host bridge. */
static IommuKind guess_kind(const LspciEntry *entries, size_t n_entries)
{
        IommuKind kind = IOMMU_KIND_OTHER;

        if (has_amd_iommu(entries, n_entries))
                return IOMMU_KIND_IVHD;
        for (size_t i = 0; i < n_entries; i++) {
                const PciDevice *device = &entries[i].device;

                if (device->vendor == 0x1af4 && device->device == 0x1057)
                        return IOMMU_KIND_VIRTIO;
                if (class_of(device) != CLASS_HOST_BRIDGE || kind != IOMMU_KIND_OTHER)
                        continue;
                if (device->vendor == 0x8086)
                        kind = IOMMU_KIND_DMAR;
                else if (is_amd(device))
                        kind = IOMMU_KIND_IVHD;
        }
        return kind;
}

static bool has_spt_layout(const LspciEntry *entry)
{
        const PciDevice *device = &entry->device;

        if (device->facts.pcie != TRISTATE_YES || device->facts.pcie_type != PCIE_TYPE_ROOT_PORT)
                return false;
        if (device->vendor != 0x8086 || device->device == 0)
                return entry->is_spt_port;
        for (size_t i = 0; i < quirk_intel_spt_ids.n_ranges; i++)
                if (device->device >= quirk_intel_spt_ids.ranges[i].first &&
                    device->device <= quirk_intel_spt_ids.ranges[i].last)
                        return true;
        return false;
}

/*
 * Of root ports whose ACS registers are dwords (kernel-facts 1.5) the words show the upper half of
 * the capability in place of control: always off. The register itself is known only by what the
 * kernel writes to it at boot on a machine whose IOMMU is in use.
 */
static void settle_spt(LspciEntry *entry)
{
        PciFacts *facts = &entry->device.facts;

        if (entry->has_acs || facts->acs != TRISTATE_YES || !has_spt_layout(entry))
                return;
        facts->acs_dword8 = facts->acs_cap & ACS_ENABLED;
        if (entry->is_spt_port) {
                /* Without an id no rule knows the layout: in the common one it is this. */
                facts->acs_ctrl = (uint16_t)facts->acs_dword8;
                facts->acs_dword4 = (uint32_t)facts->acs_ctrl << 16 | facts->acs_cap;
        }
}

void lspci_settle(Snapshot *snapshot, LspciEntry *entries, size_t n_entries)
{
        IommuKind kind = guess_kind(entries, n_entries);
        bool in_use = false;

        for (size_t i = 0; i < n_entries; i++)
                in_use |= entries[i].device.kernel_group >= 0;
        if (!in_use)
                return;
        /* The kernel finds AMD IOMMUs by that table and by nothing else. */
        if (has_amd_iommu(entries, n_entries))
                snapshot->ivrs = TRISTATE_YES;
        for (size_t i = 0; i < n_entries; i++) {
                if (entries[i].device.kernel_group >= 0)
                        entries[i].device.iommu_kind = kind;
                settle_spt(&entries[i]);
        }
}
