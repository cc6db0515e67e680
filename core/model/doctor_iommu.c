/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Checks of the IOMMU: is it on, does it translate, does it remap interrupts, and can devices
 * bypass it?
 */

#include "core/model/doctor_check.h"

#include <string.h>

#define CLASS_BRIDGE 0x06 /* base classes that need no IOMMU: they do no DMA */
#define CLASS_SYSTEM 0x08 /* for instance an IOMMU */

static const char *advise_iommu(const DoctorCase *subject)
{
        if (subject->facts->dmar == TRISTATE_YES)
                return "Boot with intel_iommu=on, and without iommu=off.";
        if (subject->snapshot->ivrs == TRISTATE_YES)
                return "Boot without amd_iommu=off and iommu=off.";
        if (subject->facts->dmar == TRISTATE_NO && subject->snapshot->ivrs == TRISTATE_NO)
                return "Turn VT-d, AMD-Vi or IOMMU on in the firmware's setup: firmware gives the "
                       "kernel no IOMMU table.";
        return "Turn it on in the firmware's setup (VT-d, AMD-Vi, IOMMU, SMMU) and, on Intel, boot "
               "with intel_iommu=on.";
}

static bool check_iommu(const DoctorCase *subject, DoctorFinding *finding)
{
        size_t n = doctor_n_covered(subject->snapshot);

        if (n > 0)
                return doctor_answer(finding, DOCTOR_OK, "an IOMMU is on", "",
                                     "%zu of %zu functions are in %zu groups.", n,
                                     subject->snapshot->n_devices, subject->observed->n_groups);
        if (subject->facts->groups_told == TRISTATE_YES)
                return doctor_answer(finding, DOCTOR_FAIL, "no IOMMU is on", advise_iommu(subject),
                                     "The kernel has no group for any of %zu functions.",
                                     subject->snapshot->n_devices);
        return doctor_answer(finding, DOCTOR_UNKNOWN, "it is unknown whether an IOMMU is on",
                             "Run this on the machine itself.",
                             "The input lacks the kernel's groups.");
}

static bool check_coverage(const DoctorCase *subject, DoctorFinding *finding)
{
        const Snapshot *snapshot = subject->snapshot;
        _cleanup_(doctor_names_clear) DoctorNames names = {.n = 0}, unknown = {.n = 0};

        if (doctor_n_covered(snapshot) == 0)
                return false;
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];
                char text[BDF_TEXT_SIZE];

                if (device->kernel_group < 0 && device->ids.class_code >> 16 != CLASS_BRIDGE &&
                    device->ids.class_code >> 16 != CLASS_SYSTEM)
                        doctor_names_add(device->kernel_group == KERNEL_GROUP_UNKNOWN ? &unknown
                                                                                      : &names,
                                         bdf_format(device->bdf, text));
        }
        if (names.n == 0 && unknown.n > 0)
                return doctor_answer(finding, DOCTOR_UNKNOWN,
                                     "it is unknown whether the IOMMU covers all devices",
                                     "Read each function completely: lspci -vvv, as root.",
                                     "The input lacks the group of %s.",
                                     doctor_names_end(&unknown));
        if (names.n == 0)
                return doctor_answer(
                        finding, DOCTOR_OK, "the IOMMU covers all devices", "",
                        "Every function except bridges and system functions is in a group.");
        return doctor_answer(finding, DOCTOR_WARN, "the IOMMU does not cover all devices",
                             "intel_iommu=igfx_off leaves out graphics. For other devices, the "
                             "firmware's tables define the coverage: look for a firmware update.",
                             "In no group: %s.", doctor_names_end(&names));
}

static bool check_default_domain(const DoctorCase *subject, DoctorFinding *finding)
{
        static const char what_unknown[] = "it is unknown whether default domains translate";
        const Snapshot *snapshot = subject->snapshot;
        _cleanup_(doctor_names_clear) DoctorNames identity = {.n = 0}, unknown = {.n = 0};

        if (doctor_n_covered(snapshot) == 0)
                return false;
        for (size_t g = 0; g < subject->observed->n_groups; g++) {
                const Group *group = &subject->observed->groups[g];
                const char *type = snapshot_group_type(snapshot, group->kernel_group);

                if (strcmp(type, "identity") == 0)
                        doctor_names_add(&identity, group->id);
                else if (strncmp(type, "DMA", 3) != 0 && strcmp(type, "blocked") != 0 &&
                         strcmp(type, "unmanaged") != 0)
                        doctor_names_add(&unknown, group->id);
        }
        if (identity.n > 0)
                return doctor_answer(finding, DOCTOR_WARN, "default domains do not translate",
                                     "Boot without iommu=pt and iommu.passthrough=1, or set the "
                                     "type of single groups: isoctl type GROUP DMA.",
                                     "%zu groups have type identity: %s.", identity.n,
                                     doctor_names_end(&identity));
        if (unknown.n > 0)
                return doctor_answer(finding, DOCTOR_UNKNOWN, what_unknown,
                                     "Run this on the machine itself, as root.",
                                     "The types of %zu groups are unknown: %s.", unknown.n,
                                     doctor_names_end(&unknown));
        return doctor_answer(finding, DOCTOR_OK, "default domains translate", "",
                             "None of %zu groups has type identity.", subject->observed->n_groups);
}

static bool check_remapping(const DoctorCase *subject, DoctorFinding *finding)
{
        const Snapshot *snapshot = subject->snapshot;
        const DoctorFacts *facts = subject->facts;
        int n;

        if (doctor_n_covered(snapshot) == 0)
                return false;
        if (snapshot->interrupt_remapping == TRISTATE_NO)
                return doctor_answer(
                        finding, DOCTOR_FAIL, "interrupts are not remapped",
                        "Boot without intremap=off and nointremap; turn x2APIC and interrupt "
                        "remapping on in the firmware's setup.",
                        "/proc/interrupts shows PCI messages, and none passes the IOMMU%s.",
                        facts->dmar_read == TRISTATE_YES && !(facts->dmar_flags & DMAR_INTR_REMAP)
                                ? "; by the firmware's DMAR table, the platform does not support it"
                                : "");
        if (snapshot->interrupt_remapping != TRISTATE_YES || !snapshot->command_line)
                return doctor_answer(finding, DOCTOR_UNKNOWN,
                                     "it is unknown whether interrupts are remapped",
                                     "Run this on the machine itself.", "The input lacks %s.",
                                     snapshot->command_line ? "the names of interrupt chips"
                                                            : "the kernel's command line");
        if (doctor_word(snapshot, "intremap=nosid", &n))
                return doctor_answer(finding, DOCTOR_FAIL,
                                     "the IOMMU does not verify the sender of an interrupt",
                                     "Boot without intremap=nosid.",
                                     "The kernel's command line has %s.", "intremap=nosid");
        return doctor_answer(finding, DOCTOR_OK, "interrupts are remapped", "",
                             "Interrupts use the IOMMU's chips (IR- in /proc/interrupts).");
}

static bool check_ats(const DoctorCase *subject, DoctorFinding *finding)
{
        _cleanup_(doctor_names_clear) DoctorNames bad = {.n = 0}, unknown = {.n = 0};
        const Snapshot *snapshot = subject->snapshot;
        const char *fix = "Boot with pci=noats, or leave the device out.";

        if (doctor_n_covered(snapshot) == 0)
                return false;
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];
                char text[BDF_TEXT_SIZE];

                if (device->facts.caps.ats_enabled == TRISTATE_NO ||
                    device->sysfs.removable == TRISTATE_NO)
                        continue;
                doctor_names_add(device->facts.caps.ats_enabled == TRISTATE_YES &&
                                                 device->sysfs.removable == TRISTATE_YES
                                         ? &bad
                                         : &unknown,
                                 bdf_format(device->bdf, text));
        }
        if (bad.n > 0)
                return doctor_answer(
                        finding, DOCTOR_FAIL, "removable devices translate by themselves", fix,
                        "ATS is on in %s, which is removable.", doctor_names_end(&bad));
        if (unknown.n > 0)
                return doctor_answer(
                        finding, DOCTOR_UNKNOWN, "removable devices may translate by themselves",
                        fix,
                        "It is unknown whether ATS is on, or whether the device is removable: %s.",
                        doctor_names_end(&unknown));
        return doctor_answer(finding, DOCTOR_OK, "no removable device translates by itself", "",
                             "ATS is off in every function that may be removable.");
}

static bool check_preboot(const DoctorCase *subject, DoctorFinding *finding)
{
        static const char fix[] = "Turn on kernel DMA protection, or pre-boot DMA protection, in "
                                  "the firmware's setup.";
        const DoctorFacts *facts = subject->facts;
        const char *table = facts->dmar == TRISTATE_YES               ? "DMAR"
                            : subject->snapshot->ivrs == TRISTATE_YES ? "IVRS"
                                                                      : NULL;
        Tristate opted = facts->ivrs_opt_in;

        if (!table)
                return facts->dmar == TRISTATE_UNKNOWN &&
                       doctor_answer(
                               finding, DOCTOR_UNKNOWN,
                               "it is unknown whether firmware blocks DMA before the kernel starts",
                               "Run this on the machine itself.",
                               "The input lacks the firmware's tables.");
        if (facts->dmar == TRISTATE_YES)
                opted = facts->dmar_read != TRISTATE_YES
                                ? TRISTATE_UNKNOWN
                                : tristate_from_bool(facts->dmar_flags & DMAR_PLATFORM_OPT_IN);
        switch (opted) {
        case TRISTATE_YES:
                return doctor_answer(finding, DOCTOR_OK,
                                     "firmware blocks DMA before the kernel starts", "",
                                     "The %s table reports it.", table);
        case TRISTATE_NO:
                return doctor_answer(finding, DOCTOR_WARN,
                                     "firmware does not block DMA before the kernel starts", fix,
                                     "The %s table does not report it.", table);
        case TRISTATE_UNKNOWN:
                break;
        }
        return doctor_answer(finding, DOCTOR_UNKNOWN,
                             "it is unknown whether firmware blocks DMA before the kernel starts",
                             "Run this as root.", "The %s table could not be read.", table);
}

static bool check_external_ports(const DoctorCase *subject, DoctorFinding *finding)
{
        const DoctorFacts *facts = subject->facts;

        if (facts->external_ports != TRISTATE_YES)
                return false;
        if (facts->external_protected == TRISTATE_YES)
                return doctor_answer(finding, DOCTOR_OK, "the IOMMU guards Thunderbolt and USB4",
                                     "", "iommu_dma_protection of every domain is 1.");
        return doctor_answer(
                finding, facts->external_protected == TRISTATE_NO ? DOCTOR_FAIL : DOCTOR_UNKNOWN,
                "the IOMMU does not guard Thunderbolt or USB4",
                "Turn on kernel DMA protection in the firmware's setup, or set its "
                "security level to user.",
                "iommu_dma_protection of a domain %s.",
                facts->external_protected == TRISTATE_NO ? "is 0" : "cannot be read");
}

const DoctorCheck doctor_iommu_checks[] = {
        {"iommu", "Without one a device reaches all of the machine's memory.", check_iommu},
        {"coverage", "What no IOMMU covers reaches all memory, and can never be leased.",
         check_coverage},
        {"default-domain",
         "Between two owners a group is in its default domain: with identity its devices can reach "
         "all "
         "memory.",
         check_default_domain},
        {"interrupt-remapping",
         "An interrupt is a write to memory: a device whose interrupts are not remapped can raise "
         "any on the host.",
         check_remapping},
        {"ats", "A device with ATS calls addresses translated, and the IOMMU believes it.",
         check_ats},
        {"preboot",
         "Before the kernel's IOMMU driver starts, a malicious device can write into memory.",
         check_preboot},
        {"external-ports", "Through such a port PCI Express leaves the case.",
         check_external_ports},
        {.id = NULL},
};
