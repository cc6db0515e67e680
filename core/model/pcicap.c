/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The capability walk.
 *
 * Configuration space has two linked lists: the standard one, from a pointer in the header, in the
 * first 256 bytes, and the extended one from 0x100. The device provides both, so neither is
 * trusted: a walk remembers its offsets and ends at the first step that leads back, into the
 * header or to an invalid offset. Capabilities found before that are facts. Others are NO only if
 * the list ended properly, else UNKNOWN.
 *
 * The walk reads no dword twice and only those that the model needs: two for a conventional
 * function without capabilities, one more for a bridge's buses, then one per capability up to the
 * last relevant one, and one or two for the registers of each present one.
 */

#include "core/model/pcicap.h"

/* Header, PCIe Base Specification 7.5.1.1 (PCI Local Bus 3.0, 6.1). */
#define PCI_COMMAND_STATUS 0x04 /* 7.5.1.1.3, 7.5.1.1.4 */
#define PCI_STATUS_CAP_LIST (1U << (16 + 4))
#define PCI_HEADER_DWORD 0x0c        /* 7.5.1.1.9: header type is byte 0x0e */
#define PCI_BUS_NUMBERS 0x18         /* 7.5.1.3.3, 7.5.1.3.4; the same place for CardBus */
#define PCI_CAP_POINTER 0x34         /* 7.5.1.1.11 */
#define PCI_CARDBUS_CAP_POINTER 0x14 /* PC Card Standard, volume 7: header type 2 */
#define PCI_HEADER_ENDPOINT 0
#define PCI_HEADER_BRIDGE 1
#define PCI_HEADER_CARDBUS 2
#define PCI_HEADER_END 0x40

/* Miscellaneous port configuration of an Intel PCH root port, Intel 8 Series datasheet 20.1. */
#define PCH_MPC 0xd8
#define PCH_MPC_IRBNCE (1U << 26) /* invalid receive bus number check enable */

#define CONFIG_SIZE_PCI 256
#define CONFIG_SIZE_PCIE 4096
#define ALL_ONES 0xffffffffU

#define CAP_ID_EXP 0x10 /* 7.5.3.1 PCI Express Capability List register */
#define EXP_DEVCAP 0x04 /* 7.5.3.3 Device Capabilities register */
#define EXP_DEVCAP_FLR (1U << 28)
#define EXP_SLOT_IMPLEMENTED (1U << (16 + 8)) /* 7.5.3.2, bit 8 */
#define EXP_SLTCAP 0x14                       /* 7.5.3.9 Slot Capabilities register */
#define EXP_SLTCAP_HOTPLUG (1U << 6)
#define CAP_ID_SHPC 0x0c /* Standard Hot-Plug Controller 1.0, 4.1: of conventional PCI */
#define CAP_ID_AF 0x13   /* ECN Advanced Capabilities for Conventional PCI */
#define AF_FLR (1U << (24 + 1))

/* Extended capability ids, PCI Code and ID Assignment Specification; layouts in PCIe 7.6.3. */
#define EXT_CAP_ID_SERIAL 0x0003 /* 7.9.3 */
#define EXT_CAP_ID_ACS 0x000d    /* 7.7.11 */
#define EXT_CAP_ID_ARI 0x000e    /* 7.8.8 */
#define EXT_CAP_ID_ATS 0x000f    /* 10.5.1 */
#define EXT_CAP_ID_SRIOV 0x0010  /* 9.3.3 */
#define EXT_CAP_ID_PRI 0x0013    /* 10.5.2 */
#define EXT_CAP_ID_PASID 0x001b  /* 7.8.9 */

#define ATS_ENABLE (1U << (16 + 15)) /* 10.5.1.3, control word at +6 */

/* The result of a step of a walk, for capabilities not found yet. */
typedef enum WalkEnd {
        WALK_ENDED, /* the list ended properly: they are absent */
        WALK_BROKE, /* the list is invalid or unreadable: they are unknown */
} WalkEnd;

typedef struct Walk {
        PciConfigRead read;
        void *context;
        uint32_t visited[CONFIG_SIZE_PCIE / 4 / 32]; /* one bit per dword */
} Walk;

/* A bus answers all-ones for a missing device; no register here can have that value. */
static bool walk_read(Walk *walk, unsigned offset, uint32_t *ret_value)
{
        uint32_t value;

        if (!walk->read(walk->context, offset, &value) || value == ALL_ONES)
                return false;
        *ret_value = value;
        return true;
}

/* Marks `offset`; returns false if the walk has been here. */
static bool walk_enter(Walk *walk, unsigned offset)
{
        uint32_t *word = &walk->visited[offset / 4 / 32];
        uint32_t bit = 1U << (offset / 4 % 32);

        if (*word & bit)
                return false;
        *word |= bit;
        return true;
}

static Tristate walk_absent(WalkEnd end)
{
        return end == WALK_ENDED ? TRISTATE_NO : TRISTATE_UNKNOWN;
}

/* 7.5.3.3: only endpoints have a function level reset. */
static Tristate read_express_flr(Walk *walk, unsigned offset, const PciFacts *facts)
{
        uint32_t value;

        if (facts->header_type != PCI_HEADER_ENDPOINT)
                return TRISTATE_NO;
        if (!walk_read(walk, offset + EXP_DEVCAP, &value))
                return TRISTATE_UNKNOWN;
        return tristate_from_bool(value & EXP_DEVCAP_FLR);
}

/* 7.5.3.2, 7.5.3.9: is there a hot-plug slot below the port? */
static Tristate read_express_slot(Walk *walk, unsigned offset, uint32_t capability)
{
        uint32_t value;

        if (!(capability & EXP_SLOT_IMPLEMENTED))
                return TRISTATE_NO;
        if (!walk_read(walk, offset + EXP_SLTCAP, &value))
                return TRISTATE_UNKNOWN;
        return tristate_from_bool(value & EXP_SLTCAP_HOTPLUG);
}

/* May the bus below, if there is one, be conventional PCI? UNKNOWN counts as yes. */
static bool may_lead_to_pci(const PciFacts *facts)
{
        return facts->pcie != TRISTATE_YES || facts->pcie_type == PCIE_TYPE_PCIE_TO_PCI;
}

/* Can later entries of the list still answer a question? */
static bool is_answered(const PciFacts *facts)
{
        if (facts->pcie != TRISTATE_YES)
                return false;
        if (facts->header_type == PCI_HEADER_ENDPOINT)
                return facts->caps.flr == TRISTATE_YES;
        return facts->header_type != PCI_HEADER_BRIDGE || !may_lead_to_pci(facts) ||
               facts->caps.hotplug_slot == TRISTATE_YES;
}

/*
 * Follows the standard list until all questions are answered. Is it PCI Express? Has it a function
 * level reset, by PCI Express or Advanced Features? Has it a hot-plug slot, by PCI Express or,
 * above conventional PCI, by a controller?
 */
static WalkEnd walk_standard(Walk *walk, unsigned pointer_offset, PciFacts *facts)
{
        Tristate express = TRISTATE_NO, advanced = TRISTATE_NO;
        uint32_t value;
        unsigned offset;

        if (!walk_read(walk, pointer_offset, &value))
                return WALK_BROKE;

        /* 7.5.1.1.11: the two low bits are reserved. */
        for (offset = value & 0xfc; offset != 0; offset = (value >> 8) & 0xfc) {
                if (offset < PCI_HEADER_END || !walk_enter(walk, offset) ||
                    !walk_read(walk, offset, &value))
                        return WALK_BROKE;
                if ((value & 0xff) == CAP_ID_AF && facts->header_type == PCI_HEADER_ENDPOINT)
                        advanced = tristate_from_bool(value & AF_FLR);
                if ((value & 0xff) == CAP_ID_EXP && facts->pcie != TRISTATE_YES) {
                        facts->pcie = TRISTATE_YES;
                        facts->pcie_type = (value >> (16 + 4)) & 0xf; /* 7.5.3.2, bits 7:4 */
                        if (advanced != TRISTATE_YES)
                                express = read_express_flr(walk, offset, facts);
                        if (facts->caps.hotplug_slot == TRISTATE_UNKNOWN && !may_lead_to_pci(facts))
                                facts->caps.hotplug_slot = read_express_slot(walk, offset, value);
                }
                if ((value & 0xff) == CAP_ID_SHPC && facts->header_type == PCI_HEADER_BRIDGE)
                        facts->caps.hotplug_slot = TRISTATE_YES;
                if (advanced == TRISTATE_YES || express == TRISTATE_YES)
                        facts->caps.flr = TRISTATE_YES;
                if (is_answered(facts))
                        break;
        }

        if (facts->caps.flr != TRISTATE_YES)
                facts->caps.flr = express; /* NO, or UNKNOWN if it could not be read */
        return WALK_ENDED;
}

/*
 * 7.7.11.2 and 7.7.11.3 share the dword at +4. At +8 is the egress control vector, or the control
 * register where Intel made all of them dwords (kernel-facts 1.5); zero there enables nothing, so
 * it may stand for "not readable".
 */
static void read_acs(Walk *walk, unsigned offset, PciFacts *facts)
{
        uint32_t value;

        if (offset + 8 > CONFIG_SIZE_PCIE || !walk_read(walk, offset + 4, &value))
                return;

        facts->acs.present = TRISTATE_YES;
        facts->acs.offset = (uint16_t)offset;
        facts->acs.cap = (uint16_t)value;
        facts->acs.ctrl = (uint16_t)(value >> 16);
        facts->acs.dword4 = value;
        if (offset + 12 > CONFIG_SIZE_PCIE || !walk_read(walk, offset + 8, &facts->acs.dword8))
                facts->acs.dword8 = 0;
}

static void read_ats(Walk *walk, unsigned offset, PciFacts *facts)
{
        uint32_t value;

        facts->caps.ats = TRISTATE_YES;
        if (offset + 8 <= CONFIG_SIZE_PCIE && walk_read(walk, offset + 4, &value))
                facts->caps.ats_enabled = tristate_from_bool(value & ATS_ENABLE);
}

/* 7.9.3.2: the lower dword comes first. A number that is all ones was never written. */
static void read_serial(Walk *walk, unsigned offset, PciFacts *facts)
{
        uint32_t low, high;

        if (offset + 12 > CONFIG_SIZE_PCIE || !walk_read(walk, offset + 4, &low) ||
            !walk_read(walk, offset + 8, &high))
                return;
        facts->serial = TRISTATE_YES;
        facts->serial_number = (uint64_t)high << 32 | low;
}

/* The capabilities in the list, even if their registers could not be read. */
enum {
        SEEN_ACS = 1 << 0,
        SEEN_ARI = 1 << 1,
        SEEN_ATS = 1 << 2,
        SEEN_SRIOV = 1 << 3,
        SEEN_PRI = 1 << 4,
        SEEN_PASID = 1 << 5,
        SEEN_SERIAL = 1 << 6,
        SEEN_ALL = (1 << 7) - 1,
};

static unsigned seen_bit(unsigned id)
{
        switch (id) {
        case EXT_CAP_ID_ACS:
                return SEEN_ACS;
        case EXT_CAP_ID_ARI:
                return SEEN_ARI;
        case EXT_CAP_ID_ATS:
                return SEEN_ATS;
        case EXT_CAP_ID_SRIOV:
                return SEEN_SRIOV;
        case EXT_CAP_ID_PRI:
                return SEEN_PRI;
        case EXT_CAP_ID_PASID:
                return SEEN_PASID;
        case EXT_CAP_ID_SERIAL:
                return SEEN_SERIAL;
        default:
                return 0;
        }
}

/* Takes the first capability of each kind. */
static void read_capability(Walk *walk, unsigned offset, unsigned bit, PciFacts *facts)
{
        if (bit == SEEN_ACS)
                read_acs(walk, offset, facts);
        else if (bit == SEEN_ARI)
                facts->caps.ari = TRISTATE_YES;
        else if (bit == SEEN_ATS)
                read_ats(walk, offset, facts);
        else if (bit == SEEN_SRIOV)
                facts->caps.sriov = TRISTATE_YES;
        else if (bit == SEEN_PRI)
                facts->caps.pri = TRISTATE_YES;
        else if (bit == SEEN_PASID)
                facts->caps.pasid = TRISTATE_YES;
        else if (bit == SEEN_SERIAL)
                read_serial(walk, offset, facts);
}

/* Follows the extended list until everything of interest is found; leaves the rest UNKNOWN. */
static WalkEnd walk_extended(Walk *walk, PciFacts *facts, unsigned *ret_seen)
{
        unsigned offset, next;
        uint32_t value;

        *ret_seen = 0;
        for (offset = CONFIG_SIZE_PCI; offset != 0 && *ret_seen != SEEN_ALL; offset = next) {
                unsigned bit;

                if (offset < CONFIG_SIZE_PCI || !walk_enter(walk, offset) ||
                    !walk_read(walk, offset, &value))
                        return WALK_BROKE;

                /* 7.6.3: id 15:0, version 19:16, next 31:20 with its two low bits reserved. */
                next = (value >> 20) & 0xffc;
                bit = seen_bit(value & 0xffff);
                if (bit & ~*ret_seen)
                        read_capability(walk, offset, bit, facts);
                *ret_seen |= bit;
        }

        return WALK_ENDED;
}

static void read_extended(Walk *walk, unsigned config_size, PciFacts *facts)
{
        Tristate absent = TRISTATE_UNKNOWN; /* a truncated dump */
        unsigned seen = 0;

        if (config_size == CONFIG_SIZE_PCI && facts->pcie == TRISTATE_NO)
                absent = TRISTATE_NO; /* conventional: there is no extended space (7.2) */
        else if (config_size >= CONFIG_SIZE_PCIE)
                absent = walk_absent(walk_extended(walk, facts, &seen));

        /* Capabilities whose registers were not read stay UNKNOWN. */
        if (!(seen & SEEN_ACS))
                facts->acs.present = absent;
        if (!(seen & SEEN_ARI))
                facts->caps.ari = absent;
        if (!(seen & SEEN_ATS))
                facts->caps.ats = facts->caps.ats_enabled = absent;
        if (!(seen & SEEN_SRIOV))
                facts->caps.sriov = absent;
        if (!(seen & SEEN_PRI))
                facts->caps.pri = absent;
        if (!(seen & SEEN_PASID))
                facts->caps.pasid = absent;
        if (!(seen & SEEN_SERIAL))
                facts->serial = absent;
}

/* Reads the header's two dwords; returns false if the rest need not be tried. */
static bool read_header(Walk *walk, PciFacts *facts, uint32_t *ret_status)
{
        uint32_t value;

        /*
         * The status register has bits that are always zero, so all-ones here means that no device
         * answers. The ids do not show this: a virtual function has all-ones there (9.3.4.1.1).
         */
        if (!walk->read(walk->context, PCI_COMMAND_STATUS, &value))
                return false;
        facts->present = tristate_from_bool(value != ALL_ONES);
        if (facts->present != TRISTATE_YES)
                return false;
        *ret_status = value;

        if (!walk_read(walk, PCI_HEADER_DWORD, &value))
                return false;
        facts->header_known = TRISTATE_YES;
        facts->header_type = (value >> 16) & 0x7f;
        facts->multifunction_bit = tristate_from_bool((value >> 16) & 0x80);
        return true;
}

/* 7.5.1.3: primary, secondary and subordinate bus, each a byte, and a latency timer. */
static void read_buses(Walk *walk, PciFacts *facts)
{
        uint32_t value;

        if (facts->header_type != PCI_HEADER_BRIDGE && facts->header_type != PCI_HEADER_CARDBUS) {
                facts->buses_known = TRISTATE_NO;
        } else if (walk_read(walk, PCI_BUS_NUMBERS, &value)) {
                facts->buses_known = TRISTATE_YES;
                facts->secondary_bus = (uint8_t)(value >> 8);
                facts->subordinate_bus = (uint8_t)(value >> 16);
        }
}

/* Only PCI Express has these: a reading without PCI Express is wrong. */
static void settle_express(PciFacts *facts)
{
        if (facts->pcie == TRISTATE_NO && pcicap_needs_express(facts))
                facts->pcie = TRISTATE_UNKNOWN;
}

/* Answers that need no capability: an endpoint has no slot, and a CardBus bridge has one. */
static void settle_slot(PciFacts *facts)
{
        if (facts->header_type == PCI_HEADER_ENDPOINT)
                facts->caps.hotplug_slot = TRISTATE_NO;
        else if (facts->header_type == PCI_HEADER_CARDBUS)
                facts->caps.hotplug_slot = TRISTATE_YES;
}

bool pcicap_needs_express(const PciFacts *facts)
{
        return facts->acs.present == TRISTATE_YES || facts->caps.ari == TRISTATE_YES ||
               facts->caps.ats == TRISTATE_YES || facts->caps.sriov == TRISTATE_YES ||
               facts->caps.pri == TRISTATE_YES || facts->caps.pasid == TRISTATE_YES;
}

void pcicap_read(PciConfigRead read, void *context, unsigned config_size, PciFacts *ret_facts)
{
        Walk walk = {.read = read, .context = context};
        PciFacts facts = {0};
        uint32_t status = 0;

        if (read_header(&walk, &facts, &status)) {
                unsigned pointer = facts.header_type == PCI_HEADER_CARDBUS ? PCI_CARDBUS_CAP_POINTER
                                                                           : PCI_CAP_POINTER;
                WalkEnd end = WALK_ENDED;

                read_buses(&walk, &facts);
                settle_slot(&facts);
                if (status & PCI_STATUS_CAP_LIST)
                        end = walk_standard(&walk, pointer, &facts);
                else
                        facts.caps.flr = TRISTATE_NO;
                if (facts.pcie == TRISTATE_UNKNOWN)
                        facts.pcie = walk_absent(end);
                if (facts.header_type == PCI_HEADER_BRIDGE &&
                    facts.caps.hotplug_slot == TRISTATE_UNKNOWN && may_lead_to_pci(&facts))
                        facts.caps.hotplug_slot = walk_absent(end);
                read_extended(&walk, config_size, &facts);
                settle_express(&facts);
        }

        *ret_facts = facts;
}

void pcicap_read_pch(PciConfigRead read, void *context, PciFacts *facts)
{
        Walk walk = {.read = read, .context = context};
        uint32_t value;

        facts->pch_redirect = TRISTATE_UNKNOWN;
        if (walk_read(&walk, PCH_MPC, &value))
                facts->pch_redirect = tristate_from_bool(value & PCH_MPC_IRBNCE);
}
