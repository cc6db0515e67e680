/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reports of faults as several drivers and kernels print them, and texts that only look like one.
 */

#include "core/model/fault.h"
#include "tests/unit/tap.h"

#define CARD ((Bdf){.bus = 0, .devfn = 5 << 3})

static void expect(const char *record, Bdf bdf, FaultAccess access, uint64_t address)
{
        IommuFault fault;

        if (!CHECK(fault_parse(record, &fault)))
                return;
        CHECK(bdf_equal(fault.bdf, bdf));
        CHECK_NUMBER(fault.access, access);
        CHECK(fault.has_address);
        CHECK_NUMBER((long long)fault.address, (long long)address);
}

static void test_intel(void)
{
        expect("4,1234,5678,-;DMAR: [DMA Write NO_PASID] Request device [00:05.0] fault addr "
               "0x800000 "
               "[fault reason 0x05] PTE Write access is not set",
               CARD, FAULT_ACCESS_WRITE, 0x800000);
        expect("4,1,1,-;DMAR: [DMA Read] Request device [0000:01:00.0] PASID ffffffff fault addr "
               "fffff000 [fault reason 06] PTE Read access is not set",
               (Bdf){.bus = 1}, FAULT_ACCESS_READ, 0xfffff000);
        expect("4,1,1,-;DMAR: [DMA Read NO_PASID] Request device [10000:01:00.0] fault addr "
               "0xffffffffffffffff [fault reason 0x06]",
               (Bdf){.domain = 0x10000, .bus = 1}, FAULT_ACCESS_READ, UINT64_MAX);
        expect("4,1,1,-;DMAR: [INTR-REMAP] Request device [00:05.0] fault index 0x12 [fault reason "
               "0x22]",
               CARD, FAULT_ACCESS_INTERRUPT, 0x12);
}

static void test_amd(void)
{
        expect("4,9,9,-;vfio-pci 0000:00:05.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000b "
               "address=0x800000 flags=0x0020]",
               CARD, FAULT_ACCESS_WRITE, 0x800000);
        expect("4,9,9,-;AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000b address=0x800000 "
               "flags=0x0000]\n SUBSYSTEM=pci\n DEVICE=+pci:0000:00:05.0",
               CARD, FAULT_ACCESS_READ, 0x800000);
        expect("4,9,9,-;AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:00:05.0 domain=0x000b "
               "address=0x12 flags=0x0008]",
               CARD, FAULT_ACCESS_INTERRUPT, 0x12);
}

static void test_smmu(void)
{
        expect("3,7,7,-;arm-smmu-v3 arm-smmu-v3.0.auto: event: F_TRANSLATION client: 0000:01:00.0 "
               "sid: 0x100 ssid: 0x0 iova: 0x800000 ipa: 0x0",
               (Bdf){.bus = 1}, FAULT_ACCESS_UNKNOWN, 0x800000);
}

static void test_others(void)
{
        static const char *const others[] = {
                "",
                "4,1,1,-;DMAR: DRHD: handling fault status reg 2",
                "4,1,1,-;DMAR: [DMA Write NO_PASID] Request device [",
                "4,1,1,-;DMAR: [DMA Write NO_PASID] Request device [zz:05.0] fault addr 0x1",
                "4,1,1,-;DMAR: [DMA Write NO_PASID] Request device [0000:00:05.0 and much more] x",
                "4,1,1,-;AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000b address=0x800000]",
                "4,1,1,-;AMD-Vi: Event logged [ILLEGAL_DEV_TABLE_ENTRY device=00:05.0]",
                "3,1,1,-;arm-smmu-v3 x: event: F_TRANSLATION client: (unassigned sid) sid: 0x1",
                "6,1,1,-;pci 0000:00:05.0: fault addr 0x1",
        };
        IommuFault fault;

        for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                CHECK(!fault_parse(others[i], &fault));
}

static void test_suppressed(void)
{
        CHECK_NUMBER(fault_parse_suppressed("4,1,1,-;dmar_fault: 117 callbacks suppressed"), 117);
        CHECK_NUMBER(fault_parse_suppressed("4,1,1,-;amd_iommu_report_page_fault: 3 callbacks "
                                            "suppressed"),
                     3);
        CHECK_NUMBER(fault_parse_suppressed("4,1,1,-;net_ratelimit: 117 callbacks suppressed"), 0);
        CHECK_NUMBER(fault_parse_suppressed("4,1,1,-;dmar_fault: callbacks suppressed"), 0);
        CHECK_NUMBER(
                fault_parse_suppressed("dmar_fault: 99999999999999999999 callbacks suppressed"),
                1000000);
}

int main(void)
{
        static const TapTest tests[] = {
                {"Intel's words", test_intel},
                {"AMD's words", test_amd},
                {"Arm's words", test_smmu},
                {"what is no fault", test_others},
                {"what the kernel has kept back", test_suppressed},
        };

        return tap_run(tests);
}
