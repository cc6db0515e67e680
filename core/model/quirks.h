/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The kernel's quirks: facts about particular devices that configuration space does not show.
 *
 * There are two kinds: devices that isolate their peers without a (correct) ACS capability, and
 * devices that send requests under another function's id. The kernel's grouping uses both; the
 * rows are in quirk_rows.c, the rules here (kernel-facts 1.5, 1.6).
 *
 * A rule that depends on an unknown fact gives the least isolating of its possible answers.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

typedef enum QuirkAnswer {
        QUIRK_NO_OPINION = 0, /* the capability decides */
        QUIRK_NOT_ISOLATED,
        QUIRK_ISOLATED,
} QuirkAnswer;

typedef enum AcsRule {
        ACS_RULE_AMD_SOUTHBRIDGE,
        ACS_RULE_ISOLATED,    /* endpoints and root ports known to redirect */
        ACS_RULE_INTEL_RCIEP, /* root complex integrated endpoints never reach each other */
        ACS_RULE_INTEL_PCH,   /* another register controls redirection */
        ACS_RULE_INTEL_SPT,   /* ACS with dword registers */
        ACS_RULE_CAVIUM,
        ACS_RULE_ROOT_PORT,    /* isolated if it is a root port */
        ACS_RULE_ZHAOXIN_PORT, /* ports: only those listed */
        ACS_RULE_WANGXUN,      /* only those listed */
} AcsRule;

typedef enum AliasRule {
        ALIAS_RULE_FUNCTION_0,
        ALIAS_RULE_FUNCTION_1,
        ALIAS_RULE_FIXED_01_0,
        ALIAS_RULE_MIC_X200,
        ALIAS_RULE_VCA,
        ALIAS_RULE_WHOLE_BUS,
        ALIAS_RULE_SWITCHTEC_NTB, /* only a BAR has the ids: assumes the whole bus */
} AliasRule;

#define QUIRK_ANY_DEVICE 0x10000U

typedef struct AcsQuirk {
        uint16_t vendor;
        uint32_t device; /* or QUIRK_ANY_DEVICE */
        AcsRule rule;
} AcsQuirk;

typedef struct AliasQuirk {
        uint16_t vendor;
        uint16_t device;
        AliasRule rule;
} AliasQuirk;

typedef struct IdRange {
        uint16_t first, last;
} IdRange;

typedef struct IdRanges {
        const IdRange *ranges;
        size_t n_ranges;
} IdRanges;

/* Ordered: the first row that matches and has an opinion decides. */
extern const AcsQuirk quirk_acs_rows[];
extern const size_t quirk_n_acs_rows;
extern const uint16_t quirk_acs_vendors[]; /* each vendor of a row, once, for a quick check */
extern const size_t quirk_n_acs_vendors;
extern const AliasQuirk quirk_alias_rows[];
extern const size_t quirk_n_alias_rows;

extern const IdRanges quirk_intel_pch_ids;
extern const IdRanges quirk_intel_spt_ids;
extern const IdRanges quirk_cavium_ids;
extern const IdRanges quirk_zhaoxin_ids;
extern const IdRanges quirk_wangxun_ids;
extern const IdRanges quirk_switchtec_ids; /* vendor 11f8 */
extern const IdRanges quirk_efar_ntb_ids;  /* vendor 1055, the same switches */

/* A set of the 256 device.functions of a bus. */
typedef struct AliasMask {
        uint64_t bits[4];
} AliasMask;

static inline bool alias_mask_has(const AliasMask *mask, uint8_t devfn)
{
        return mask->bits[devfn / 64] >> (devfn % 64) & 1;
}

static inline void alias_mask_add(AliasMask *mask, uint8_t devfn)
{
        mask->bits[devfn / 64] |= (uint64_t)1 << (devfn % 64);
}

/* The rows' opinion on a device's ACS; *ret_missing as in acs_isolated(). */
QuirkAnswer quirk_acs(const Snapshot *snapshot, size_t index, uint8_t *ret_missing);

/* The capability word that the kernel uses: from 7.0 on, it ignores the SV bit of some switches. */
uint16_t quirk_acs_capability(const Snapshot *snapshot, const PciDevice *device);

/* By its ids, is this a port for pcicap_read_pch()? */
bool quirk_is_intel_pch_port(uint16_t vendor, uint16_t device);

/* Does a root port with these ids have ACS registers of one dword each? */
bool quirk_is_intel_spt_port(uint16_t vendor, uint16_t device);

/*
 * If a quirk row needs a register of this port that was not read: its name and offset, as text.
 * NULL if no row needs one, or it was read.
 */
const char *quirk_unread_register(const PciDevice *device);

/* Are the ids known that the rows compare? A text without numbers has none. */
static inline bool quirk_has_ids(const PciDevice *device)
{
        return device->ids.vendor != 0 && device->ids.device != 0;
}

/*
 * The device.functions of its own bus whose ids the device also uses, by the rows only; returns
 * false if there are none.
 */
bool quirk_alias_mask(const PciDevice *device, AliasMask *ret_mask);

/* The same, by the rows and by firmware. */
bool known_alias_mask(const PciDevice *device, AliasMask *ret_mask);

/* Are requester ids translated at this bridge, so that no bridge above it aliases? */
bool quirk_is_translation_root(const PciDevice *bridge);

/* Does this PCIe-to-PCI bridge keep the requester ids of what is below it? */
bool quirk_keeps_requester_ids(const Snapshot *snapshot, const PciDevice *bridge);
