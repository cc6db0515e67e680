/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The type of a leased group's default domain: what the lease wants while it lasts, and what there
 * was before. Both are on record before anything is touched.
 *
 * Called while no driver has the devices: after the host's have left and before VFIO's come, and
 * the other way round.
 */

#include "daemon/host/host.h"
#include "daemon/lease/record.h"

/* Sets the types that the record wants. Returns 0, a Refusal with *ret_message, or -errno. */
_nodiscard_ int lease_types_set(const HostPaths *host, const LeaseRecord *record,
                                char **ret_message);

/*
 * Sets those back that are not as before. Groups that are gone are skipped; goes on after a
 * failure. Returns 0, the first Refusal with *ret_message, or -errno.
 */
_nodiscard_ int lease_types_restore(const HostPaths *host, const LeaseRecord *record,
                                    char **ret_message);
