/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The causes of mismatches in words: what is known, and what would show what is not.
 */

#include "core/model/compare_text.h"

#include "core/model/doubt.h"
#include "core/model/quirks.h"
#include "core/model/text.h"

/* What was not read of the function, and what shows it. */
static char *describe_unreadable(const PciDevice *device, const char *at)
{
        const char *register_name = quirk_unread_register(device);

        if (device_is_orphan(device))
                return text_print("The bridge above %s is not in what was read: read the whole "
                                  "machine.",
                                  at);
        if (register_name)
                return text_print("Whether %s redirects is in a register that was not read (%s): "
                                  "lspci -xxxx as root shows it.",
                                  at, register_name);
        if (device->facts.pcie == TRISTATE_YES && device->facts.acs == TRISTATE_NO &&
            !quirk_has_ids(device))
                return text_print(
                        "What was read has no numeric ids of %s, by which the kernel knows "
                        "ports that redirect without ACS: lspci -nn shows them.",
                        at);
        return text_print(
                "What %s is, or whether it redirects, could not be read; it was taken not "
                "to: lspci -vvv as root, better -xxxx, shows it.",
                at);
}

static char *describe_unknown(const PciDevice *device, const char *bdf)
{
        if (device->kernel_group >= 0 && device->iommu[0] == '\0' &&
            (device->iommu_kind == IOMMU_KIND_NONE || device->iommu_kind == IOMMU_KIND_OTHER))
                return text_print("Nothing known here puts %s where the kernel has it. Which IOMMU "
                                  "covers it was not read; some have rules of their own.",
                                  bdf);
        return text_print("Nothing known here puts %s where the kernel has it.", bdf);
}

static char *describe_uncovered(const Mismatch *mismatch, const char *bdf)
{
        if (mismatch->n_observed == 0)
                return text_print("No IOMMU covers %s, so it is in no group; by the kernel's rules it "
                                  "belongs with the others.",
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
                return text_print(
                        "%s is behind IOMMU %s, whose groups follow rules of their own: the "
                        "kernel's are to be taken as they are.",
                        at, snapshot->devices[other].iommu);
        case COMPARE_UNCOVERED:
                return describe_uncovered(mismatch, bdf);
        case COMPARE_UNREADABLE:
                return describe_unreadable(&snapshot->devices[other], at);
        case COMPARE_ORDER:
                return text_print(
                        "With devices in the order of the kernel's group numbers, its rules "
                        "give %s this group: some came later than at boot.",
                        bdf);
        case COMPARE_OVERRIDE:
                return text_print(
                        "The kernel was told by pcie_acs_override= to take %s for apart: that "
                        "is asserted, not proven.",
                        bdf);
        case COMPARE_COMMAND_LINE:
                return text_print(
                        "The kernel's command line sets ACS (config_acs=, "
                        "disable_acs_redir=), and %s is where another setting would put it.",
                        bdf);
        case COMPARE_ACS_CHANGED:
                return text_print(
                        "%s is where ACS control would put it that is not what it is now: it "
                        "was changed since the groups were made.",
                        bdf);
        case COMPARE_QUIRK_UNKNOWN:
                return text_print("%s is where it would be if functions without ACS were known to "
                                  "redirect: the kernel seems to know one that is not known here.",
                                  bdf);
        case COMPARE_INVISIBLE_ALIAS:
                return text_print(
                        "%s is with functions of its bus for no reason that is visible: the "
                        "firmware's IVRS table, which was not read whole, may give them one "
                        "requester id.",
                        bdf);
        case COMPARE_UNKNOWN:
        case _COMPARE_N:
                break;
        }
        return describe_unknown(device, bdf);
}
