/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The settings of a lease's virtual functions by the host: noted before they are taken, restored
 * when they are given back. For workers.
 */

#include "daemon/host/host.h"
#include "daemon/lease/record.h"

/*
 * Reads the settings of each VF into the record. *ret_changed is set if there were any. Returns 0,
 * a Refusal with *ret_message, or -errno.
 */
_nodiscard_ int lease_vfs_save(const HostPaths *host, LeaseRecord *record, bool *ret_changed,
                               char **ret_message);

/*
 * Restores the settings. Goes on after a failure, and skips VFs that are gone. Returns 0, or the
 * first Refusal with *ret_message, or -errno.
 */
_nodiscard_ int lease_vfs_restore(const HostPaths *host, const LeaseRecord *record,
                                  char **ret_message);
