/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How the host had set a lease's virtual functions: noted before they are taken, put back when they
 * are returned. For workers.
 */

#include "daemon/host/host.h"
#include "daemon/lease/record.h"

/*
 * Reads into the record what is set for each of its VFs. *ret_changed is set if there was any.
 * Returns 0, a Refusal with *ret_message, or -errno.
 */
_nodiscard_ int lease_vfs_save(const HostPaths *host, LeaseRecord *record, bool *ret_changed,
                               char **ret_message);

/*
 * Makes the settings what they were. Goes on after a failure; returns 0, or the first Refusal with
 * *ret_message, or -errno. What is gone is skipped.
 */
_nodiscard_ int lease_vfs_restore(const HostPaths *host, const LeaseRecord *record,
                                  char **ret_message);
