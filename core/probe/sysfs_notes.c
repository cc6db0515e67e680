/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* For each unknown fact, notes the file that would contain it. */

#include "core/probe/sysfs_notes.h"

#include <limits.h>
#include <stdio.h>

static int note(ReadNotes *notes, const char *root, Bdf bdf, const char *file, const char *what,
                const char *next)
{
        char path[PATH_MAX], address[BDF_TEXT_SIZE];

        (void)snprintf(path, sizeof(path), "%.3072s/bus/pci/devices/%s%s", root,
                       bdf_format(bdf, address), file);
        return read_notes_add(notes, path, 0, what, next);
}

static int note_device(ReadNotes *notes, const char *root, const PciDevice *device)
{
        int r = 0;

        if (device->facts.header_known != TRISTATE_YES)
                r = note(notes, root, device->bdf, "/config",
                         "the configuration space cannot be read", "read or copy the tree as root");
        else if (device->facts.pcie == TRISTATE_UNKNOWN)
                r = note(notes, root, device->bdf, "/config",
                         "the capabilities in the configuration space cannot be read",
                         "read or copy the tree as root");
        if (r == 0 && device->place.has_parent && bdf_equal(device->place.parent_bdf, device->bdf))
                r = note(notes, root, device->bdf, "",
                         "the link does not show which bridge is above the device",
                         "copy the tree with its links, for instance with tar");
        return r;
}

int sysfs_note_unread(const char *root, const Snapshot *snapshot, ReadNotes *notes)
{
        int r = 0;

        for (size_t i = 0; i < snapshot->n_devices && notes && r == 0; i++)
                r = note_device(notes, root, &snapshot->devices[i]);
        return r;
}
