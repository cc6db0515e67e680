/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * lspci does not print the kind of IOMMU, but the listed devices show it. With an IOMMU in use,
 * the kernel has switched ACS on wherever it can.
 */

#include "core/model/quirks.h"
#include "core/probe/lspci_entry.h"

#define CLASS_HOST_BRIDGE 0x0600
#define CLASS_IOMMU 0x0806

/* The ACS bits that the kernel switches on at boot (kernel-facts 2). */
#define ACS_ENABLED (ACS_SV | ACS_RR | ACS_CR | ACS_UF)

static bool is_amd(const PciDevice *device)
{
        return device->ids.vendor == 0x1022 || device->ids.vendor == 0x1002;
}

static unsigned class_of(const PciDevice *device)
{
        return device->ids.class_code >> 8;
}

static bool has_amd_iommu(const LspciEntry *entries, size_t n_entries)
{
        for (size_t i = 0; i < n_entries; i++)
                if (class_of(&entries[i].device) == CLASS_IOMMU && is_amd(&entries[i].device))
                        return true;
        return false;
}

/*
 * A host bridge shows the maker of a processor with an IOMMU. Host bridges of other makers have
 * IOMMUs with other rules; a text without a host bridge shows nothing.
 */
static IommuKind guess_kind(const LspciEntry *entries, size_t n_entries)
{
        IommuKind kind = IOMMU_KIND_NONE;

        if (has_amd_iommu(entries, n_entries))
                return IOMMU_KIND_IVHD;
        for (size_t i = 0; i < n_entries; i++) {
                const PciDevice *device = &entries[i].device;

                if (device->ids.vendor == 0x1af4 && device->ids.device == 0x1057)
                        return IOMMU_KIND_VIRTIO;
                if (class_of(device) != CLASS_HOST_BRIDGE ||
                    (kind != IOMMU_KIND_NONE && kind != IOMMU_KIND_OTHER))
                        continue;
                if (device->ids.vendor == 0x8086)
                        kind = IOMMU_KIND_DMAR;
                else if (is_amd(device))
                        kind = IOMMU_KIND_IVHD;
                else if (device->ids.vendor != 0)
                        kind = IOMMU_KIND_OTHER;
        }
        return kind;
}

static bool is_root_port(const PciDevice *device)
{
        return device->facts.pcie == TRISTATE_YES && device->facts.pcie_type == PCIE_TYPE_ROOT_PORT;
}

/* A root port whose ACS registers are dwords (kernel-facts 1.5), by id or without one by name. */
static bool has_spt_layout(const LspciEntry *entry)
{
        const PciDevice *device = &entry->device;

        if (!is_root_port(device))
                return false;
        if (device->ids.vendor != 0x8086 || device->ids.device == 0)
                return entry->is_spt_port;
        return quirk_is_intel_spt_port(device->ids.vendor, device->ids.device);
}

/*
 * Are the functions of the bus or slot from `from` on, below the port or beside it, in other
 * groups? YES if there are functions and all are, NO if one is not.
 */
static Tristate are_elsewhere(const LspciEntry *entries, size_t n_entries, const PciDevice *port,
                              Bdf from, bool below)
{
        Tristate answer = TRISTATE_UNKNOWN;

        for (size_t i = lspci_lower_bound(entries, n_entries, from);
             i < n_entries && bdf_same_bus(entries[i].device.bdf, from); i++) {
                const PciDevice *other = &entries[i].device;

                if (other->kernel_group < 0 || bdf_equal(other->bdf, port->bdf))
                        continue;
                if (below ? !other->place.has_parent ||
                                    !bdf_equal(other->place.parent_bdf, port->bdf)
                          : bdf_device(other->bdf) != bdf_device(port->bdf))
                        continue;
                if (other->kernel_group == port->kernel_group)
                        return TRISTATE_NO;
                answer = TRISTATE_YES;
        }
        return answer;
}

/*
 * Did the kernel treat the port as one that redirects? Yes, if the functions below the port, or
 * beside it in its slot, are in other groups. Unknown if there are no such functions.
 */
static bool is_taken_to_redirect(const LspciEntry *entries, size_t n_entries, const PciDevice *port)
{
        Bdf slot = {port->bdf.domain, port->bdf.bus, port->bdf.devfn & 0xf8};
        Bdf bus = {port->bdf.domain, port->facts.secondary_bus, 0};
        Tristate beside, below = TRISTATE_UNKNOWN;

        if (port->kernel_group < 0)
                return false;
        beside = are_elsewhere(entries, n_entries, port, slot, false);
        if (port->facts.buses_known == TRISTATE_YES)
                below = are_elsewhere(entries, n_entries, port, bus, true);
        return beside != TRISTATE_NO && below != TRISTATE_NO &&
               (beside == TRISTATE_YES || below == TRISTATE_YES);
}

/*
 * Registers that words show wrongly or not at all: for ports with dword registers lspci prints the
 * upper half of the capability in place of control, for older ports nothing. If the kernel's
 * groups show that it set them at boot, they have the kernel's values.
 */
static void settle_port(LspciEntry *entries, size_t n_entries, size_t port)
{
        LspciEntry *entry = &entries[port];
        PciFacts *facts = &entry->device.facts;
        bool is_spt =
                !entry->has_acs && facts->acs.present == TRISTATE_YES && has_spt_layout(entry);
        bool is_pch = is_root_port(&entry->device) && facts->pch_redirect == TRISTATE_UNKNOWN &&
                      quirk_is_intel_pch_port(entry->device.ids.vendor, entry->device.ids.device);

        if ((!is_spt && !is_pch) || !is_taken_to_redirect(entries, n_entries, &entry->device))
                return;
        facts->redirect_inferred = true;
        if (is_pch)
                facts->pch_redirect = TRISTATE_YES;
        if (!is_spt)
                return;
        facts->acs.dword8 = facts->acs.cap & ACS_ENABLED;
        if (entry->is_spt_port) {
                /* Without an id the layout is unknown: use the common one. */
                facts->acs.ctrl = (uint16_t)facts->acs.dword8;
                facts->acs.dword4 = (uint32_t)facts->acs.ctrl << 16 | facts->acs.cap;
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
        /* The kernel finds AMD IOMMUs only through that table. */
        if (has_amd_iommu(entries, n_entries))
                snapshot->ivrs = TRISTATE_YES;
        for (size_t i = 0; i < n_entries; i++) {
                if (entries[i].device.kernel_group >= 0)
                        entries[i].device.sysfs.iommu_kind = kind;
                settle_port(entries, n_entries, i);
        }
}
