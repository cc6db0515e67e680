/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Closes and opens ways by which the kernel adds functions.
 *
 * A slot: pciehp is unbound from the hot-plug service of its port. The kernel does not see a card
 * that is plugged in until pciehp is bound again. This does not stop functions that come by ACPI,
 * by shpchp or by a rescan. Virtual functions: sriov_drivers_autoprobe of the PF is 0, so new VFs
 * get no drivers. Each undo reverses exactly its change. Changes may be repeated. May block: for
 * workers.
 */

#include "daemon/host/host.h"
#include "daemon/lease/record.h"

/*
 * Finds the hot-plug service of the port `bdf` that pciehp drives now ("0000:00:02.1:pcie204").
 * Returns 0 and *ret_service (freed by the caller), NULL if there is none, or -errno.
 */
_nodiscard_ int seal_find_slot(const HostPaths *host, Bdf bdf, char **ret_service);

/* Whether the kernel would bind drivers to new VFs of `bdf`; false if it can have none. */
bool seal_finds_vfs(const HostPaths *host, Bdf bdf);

/*
 * Makes one change (the way is shut: not `on`), or undoes it. Returns 0, a Refusal with
 * *ret_message, or -errno.
 */
_nodiscard_ int seal_switch(const HostPaths *host, const LeaseChange *change, bool on,
                            char **ret_message);

/*
 * Whether the change is to a slot that exists and is open: the change was not made, or somebody
 * undid it.
 */
bool seal_is_open(const HostPaths *host, const LeaseChange *change);
