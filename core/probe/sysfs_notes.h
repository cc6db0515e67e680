/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which files of a sysfs tree could not be read, for the person who gave it.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"
#include "core/probe/notes.h"

/*
 * Notes what a snapshot of the tree at `root` lacks, with the file that tells it. `notes` may be
 * NULL. Returns 0 or -ENOMEM.
 */
_nodiscard_ int sysfs_note_unread(const char *root, const Snapshot *snapshot, ReadNotes *notes);
