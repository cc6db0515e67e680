/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The nodes that the owner of a lease may open: in mode `path` those of its groups and devices, and
 * there and in mode `group-fd` the two that a program needs to make an address space, /dev/vfio/vfio
 * and /dev/iommu.
 *
 * Which they are follows from the record, and so does their undoing: there is nothing to put on
 * record but the uid. The two that are not the lease's alone stay open to a uid for as long as any
 * lease of that uid needs them, which the caller knows.
 */

#include "daemon/host/host.h"
#include "daemon/lease/record.h"

/* The lease's own nodes, then the shared ones, as absolute paths. */
typedef struct Nodes {
        char **paths;
        size_t n;
        size_t n_own;
} Nodes;

void nodes_clear(Nodes *nodes);

/* Whether a lease of that mode has nodes to be opened. */
bool nodes_are_for(LeaseMode mode);

/* Finds the record's nodes that are there. Returns 0 or -errno; nodes_clear() frees *ret. */
_nodiscard_ int nodes_find(const HostPaths *host, const LeaseRecord *record, Nodes *ret_nodes);

/*
 * The same before a device is taken, each as it is told: a node that is not there yet with a word
 * that it may not come, and that of a device by the device, as its name is the kernel's.
 */
_nodiscard_ int nodes_predict(const HostPaths *host, const LeaseRecord *record, Nodes *ret_nodes);

/* Lets the record's uid open them all. Returns 0, a Refusal with *ret_message, or -errno. */
_nodiscard_ int nodes_grant(const HostPaths *host, const LeaseRecord *record, char **ret_message);

/* Takes that back, of the shared ones only with `shared`. Goes on after a failure. Same returns. */
_nodiscard_ int nodes_revoke(const HostPaths *host, const LeaseRecord *record, bool shared,
                             char **ret_message);

/* Whether the uid can open all of them. */
bool nodes_are_granted(const HostPaths *host, const LeaseRecord *record);
