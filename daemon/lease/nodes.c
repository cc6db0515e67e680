/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The nodes are found again each time, as they come and go with the devices that VFIO drives. */

#include "daemon/lease/nodes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/model/text.h"
#include "daemon/base/array.h"
#include "daemon/host/acl.h"
#include "daemon/host/vfio.h"

void nodes_clear(Nodes *nodes)
{
        text_list_clear(&nodes->paths);
        nodes->n_own = 0;
}

/* Adds `path`, taken over, but leaves out a node that does not exist. */
static int add(Nodes *nodes, char *path)
{
        if (!path)
                return -ENOMEM;
        if (access(path, F_OK) == 0)
                return text_list_add(&nodes->paths, path);
        int r = errno == ENOENT ? 0 : -errno;
        free(path);
        return r;
}

static int add_device(Nodes *nodes, const HostPaths *host, const LeaseDevice *device)
{
        char *path = NULL;

        if (device->role != LEASE_ROLE_TAKEN || device->lost)
                return 0;
        int r = vfio_find_cdev(host, device->bdf, &path);
        return r == 0 ? add(nodes, path) : r == -ENOENT ? 0 : r;
}

bool nodes_are_for(LeaseMode mode)
{
        return mode == LEASE_MODE_PATH || mode == LEASE_MODE_GROUP_FD;
}

/* Adds a shared node, and notes that it may never exist if it does not exist now. */
static int predict_shared(Nodes *nodes, const HostPaths *host, const char *name)
{
        bool is_there = host_has("%s/%s", host->dev, name);

        return text_list_add(&nodes->paths, text_print("%s/%s%s", host->dev, name,
                                                       is_there ? "" : ", if it is there by then"));
}

static int predict_device(Nodes *nodes, const HostPaths *host, const LeaseDevice *device)
{
        char address[BDF_TEXT_SIZE];

        if (device->role != LEASE_ROLE_TAKEN || device->lost)
                return 0;
        return text_list_add(
                &nodes->paths,
                text_print("the node of %s in %s/vfio/devices, if this kernel makes one",
                           bdf_format(device->bdf, address), host->dev));
}

/* Lists the nodes in their order: those that exist, or those to expect, as texts for users. */
static int list(const HostPaths *host, const LeaseRecord *record, bool predict, Nodes *ret_nodes)
{
        static const char *const shared[] = {"vfio/vfio", "iommu"};
        _cleanup_(nodes_clear) Nodes nodes = {.n_own = 0};
        int r = 0;

        for (size_t i = 0; r == 0 && record->mode == LEASE_MODE_PATH && i < record->n_groups; i++) {
                char *path = text_print("%s/vfio/%d", host->dev, record->groups[i].number);

                r = predict ? text_list_add(&nodes.paths, path) : add(&nodes, path);
        }
        for (size_t i = 0; r == 0 && record->mode == LEASE_MODE_PATH && i < record->n_devices; i++)
                r = predict ? predict_device(&nodes, host, &record->devices[i])
                            : add_device(&nodes, host, &record->devices[i]);
        nodes.n_own = nodes.paths.n_items;
        for (size_t i = 0; r == 0 && nodes_are_for(record->mode) && i < ARRAY_SIZE(shared); i++)
                r = predict ? predict_shared(&nodes, host, shared[i])
                            : add(&nodes, text_print("%s/%s", host->dev, shared[i]));
        if (r < 0)
                return r;
        *ret_nodes = nodes;
        nodes = (Nodes){.n_own = 0};
        return 0;
}

int nodes_find(const HostPaths *host, const LeaseRecord *record, Nodes *ret_nodes)
{
        return list(host, record, false, ret_nodes);
}

int nodes_predict(const HostPaths *host, const LeaseRecord *record, Nodes *ret_nodes)
{
        return list(host, record, true, ret_nodes);
}

int nodes_grant(const HostPaths *host, const LeaseRecord *record, char **ret_message)
{
        _cleanup_(nodes_clear) Nodes nodes = {.n_own = 0};

        int r = nodes_find(host, record, &nodes);
        for (size_t i = 0; r == 0 && i < nodes.paths.n_items; i++) {
                r = acl_grant(nodes.paths.items[i], record->owner.path_uid);
                if (r == -ENOENT)
                        r = 0;
                if (r == -EOPNOTSUPP)
                        return host_refuse(REFUSAL_UNSUPPORTED, ret_message,
                                           "%s: this kernel keeps no access control lists in /dev "
                                           "(CONFIG_TMPFS_POSIX_ACL); use another mode",
                                           nodes.paths.items[i]);
                if (r < 0)
                        return host_refuse_write(r, ret_message,
                                                 "%s: its access control list cannot be set",
                                                 nodes.paths.items[i]);
        }
        return r;
}

int nodes_revoke(const HostPaths *host, const LeaseRecord *record, bool shared, char **ret_message)
{
        _cleanup_(nodes_clear) Nodes nodes = {.n_own = 0};

        int first = nodes_find(host, record, &nodes);
        for (size_t i = 0; i < (shared ? nodes.paths.n_items : nodes.n_own); i++) {
                int r = acl_revoke(nodes.paths.items[i], record->owner.path_uid);
                if (r < 0 && first == 0)
                        first = host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                                            "%s: uid %u keeps its right to open it: %s",
                                            nodes.paths.items[i], record->owner.path_uid,
                                            strerror(-r));
        }
        return first;
}

bool nodes_are_granted(const HostPaths *host, const LeaseRecord *record)
{
        _cleanup_(nodes_clear) Nodes nodes = {.n_own = 0};

        if (nodes_find(host, record, &nodes) < 0)
                return false;
        for (size_t i = 0; i < nodes.paths.n_items; i++)
                /* A node that has gone meanwhile cannot be opened. */
                if (!acl_has(nodes.paths.items[i], record->owner.path_uid) &&
                    access(nodes.paths.items[i], F_OK) == 0)
                        return false;
        return true;
}
