/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Notes facts that the whole text lacks, with the command that shows them. */

#include "core/probe/lspci_reader.h"

#define NEXT_WHOLE "run lspci -vvvnn as root and give all of its output"

static int note(Lspci *lspci, const LspciText *texts, const LspciEntry *entry, const char *what,
                const char *next)
{
        return read_notes_add(lspci->notes, texts[entry->source].name, entry->line, what, next);
}

/* The text does not show the bridge above, or which bridge it is. */
static bool has_unknown_parent(const PciDevice *device)
{
        return device->place.has_parent && bdf_equal(device->place.parent_bdf, device->bdf);
}

static int note_entry(Lspci *lspci, const LspciText *texts, const LspciEntry *entry,
                      bool has_groups)
{
        const PciDevice *device = &entry->device;
        int r = 0;

        if (device->ids.device == 0 && device->ids.vendor != 0xffff)
                r = note(lspci, texts, entry, "the text has no numeric ids",
                         "run lspci -nn; rules for single devices need them");
        if (r == 0 && !entry->has_details)
                r = note(lspci, texts, entry, "the text has no details of the device", NEXT_WHOLE);
        if (r == 0 && has_unknown_parent(device))
                r = note(lspci, texts, entry, "the text lacks the bridge above the device",
                         NEXT_WHOLE);
        if (r == 0 && entry->is_mixed)
                r = note(lspci, texts, entry,
                         "the lines below belong to several devices: a first line is missing",
                         NEXT_WHOLE);
        if (r != 0 || !has_groups || device->kernel_group != KERNEL_GROUP_UNKNOWN)
                return r;
        if (entry->maybe_group >= 0)
                return note(lspci, texts, entry,
                            "an empty line separates the device from the listing of a group, so it "
                            "may or may not be in that group",
                            "give the listing without empty lines");
        return note(lspci, texts, entry, "the text has groups, but not the group of this device",
                    "run lspci -v, or list /sys/kernel/iommu_groups");
}

int lspci_note_missing(Lspci *lspci, const LspciText *texts)
{
        bool has_groups = false;
        int r = 0;

        if (!lspci->notes)
                return 0;
        for (size_t i = 0; i < lspci->n; i++)
                has_groups |= lspci->entries[i].device.kernel_group >= 0;
        for (size_t i = 0; i < lspci->n && r == 0; i++)
                r = note_entry(lspci, texts, &lspci->entries[i], has_groups);
        return r;
}
