/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Ways by which the kernel brings new functions in, shut and opened again.
 *
 * A slot: pciehp is unbound from its port's hot-plug service; what is plugged in then is not seen
 * until it is bound again. What comes by ACPI, by shpchp or by a rescan is not stopped. Virtual
 * functions: sriov_drivers_autoprobe of the PF is 0, and they are born without drivers. Each change
 * undoes exactly itself and may be repeated. May block: for workers.
 */

#include "daemon/host/host.h"
#include "daemon/lease/record.h"

/*
 * The hot-plug service of the port `bdf` that pciehp drives now ("0000:00:02.1:pcie204"). Returns 0
 * and *ret (freed by the caller), NULL if there is none, or -errno.
 */
_nodiscard_ int seal_find_slot(const HostPaths *host, Bdf bdf, char **ret_service);

/* Whether the kernel would bind drivers to new virtual functions of `bdf`; false if it has none. */
bool seal_finds_vfs(const HostPaths *host, Bdf bdf);

/* Make or undo one change. Return 0, a Refusal with *ret_message, or -errno. */
_nodiscard_ int seal_make(const HostPaths *host, const LeaseChange *change, char **ret_message);
_nodiscard_ int seal_undo(const HostPaths *host, const LeaseChange *change, char **ret_message);

/* Whether the change is to a slot that is there, and open: it was not made, or somebody undid it. */
bool seal_is_open(const HostPaths *host, const LeaseChange *change);
