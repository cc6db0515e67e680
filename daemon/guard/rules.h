/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * udev rules of a lease. While no daemon runs, udev blocks devices that join, and loads no module
 * for them.
 *
 * udev acts after the kernel has offered a device to the drivers that are loaded, so these rules
 * stop only the other drivers. They name the places below the ports that lead into the leased
 * groups by slot, not by bus number. They live in /run and are removed with the lease.
 *
 * For a node with an access control list, the group bits of its mode are the mask of the list. The
 * rule that clears them (60-isolationd.rules) would take away what the list grants.
 */

#include "core/model/snapshot.h"
#include "daemon/host/host.h"
#include "daemon/lease/record.h"

#define RULES_DIRECTORY "/run/udev/rules.d"

/*
 * Writes the rules of lease `id` for the ports of the kernel's groups `numbers`, whole or not at
 * all; writes no file if no port leads there. With `nodes`, udev also leaves the modes of the
 * groups' nodes as their access control lists need them. Returns 0 or -errno.
 */
_nodiscard_ int rules_write(const char *directory, const HostPaths *host, const Snapshot *snapshot,
                            uint32_t id, const int32_t *numbers, size_t n_numbers, bool nodes);

/*
 * Finds whether a port leads into the record's groups, so that rules are needed. Returns 0 or
 * -ENOMEM.
 */
_nodiscard_ int rules_find_ports(const Snapshot *snapshot, const LeaseRecord *record,
                                 bool *ret_any);

/* Removes the rules of a lease; it is fine if there are none. Returns 0 or -errno. */
_nodiscard_ int rules_remove(const char *directory, uint32_t id);

/* Removes the rules of all leases that `is_known` does not know. Returns 0 or -errno. */
_nodiscard_ int rules_sweep(const char *directory, bool (*is_known)(uint32_t id, void *userdata),
                            void *userdata);

/*
 * Write and remove the rules for a time when the gate is shut (daemon/guard/gate.h) and no guard
 * process lets in other functions. With them udev runs `isolationd --let-in` once modules are
 * loaded. Return 0 or -errno.
 */
_nodiscard_ int rules_write_gate(const char *directory);
_nodiscard_ int rules_remove_gate(const char *directory);
