/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the kernel knows about particular devices and configuration space does not say.
 *
 * Two kinds: devices that keep their peers apart without (or with a misprinted) ACS capability, and
 * devices that send requests under another function's id. Both are facts about hardware that the
 * kernel's grouping uses; the rows are in quirk_rows.c, the rules here (kernel-facts 1.5, 1.6).
 *
 * A rule that depends on an unknown fact answers as the least isolating of its possible answers.
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
        ACS_RULE_INTEL_RCIEP, /* root complex integrated endpoints never talk to each other */
        ACS_RULE_INTEL_PCH,   /* redirection by another register */
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
        ALIAS_RULE_SWITCHTEC_NTB, /* which ids is only in a BAR: taken as the whole bus */
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
extern const uint16_t quirk_acs_vendors[]; /* each vendor of a row, once: most devices have no row */
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

/* The capability word as the kernel keeps it: from 7.0 on, some switches' SV bit is not believed.
 */
uint16_t quirk_acs_capability(const Snapshot *snapshot, const PciDevice *device);

/* Whether pcicap_read_pch() should be asked, given the ids. */
bool quirk_is_intel_pch_port(uint16_t vendor, uint16_t device);

/* Has a root port of these ids ACS registers of one dword each? */
bool quirk_is_intel_spt_port(uint16_t vendor, uint16_t device);

/*
 * The register that decides by a quirk row whether this port redirects, if it was not read: a name
 * with its offset, for people. NULL if no row asks for one, or it was read.
 */
const char *quirk_unread_register(const PciDevice *device);

/* Are the ids that the rows go by known? A text without numbers has none. */
static inline bool quirk_has_ids(const PciDevice *device)
{
        return device->vendor != 0 && device->device != 0;
}

/*
 * The device.functions of its own bus whose ids the device also uses, by the rows alone; returns
 * false if none.
 */
bool quirk_alias_mask(const PciDevice *device, AliasMask *ret_mask);

/* The same, by the rows and by what firmware says of the device. */
bool known_alias_mask(const PciDevice *device, AliasMask *ret_mask);

/* Is this bridge where requester ids are translated, so that nothing above it aliases? */
bool quirk_is_translation_root(const PciDevice *bridge);

/* Does this PCIe-to-PCI bridge keep the requester ids of what is below it? */
bool quirk_keeps_requester_ids(const Snapshot *snapshot, const PciDevice *bridge);
