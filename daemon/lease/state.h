/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Lease records on disk: one private file each, replaced as a whole.
 *
 * The directory is on /run, so a reboot removes the records with the drivers and groups that they
 * describe.
 */

#include "daemon/lease/record.h"

/* Writes `DIR/ID.json` by temporary file, fsync and rename. Returns 0 or -errno (-ENOSPC …). */
_nodiscard_ int lease_state_save(const char *directory, const LeaseRecord *record);

enum {
        _LEASE_STATE_E_SUCCESS,
        LEASE_STATE_E_RESTORED,
};

/*
 * Writes a record whose file is missing; never replaces a file. Returns 0 if the file exists,
 * LEASE_STATE_E_RESTORED, or -errno.
 */
_nodiscard_ int lease_state_restore(const char *directory, const LeaseRecord *record);

/* Reads one record. Returns 0 and *ret_record, -ENOENT, -EBADMSG, or -errno. */
_nodiscard_ int lease_state_read(const char *directory, uint32_t id, LeaseRecord **ret_record);

/* Removes the record's file; one that is not there is fine. Returns 0 or -errno. */
_nodiscard_ int lease_state_remove(const char *directory, uint32_t id);

typedef struct LeaseStateVisitor {
        /* Takes over the record. A negative return ends the load with that value. */
        int (*loaded)(LeaseRecord *record, void *userdata);
        /* An invalid file, and why; it has been renamed to `path`. */
        void (*rejected)(const char *path, const char *reason, void *userdata);
        void *userdata;
} LeaseStateVisitor;

/*
 * Reads every record. Creates a missing directory (0700). Sets aside a file that cannot be read, is
 * a link, or belongs to another user, and goes on. Returns 0 or -errno.
 */
_nodiscard_ int lease_state_load(const char *directory, const LeaseStateVisitor *visitor);
