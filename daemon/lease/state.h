/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Lease records on disk: one private file each, replaced as a whole.
 *
 * The directory is on /run: it lives exactly as long as the drivers and groups it speaks of.
 */

#include "daemon/lease/record.h"

/* Writes `DIR/ID.json` by temporary file, fsync and rename. Returns 0 or -errno (-ENOSPC …). */
_nodiscard_ int lease_state_save(const char *directory, const LeaseRecord *record);

enum {
        _LEASE_STATE_E_SUCCESS,
        LEASE_STATE_E_RESTORED,
};

/*
 * Writes a record whose file is gone, and never over one that is there. Returns 0 if it is there,
 * LEASE_STATE_E_RESTORED, or -errno.
 */
_nodiscard_ int lease_state_restore(const char *directory, const LeaseRecord *record);

/* Reads one record back. Returns 0 and *ret, -ENOENT, -EBADMSG, or -errno. */
_nodiscard_ int lease_state_read(const char *directory, uint32_t id, LeaseRecord **ret_record);

/* Removes the record's file; one that is not there is fine. Returns 0 or -errno. */
_nodiscard_ int lease_state_remove(const char *directory, uint32_t id);

typedef struct LeaseStateVisitor {
        /* Takes the record over. A negative return ends the load with it. */
        int (*loaded)(LeaseRecord *record, void *userdata);
        /* A file that is no record, and why; it has been renamed to `path`. */
        void (*rejected)(const char *path, const char *reason, void *userdata);
        void *userdata;
} LeaseStateVisitor;

/*
 * Reads every record. A missing directory is created (0700). One that cannot be read, is a link or
 * belongs to another user is set aside; it does not keep the others from being read. Returns 0 or
 * -errno.
 */
_nodiscard_ int lease_state_load(const char *directory, const LeaseStateVisitor *visitor);
