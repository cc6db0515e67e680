/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Sentences for the causes of mismatches: the known facts, and the command that shows unknown
 * ones.
 */

#include "core/model/compare_text.h"

#include "core/model/doubt.h"
#include "core/model/quirks.h"
#include "core/model/text.h"

/* The unknown fact of the function, and the command that shows it. */
static char *describe_unreadable(const PciDevice *device, const char *at)
{
        const char *register_name = quirk_unread_register(device);

        if (device_is_orphan(device))
                return text_print("The input lacks the bridge above %s: read the whole "
                                  "machine.",
                                  at);
        if (register_name)
                return text_print("Whether %s redirects is in a register that was not read (%s): "
                                  "lspci -xxxx as root shows it.",
                                  at, register_name);
        if (device->facts.pcie == TRISTATE_YES && device->facts.acs.present == TRISTATE_NO &&
            !quirk_has_ids(device))
                return text_print("The input has no numeric ids of %s. By them the kernel knows "
                                  "ports that redirect without ACS; lspci -nn shows them.",
                                  at);
        return text_print(
                "The type of %s, or whether it redirects, could not be read; isolationd assumes "
                "that it does not redirect. lspci -vvv as root, or better -xxxx, shows it.",
                at);
}

static char *describe_unknown(const PciDevice *device, const char *bdf)
{
        if (device->kernel_group >= 0 && device->sysfs.iommu[0] == '\0' &&
            (device->sysfs.iommu_kind == IOMMU_KIND_NONE ||
             device->sysfs.iommu_kind == IOMMU_KIND_OTHER))
                return text_print("No known rule explains the kernel's group of %s. The input does "
                                  "not show its IOMMU; some IOMMUs have other grouping rules.",
                                  bdf);
        return text_print("No known rule explains the kernel's group of %s.", bdf);
}

static char *describe_uncovered(const Mismatch *mismatch, const char *bdf)
{
        if (mismatch->n_observed == 0)
                return text_print("No IOMMU covers %s, so it is in no group; the kernel's rules "
                                  "would join it with the others.",
                                  bdf);
        return text_print("Without the devices that no IOMMU covers, the kernel's rules give %s this "
                          "group.",
                          bdf);
}

char *mismatch_describe(const Snapshot *snapshot, const Mismatch *mismatch, size_t other)
{
        const PciDevice *device = &snapshot->devices[mismatch->device];
        char bdf[BDF_TEXT_SIZE], at[BDF_TEXT_SIZE] = "";

        (void)bdf_format(device->bdf, bdf);
        if (other != SNAPSHOT_NONE)
                (void)bdf_format(snapshot->devices[other].bdf, at);
        switch (mismatch->cause) {
        case COMPARE_IOMMU_KIND:
                return text_print("%s is behind IOMMU %s, which has other grouping rules: rely on "
                                  "the kernel's groups.",
                                  at, snapshot->devices[other].sysfs.iommu);
        case COMPARE_UNCOVERED:
                return describe_uncovered(mismatch, bdf);
        case COMPARE_UNREADABLE:
                return describe_unreadable(&snapshot->devices[other], at);
        case COMPARE_ORDER:
                return text_print("With devices in the order of the kernel's group numbers, its "
                                  "rules give %s this group: some devices were added after boot.",
                                  bdf);
        case COMPARE_OVERRIDE:
                return text_print("The option pcie_acs_override= makes the kernel treat %s as "
                                  "isolated; the hardware does not show that.",
                                  bdf);
        case COMPARE_COMMAND_LINE:
                return text_print("The kernel's command line sets ACS (config_acs=, "
                                  "disable_acs_redir=), and another setting gives %s this group.",
                                  bdf);
        case COMPARE_ACS_CHANGED:
                return text_print("Another ACS setting gives %s this group: ACS control was "
                                  "changed after the groups were made.",
                                  bdf);
        case COMPARE_QUIRK_UNKNOWN:
                return text_print("%s has this group if functions without ACS redirect: the kernel "
                                  "seems to have a quirk that isolationd does not know.",
                                  bdf);
        case COMPARE_INVISIBLE_ALIAS:
                return text_print("%s shares a group with functions of its bus without a visible "
                                  "reason: the firmware's IVRS table, which was not completely "
                                  "read, may give them one requester id.",
                                  bdf);
        case COMPARE_UNKNOWN:
        case _COMPARE_N:
                break;
        }
        return describe_unknown(device, bdf);
}
