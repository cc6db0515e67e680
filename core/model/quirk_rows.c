/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The quirk rows: ids of devices and which rule applies to them.
 *
 * Facts about hardware, in the kernel's order, the same from 6.1 to 7.3 (kernel-facts 1.5, 1.6).
 * Aliases that change only a bridge's requester id and not who shares it are left out.
 */

#include "core/model/quirks.h"

const AcsQuirk quirk_acs_rows[] = {
        { 0x1002, 0x4385, ACS_RULE_AMD_SOUTHBRIDGE },
        { 0x1002, 0x439c, ACS_RULE_AMD_SOUTHBRIDGE },
        { 0x1002, 0x4383, ACS_RULE_AMD_SOUTHBRIDGE },
        { 0x1002, 0x439d, ACS_RULE_AMD_SOUTHBRIDGE },
        { 0x1002, 0x4384, ACS_RULE_AMD_SOUTHBRIDGE },
        { 0x1002, 0x4399, ACS_RULE_AMD_SOUTHBRIDGE },
        { 0x1022, 0x780f, ACS_RULE_AMD_SOUTHBRIDGE },
        { 0x1022, 0x7809, ACS_RULE_AMD_SOUTHBRIDGE },
        { 0x1924, 0x0903, ACS_RULE_ISOLATED },
        { 0x1924, 0x0923, ACS_RULE_ISOLATED },
        { 0x1924, 0x0a03, ACS_RULE_ISOLATED },
        { 0x8086, 0x10c6, ACS_RULE_ISOLATED },
        { 0x8086, 0x10db, ACS_RULE_ISOLATED },
        { 0x8086, 0x10dd, ACS_RULE_ISOLATED },
        { 0x8086, 0x10e1, ACS_RULE_ISOLATED },
        { 0x8086, 0x10f1, ACS_RULE_ISOLATED },
        { 0x8086, 0x10f7, ACS_RULE_ISOLATED },
        { 0x8086, 0x10f8, ACS_RULE_ISOLATED },
        { 0x8086, 0x10f9, ACS_RULE_ISOLATED },
        { 0x8086, 0x10fa, ACS_RULE_ISOLATED },
        { 0x8086, 0x10fb, ACS_RULE_ISOLATED },
        { 0x8086, 0x10fc, ACS_RULE_ISOLATED },
        { 0x8086, 0x1507, ACS_RULE_ISOLATED },
        { 0x8086, 0x1514, ACS_RULE_ISOLATED },
        { 0x8086, 0x151c, ACS_RULE_ISOLATED },
        { 0x8086, 0x1529, ACS_RULE_ISOLATED },
        { 0x8086, 0x152a, ACS_RULE_ISOLATED },
        { 0x8086, 0x154d, ACS_RULE_ISOLATED },
        { 0x8086, 0x154f, ACS_RULE_ISOLATED },
        { 0x8086, 0x1551, ACS_RULE_ISOLATED },
        { 0x8086, 0x1558, ACS_RULE_ISOLATED },
        { 0x8086, 0x1509, ACS_RULE_ISOLATED },
        { 0x8086, 0x150e, ACS_RULE_ISOLATED },
        { 0x8086, 0x150f, ACS_RULE_ISOLATED },
        { 0x8086, 0x1510, ACS_RULE_ISOLATED },
        { 0x8086, 0x1511, ACS_RULE_ISOLATED },
        { 0x8086, 0x1516, ACS_RULE_ISOLATED },
        { 0x8086, 0x1527, ACS_RULE_ISOLATED },
        { 0x8086, 0x10c9, ACS_RULE_ISOLATED },
        { 0x8086, 0x10e6, ACS_RULE_ISOLATED },
        { 0x8086, 0x10e7, ACS_RULE_ISOLATED },
        { 0x8086, 0x10e8, ACS_RULE_ISOLATED },
        { 0x8086, 0x150a, ACS_RULE_ISOLATED },
        { 0x8086, 0x150d, ACS_RULE_ISOLATED },
        { 0x8086, 0x1518, ACS_RULE_ISOLATED },
        { 0x8086, 0x1526, ACS_RULE_ISOLATED },
        { 0x8086, 0x10a7, ACS_RULE_ISOLATED },
        { 0x8086, 0x10a9, ACS_RULE_ISOLATED },
        { 0x8086, 0x10d6, ACS_RULE_ISOLATED },
        { 0x8086, 0x1521, ACS_RULE_ISOLATED },
        { 0x8086, 0x1522, ACS_RULE_ISOLATED },
        { 0x8086, 0x1523, ACS_RULE_ISOLATED },
        { 0x8086, 0x1524, ACS_RULE_ISOLATED },
        { 0x8086, 0x105e, ACS_RULE_ISOLATED },
        { 0x8086, 0x105f, ACS_RULE_ISOLATED },
        { 0x8086, 0x1060, ACS_RULE_ISOLATED },
        { 0x8086, 0x10d9, ACS_RULE_ISOLATED },
        { 0x8086, 0x15b7, ACS_RULE_ISOLATED },
        { 0x8086, 0x15b8, ACS_RULE_ISOLATED },
        { 0x8086, QUIRK_ANY_DEVICE, ACS_RULE_INTEL_RCIEP },
        { 0x17cb, 0x0400, ACS_RULE_ISOLATED },
        { 0x17cb, 0x0401, ACS_RULE_ISOLATED },
        { 0x17cb, 0x0115, ACS_RULE_ISOLATED },
        { 0x17cb, 0x0111, ACS_RULE_ISOLATED },
        { 0x17cb, 0x0120, ACS_RULE_ISOLATED },
        { 0x1dbf, 0x0401, ACS_RULE_ISOLATED },
        { 0x8086, QUIRK_ANY_DEVICE, ACS_RULE_INTEL_PCH },
        { 0x8086, QUIRK_ANY_DEVICE, ACS_RULE_INTEL_SPT },
        { 0x19a2, 0x0710, ACS_RULE_ISOLATED },
        { 0x10df, 0x0720, ACS_RULE_ISOLATED },
        { 0x177d, QUIRK_ANY_DEVICE, ACS_RULE_CAVIUM },
        { 0x177d, 0xa026, ACS_RULE_ISOLATED },
        { 0x177d, 0xa059, ACS_RULE_ISOLATED },
        { 0x177d, 0xa060, ACS_RULE_ISOLATED },
        { 0x10e8, 0xe004, ACS_RULE_ISOLATED },
        { 0x1def, 0xe005, ACS_RULE_ISOLATED },
        { 0x1def, 0xe006, ACS_RULE_ISOLATED },
        { 0x1def, 0xe007, ACS_RULE_ISOLATED },
        { 0x1def, 0xe008, ACS_RULE_ISOLATED },
        { 0x1def, 0xe009, ACS_RULE_ISOLATED },
        { 0x1def, 0xe00a, ACS_RULE_ISOLATED },
        { 0x1def, 0xe00b, ACS_RULE_ISOLATED },
        { 0x1def, 0xe00c, ACS_RULE_ISOLATED },
        { 0x14e4, 0x16d7, ACS_RULE_ISOLATED },
        { 0x14e4, 0x1750, ACS_RULE_ISOLATED },
        { 0x14e4, 0x1751, ACS_RULE_ISOLATED },
        { 0x14e4, 0x1752, ACS_RULE_ISOLATED },
        { 0x14e4, 0x1760, ACS_RULE_ISOLATED },
        { 0x14e4, 0x1761, ACS_RULE_ISOLATED },
        { 0x14e4, 0x1762, ACS_RULE_ISOLATED },
        { 0x14e4, 0x1763, ACS_RULE_ISOLATED },
        { 0x14e4, 0xd714, ACS_RULE_ISOLATED },
        { 0x0014, 0x3c09, ACS_RULE_ISOLATED },
        { 0x0014, 0x3c19, ACS_RULE_ISOLATED },
        { 0x0014, 0x3c29, ACS_RULE_ISOLATED },
        { 0x0014, 0x7a09, ACS_RULE_ISOLATED },
        { 0x0014, 0x7a19, ACS_RULE_ISOLATED },
        { 0x0014, 0x7a29, ACS_RULE_ISOLATED },
        { 0x0014, 0x7a39, ACS_RULE_ISOLATED },
        { 0x0014, 0x7a49, ACS_RULE_ISOLATED },
        { 0x0014, 0x7a59, ACS_RULE_ISOLATED },
        { 0x0014, 0x7a69, ACS_RULE_ISOLATED },
        { 0x1c36, 0x0031, ACS_RULE_ROOT_PORT },
        { 0x1d17, 0x3038, ACS_RULE_ISOLATED },
        { 0x1d17, 0x3104, ACS_RULE_ISOLATED },
        { 0x1d17, 0x9083, ACS_RULE_ISOLATED },
        { 0x1957, 0x8d81, ACS_RULE_ISOLATED },
        { 0x1957, 0x8da1, ACS_RULE_ISOLATED },
        { 0x1957, 0x8d83, ACS_RULE_ISOLATED },
        { 0x1957, 0x8d80, ACS_RULE_ISOLATED },
        { 0x1957, 0x8da0, ACS_RULE_ISOLATED },
        { 0x1957, 0x8d82, ACS_RULE_ISOLATED },
        { 0x1957, 0x8d90, ACS_RULE_ISOLATED },
        { 0x1957, 0x8db0, ACS_RULE_ISOLATED },
        { 0x1957, 0x8d92, ACS_RULE_ISOLATED },
        { 0x1957, 0x8d91, ACS_RULE_ISOLATED },
        { 0x1957, 0x8db1, ACS_RULE_ISOLATED },
        { 0x1957, 0x8d93, ACS_RULE_ISOLATED },
        { 0x1957, 0x8d89, ACS_RULE_ISOLATED },
        { 0x1957, 0x8da9, ACS_RULE_ISOLATED },
        { 0x1957, 0x8d8b, ACS_RULE_ISOLATED },
        { 0x1957, 0x8d88, ACS_RULE_ISOLATED },
        { 0x1957, 0x8da8, ACS_RULE_ISOLATED },
        { 0x1957, 0x8d8a, ACS_RULE_ISOLATED },
        { 0x1957, 0x8d98, ACS_RULE_ISOLATED },
        { 0x1957, 0x8db8, ACS_RULE_ISOLATED },
        { 0x1957, 0x8d9a, ACS_RULE_ISOLATED },
        { 0x1957, 0x8d99, ACS_RULE_ISOLATED },
        { 0x1957, 0x8db9, ACS_RULE_ISOLATED },
        { 0x1957, 0x8d9b, ACS_RULE_ISOLATED },
        { 0x1d17, QUIRK_ANY_DEVICE, ACS_RULE_ZHAOXIN_PORT },
        { 0x8088, QUIRK_ANY_DEVICE, ACS_RULE_WANGXUN },
};
const size_t quirk_n_acs_rows = ARRAY_SIZE(quirk_acs_rows);

const uint16_t quirk_acs_vendors[] = {
        0x0014, 0x1002, 0x1022, 0x10df, 0x10e8, 0x14e4, 0x177d, 0x17cb, 0x1924, 0x1957, 0x19a2,
        0x1c36, 0x1d17, 0x1dbf, 0x1def, 0x8086, 0x8088,
};
const size_t quirk_n_acs_vendors = ARRAY_SIZE(quirk_acs_vendors);

const AliasQuirk quirk_alias_rows[] = {
        { 0x1180, 0xe832, ALIAS_RULE_FUNCTION_0 },
        { 0x1180, 0xe476, ALIAS_RULE_FUNCTION_0 },
        { 0x6766, 0x3d40, ALIAS_RULE_FUNCTION_0 },
        { 0x6766, 0x3d41, ALIAS_RULE_FUNCTION_0 },
        { 0x1b4b, 0x9120, ALIAS_RULE_FUNCTION_1 },
        { 0x1b4b, 0x9123, ALIAS_RULE_FUNCTION_1 },
        { 0x1b4b, 0x9125, ALIAS_RULE_FUNCTION_1 },
        { 0x1b4b, 0x9128, ALIAS_RULE_FUNCTION_1 },
        { 0x1b4b, 0x9130, ALIAS_RULE_FUNCTION_1 },
        { 0x1b4b, 0x9170, ALIAS_RULE_FUNCTION_1 },
        { 0x1b4b, 0x9172, ALIAS_RULE_FUNCTION_1 },
        { 0x1b4b, 0x917a, ALIAS_RULE_FUNCTION_1 },
        { 0x1b4b, 0x9182, ALIAS_RULE_FUNCTION_1 },
        { 0x1b4b, 0x9183, ALIAS_RULE_FUNCTION_1 },
        { 0x1b4b, 0x91a0, ALIAS_RULE_FUNCTION_1 },
        { 0x1b4b, 0x9215, ALIAS_RULE_FUNCTION_1 },
        { 0x1b4b, 0x9220, ALIAS_RULE_FUNCTION_1 },
        { 0x1b4b, 0x9230, ALIAS_RULE_FUNCTION_1 },
        { 0x1b4b, 0x9235, ALIAS_RULE_FUNCTION_1 },
        { 0x1103, 0x0642, ALIAS_RULE_FUNCTION_1 },
        { 0x1103, 0x0645, ALIAS_RULE_FUNCTION_1 },
        { 0x197b, 0x2392, ALIAS_RULE_FUNCTION_1 },
        { 0x9005, 0x0285, ALIAS_RULE_FIXED_01_0 },
        { 0x8086, 0x2260, ALIAS_RULE_MIC_X200 },
        { 0x8086, 0x2264, ALIAS_RULE_MIC_X200 },
        { 0x8086, 0x2954, ALIAS_RULE_VCA },
        { 0x8086, 0x2955, ALIAS_RULE_VCA },
        { 0x8086, 0x2956, ALIAS_RULE_VCA },
        { 0x8086, 0x2958, ALIAS_RULE_VCA },
        { 0x8086, 0x2959, ALIAS_RULE_VCA },
        { 0x8086, 0x295a, ALIAS_RULE_VCA },
        { 0x10b5, 0x87b0, ALIAS_RULE_WHOLE_BUS },
        { 0x10b5, 0x87b1, ALIAS_RULE_WHOLE_BUS },
};
const size_t quirk_n_alias_rows = ARRAY_SIZE(quirk_alias_rows);

/* Root ports of the 5- to 9-series chipsets, X79 and X99. */
static const IdRange intel_pch_ranges[] = {
        { 0x1c10, 0x1c1f }, { 0x1d10, 0x1d10 }, { 0x1d12, 0x1d12 }, { 0x1d14, 0x1d14 },
        { 0x1d16, 0x1d16 }, { 0x1d18, 0x1d18 }, { 0x1d1a, 0x1d1a }, { 0x1d1c, 0x1d1c },
        { 0x1d1e, 0x1d1e }, { 0x1e10, 0x1e1f }, { 0x3b42, 0x3b51 }, { 0x8c10, 0x8c1f },
        { 0x8c90, 0x8c90 }, { 0x8c92, 0x8c92 }, { 0x8c94, 0x8c94 }, { 0x8c96, 0x8c96 },
        { 0x8c98, 0x8c98 }, { 0x8c9a, 0x8c9a }, { 0x8c9c, 0x8c9c }, { 0x8c9e, 0x8c9e },
        { 0x8d10, 0x8d1e }, { 0x9c10, 0x9c1b }, { 0x9c90, 0x9c9b },
};
const IdRanges quirk_intel_pch_ids = { intel_pch_ranges, ARRAY_SIZE(intel_pch_ranges) };

/* Root ports of the 100- to 300-series chipsets. */
static const IdRange intel_spt_ranges[] = {
        { 0x9d10, 0x9d1b }, { 0xa110, 0xa11f }, { 0xa167, 0xa16a }, { 0xa290, 0xa29f },
        { 0xa2e7, 0xa2ee },
};
const IdRanges quirk_intel_spt_ids = { intel_spt_ranges, ARRAY_SIZE(intel_spt_ranges) };

/* ThunderX and OcteonTX root ports. */
static const IdRange cavium_ranges[] = {
        { 0xa000, 0xa7ff }, { 0xaf84, 0xaf84 }, { 0xb884, 0xb884 },
};
const IdRanges quirk_cavium_ids = { cavium_ranges, ARRAY_SIZE(cavium_ranges) };

/* Zhaoxin root and downstream ports. */
static const IdRange zhaoxin_ranges[] = {
        { 0x0710, 0x071e }, { 0x0721, 0x0721 }, { 0x0723, 0x0752 },
};
const IdRanges quirk_zhaoxin_ids = { zhaoxin_ranges, ARRAY_SIZE(zhaoxin_ranges) };

/* Wangxun network functions that do not talk to each other. */
static const IdRange wangxun_ranges[] = {
        { 0x0100, 0x010f }, { 0x1001, 0x1001 }, { 0x2001, 0x2001 }, { 0x5010, 0x5010 },
        { 0x5025, 0x5025 }, { 0x5040, 0x5040 }, { 0x5110, 0x5110 }, { 0x5125, 0x5125 },
        { 0x5140, 0x5140 },
};
const IdRanges quirk_wangxun_ids = { wangxun_ranges, ARRAY_SIZE(wangxun_ranges) };

/* Microsemi and Microchip Switchtec switches. */
static const IdRange switchtec_ranges[] = {
        { 0x4000, 0x4000 }, { 0x4028, 0x4028 }, { 0x4036, 0x4036 }, { 0x4052, 0x4052 },
        { 0x4068, 0x4068 }, { 0x4084, 0x4084 }, { 0x4100, 0x4100 }, { 0x4128, 0x4128 },
        { 0x4136, 0x4136 }, { 0x4152, 0x4152 }, { 0x4168, 0x4168 }, { 0x4184, 0x4184 },
        { 0x4200, 0x4200 }, { 0x4228, 0x4228 }, { 0x4236, 0x4236 }, { 0x4252, 0x4252 },
        { 0x4268, 0x4268 }, { 0x4284, 0x4284 }, { 0x4328, 0x4328 }, { 0x4336, 0x4336 },
        { 0x4352, 0x4352 }, { 0x4428, 0x4428 }, { 0x4436, 0x4436 }, { 0x4452, 0x4452 },
        { 0x4528, 0x4528 }, { 0x4536, 0x4536 }, { 0x4552, 0x4552 }, { 0x5000, 0x5000 },
        { 0x5028, 0x5028 }, { 0x5036, 0x5036 }, { 0x5052, 0x5052 }, { 0x5068, 0x5068 },
        { 0x5084, 0x5084 }, { 0x5100, 0x5100 }, { 0x5128, 0x5128 }, { 0x5136, 0x5136 },
        { 0x5152, 0x5152 }, { 0x5168, 0x5168 }, { 0x5184, 0x5184 }, { 0x5200, 0x5200 },
        { 0x5228, 0x5228 }, { 0x5236, 0x5236 }, { 0x5252, 0x5252 }, { 0x5268, 0x5268 },
        { 0x5284, 0x5284 }, { 0x5300, 0x5300 }, { 0x5328, 0x5328 }, { 0x5336, 0x5336 },
        { 0x5352, 0x5352 }, { 0x5368, 0x5368 }, { 0x5384, 0x5384 }, { 0x5400, 0x5400 },
        { 0x5428, 0x5428 }, { 0x5436, 0x5436 }, { 0x5452, 0x5452 }, { 0x5468, 0x5468 },
        { 0x5484, 0x5484 }, { 0x5500, 0x5500 }, { 0x5528, 0x5528 }, { 0x5536, 0x5536 },
        { 0x5552, 0x5552 }, { 0x5568, 0x5568 }, { 0x5584, 0x5584 }, { 0x8531, 0x8536 },
        { 0x8541, 0x8546 }, { 0x8551, 0x8556 }, { 0x8561, 0x8566 }, { 0x8571, 0x8576 },
};
const IdRanges quirk_switchtec_ids = { switchtec_ranges, ARRAY_SIZE(switchtec_ranges) };

/* Switchtec switches under the vendor id of EFAR. */
static const IdRange efar_ntb_ranges[] = {
        { 0x1001, 0x1006 }, { 0x1008, 0x1008 },
};
const IdRanges quirk_efar_ntb_ids = { efar_ntb_ranges, ARRAY_SIZE(efar_ntb_ranges) };
