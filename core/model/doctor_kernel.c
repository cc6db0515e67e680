/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Checks of the kernel: version, modules and their parameters, lockdown, limits. */

#include "core/model/doctor_check.h"

#include "core/model/text.h"

#include <inttypes.h>
#include <string.h>

static bool check_version(const DoctorCase *subject, DoctorFinding *finding)
{
        const char *release = subject->snapshot->kernel_release;
        DoctorVersion version;

        if (!doctor_version(subject->snapshot, &version))
                return doctor_answer(finding, DOCTOR_UNKNOWN, "the kernel's version is unknown",
                                     "Run this on the machine itself.",
                                     "The input lacks the kernel's release.");
        if (!doctor_version_is(&version, 5, 19))
                return doctor_answer(
                        finding, DOCTOR_FAIL, "the kernel is too old", "Use Linux 5.19 or newer.",
                        "Linux %s cannot keep host drivers out of a leased group.", release);
        return doctor_answer(
                finding, DOCTOR_OK, "the kernel keeps host drivers out of leased groups", "",
                "Linux %s%s%s%s.", release,
                doctor_version_is(&version, 6, 5)
                        ? ""
                        : "; changes the type only of groups with one device (others: 6.5)",
                doctor_version_is(&version, 6, 6) ? "" : "; has no mode iommufd (6.6)",
                doctor_version_is(&version, 6, 19)
                        ? ""
                        : "; cannot keep drivers from new functions (gate: 6.19)");
}

/* Appends the name of a missing module, or of one whose presence is unknown. */
static void sort_module(const DoctorCase *subject, DoctorModule module, DoctorNames *missing,
                        DoctorNames *unknown)
{
        Tristate there = subject->facts->modules[module];

        if (there == TRISTATE_NO)
                doctor_names_add(missing, doctor_module_name(module));
        else if (there == TRISTATE_UNKNOWN)
                doctor_names_add(unknown, doctor_module_name(module));
}

static bool check_modules(const DoctorCase *subject, DoctorFinding *finding)
{
        static const char fix[] =
                "Install the package with the kernel's extra modules (Debian's has them all), or "
                "set CONFIG_VFIO_PCI, CONFIG_VFIO_IOMMU_TYPE1 and CONFIG_IOMMUFD.";
        _cleanup_(doctor_names_clear) DoctorNames missing = {.n = 0}, unknown = {.n = 0};
        const Tristate *modules = subject->facts->modules;
        DoctorVersion version;
        bool has_iommufd =
                doctor_version(subject->snapshot, &version) && doctor_version_is(&version, 6, 6);
        bool is_needed;

        sort_module(subject, DOCTOR_MODULE_VFIO_PCI, &missing, &unknown);
        sort_module(subject, DOCTOR_MODULE_TYPE1, &missing, &unknown);
        if (has_iommufd)
                sort_module(subject, DOCTOR_MODULE_IOMMUFD, &missing, &unknown);
        is_needed = modules[DOCTOR_MODULE_VFIO_PCI] == TRISTATE_NO ||
                    (modules[DOCTOR_MODULE_TYPE1] == TRISTATE_NO &&
                     modules[DOCTOR_MODULE_IOMMUFD] == TRISTATE_NO);
        if (missing.n > 0)
                return doctor_answer(
                        finding, is_needed ? DOCTOR_FAIL : DOCTOR_WARN, "modules are missing", fix,
                        "Neither loaded, built in nor available: %s.", doctor_names_end(&missing));
        if (unknown.n > 0)
                return doctor_answer(finding, DOCTOR_UNKNOWN,
                                     "it is unknown whether all modules are available",
                                     "Run this on the machine itself.", "Unknown: %s.",
                                     doctor_names_end(&unknown));
        return doctor_answer(finding, DOCTOR_OK, "VFIO's modules are available", "",
                             "vfio_pci, vfio_iommu_type1%s are loaded, built in or can be loaded.",
                             has_iommufd ? ", iommufd" : "");
}

/* The place that switches a parameter on, now or when its module is loaded; "" if unknown. */
static Tristate judge_parameter(const DoctorCase *subject, DoctorParameter parameter,
                                const char **ret_by)
{
        const DoctorSwitch *its = &subject->facts->parameters[parameter];
        const char *module, *name;
        const char *line = subject->snapshot->command_line;

        *ret_by = "";
        if (its->loaded != TRISTATE_UNKNOWN) {
                *ret_by = its->loaded == TRISTATE_YES ? "in the running kernel" : "";
                return its->loaded;
        }
        doctor_parameter_name(parameter, &module, &name);
        _cleanup_(freep) char *options = text_print("options %s %s", module, line ? line : "");
        _cleanup_(freep) char *full = text_print("%s.%s", module, name);
        if (!options || !full || !line)
                return TRISTATE_UNKNOWN;
        if (doctor_line_sets(options, module, full) == TRISTATE_YES) {
                *ret_by = "by the kernel's command line";
                return TRISTATE_YES;
        }
        *ret_by = its->configured == TRISTATE_YES ? "by modprobe's configuration" : "";
        return its->configured;
}

static bool answer_parameters(const DoctorCase *subject, DoctorFinding *finding,
                              const DoctorParameter *parameters, size_t n, const char *what)
{
        _cleanup_(doctor_names_clear) DoctorNames on = {.n = 0}, unknown = {.n = 0};

        for (size_t i = 0; i < n; i++) {
                const char *module, *name, *by;
                Tristate value = judge_parameter(subject, parameters[i], &by);

                doctor_parameter_name(parameters[i], &module, &name);
                _cleanup_(freep) char *text =
                        text_print("%s.%s%s%s", module, name, *by ? " " : "", by);
                if (!text)
                        return true;
                if (value == TRISTATE_YES)
                        doctor_names_add(&on, text);
                else if (value == TRISTATE_UNKNOWN)
                        doctor_names_add(&unknown, text);
        }
        if (on.n > 0)
                return doctor_answer(finding, DOCTOR_FAIL, what,
                                     "Remove it from the kernel's command line and from "
                                     "modprobe.d(5), and write N to the parameter in /sys/module.",
                                     "Switched on: %s.", doctor_names_end(&on));
        if (unknown.n > 0)
                return doctor_answer(finding, DOCTOR_UNKNOWN,
                                     "an unsafe parameter may be switched on",
                                     "Run this on the machine itself.", "Unknown: %s.",
                                     doctor_names_end(&unknown));
        finding->what = "";
        return false;
}

static bool check_unsafe_interrupts(const DoctorCase *subject, DoctorFinding *finding)
{
        static const DoctorParameter parameters[] = {DOCTOR_TYPE1_UNSAFE, DOCTOR_IOMMUFD_UNSAFE};

        if (answer_parameters(subject, finding, parameters, ARRAY_SIZE(parameters),
                              "VFIO accepts devices whose interrupts are not remapped"))
                return true;
        return doctor_answer(finding, DOCTOR_OK, "unsafe interrupts are not allowed", "",
                             "allow_unsafe_interrupts of vfio_iommu_type1 and iommufd is off, or "
                             "nothing sets it.");
}

static bool check_noiommu(const DoctorCase *subject, DoctorFinding *finding)
{
        static const DoctorParameter parameters[] = {DOCTOR_NOIOMMU};

        if (answer_parameters(subject, finding, parameters, ARRAY_SIZE(parameters),
                              "VFIO accepts devices that no IOMMU covers"))
                return true;
        return doctor_answer(finding, DOCTOR_OK, "VFIO requires an IOMMU", "",
                             "enable_unsafe_noiommu_mode of vfio is off, or nothing sets it.");
}

static bool check_lockdown(const DoctorCase *subject, DoctorFinding *finding)
{
        switch (subject->facts->lockdown) {
        case DOCTOR_LOCKDOWN_NONE:
                return doctor_answer(finding, DOCTOR_OK, "the kernel is not locked down", "",
                                     "Root may write to configuration space.");
        case DOCTOR_LOCKDOWN_INTEGRITY:
        case DOCTOR_LOCKDOWN_CONFIDENTIALITY:
                return doctor_answer(
                        finding, DOCTOR_WARN, "the kernel is locked down",
                        "If this is intended, leave it; a lease ends in quarantine if a device "
                        "keeps bus mastering on after its reset.",
                        "lockdown is %s: user space cannot write to configuration space.",
                        subject->facts->lockdown == DOCTOR_LOCKDOWN_INTEGRITY ? "integrity"
                                                                              : "confidentiality");
        case DOCTOR_LOCKDOWN_UNKNOWN:
                break;
        }
        return doctor_answer(finding, DOCTOR_UNKNOWN,
                             "it is unknown whether the kernel is locked down",
                             "Run this on the machine itself, with securityfs mounted.",
                             "/sys/kernel/security/lockdown could not be read.");
}

static bool check_memlock(const DoctorCase *subject, DoctorFinding *finding)
{
        const MemlockLimit *limit = &subject->facts->memlock;

        if (!subject->facts->is_live)
                return false;
        if (!limit->known)
                return doctor_answer(finding, DOCTOR_UNKNOWN,
                                     "the limit on locked memory is unknown",
                                     "Run this where /proc is mounted.",
                                     "The limits in /proc could not be read.");
        if (limit->exempt || limit->unlimited)
                return doctor_answer(finding, DOCTOR_OK, "memory can be locked", "",
                                     "This process %s; for others, use isoctl memlock.",
                                     limit->exempt ? "has CAP_IPC_LOCK" : "has no limit");
        return doctor_answer(
                finding, limit->limit < MEMLOCK_HEADROOM ? DOCTOR_WARN : DOCTOR_OK,
                limit->limit < MEMLOCK_HEADROOM ? "the limit on locked memory is small"
                                                : "memory can be locked",
                limit->limit < MEMLOCK_HEADROOM
                        ? "Root can raise it: \"memlock\" in the policy's rule, LimitMEMLOCK= of "
                          "the unit, or limits.conf(5) and a new login; isoctl memlock --ram SIZE "
                          "GROUP shows the needed size."
                        : "",
                "RLIMIT_MEMLOCK of this process is %" PRIu64 " bytes.", limit->limit);
}

/* Kernels that are known to avoid stale tables, or to have the feature switched off. */
static bool sva_is_mended(const DoctorVersion *version)
{
        return doctor_version_is(version, 7, 0) ||
               (version->major == 6 && version->minor == 12 && version->patch >= 117) ||
               (version->major == 6 && version->minor == 1 && version->patch >= 192);
}

static bool check_sva(const DoctorCase *subject, DoctorFinding *finding)
{
        const Snapshot *snapshot = subject->snapshot;
        _cleanup_(doctor_names_clear) DoctorNames names = {.n = 0}, unknown = {.n = 0};
        DoctorVersion version;

        if (doctor_n_covered(snapshot) == 0)
                return false;
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];
                char text[BDF_TEXT_SIZE];

                if (device->facts.caps.pasid != TRISTATE_NO &&
                    device->sysfs.iommu_kind != IOMMU_KIND_SMMU3)
                        doctor_names_add(device->facts.caps.pasid == TRISTATE_YES ? &names
                                                                                  : &unknown,
                                         bdf_format(device->bdf, text));
        }
        if (names.n == 0 && unknown.n == 0)
                return doctor_answer(finding, DOCTOR_OK, "no device can share a process's memory",
                                     "", "No function has PASID, or none on an x86 machine.");
        if (names.n == 0)
                return doctor_answer(finding, DOCTOR_UNKNOWN,
                                     "it is unknown whether devices can share a process's memory",
                                     "Run this as root.", "PASID could not be read for %s.",
                                     doctor_names_end(&unknown));
        if (doctor_version(snapshot, &version) && sva_is_mended(&version))
                return doctor_answer(finding, DOCTOR_OK,
                                     "devices that share a process's memory have no stale tables",
                                     "", "Linux %s; functions with PASID: %s.",
                                     snapshot->kernel_release, doctor_names_end(&names));
        return doctor_answer(finding, DOCTOR_UNKNOWN,
                             "devices that share a process's memory may hold stale tables",
                             "Use Linux 7.0 or a stable kernel of 2026 (6.1.192, 6.12.117), or "
                             "avoid drivers that share a process's memory.",
                             "Functions with PASID: %s; the version of Linux %s does not show "
                             "whether it has the fix.",
                             doctor_names_end(&names),
                             *snapshot->kernel_release ? snapshot->kernel_release : "(unknown)");
}

const DoctorCheck doctor_kernel_checks[] = {
        {"kernel", "Up to Linux 5.18 a host driver can bind a device of a leased group.",
         check_version},
        {"modules", "Nothing can be leased without vfio_pci and a container.", check_modules},
        {"unsafe-interrupts", "With it any owner of a device can raise any interrupt on the host.",
         check_unsafe_interrupts},
        {"noiommu", "Such a device reaches all memory, and its owner with it.", check_noiommu},
        {"lockdown",
         "The daemon switches bus mastering off in configuration space before the host gets a "
         "device back.",
         check_lockdown},
        {"memlock",
         "Memory that a device can access must be locked; above the limit, mapping fails.",
         check_memlock},
        {"sva",
         "A device that walks a process's page tables may keep entries of the kernel's that are "
         "long "
         "gone.",
         check_sva},
        {.id = NULL},
};
