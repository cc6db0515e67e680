/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Checks of the kernel: its version, modules and their parameters, and what it lets one do. */

#include "core/model/doctor_check.h"

#include "core/model/text.h"

#include <inttypes.h>
#include <string.h>

static bool check_version(const DoctorCase *subject, DoctorFinding *finding)
{
        const char *release = subject->snapshot->kernel_release;
        DoctorVersion version;

        if (!doctor_version(subject->snapshot, &version))
                return doctor_answer(finding, DOCTOR_UNKNOWN, "the kernel's version is not known",
                                     "Ask on the machine itself.",
                                     "No release of a kernel is in what was read.");
        if (!doctor_version_is(&version, 5, 19))
                return doctor_answer(
                        finding, DOCTOR_FAIL, "the kernel is too old", "Use Linux 5.19 or newer.",
                        "Linux %s cannot keep a host's driver out of a group in use.", release);
        return doctor_answer(
                finding, DOCTOR_OK, "the kernel keeps drivers out of groups in use", "",
                "Linux %s%s%s%s.", release,
                doctor_version_is(&version, 6, 5)
                        ? ""
                        : "; changes the type of groups of one device only (more: 6.5)",
                doctor_version_is(&version, 6, 6) ? "" : "; has no mode iommufd (6.6)",
                doctor_version_is(&version, 6, 19)
                        ? ""
                        : "; cannot hold back drivers of new functions at the gate (6.19)");
}

/* Appends the name of a module that is known not to be there, or not known to be. */
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
                return doctor_answer(finding, is_needed ? DOCTOR_FAIL : DOCTOR_WARN,
                                     "modules are missing", fix,
                                     "Neither loaded, built in nor there to be loaded: %s.",
                                     doctor_names_end(&missing));
        if (unknown.n > 0)
                return doctor_answer(finding, DOCTOR_UNKNOWN,
                                     "whether all modules are there is not known",
                                     "Ask on the machine itself.", "Nothing is known of %s.",
                                     doctor_names_end(&unknown));
        return doctor_answer(finding, DOCTOR_OK, "VFIO's modules are there", "",
                             "vfio_pci, vfio_iommu_type1%s are loaded, built in or can be loaded.",
                             has_iommufd ? ", iommufd" : "");
}

/* What says that a parameter is on, now or as soon as its module is loaded; "" if it is not known.
 */
static Tristate judge_parameter(const DoctorCase *subject, DoctorParameter parameter,
                                const char **ret_by)
{
        const DoctorSwitch *its = &subject->facts->parameters[parameter];
        const char *module, *name;
        const char *line = subject->snapshot->command_line;

        *ret_by = "";
        if (its->loaded != TRISTATE_UNKNOWN) {
                *ret_by = its->loaded == TRISTATE_YES ? "as it runs" : "";
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
                return doctor_answer(
                        finding, DOCTOR_FAIL, what,
                        "Take it out of the kernel's command line and of modprobe.d(5), "
                        "and write N to the parameter in /sys/module.",
                        "Switched on: %s.", doctor_names_end(&on));
        if (unknown.n > 0)
                return doctor_answer(
                        finding, DOCTOR_UNKNOWN, "an unsafe parameter may be switched on",
                        "Ask on the machine itself.", "Not known: %s.", doctor_names_end(&unknown));
        finding->what = "";
        return false;
}

static bool check_unsafe_interrupts(const DoctorCase *subject, DoctorFinding *finding)
{
        static const DoctorParameter parameters[] = {DOCTOR_TYPE1_UNSAFE, DOCTOR_IOMMUFD_UNSAFE};

        if (answer_parameters(subject, finding, parameters, ARRAY_SIZE(parameters),
                              "devices may be handed out whose interrupts are not remapped"))
                return true;
        return doctor_answer(finding, DOCTOR_OK, "unsafe interrupts are not allowed", "",
                             "allow_unsafe_interrupts of vfio_iommu_type1 and iommufd is off, or "
                             "nothing sets it.");
}

static bool check_noiommu(const DoctorCase *subject, DoctorFinding *finding)
{
        static const DoctorParameter parameters[] = {DOCTOR_NOIOMMU};

        if (answer_parameters(subject, finding, parameters, ARRAY_SIZE(parameters),
                              "VFIO hands out devices that no IOMMU covers"))
                return true;
        return doctor_answer(finding, DOCTOR_OK, "VFIO wants an IOMMU", "",
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
                return doctor_answer(finding, DOCTOR_WARN, "the kernel is locked down",
                                     "Leave it so if it is meant to be; expect leases to end in "
                                     "quarantine where a device does not let go by its reset.",
                                     "lockdown is %s: nobody may write to configuration space.",
                                     subject->facts->lockdown == DOCTOR_LOCKDOWN_INTEGRITY
                                             ? "integrity"
                                             : "confidentiality");
        case DOCTOR_LOCKDOWN_UNKNOWN:
                break;
        }
        return doctor_answer(finding, DOCTOR_UNKNOWN,
                             "whether the kernel is locked down is not known",
                             "Ask on the machine itself, with securityfs mounted.",
                             "/sys/kernel/security/lockdown could not be read.");
}

static bool check_memlock(const DoctorCase *subject, DoctorFinding *finding)
{
        const MemlockLimit *limit = &subject->facts->memlock;

        if (!subject->facts->is_live)
                return false;
        if (!limit->known)
                return doctor_answer(finding, DOCTOR_UNKNOWN,
                                     "how much memory may be locked is not known",
                                     "Run this where /proc is mounted.",
                                     "The limits in /proc could not be read.");
        if (limit->exempt || limit->unlimited)
                return doctor_answer(finding, DOCTOR_OK, "memory may be locked", "",
                                     "Who runs this %s; of others, isoctl memlock tells.",
                                     limit->exempt ? "has CAP_IPC_LOCK" : "has no limit");
        return doctor_answer(finding, limit->limit < MEMLOCK_HEADROOM ? DOCTOR_WARN : DOCTOR_OK,
                             limit->limit < MEMLOCK_HEADROOM ? "little memory may be locked"
                                                             : "memory may be locked",
                             limit->limit < MEMLOCK_HEADROOM
                                     ? "Root raises it: \"memlock\" in the policy's rule, "
                                       "LimitMEMLOCK= of the unit, or limits.conf(5) and a new "
                                       "login; isoctl memlock --ram SIZE GROUP tells how far."
                                     : "",
                             "RLIMIT_MEMLOCK of who runs this is %" PRIu64 " bytes.", limit->limit);
}

/* Kernels that were seen to keep stale tables from devices, or to have it switched off. */
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

                if (device->facts.pasid != TRISTATE_NO && device->iommu_kind != IOMMU_KIND_SMMU3)
                        doctor_names_add(device->facts.pasid == TRISTATE_YES ? &names : &unknown,
                                         bdf_format(device->bdf, text));
        }
        if (names.n == 0 && unknown.n == 0)
                return doctor_answer(finding, DOCTOR_OK, "no device shares a process's memory", "",
                                     "No function has PASID, or none on an x86 machine.");
        if (names.n == 0)
                return doctor_answer(finding, DOCTOR_UNKNOWN,
                                     "whether devices can share a process's memory is not known",
                                     "Run this as root.", "PASID could not be read of %s.",
                                     doctor_names_end(&unknown));
        if (doctor_version(snapshot, &version) && sva_is_mended(&version))
                return doctor_answer(finding, DOCTOR_OK,
                                     "devices that share a process's memory hold no stale tables",
                                     "", "Linux %s; PASID is offered by %s.",
                                     snapshot->kernel_release, doctor_names_end(&names));
        return doctor_answer(finding, DOCTOR_UNKNOWN,
                             "devices that share a process's memory may hold stale tables",
                             "Use Linux 7.0, or a stable kernel of 2026 (6.1.192, 6.12.117), or no "
                             "driver that shares a process's memory.",
                             "PASID is offered by %s; the number of Linux %s does not tell.",
                             doctor_names_end(&names),
                             *snapshot->kernel_release ? snapshot->kernel_release : "(unknown)");
}

const DoctorCheck doctor_kernel_checks[] = {
        {"kernel",
         "Up to Linux 5.18 a host's driver can take a device of a group that somebody else owns.",
         check_version},
        {"modules", "Nothing can be leased without vfio_pci and a container.", check_modules},
        {"unsafe-interrupts", "With it any owner of a device can raise any interrupt on the host.",
         check_unsafe_interrupts},
        {"noiommu", "Such a device reaches all memory, and its owner with it.", check_noiommu},
        {"lockdown",
         "What a lease leaves behind is switched off in configuration space before the host gets "
         "the "
         "device back.",
         check_lockdown},
        {"memlock",
         "What a device may reach is locked in memory; where that is not allowed, mapping fails.",
         check_memlock},
        {"sva",
         "A device that walks a process's page tables may keep entries of the kernel's that are "
         "long "
         "gone.",
         check_sva},
        {.id = NULL},
};
