/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Notes about files of a sysfs tree that could not be read, for the user. */

#include "core/model/base.h"
#include "core/model/snapshot.h"
#include "core/probe/notes.h"

/*
 * Adds notes about the facts that a snapshot of the tree at `root` lacks, with their files.
 * `notes` may be NULL. Returns 0 or -ENOMEM.
 */
_nodiscard_ int sysfs_note_unread(const char *root, const Snapshot *snapshot, ReadNotes *notes);
