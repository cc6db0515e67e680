/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * udev rules of a lease: what joins while no daemon looks is blocked by udev, and no module is
 * loaded for it.
 *
 * udev comes after the kernel has offered a device to the drivers that are there; it is the rest
 * that these rules stop. They name the places below the ports that lead into the leased groups, by
 * slots and not by bus numbers, live in /run and go with the lease.
 *
 * Of a node with an access control list the group's bits of the mode are the list's mask: the rule
 * that takes them away (60-isolationd.rules) would take away what the list grants.
 */

#include "core/model/snapshot.h"
#include "daemon/host/host.h"
#include "daemon/lease/record.h"

#define RULES_DIRECTORY "/run/udev/rules.d"

/*
 * Writes the rules of lease `id` for the ports of the kernel's groups `numbers`, whole or not at
 * all; no file where no port leads there. With `nodes` udev is also to leave the modes of the
 * groups' nodes as access control lists for them need them. Returns 0 or -errno.
 */
_nodiscard_ int rules_write(const char *directory, const HostPaths *host, const Snapshot *snapshot,
                            uint32_t id, const int32_t *numbers, size_t n_numbers, bool nodes);

/* Whether a port leads into the record's groups: then there are rules for what joins. Returns 0 or
 * -ENOMEM. */
_nodiscard_ int rules_find_ports(const Snapshot *snapshot, const LeaseRecord *record,
                                 bool *ret_any);

/* Removes the rules of a lease; none are fine. Returns 0 or -errno. */
_nodiscard_ int rules_remove(const char *directory, uint32_t id);

/* Removes the rules of all leases that `is_known` does not know. Returns 0 or -errno. */
_nodiscard_ int rules_sweep(const char *directory, bool (*is_known)(uint32_t id, void *userdata),
                            void *userdata);

/*
 * Write and remove the rules for the time while the gate is shut (daemon/guard/gate.h) and no
 * sentinel lets in what is nobody's: udev has `isolationd --let-in` do it, once modules are loaded.
 * Return 0 or -errno.
 */
_nodiscard_ int rules_write_gate(const char *directory);
_nodiscard_ int rules_remove_gate(const char *directory);
