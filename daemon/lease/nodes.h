/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The nodes that the owner of a lease may open: in mode `path` those of its groups and devices; in
 * modes `path` and `group-fd` also the two that a program needs to make an address space,
 * /dev/vfio/vfio and /dev/iommu.
 *
 * The nodes and their undo follow from the record, so only the uid is on record. The two shared
 * nodes stay open to a uid as long as any lease of that uid needs them; the caller knows that.
 */

#include "daemon/base/texts.h"
#include "daemon/host/host.h"
#include "daemon/lease/record.h"

/* The nodes of the lease itself, then the shared ones, as absolute paths. */
typedef struct Nodes {
        TextList paths;
        size_t n_own;
} Nodes;

void nodes_clear(Nodes *nodes);

/* Whether a lease of that mode has nodes to open. */
bool nodes_are_for(LeaseMode mode);

/* Finds the existing nodes of the record. Returns 0 or -errno; nodes_clear() frees *ret_nodes. */
_nodiscard_ int nodes_find(const HostPaths *host, const LeaseRecord *record, Nodes *ret_nodes);

/*
 * The same before a device is taken, as texts for users. A node that does not exist yet has a
 * remark that it may not come. The node of a device is described by the device, as the kernel
 * chooses its name.
 */
_nodiscard_ int nodes_predict(const HostPaths *host, const LeaseRecord *record, Nodes *ret_nodes);

/* Lets the uid of the record open all nodes. Returns 0, a Refusal with *ret_message, or -errno. */
_nodiscard_ int nodes_grant(const HostPaths *host, const LeaseRecord *record, char **ret_message);

/* Revokes that, of the shared ones only with `shared`. Goes on after a failure. Same returns. */
_nodiscard_ int nodes_revoke(const HostPaths *host, const LeaseRecord *record, bool shared,
                             char **ret_message);

/* Whether the uid can open all of them. */
bool nodes_are_granted(const HostPaths *host, const LeaseRecord *record);
