/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Strength bit by bit: one machine on which every bit is yes, spoiled one fact at a time.
 */

#include "core/model/strength.h"
#include "tap.h"
#include "topology.h"

#define RP PCIE_TYPE_ROOT_PORT
#define EP PCIE_TYPE_ENDPOINT
#define ON PART_ACS_ON

static const Part parts[] = {
        {"00:1c.0", .type = RP, .acs = ON, .kernel_group = 1},
        {"01:00.0", "00:1c.0", .type = EP, .acs = ON, .multifunction = true, .kernel_group = 2},
        {"01:00.1", "00:1c.0", .type = EP, .acs = ON, .kernel_group = 3},
};
static KernelGroup groups[] = {
        {0, "DMA", TRISTATE_NO}, {1, "DMA-FQ", TRISTATE_NO}, {2, "DMA", TRISTATE_NO}};

static Snapshot *machine(void)
{
        Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));

        snapshot->kernel_groups = calloc(ARRAY_SIZE(groups), sizeof(*groups));
        if (!snapshot->kernel_groups)
                abort();
        memcpy(snapshot->kernel_groups, groups, sizeof(groups));
        snapshot->n_kernel_groups = ARRAY_SIZE(groups);
        snapshot->interrupt_remapping = TRISTATE_YES;
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                PciDevice *device = &snapshot->devices[i];

                device->sysfs.iommu_kind = IOMMU_KIND_DMAR;
                device->sysfs.resettable = device->facts.caps.flr = tristate_from_bool(i > 0);
                device->sysfs.removable = TRISTATE_YES;
                device->facts.caps.ats_enabled = TRISTATE_NO;
                device->facts.caps.pasid = TRISTATE_NO;
        }
        return snapshot;
}

/* The bit of 01:00.0's group. */
static void expect(const Snapshot *snapshot, StrengthBit bit, Tristate value, const char *text)
{
        _cleanup_(partition_freep) Partition *kernel = NULL, *sound = NULL;
        _cleanup_(strength_freep) Strength *strength = NULL;

        if (kernel_groups_compute(snapshot, &kernel) < 0 ||
            sound_groups_compute(snapshot, kernel, &sound) < 0 ||
            strength_compute(snapshot, kernel, kernel->group_of[1], sound, &strength) < 0)
                abort();
        CHECK_NUMBER(strength->bits[bit].value, value);
        CHECK_STRING(strength->bits[bit].text, text);
}

static void test_strong(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = machine();

        expect(snapshot, STRENGTH_TRANSLATED, TRISTATE_YES,
               "An IOMMU covers all members, and the default domain translates.");
        expect(snapshot, STRENGTH_P2P, TRISTATE_YES,
               "No path leads to or from a member past the IOMMU.");
        expect(snapshot, STRENGTH_MSI, TRISTATE_YES, "Interrupts pass the IOMMU.");
        expect(snapshot, STRENGTH_CLAIMABLE, TRISTATE_YES,
               "No region must stay mapped, and every driver can be unbound or may stay.");
        expect(snapshot, STRENGTH_RESETTABLE, TRISTATE_YES,
               "Every member can be reset without affecting another group.");
        expect(snapshot, STRENGTH_TRUSTED_ATS, TRISTATE_YES,
               "No removable member translates addresses by itself (ATS).");
        expect(snapshot, STRENGTH_PASID, TRISTATE_NO, "No member is known to have PASID.");
}

/* A fact about a member, or about a port above it, that was not read leaves p2p unknown. */
static void test_thin(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = machine();
        PciDevice *port = &snapshot->devices[0], *device = &snapshot->devices[1];

        port->facts.redirect_inferred = true;
        port->facts.pch_redirect = TRISTATE_YES;
        port->ids.vendor = 0x8086;
        port->ids.device = 0x8c10;
        expect(snapshot, STRENGTH_P2P, TRISTATE_UNKNOWN,
               "It is unknown whether 0000:00:1c.0 redirects: a register was not read (MPC at "
               "D8h). Run lspci -xxxx as root.");
        port->facts.redirect_inferred = false;
        expect(snapshot, STRENGTH_P2P, TRISTATE_YES,
               "No path leads to or from a member past the IOMMU.");

        device->multifunction = TRISTATE_UNKNOWN;
        device->facts.acs.ctrl = 0;
        snapshot->devices[2].facts.acs.ctrl = 0;
        device->kernel_group = KERNEL_GROUP_UNKNOWN;
        expect(snapshot, STRENGTH_P2P, TRISTATE_UNKNOWN,
               "It is unknown whether 0000:01:00.0 has other functions beside it, which might "
               "reach it.");
        expect(snapshot, STRENGTH_TRANSLATED, TRISTATE_UNKNOWN,
               "It is unknown whether an IOMMU covers 0000:01:00.0.");
}

/* The port is not in the snapshot: alone in its group, a card is not known to be isolated. */
static void test_orphan(void)
{
        static const Part cut[] = {
                {"00:02.0", .type = PCIE_TYPE_RC_ENDPOINT, .kernel_group = 1},
                {"01:00.0", "00:1c.0", .type = EP, .kernel_group = 2},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(cut, ARRAY_SIZE(cut));

        expect(snapshot, STRENGTH_P2P, TRISTATE_UNKNOWN,
               "The input lacks the bridge above 0000:01:00.0: it is unknown which other devices "
               "it leads to.");
}

static void test_translated(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = machine();

        (void)snprintf(snapshot->kernel_groups[1].type, SNAPSHOT_TYPE_SIZE, "unknown");
        expect(snapshot, STRENGTH_TRANSLATED, TRISTATE_UNKNOWN,
               "The default domain of 0000:01:00.0's group is not known.");
        (void)snprintf(snapshot->kernel_groups[1].type, SNAPSHOT_TYPE_SIZE, "identity");
        expect(snapshot, STRENGTH_TRANSLATED, TRISTATE_NO,
               "The default domain of 0000:01:00.0's group is identity: it reaches all memory "
               "while nobody owns it.");
        snapshot->devices[1].kernel_group = -1;
        expect(snapshot, STRENGTH_TRANSLATED, TRISTATE_NO, "No IOMMU covers 0000:01:00.0.");
        for (size_t i = 0; i < snapshot->n_devices; i++)
                snapshot->devices[i].kernel_group = -1;
        snapshot->n_kernel_groups = 0;
        expect(snapshot, STRENGTH_TRANSLATED, TRISTATE_UNKNOWN,
               "It is unknown whether an IOMMU covers 0000:01:00.0.");
}

static void test_p2p(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = machine();

        snapshot->devices[2].facts.acs.present = TRISTATE_NO;
        expect(snapshot, STRENGTH_P2P, TRISTATE_NO,
               "A write from 0000:01:00.1, which does not redirect requests (no RR), reaches "
               "0000:01:00.0 inside their common device.");
        snapshot->devices[2].facts.acs.present = TRISTATE_UNKNOWN;
        expect(snapshot, STRENGTH_P2P, TRISTATE_UNKNOWN,
               "A write from 0000:01:00.1, which does not redirect requests (no RR that could be "
               "read), reaches 0000:01:00.0 inside their common device.");
}

/* A function above 0 proves that function 0 exists, and a VF that its PF exists. */
static void test_p2p_of_a_part(void)
{
        static const Part some[] = {
                {"00:1c.0", .type = PCIE_TYPE_ROOT_PORT, .acs = PART_ACS_ON},
                {"00:1d.0", .type = PCIE_TYPE_ROOT_PORT, .acs = PART_ACS_ON},
                {"01:00.1", "00:1c.0", .type = PCIE_TYPE_ENDPOINT, .acs = PART_ACS_ON,
                 .kernel_group = 3},
                {"02:10.0", "00:1d.0", .type = PCIE_TYPE_ENDPOINT, .physfn = "02:00.0",
                 .kernel_group = 4},
        };
        static const char *const wanted[] = {
                "The input lacks the first function of the device of 0000:01:00.1: it is unknown "
                "whether it reaches it.",
                "The input lacks the PF of 0000:02:10.0: it is unknown which other devices it "
                "leads to.",
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(some, ARRAY_SIZE(some));
        _cleanup_(partition_freep) Partition *kernel = NULL, *sound = NULL;

        CHECK_NUMBER(kernel_groups_compute(snapshot, &kernel), 0);
        CHECK_NUMBER(sound_groups_compute(snapshot, kernel, &sound), 0);
        for (size_t i = 2; i < ARRAY_SIZE(some); i++) {
                _cleanup_(strength_freep) Strength *strength = NULL;

                CHECK_NUMBER(
                        strength_compute(snapshot, kernel, kernel->group_of[i], sound, &strength),
                        0);
                CHECK_NUMBER(strength->bits[STRENGTH_P2P].value, TRISTATE_UNKNOWN);
                CHECK_STRING(strength->bits[STRENGTH_P2P].text, wanted[i - 2]);
        }
}

static void test_msi(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = machine();

        snapshot->interrupt_remapping = TRISTATE_NO;
        expect(snapshot, STRENGTH_MSI, TRISTATE_NO,
               "Interrupts are not remapped: a member can raise any on the host.");
        snapshot->interrupt_remapping = TRISTATE_UNKNOWN;
        expect(snapshot, STRENGTH_MSI, TRISTATE_UNKNOWN,
               "It is unknown whether interrupts are remapped.");
}

static void test_claimable(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = machine();

        (void)snprintf(snapshot->devices[1].sysfs.driver, SNAPSHOT_NAME_SIZE, "e1000e");
        expect(snapshot, STRENGTH_CLAIMABLE, TRISTATE_YES,
               "No region must stay mapped, and every driver can be unbound or may stay.");
        snapshot->kernel_groups[1].direct = TRISTATE_UNKNOWN;
        expect(snapshot, STRENGTH_CLAIMABLE, TRISTATE_UNKNOWN,
               "It is unknown whether firmware requires a permanent mapping for 0000:01:00.0's "
               "group.");
        snapshot->kernel_groups[1].direct = TRISTATE_YES;
        expect(snapshot, STRENGTH_CLAIMABLE, TRISTATE_NO,
               "Firmware requires a permanent mapping for 0000:01:00.0's group.");
        snapshot->kernel_groups[1].direct = TRISTATE_NO;
        snapshot->devices[1].facts.header_type = 1;
        (void)snprintf(snapshot->devices[1].sysfs.driver, SNAPSHOT_NAME_SIZE, "shpchp");
        expect(snapshot, STRENGTH_CLAIMABLE, TRISTATE_NO,
               "Bridge 0000:01:00.0 is bound to shpchp, which uses the kernel's DMA API.");
        snapshot->devices[1].facts.header_known = TRISTATE_UNKNOWN;
        expect(snapshot, STRENGTH_CLAIMABLE, TRISTATE_UNKNOWN,
               "It is unknown whether 0000:01:00.0, bound to shpchp, is a bridge.");
}

static void test_resettable(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = machine();

        snapshot->devices[1].facts.caps.flr = TRISTATE_NO;
        expect(snapshot, STRENGTH_RESETTABLE, TRISTATE_UNKNOWN,
               "0000:01:00.0 has no function level reset; a bus reset would affect 0000:01:00.1, "
               "which is in another group.");
        snapshot->devices[1].facts.caps.flr = TRISTATE_UNKNOWN;
        snapshot->devices[1].sysfs.resettable = TRISTATE_UNKNOWN;
        expect(snapshot, STRENGTH_RESETTABLE, TRISTATE_UNKNOWN,
               "0000:01:00.0 has no function level reset as far as is known, and it is unknown "
               "whether the kernel has another method.");
        snapshot->devices[1].sysfs.resettable = TRISTATE_NO;
        expect(snapshot, STRENGTH_RESETTABLE, TRISTATE_NO,
               "The kernel has no method to reset 0000:01:00.0.");
}

static void test_trusted_ats(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = machine();

        snapshot->devices[1].facts.caps.ats_enabled = TRISTATE_UNKNOWN;
        expect(snapshot, STRENGTH_TRUSTED_ATS, TRISTATE_UNKNOWN,
               "0000:01:00.0: whether ATS is switched on is not known.");
        snapshot->devices[1].facts.caps.ats_enabled = TRISTATE_YES;
        expect(snapshot, STRENGTH_TRUSTED_ATS, TRISTATE_NO,
               "0000:01:00.0 is removable and has ATS switched on: its translated requests pass "
               "the IOMMU unchecked.");
        snapshot->devices[1].sysfs.removable = TRISTATE_UNKNOWN;
        expect(snapshot, STRENGTH_TRUSTED_ATS, TRISTATE_UNKNOWN,
               "0000:01:00.0: whether it is removable is not known.");
        snapshot->devices[1].sysfs.removable = TRISTATE_NO;
        expect(snapshot, STRENGTH_TRUSTED_ATS, TRISTATE_YES,
               "No removable member translates addresses by itself (ATS).");
}

static void test_pasid(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = machine();

        snapshot->devices[1].facts.caps.pasid = TRISTATE_YES;
        expect(snapshot, STRENGTH_PASID, TRISTATE_UNKNOWN,
               "The devices and the ports above allow it; it is unknown whether the IOMMU does.");
        snapshot->devices[0].facts.acs.ctrl = ACS_SV | ACS_RR | ACS_CR;
        expect(snapshot, STRENGTH_PASID, TRISTATE_NO,
               "0000:00:1c.0 does not redirect and forward all requests of 0000:01:00.0 (RR, UF).");
        snapshot->devices[0].facts.acs.present = TRISTATE_UNKNOWN;
        expect(snapshot, STRENGTH_PASID, TRISTATE_UNKNOWN,
               "0000:00:1c.0 does not redirect and forward all requests of 0000:01:00.0 (RR, UF).");
        snapshot->devices[1].facts.caps.pasid = TRISTATE_UNKNOWN;
        expect(snapshot, STRENGTH_PASID, TRISTATE_UNKNOWN, "No member is known to have PASID.");
}

static void test_names(void)
{
        static const char *const names[] = {"translated", "p2p",         "msi",  "claimable",
                                            "resettable", "trusted-ats", "pasid"};

        CHECK_NUMBER(ARRAY_SIZE(names), _STRENGTH_N);
        for (size_t i = 0; i < _STRENGTH_N; i++)
                CHECK_STRING(strength_bit_to_string((StrengthBit)i), names[i]);
        CHECK_STRING(strength_bit_to_string(_STRENGTH_N), "");
}

int main(void)
{
        static const TapTest tests[] = {
                {"everything well", test_strong},
                {"translated", test_translated},
                {"p2p", test_p2p},
                {"p2p of what was not read", test_thin},
                {"p2p below a bridge that was not read", test_orphan},
                {"p2p of a part", test_p2p_of_a_part},
                {"msi", test_msi},
                {"claimable", test_claimable},
                {"resettable", test_resettable},
                {"trusted-ats", test_trusted_ats},
                {"pasid", test_pasid},
                {"names", test_names},
        };

        return tap_run(tests);
}
