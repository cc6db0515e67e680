/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The doctor on a table of machines: a machine without problems, spoiled one fact at a time; and a
 * machine of unknown facts, which never passes a check.
 */

#include "core/model/doctor.h"
#include "tap.h"
#include "topology.h"

#define RP PCIE_TYPE_ROOT_PORT
#define EP PCIE_TYPE_ENDPOINT
#define ON PART_ACS_ON

static const Part parts[] = {
        {"00:1c.0", .type = RP, .acs = ON, .kernel_group = 1},
        {"00:1d.0", .type = RP, .acs = ON, .kernel_group = 2},
        {"01:00.0", "00:1c.0", .type = EP, .acs = ON, .kernel_group = 3},
        {"02:00.0", "00:1d.0", .type = EP, .acs = ON, .kernel_group = 4},
};

typedef struct Machine {
        Snapshot *snapshot;
        DoctorFacts facts;
} Machine;

static void machine_clear(Machine *machine)
{
        snapshot_free(machine->snapshot);
}

static void set_text(char **text, const char *value)
{
        free(*text);
        *text = strdup(value);
        if (!*text)
                abort();
}

static Snapshot *healthy_snapshot(void)
{
        Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));

        snapshot->kernel_groups = calloc(ARRAY_SIZE(parts), sizeof(KernelGroup));
        if (!snapshot->kernel_groups)
                abort();
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                snapshot->kernel_groups[i] = (KernelGroup){(int32_t)i, "DMA-FQ", TRISTATE_NO};
        snapshot->n_kernel_groups = ARRAY_SIZE(parts);
        snapshot->interrupt_remapping = TRISTATE_YES;
        snapshot->ivrs = TRISTATE_NO;
        (void)snprintf(snapshot->kernel_release, sizeof(snapshot->kernel_release), "6.19.2-amd64");
        set_text(&snapshot->command_line, "quiet intel_iommu=on");
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                PciDevice *device = &snapshot->devices[i];

                device->sysfs.iommu_kind = IOMMU_KIND_DMAR;
                device->ids.class_code = device->depth > 0 ? 0x020000 : 0x060400;
                device->sysfs.removable = TRISTATE_UNKNOWN;
                device->facts.caps.ats_enabled = TRISTATE_NO;
                device->facts.caps.pasid = TRISTATE_NO;
        }
        return snapshot;
}

static Machine healthy(void)
{
        Machine machine = {
                .snapshot = healthy_snapshot(),
                .facts = {.groups_told = TRISTATE_YES,
                          .lockdown = DOCTOR_LOCKDOWN_NONE,
                          .dmar = TRISTATE_YES,
                          .dmar_read = TRISTATE_YES,
                          .dmar_flags = DMAR_INTR_REMAP | DMAR_PLATFORM_OPT_IN,
                          .external_ports = TRISTATE_YES,
                          .external_protected = TRISTATE_YES,
                          .is_live = true,
                          .memlock = {.known = true, .limit = MEMLOCK_HEADROOM}},
        };

        for (size_t i = 0; i < _DOCTOR_MODULE_N; i++)
                machine.facts.modules[i] = TRISTATE_YES;
        for (size_t i = 0; i < _DOCTOR_PARAMETER_N; i++)
                machine.facts.parameters[i] = (DoctorSwitch){TRISTATE_UNKNOWN, TRISTATE_NO};
        return machine;
}

static Diagnosis *examine(const Machine *machine)
{
        _cleanup_(partition_freep) Partition *kernel = NULL, *observed = NULL, *sound = NULL;
        _cleanup_(comparison_freep) Comparison *comparison = NULL;
        Diagnosis *diagnosis = NULL;

        if (kernel_groups_compute(machine->snapshot, &kernel) < 0 ||
            observed_groups_compute(machine->snapshot, kernel, &observed) < 0 ||
            sound_groups_compute(machine->snapshot, kernel, &sound) < 0 ||
            compare_partitions(machine->snapshot, observed, kernel, sound, &comparison) < 0 ||
            doctor_examine(&(DoctorCase){machine->snapshot, observed, comparison, &machine->facts},
                           &diagnosis) < 0)
                abort();
        return diagnosis;
}

static const DoctorFinding *find(const Diagnosis *diagnosis, const char *id)
{
        for (size_t i = 0; i < diagnosis->n_findings; i++)
                if (strcmp(diagnosis->findings[i].id, id) == 0)
                        return &diagnosis->findings[i];
        return NULL;
}

/* Each finding is complete: text, evidence, a reason, and advice unless the check passed. */
static void check_whole(const Diagnosis *diagnosis)
{
        for (size_t i = 0; i < diagnosis->n_findings; i++) {
                const DoctorFinding *finding = &diagnosis->findings[i];

                CHECK(*finding->what && *finding->why);
                CHECK(*finding->evidence && strchr(finding->evidence, '\0')[-1] == '.');
                CHECK(finding->level == DOCTOR_OK || *finding->fix);
        }
}

static void test_healthy(void)
{
        _cleanup_(machine_clear) Machine machine = healthy();
        _cleanup_(diagnosis_freep) Diagnosis *diagnosis = examine(&machine);

        CHECK_NUMBER(diagnosis->n_findings, 18);
        for (size_t i = 0; i < diagnosis->n_findings; i++)
                if (!CHECK_NUMBER(diagnosis->findings[i].level, DOCTOR_OK))
                        printf("# %s: %s\n", diagnosis->findings[i].id,
                               diagnosis->findings[i].evidence);
        check_whole(diagnosis);
}

/* --- spoiling --------------------------------------------------------------------------------- */

static void ungroup(Machine *machine)
{
        for (size_t i = 0; i < machine->snapshot->n_devices; i++)
                machine->snapshot->devices[i].kernel_group = -1;
}
static void ungroup_untold(Machine *machine)
{
        ungroup(machine);
        machine->facts.groups_told = TRISTATE_NO;
}
static void uncover(Machine *machine)
{
        machine->snapshot->devices[2].kernel_group = -1;
}
static void identity(Machine *machine)
{
        (void)snprintf(machine->snapshot->kernel_groups[2].type, SNAPSHOT_TYPE_SIZE, "identity");
}
static void untyped(Machine *machine)
{
        machine->snapshot->kernel_groups[2].type[0] = '\0';
}
static void no_remapping(Machine *machine)
{
        machine->snapshot->interrupt_remapping = TRISTATE_NO;
        machine->facts.dmar_flags = 0;
}
static void unknown_remapping(Machine *machine)
{
        machine->snapshot->interrupt_remapping = TRISTATE_UNKNOWN;
}
static void nosid(Machine *machine)
{
        set_text(&machine->snapshot->command_line, "intremap=nosid quiet");
}
static void removable_ats(Machine *machine)
{
        machine->snapshot->devices[2].facts.caps.ats_enabled = TRISTATE_YES;
        machine->snapshot->devices[2].sysfs.removable = TRISTATE_YES;
}
static void perhaps_removable_ats(Machine *machine)
{
        machine->snapshot->devices[2].facts.caps.ats_enabled = TRISTATE_YES;
}
static void fixed_ats(Machine *machine)
{
        machine->snapshot->devices[2].facts.caps.ats_enabled = TRISTATE_YES;
        machine->snapshot->devices[2].sysfs.removable = TRISTATE_NO;
}
static void no_opt_in(Machine *machine)
{
        machine->facts.dmar_flags = DMAR_INTR_REMAP;
}
static void unread_table(Machine *machine)
{
        machine->facts.dmar_read = TRISTATE_NO;
}
static void amd(Machine *machine)
{
        machine->facts.dmar = TRISTATE_NO;
        machine->snapshot->ivrs = TRISTATE_YES;
        machine->facts.ivrs_opt_in = TRISTATE_YES;
}
static void bare_port(Machine *machine)
{
        machine->facts.external_protected = TRISTATE_NO;
}
static void override(Machine *machine)
{
        set_text(&machine->snapshot->command_line, "pcie_acs_override=downstream quiet");
        /* The ports have no ACS, and the devices below them are in separate groups all the same. */
        for (size_t i = 0; i < 2; i++)
                machine->snapshot->devices[i].facts.acs.present = TRISTATE_NO;
}
static void idle_override(Machine *machine)
{
        set_text(&machine->snapshot->command_line, "pcie_acs_override=downstream quiet");
}
static void acs_setting(Machine *machine)
{
        set_text(&machine->snapshot->command_line, "quiet pci=noaer,disable_acs_redir=pci:8086:9d10");
}
static void other_groups(Machine *machine)
{
        machine->snapshot->devices[3].kernel_group = 2;
}
static void no_command_line(Machine *machine)
{
        free(machine->snapshot->command_line);
        machine->snapshot->command_line = NULL;
}
static void old_kernel(Machine *machine)
{
        (void)snprintf(machine->snapshot->kernel_release, SNAPSHOT_NAME_SIZE, "5.15.0-91-generic");
}
static void odd_kernel(Machine *machine)
{
        (void)snprintf(machine->snapshot->kernel_release, SNAPSHOT_NAME_SIZE, "next");
}
static void no_vfio(Machine *machine)
{
        machine->facts.modules[DOCTOR_MODULE_VFIO_PCI] = TRISTATE_NO;
}
static void no_type1(Machine *machine)
{
        machine->facts.modules[DOCTOR_MODULE_TYPE1] = TRISTATE_NO;
}
static void unknown_modules(Machine *machine)
{
        machine->facts.modules[DOCTOR_MODULE_TYPE1] = TRISTATE_UNKNOWN;
}
static void unsafe_loaded(Machine *machine)
{
        machine->facts.parameters[DOCTOR_IOMMUFD_UNSAFE].loaded = TRISTATE_YES;
}
static void unsafe_configured(Machine *machine)
{
        machine->facts.parameters[DOCTOR_TYPE1_UNSAFE].configured = TRISTATE_YES;
}
static void unsafe_said(Machine *machine)
{
        set_text(&machine->snapshot->command_line,
                 "quiet vfio-iommu-type1.allow_unsafe_interrupts=1 ro");
}
static void unsafe_switched_off(Machine *machine)
{
        unsafe_said(machine);
        machine->facts.parameters[DOCTOR_TYPE1_UNSAFE].loaded = TRISTATE_NO;
}
static void unsafe_unknown(Machine *machine)
{
        machine->facts.parameters[DOCTOR_TYPE1_UNSAFE].configured = TRISTATE_UNKNOWN;
}
static void noiommu(Machine *machine)
{
        set_text(&machine->snapshot->command_line, "vfio.enable_unsafe_noiommu_mode");
}
static void lockdown(Machine *machine)
{
        machine->facts.lockdown = DOCTOR_LOCKDOWN_INTEGRITY;
}
static void little(Machine *machine)
{
        machine->facts.memlock.limit = MEMLOCK_HEADROOM - 1;
}
static void unknown_limit(Machine *machine)
{
        machine->facts.memlock.known = false;
}
static void pasid(Machine *machine)
{
        machine->snapshot->devices[2].facts.caps.pasid = TRISTATE_YES;
}
static void mended_pasid(Machine *machine)
{
        pasid(machine);
        (void)snprintf(machine->snapshot->kernel_release, SNAPSHOT_NAME_SIZE, "6.12.117");
}
static void unread_pasid(Machine *machine)
{
        machine->snapshot->devices[2].facts.caps.pasid = TRISTATE_UNKNOWN;
}

static const struct {
        const char *id;
        void (*spoil)(Machine *machine);
        DoctorLevel level;
        const char *evidence; /* a part of it */
} cases[] = {
        {"iommu", ungroup, DOCTOR_FAIL, "no group for any of 4 functions"},
        {"iommu", ungroup_untold, DOCTOR_UNKNOWN, "lacks the kernel's groups"},
        {"coverage", uncover, DOCTOR_WARN, "In no group: 0000:01:00.0."},
        {"default-domain", identity, DOCTOR_WARN, "identity: 0000:00/1c.0/00.0."},
        {"default-domain", untyped, DOCTOR_UNKNOWN, "of 1 groups are unknown"},
        {"interrupt-remapping", no_remapping, DOCTOR_FAIL, "the platform does not support it"},
        {"interrupt-remapping", unknown_remapping, DOCTOR_UNKNOWN, "lacks the names of interrupt chips."},
        {"interrupt-remapping", no_command_line, DOCTOR_UNKNOWN, "command line"},
        {"interrupt-remapping", nosid, DOCTOR_FAIL, "intremap=nosid"},
        {"ats", removable_ats, DOCTOR_FAIL, "0000:01:00.0"},
        {"ats", perhaps_removable_ats, DOCTOR_UNKNOWN, "0000:01:00.0"},
        {"ats", fixed_ats, DOCTOR_OK, ""},
        {"preboot", no_opt_in, DOCTOR_WARN, "DMAR"},
        {"preboot", unread_table, DOCTOR_UNKNOWN, "could not be read"},
        {"preboot", amd, DOCTOR_OK, "IVRS"},
        {"external-ports", bare_port, DOCTOR_FAIL, "is 0"},
        {"acs-override", override, DOCTOR_FAIL, "Because of pcie_acs_override=downstream: "},
        {"acs-override", idle_override, DOCTOR_WARN, "no group depends on it"},
        {"acs-override", no_command_line, DOCTOR_UNKNOWN, "command line"},
        {"acs-setting", acs_setting, DOCTOR_WARN, "pci=noaer,disable_acs_redir=pci:8086:9d10."},
        {"groups", other_groups, DOCTOR_WARN, "groups differ: "},
        {"reach", override, DOCTOR_WARN, "Groups that can be reached: "},
        {"kernel", old_kernel, DOCTOR_FAIL, "5.15.0-91-generic"},
        {"kernel", odd_kernel, DOCTOR_UNKNOWN, "lacks the kernel's release"},
        {"modules", no_vfio, DOCTOR_FAIL, "vfio_pci"},
        {"modules", no_type1, DOCTOR_WARN, "vfio_iommu_type1"},
        {"modules", unknown_modules, DOCTOR_UNKNOWN, "vfio_iommu_type1"},
        {"unsafe-interrupts", unsafe_loaded, DOCTOR_FAIL,
         "iommufd.allow_unsafe_interrupts in the running kernel"},
        {"unsafe-interrupts", unsafe_configured, DOCTOR_FAIL, "by modprobe's configuration"},
        {"unsafe-interrupts", unsafe_said, DOCTOR_FAIL, "by the kernel's command line"},
        {"unsafe-interrupts", unsafe_switched_off, DOCTOR_OK, ""},
        {"unsafe-interrupts", unsafe_unknown, DOCTOR_UNKNOWN, "vfio_iommu_type1"},
        {"unsafe-interrupts", no_command_line, DOCTOR_UNKNOWN, "vfio_iommu_type1"},
        {"noiommu", noiommu, DOCTOR_FAIL, "vfio.enable_unsafe_noiommu_mode"},
        {"lockdown", lockdown, DOCTOR_WARN, "integrity"},
        {"memlock", little, DOCTOR_WARN, "67108863 bytes"},
        {"memlock", unknown_limit, DOCTOR_UNKNOWN, "could not be read"},
        {"sva", pasid, DOCTOR_UNKNOWN, "0000:01:00.0; the version of Linux 6.19.2"},
        {"sva", mended_pasid, DOCTOR_OK, "6.12.117"},
        {"sva", unread_pasid, DOCTOR_UNKNOWN, "0000:01:00.0"},
};

static void test_spoiled(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(machine_clear) Machine machine = healthy();
                _cleanup_(diagnosis_freep) Diagnosis *diagnosis = NULL;
                const DoctorFinding *finding;

                cases[i].spoil(&machine);
                diagnosis = examine(&machine);
                finding = find(diagnosis, cases[i].id);
                if (!CHECK(finding != NULL))
                        continue;
                if (!CHECK_NUMBER(finding->level, cases[i].level) ||
                    !CHECK(strstr(finding->evidence, cases[i].evidence) != NULL))
                        printf("# case %zu, %s: %s\n", i, finding->id, finding->evidence);
                check_whole(diagnosis);
        }
}

/* A machine of which only the devices are known: no check passes. */
static void test_nothing_known(void)
{
        _cleanup_(machine_clear)
                Machine machine = {.snapshot = topology_build(parts, ARRAY_SIZE(parts))};
        _cleanup_(diagnosis_freep) Diagnosis *diagnosis = NULL;

        ungroup(&machine);
        diagnosis = examine(&machine);
        CHECK(diagnosis->n_findings > 5);
        for (size_t i = 0; i < diagnosis->n_findings; i++)
                if (!CHECK_NUMBER(diagnosis->findings[i].level, DOCTOR_UNKNOWN))
                        printf("# %s\n", diagnosis->findings[i].id);
        check_whole(diagnosis);
        /* Checks that depend on an IOMMU are skipped where there is none. */
        CHECK(!find(diagnosis, "interrupt-remapping"));
        CHECK(!find(diagnosis, "memlock"));
}

static void test_lines(void)
{
        CHECK(doctor_line_is_module("kernel/drivers/vfio/pci/vfio-pci.ko.xz: a/b.ko\n",
                                    "vfio_pci"));
        CHECK(doctor_line_is_module("kernel/drivers/vfio/vfio_iommu_type1.ko\n",
                                    "vfio_iommu_type1"));
        CHECK(!doctor_line_is_module("kernel/vfio-pci-core.ko: kernel/vfio_pci.ko\n", "vfio_pci"));
        CHECK(!doctor_line_is_module("kernel/vfio-pci/x.ko:", "vfio_pci"));
        CHECK(!doctor_line_is_module("", "vfio_pci"));

        CHECK_NUMBER(doctor_line_sets("options vfio enable=1", "vfio", "enable"), TRISTATE_YES);
        CHECK_NUMBER(doctor_line_sets(" options\tvfio a=2 enable", "vfio", "enable"), TRISTATE_YES);
        CHECK_NUMBER(doctor_line_sets("options vfio-x ena-ble=Y", "vfio_x", "ena_ble"),
                     TRISTATE_YES);
        CHECK_NUMBER(doctor_line_sets("options vfio enable=N\n", "vfio", "enable"), TRISTATE_NO);
        CHECK_NUMBER(doctor_line_sets("options vfio enable=1 enable=0", "vfio", "enable"),
                     TRISTATE_NO);
        CHECK_NUMBER(doctor_line_sets("options vfio enabled=1", "vfio", "enable"),
                     TRISTATE_UNKNOWN);
        CHECK_NUMBER(doctor_line_sets("options vfio_pci enable=1", "vfio", "enable"),
                     TRISTATE_UNKNOWN);
        CHECK_NUMBER(doctor_line_sets("# options vfio enable=1", "vfio", "enable"),
                     TRISTATE_UNKNOWN);
        CHECK_NUMBER(doctor_line_sets("options", "vfio", "enable"), TRISTATE_UNKNOWN);
        CHECK_NUMBER(doctor_line_sets("options vfio", "vfio", "enable"), TRISTATE_UNKNOWN);
        CHECK_NUMBER(doctor_line_sets("options vfio enable=", "vfio", "enable"), TRISTATE_UNKNOWN);
}

int main(void)
{
        static const TapTest tests[] = {
                {"a healthy machine", test_healthy},
                {"a machine spoiled one thing at a time", test_spoiled},
                {"a machine of which nothing is known", test_nothing_known},
                {"lines of module tables", test_lines},
        };

        return tap_run(tests);
}
