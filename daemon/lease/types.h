/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The default domain type of a leased group: what the lease wants, and what it was before. Both are
 * on record before anything is changed.
 *
 * Call these while no driver has the devices: between unbinding the host drivers and binding VFIO,
 * and the other way round.
 */

#include "daemon/host/host.h"
#include "daemon/lease/record.h"

/* Sets the types that the record wants. Returns 0, a Refusal with *ret_message, or -errno. */
_nodiscard_ int lease_types_set(const HostPaths *host, const LeaseRecord *record,
                                char **ret_message);

/*
 * Restores types that differ. Skips groups that are gone; goes on after a failure. Returns 0, the
 * first Refusal with *ret_message, or -errno.
 */
_nodiscard_ int lease_types_restore(const HostPaths *host, const LeaseRecord *record,
                                    char **ret_message);
