/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reads facts from configuration space.
 *
 * The walk asks the reader for single dwords, because each is a bus cycle on hardware. It always
 * ends: looping lists, pointers into the header, short reads and all-ones (a missing device) give
 * UNKNOWN facts, never wrong ones.
 */

#include <stdint.h>

#include "core/model/base.h"
#include "core/model/tristate.h"

/*
 * Reads the dword at `offset` (a multiple of 4) in CPU byte order. Returns true, or false when that
 * part of configuration space cannot be read (no privilege, short file, device gone).
 */
typedef bool (*PciConfigRead)(void *context, unsigned offset, uint32_t *ret_value);

/* Device/port type, PCIe Base Specification 7.5.3.2 (PCI Express Capabilities register, bits 7:4). */
typedef enum PcieType {
        PCIE_TYPE_ENDPOINT = 0x0,
        PCIE_TYPE_LEGACY_ENDPOINT = 0x1,
        PCIE_TYPE_ROOT_PORT = 0x4,
        PCIE_TYPE_UPSTREAM = 0x5,
        PCIE_TYPE_DOWNSTREAM = 0x6,
        PCIE_TYPE_PCIE_TO_PCI = 0x7,
        PCIE_TYPE_PCI_TO_PCIE = 0x8,
        PCIE_TYPE_RC_ENDPOINT = 0x9,
        PCIE_TYPE_RC_EVENT_COLLECTOR = 0xa,
} PcieType;

/* ACS bits, PCIe Base Specification 7.7.11.2 (capability) and 7.7.11.3 (control). */
enum {
        ACS_SV = 0x01, /* source validation */
        ACS_TB = 0x02, /* translation blocking */
        ACS_RR = 0x04, /* P2P request redirect */
        ACS_CR = 0x08, /* P2P completion redirect */
        ACS_UF = 0x10, /* upstream forwarding */
        ACS_EC = 0x20, /* P2P egress control */
        ACS_DT = 0x40, /* direct translated P2P */
};

/* Access Control Services (PCI Express Base 7.7.11), or Intel's root ports' own kind of it. */
typedef struct PciAcs {
        Tristate present; /* YES: the next four are valid */
        uint16_t offset;
        uint16_t cap;    /* word at +4 */
        uint16_t ctrl;   /* word at +6 */
        uint32_t dword4; /* dword at +4: capability in the Intel SPT layout */
        uint32_t dword8; /* dword at +8: control in the Intel SPT layout */
        bool dword8_unread;
} PciAcs;

/* Other capabilities: whether the function has them. */
typedef struct PciCaps {
        Tristate hotplug_slot; /* a bridge with a hot-plug slot below */
        Tristate sriov;
        Tristate ari;
        Tristate ats;
        Tristate ats_enabled; /* NO without the capability */
        Tristate pri;
        Tristate pasid;
        Tristate flr; /* function level reset, by PCI Express or Advanced Features */
} PciCaps;

typedef struct PciFacts {
        Tristate present;           /* NO: reads all-ones */
        Tristate header_known;      /* the next two are valid */
        uint8_t header_type;        /* 0x0E bits 6:0: 0 endpoint, 1 bridge, 2 CardBus bridge */
        Tristate multifunction_bit; /* 0x0E bit 7; UNKNOWN if a text does not show it */
        Tristate pcie;              /* has a PCI Express capability */
        uint8_t pcie_type;          /* PcieType as read; valid if pcie is YES */
        Tristate buses_known;       /* of a bridge; NO for other functions */
        uint8_t secondary_bus;      /* 0x19 */
        uint8_t subordinate_bus;    /* 0x1a */
        Tristate serial;            /* has a serial number, the next field */
        uint64_t serial_number;
        PciAcs acs;
        PciCaps caps;

        /* Intel root ports that redirect without ACS; only pcicap_read_pch() reads it. */
        Tristate pch_redirect;

        /*
         * The register of a quirk was not read, and its value was inferred from the kernel's
         * groups: enough to replay them, but no proof that the port redirects now.
         */
        bool redirect_inferred;
} PciFacts;

/*
 * Walks the standard and, if `config_size` is 4096, the extended capability lists. `config_size` is
 * what the kernel calls cfg_size (256 or 4096). Never fails: what cannot be read is UNKNOWN.
 */
void pcicap_read(PciConfigRead read, void *context, unsigned config_size, PciFacts *ret_facts);

/* Does the function have a capability that only PCI Express functions have? */
bool pcicap_needs_express(const PciFacts *facts);

/*
 * Reads one dword of an Intel 5- to 9-series PCH root port (quirk_is_intel_pch_port()), which
 * shows whether its own form of redirection is on; fills `facts->pch_redirect`.
 */
void pcicap_read_pch(PciConfigRead read, void *context, PciFacts *facts);
