/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The inside of a host: the source of its views, the current view, and the sentence for the last
 * failure.
 *
 * At most one of `bus` and `root` is set; a machine of iso_host_what_if() has neither. host.c
 * reads the bus and files through the same operations.
 */

#include <systemd/sd-bus.h>

#include "core/model/snapshot.h"
#include "core/probe/notes.h"
#include "libclient/names.h"
#include "libclient/partitions.h"
#include "libclient/view.h"

#define HOST_SERVICE "org.isolationd1"
#define HOST_PATH "/org/isolationd1"
#define HOST_LEASES HOST_PATH "/lease" /* each below it by its number */
#define HOST_MANAGER "org.isolationd1.Manager"
#define HOST_GROUP "org.isolationd1.Group"
#define HOST_LEASE "org.isolationd1.Lease"
#define HOST_DEVICE "org.isolationd1.Device"

struct iso_host {
        sd_bus *bus;
        char *root;   /* a sysfs tree or, if `is_file`, any file that describes a machine */
        char *groups; /* a separate listing of groups, or NULL */
        bool is_file;
        bool without_drivers;
        Snapshot *snapshot;     /* source of the view; NULL with a bus */
        bool has_traits;        /* tree_read_traits() has read the tree */
        Partitions *partitions; /* of the snapshot, or NULL */
        View *view;
        Names *names; /* NULL before the first question */
        char *message;
};

DEFINE_CLEANUP(iso_host *, iso_host_free);

/* Stores the sentence and returns `error`, for `return host_fail(…)`. */
int host_fail(iso_host *host, int error, const char *format, ...) _printf_(3, 4);

/* Fails a question that only a snapshot can answer: ISO_E_UNSUPPORTED, with the alternative. */
int host_fail_without_snapshot(iso_host *host);

/*
 * Converts a failed bus call to the errors of isolation.h. Keeps the daemon's own sentence; an
 * unreachable bus or daemon is ISO_E_NO_DAEMON. Returns `enum iso_error` or -errno.
 */
int host_fail_bus(iso_host *host, int error, const sd_bus_error *bus_error);

_nodiscard_ int daemon_connect(iso_host *host);
_nodiscard_ int daemon_read_view(iso_host *host, View **ret_view);

/*
 * Asks the daemon to resolve a name. *ret_device is NULL if it names a group only. Returns -EINVAL
 * for a text that D-Bus cannot carry.
 */
_nodiscard_ int daemon_resolve(iso_host *host, const char *selector, const iso_device **ret_device,
                               const iso_group **ret_group);

/* Asks the daemon for the strength of a group of the view; the view owns the bits. */
_nodiscard_ int daemon_strength(iso_host *host, const iso_group *group, const iso_strength **ret,
                                size_t *ret_n);

/* Reads the a(ss) of Release or Reset, kept like the view. Returns 0 or -errno. */
_nodiscard_ int resets_read(iso_host *host, sd_bus_message *reply, const iso_reset **ret,
                            size_t *ret_n);

_nodiscard_ int tree_read_view(iso_host *host, View **ret_view);

/*
 * Reads the traits of the tree, which a view does not need, once. Does nothing if the host is not
 * a tree. Returns 0 or -errno.
 */
_nodiscard_ int tree_read_traits(iso_host *host);

/* Makes a view of a snapshot: the kernel's own groups if there are any, else computed ones. */
_nodiscard_ int tree_make_view(Partitions *partitions, View **ret_view);

/* The device that an interface, disk, screen or RDMA device of the tree belongs to, or NULL. */
const iso_device *tree_find_named(const iso_host *host, const char *name);
