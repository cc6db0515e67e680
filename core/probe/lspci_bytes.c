/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rows of bytes, read by the capability walk that also reads hardware. */

#include <string.h>

#include "core/model/quirks.h"
#include "core/probe/lspci_entry.h"
#include "core/model/text.h"

#define CONFIG_SIZE_PCI 256
#define PCI_REVISION_CLASS 0x08 /* PCIe Base Specification 7.5.1.1.6: class in bits 31:8 */
#define PCI_BUS_NUMBERS 0x18    /* 7.5.1.3.2 to 7.5.1.3.4 */
#define PCI_SUBSYSTEM 0x2c      /* 7.5.1.2.3 */

#define EXT_CAP_ID_SRIOV 0x0010
#define SRIOV_CONTROL 0x08 /* 9.3.3.3; bit 0: VF Enable */
#define SRIOV_NUM_VFS 0x10 /* 9.3.3.7 */
#define CLASS_HOST_BRIDGE 0x0600
#define SRIOV_OFFSET 0x14  /* 9.3.3.9, and the stride (9.3.3.10) in the upper half */

bool lspci_take_row(LspciBytes *bytes, const char *line)
{
        uint8_t row[LSPCI_ROW_SIZE];
        unsigned offset = 0;
        size_t n = 0;

        for (; n < 3 && hex_digit(line[n]) >= 0; n++)
                offset = offset << 4 | (unsigned)hex_digit(line[n]);
        if (n < 2 || line[n] != ':' || offset % LSPCI_ROW_SIZE != 0)
                return false;
        line += n + 1;
        for (size_t i = 0; i < LSPCI_ROW_SIZE; i++, line += 3) {
                if (line[0] != ' ' || hex_digit(line[1]) < 0 || hex_digit(line[2]) < 0)
                        return false;
                row[i] = (uint8_t)(hex_digit(line[1]) << 4 | hex_digit(line[2]));
        }
        if (line[0] != '\0' && line[0] != ' ')
                return false;
        if (bytes->rows[offset / LSPCI_ROW_SIZE])
                bytes->is_mixed |= memcmp(bytes->bytes + offset, row, sizeof(row)) != 0;
        memcpy(bytes->bytes + offset, row, sizeof(row));
        bytes->rows[offset / LSPCI_ROW_SIZE] = true;
        bytes->any = true;
        return true;
}

static bool read_dword(void *context, unsigned offset, uint32_t *ret_value)
{
        const LspciBytes *bytes = context;

        if (offset + 4 > LSPCI_CONFIG_SIZE || !bytes->rows[offset / LSPCI_ROW_SIZE])
                return false;
        *ret_value = (uint32_t)bytes->bytes[offset] | (uint32_t)bytes->bytes[offset + 1] << 8 |
                     (uint32_t)bytes->bytes[offset + 2] << 16 |
                     (uint32_t)bytes->bytes[offset + 3] << 24;
        return true;
}

static void read_ids(LspciEntry *entry, LspciBytes *bytes)
{
        PciDevice *device = &entry->device;
        uint32_t value;

        /* A virtual function has all-ones here; its ids are in the title. */
        if (device->ids.device == 0 && read_dword(bytes, 0, &value) && (value & 0xffff) != 0xffff) {
                device->ids.vendor = (uint16_t)value;
                device->ids.device = (uint16_t)(value >> 16);
                entry->is_spt_port = false; /* the id is more reliable than the name */
        }
        if (read_dword(bytes, PCI_REVISION_CLASS, &value) && value != 0xffffffff)
                device->ids.class_code = value >> 8;
        if (device->facts.header_known == TRISTATE_YES && device->facts.header_type == 0 &&
            read_dword(bytes, PCI_SUBSYSTEM, &value) && value != 0xffffffff) {
                device->ids.subsystem_vendor = (uint16_t)value;
                device->ids.subsystem_device = (uint16_t)(value >> 16);
        }
}

/* Bridges of both kinds have their buses in the same place. */
static void read_buses(PciFacts *facts, LspciBytes *bytes)
{
        uint32_t value;

        if (facts->header_known != TRISTATE_YES || facts->buses_known == TRISTATE_YES)
                return;
        if (facts->header_type == 0) {
                facts->buses_known = TRISTATE_NO;
        } else if (read_dword(bytes, PCI_BUS_NUMBERS, &value)) {
                facts->buses_known = TRISTATE_YES;
                facts->secondary_bus = (uint8_t)(value >> 8);
                facts->subordinate_bus = (uint8_t)(value >> 16);
        }
}

/* The walk has found the capability; this finds its offset, in at most as many steps. */
static void read_vfs(LspciEntry *entry, LspciBytes *bytes)
{
        uint32_t value, control, number, numbers;
        unsigned offset = CONFIG_SIZE_PCI;

        for (unsigned i = 0; i < LSPCI_CONFIG_SIZE / 4 && offset >= CONFIG_SIZE_PCI; i++) {
                if (!read_dword(bytes, offset, &value))
                        return;
                if ((value & 0xffff) != EXT_CAP_ID_SRIOV) {
                        offset = value >> 20 & 0xffc;
                        continue;
                }
                if (!read_dword(bytes, offset + SRIOV_CONTROL, &control) || !(control & 1) ||
                    !read_dword(bytes, offset + SRIOV_NUM_VFS, &number) ||
                    !read_dword(bytes, offset + SRIOV_OFFSET, &numbers))
                        return;
                entry->vfs = (LspciVfs){true, number & 0xffff, numbers & 0xffff, numbers >> 16};
                return;
        }
}

void lspci_merge_facts(PciFacts *facts, const PciFacts *other)
{
        const struct {
                Tristate *fact;
                Tristate other;
        } rows[] = {
                {&facts->present, other->present},
                {&facts->caps.sriov, other->caps.sriov},
                {&facts->caps.ari, other->caps.ari},
                {&facts->caps.ats, other->caps.ats},
                {&facts->caps.ats_enabled, other->caps.ats_enabled},
                {&facts->caps.pri, other->caps.pri},
                {&facts->caps.pasid, other->caps.pasid},
                {&facts->caps.flr, other->caps.flr},
                {&facts->caps.hotplug_slot, other->caps.hotplug_slot},
                {&facts->pch_redirect, other->pch_redirect},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (*rows[i].fact == TRISTATE_UNKNOWN)
                        *rows[i].fact = rows[i].other;
        if (facts->header_known != TRISTATE_YES) {
                facts->header_known = other->header_known;
                facts->header_type = other->header_type;
                facts->multifunction_bit = other->multifunction_bit;
        }
        if (facts->multifunction_bit == TRISTATE_UNKNOWN)
                facts->multifunction_bit = other->multifunction_bit;
        if (facts->pcie == TRISTATE_UNKNOWN) {
                facts->pcie = other->pcie;
                facts->pcie_type = other->pcie_type;
        }
        if (facts->acs.present == TRISTATE_UNKNOWN)
                facts->acs = other->acs;
        if (facts->serial == TRISTATE_UNKNOWN) {
                facts->serial = other->serial;
                facts->serial_number = other->serial_number;
        }
        if (facts->buses_known == TRISTATE_UNKNOWN) {
                facts->buses_known = other->buses_known;
                facts->secondary_bus = other->secondary_bus;
                facts->subordinate_bus = other->subordinate_bus;
        }
}

void lspci_read_bytes(LspciEntry *entry, const LspciBytes *bytes)
{
        LspciBytes *context = (LspciBytes *)bytes; /* this code only reads */
        PciDevice *device = &entry->device;
        const PciFacts words = device->facts;

        if (bytes->is_mixed && !entry->is_mixed) {
                entry->is_mixed = true;
                device->facts = (PciFacts){0};
                device->kernel_group = KERNEL_GROUP_UNKNOWN;
        }
        if (!bytes->any || entry->is_mixed)
                return;
        entry->has_details = true;
        /* PCI Express functions and host bridges have more than 256 bytes; others do not. */
        pcicap_read(read_dword, context, CONFIG_SIZE_PCI, &device->facts);
        read_ids(entry, context);
        if (bytes->rows[CONFIG_SIZE_PCI / LSPCI_ROW_SIZE] || device->facts.pcie != TRISTATE_NO ||
            device->ids.class_code >> 8 == CLASS_HOST_BRIDGE)
                pcicap_read(read_dword, context, LSPCI_CONFIG_SIZE, &device->facts);
        read_buses(&device->facts, context);
        if (device->facts.caps.sriov == TRISTATE_YES)
                read_vfs(entry, context);
        if (quirk_is_intel_pch_port(device->ids.vendor, device->ids.device))
                pcicap_read_pch(read_dword, context, &device->facts);
        entry->has_header = device->facts.header_known == TRISTATE_YES;
        entry->has_acs = device->facts.acs.present == TRISTATE_YES;
        lspci_merge_facts(&device->facts, &words);
}
