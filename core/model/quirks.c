/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The rules behind the quirk rows.
 */

#include "core/model/quirks.h"

#define ACS_REQUIRED (ACS_SV | ACS_RR | ACS_CR | ACS_UF)

/* From this release on the kernel caches and corrects ACS capabilities (kernel-facts 0.4). */
#define KERNEL_ACS_CACHED 7

static bool ids_contain(const IdRanges *ids, uint16_t id)
{
        for (size_t i = 0; i < ids->n_ranges; i++)
                if (id >= ids->ranges[i].first && id <= ids->ranges[i].last)
                        return true;
        return false;
}

/* The major number of the kernel's release, or 0 if unknown. */
static unsigned kernel_major(const Snapshot *snapshot)
{
        unsigned major = 0;

        for (const char *p = snapshot->kernel_release; *p >= '0' && *p <= '9' && major < 1000; p++)
                major = major * 10 + (unsigned)(*p - '0');
        return major;
}

/* A type that may be either end of a switch counts as neither. */
static bool is_pcie_type(const PciDevice *device, PcieType type)
{
        return device->facts.pcie == TRISTATE_YES && !device->pcie_type_uncertain &&
               device->pcie_type == type;
}

static bool may_be_downstream(const PciDevice *device)
{
        return device->facts.pcie == TRISTATE_YES &&
               (device->pcie_type == PCIE_TYPE_DOWNSTREAM || device->pcie_type_uncertain);
}

static QuirkAnswer isolated_if(bool condition)
{
        return condition ? QUIRK_ISOLATED : QUIRK_NO_OPINION;
}

static QuirkAnswer intel_pch_acs(const PciDevice *device)
{
        if (!is_pcie_type(device, PCIE_TYPE_ROOT_PORT) ||
            !ids_contain(&quirk_intel_pch_ids, device->ids.device))
                return QUIRK_NO_OPINION;
        return device->facts.pch_redirect == TRISTATE_YES ? QUIRK_ISOLATED : QUIRK_NOT_ISOLATED;
}

/* Capability and control are dwords at +4 and +8 (Intel 100 series PCH datasheet, volume 2). */
static QuirkAnswer intel_spt_acs(const PciDevice *device, uint8_t *missing)
{
        const PciFacts *facts = &device->facts;
        uint32_t needed;

        if (!is_pcie_type(device, PCIE_TYPE_ROOT_PORT) || facts->acs.present != TRISTATE_YES ||
            !ids_contain(&quirk_intel_spt_ids, device->ids.device))
                return QUIRK_NO_OPINION;

        needed = ACS_REQUIRED & facts->acs.dword4;
        *missing = (uint8_t)(needed & ~facts->acs.dword8);
        if (facts->acs.dword8_unread && !facts->redirect_inferred)
                *missing = ACS_REQUIRED;
        return *missing == 0 ? QUIRK_ISOLATED : QUIRK_NOT_ISOLATED;
}

static QuirkAnswer zhaoxin_acs(const PciDevice *device)
{
        bool listed = ids_contain(&quirk_zhaoxin_ids, device->ids.device);

        if (is_pcie_type(device, PCIE_TYPE_ROOT_PORT) || is_pcie_type(device, PCIE_TYPE_DOWNSTREAM))
                return listed ? QUIRK_ISOLATED : QUIRK_NOT_ISOLATED;
        return may_be_downstream(device) && !listed ? QUIRK_NOT_ISOLATED : QUIRK_NO_OPINION;
}

static QuirkAnswer apply_rule(const Snapshot *snapshot, const PciDevice *device, AcsRule rule,
                              uint8_t *missing)
{
        switch (rule) {
        case ACS_RULE_AMD_SOUTHBRIDGE:
                return isolated_if(device->multifunction == TRISTATE_YES &&
                                   !device->place.has_parent && snapshot->ivrs == TRISTATE_YES);
        case ACS_RULE_ISOLATED:
                return QUIRK_ISOLATED;
        case ACS_RULE_INTEL_RCIEP:
                return isolated_if(is_pcie_type(device, PCIE_TYPE_RC_ENDPOINT));
        case ACS_RULE_INTEL_PCH:
                return intel_pch_acs(device);
        case ACS_RULE_INTEL_SPT:
                return intel_spt_acs(device, missing);
        case ACS_RULE_CAVIUM:
                return isolated_if(is_pcie_type(device, PCIE_TYPE_ROOT_PORT) &&
                                   ids_contain(&quirk_cavium_ids, device->ids.device));
        case ACS_RULE_ROOT_PORT:
                return isolated_if(is_pcie_type(device, PCIE_TYPE_ROOT_PORT));
        case ACS_RULE_ZHAOXIN_PORT:
                return zhaoxin_acs(device);
        case ACS_RULE_WANGXUN:
                return ids_contain(&quirk_wangxun_ids, device->ids.device) ? QUIRK_ISOLATED
                                                                           : QUIRK_NOT_ISOLATED;
        }
        return QUIRK_NO_OPINION;
}

static bool has_acs_rows(uint16_t vendor)
{
        for (size_t i = 0; i < quirk_n_acs_vendors; i++)
                if (quirk_acs_vendors[i] == vendor)
                        return true;
        return false;
}

QuirkAnswer quirk_acs(const Snapshot *snapshot, size_t index, uint8_t *ret_missing)
{
        const PciDevice *device = &snapshot->devices[index];

        /* Some functions do not isolate, regardless of ACS: with unknown ids this may be one. */
        if (device->ids.vendor == 0 && device->ids.device != 0) {
                if (ret_missing)
                        *ret_missing = ACS_REQUIRED;
                return QUIRK_NOT_ISOLATED;
        }
        if (!has_acs_rows(device->ids.vendor))
                return QUIRK_NO_OPINION;
        for (size_t i = 0; i < quirk_n_acs_rows; i++) {
                const AcsQuirk *row = &quirk_acs_rows[i];
                uint8_t missing = ACS_REQUIRED;
                QuirkAnswer answer;

                if (row->vendor != device->ids.vendor ||
                    (row->device != QUIRK_ANY_DEVICE && row->device != device->ids.device))
                        continue;
                answer = apply_rule(snapshot, device, row->rule, &missing);
                if (answer == QUIRK_NO_OPINION)
                        continue;
                if (ret_missing)
                        *ret_missing = answer == QUIRK_ISOLATED ? 0 : missing;
                return answer;
        }
        return QUIRK_NO_OPINION;
}

uint16_t quirk_acs_capability(const Snapshot *snapshot, const PciDevice *device)
{
        uint16_t capability = device->facts.acs.cap;

        /* IDT switches whose source validation breaks configuration cycles. */
        if (device->ids.vendor == 0x111d &&
            (device->ids.device == 0x80b5 || device->ids.device == 0x8090) &&
            kernel_major(snapshot) >= KERNEL_ACS_CACHED)
                capability &= (uint16_t)~ACS_SV;
        return capability;
}

bool quirk_is_intel_pch_port(uint16_t vendor, uint16_t device)
{
        return vendor == 0x8086 && ids_contain(&quirk_intel_pch_ids, device);
}

bool quirk_is_intel_spt_port(uint16_t vendor, uint16_t device)
{
        return vendor == 0x8086 && ids_contain(&quirk_intel_spt_ids, device);
}

const char *quirk_unread_register(const PciDevice *device)
{
        const PciFacts *facts = &device->facts;

        if (!is_pcie_type(device, PCIE_TYPE_ROOT_PORT))
                return NULL;
        if (quirk_is_intel_pch_port(device->ids.vendor, device->ids.device) &&
            (facts->pch_redirect == TRISTATE_UNKNOWN || facts->redirect_inferred))
                return "MPC at D8h";
        if (quirk_is_intel_spt_port(device->ids.vendor, device->ids.device) &&
            facts->acs.present == TRISTATE_YES && facts->acs.dword8_unread)
                return "ACS control, 8 bytes after the start of the capability";
        return NULL;
}

/* The rows apply to endpoints, and those that reach beyond a slot apply to cards. */
static bool may_be_alias(const PciDevice *device, AliasRule rule)
{
        unsigned class = device->ids.class_code >> 8;
        bool is_bridge = device->facts.header_known == TRISTATE_YES
                                 ? device->facts.header_type != 0
                                 : class >> 8 == 0x06 && class != 0x0680;

        if (device->place.is_vf || is_bridge)
                return false;
        if (rule == ALIAS_RULE_FUNCTION_0 || rule == ALIAS_RULE_FUNCTION_1)
                return true;
        if (rule == ALIAS_RULE_FIXED_01_0)
                return device->place.has_parent && (class == 0 || class >> 8 == 0x01);
        return device->place.has_parent &&
               (class == 0 || class == 0x0680 || class == 0x0880 || class == 0x0b40);
}

/*
 * Can the row apply to the device? An unknown id matches any; if both are unknown, no row applies.
 */
static bool may_be_row(const AliasQuirk *row, const PciDevice *device)
{
        if (row->vendor == device->ids.vendor && row->device == device->ids.device)
                return true;
        if (quirk_has_ids(device) || (device->ids.vendor == 0 && device->ids.device == 0))
                return false;
        return (row->vendor == device->ids.vendor || device->ids.vendor == 0) &&
               (row->device == device->ids.device || device->ids.device == 0) &&
               may_be_alias(device, row->rule);
}

static void add_all(AliasMask *mask)
{
        for (size_t i = 0; i < ARRAY_SIZE(mask->bits); i++)
                mask->bits[i] = ~(uint64_t)0;
}

static bool is_listed_adaptec(const PciDevice *device)
{
        const uint16_t vendor = device->ids.subsystem_vendor, id = device->ids.subsystem_device;

        return (vendor == 0x9005 || vendor == 0) && (id == 0x02bb || id == 0x02bc || id == 0);
}

static void add_aliases(AliasMask *mask, const PciDevice *device, AliasRule rule)
{
        uint8_t slot = device->bdf.devfn & 0xf8;

        switch (rule) {
        case ALIAS_RULE_FUNCTION_0:
                if (bdf_function(device->bdf) != 0)
                        alias_mask_add(mask, slot);
                break;
        case ALIAS_RULE_FUNCTION_1:
                if (bdf_function(device->bdf) != 1)
                        alias_mask_add(mask, slot | 1);
                break;
        case ALIAS_RULE_FIXED_01_0:
                if (is_listed_adaptec(device))
                        alias_mask_add(mask, 0x01 << 3);
                break;
        case ALIAS_RULE_MIC_X200:
                alias_mask_add(mask, 0x10 << 3);
                alias_mask_add(mask, 0x11 << 3);
                alias_mask_add(mask, 0x12 << 3 | 3);
                break;
        case ALIAS_RULE_VCA:
                for (unsigned i = 0; i < 32; i++)
                        for (unsigned function = 0; function < 5; function++)
                                alias_mask_add(mask, (uint8_t)(i << 3 | function));
                break;
        case ALIAS_RULE_WHOLE_BUS:
        case ALIAS_RULE_SWITCHTEC_NTB:
                add_all(mask);
                break;
        }
}

/* Non-transparent bridges of Switchtec switches: "other bridge" by class, not switch ports. */
static bool is_switchtec_ntb(const PciDevice *device)
{
        if (device->ids.class_code >> 8 != 0x0680)
                return false;
        return (device->ids.vendor == 0x11f8 &&
                ids_contain(&quirk_switchtec_ids, device->ids.device)) ||
               (device->ids.vendor == 0x1055 &&
                ids_contain(&quirk_efar_ntb_ids, device->ids.device));
}

bool quirk_alias_mask(const PciDevice *device, AliasMask *ret_mask)
{
        AliasMask mask = {0};

        for (size_t i = 0; i < quirk_n_alias_rows; i++)
                if (may_be_row(&quirk_alias_rows[i], device))
                        add_aliases(&mask, device, quirk_alias_rows[i].rule);
        if (is_switchtec_ntb(device))
                add_aliases(&mask, device, ALIAS_RULE_SWITCHTEC_NTB);

        *ret_mask = mask;
        return mask.bits[0] | mask.bits[1] | mask.bits[2] | mask.bits[3];
}

bool known_alias_mask(const PciDevice *device, AliasMask *ret_mask)
{
        bool has = quirk_alias_mask(device, ret_mask);

        if (device->place.has_ivrs_alias)
                alias_mask_add(ret_mask, device->place.ivrs_alias_devfn);
        return has || device->place.has_ivrs_alias;
}

bool quirk_is_translation_root(const PciDevice *bridge)
{
        return bridge->ids.vendor == 0x14e4 &&
               (bridge->ids.device == 0x9000 || bridge->ids.device == 0x9084);
}

bool quirk_keeps_requester_ids(const Snapshot *snapshot, const PciDevice *bridge)
{
        return bridge->ids.vendor == 0x1a03 && bridge->ids.device == 0x1150 &&
               kernel_major(snapshot) >= KERNEL_ACS_CACHED;
}
