/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The nodes are found again each time, as they come and go with the devices that VFIO drives. */

#include "daemon/lease/nodes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/host/acl.h"
#include "daemon/host/vfio.h"

void nodes_clear(Nodes *nodes)
{
        for (size_t i = 0; i < nodes->n; i++)
                free(nodes->paths[i]);
        free(nodes->paths);
        *nodes = (Nodes){.paths = NULL};
}

/* Appends `path`, and takes it over. */
static int append(Nodes *nodes, char *path)
{
        if (!path)
                return -ENOMEM;
        char **paths = reallocarray(nodes->paths, nodes->n + 1, sizeof(*paths));
        if (!paths) {
                free(path);
                return -ENOMEM;
        }
        nodes->paths = paths;
        nodes->paths[nodes->n++] = path;
        return 0;
}

/* The same, but leaves out a node that does not exist. */
static int add(Nodes *nodes, char *path)
{
        if (!path)
                return -ENOMEM;
        if (access(path, F_OK) == 0)
                return append(nodes, path);
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

static int add_in_dev(Nodes *nodes, const HostPaths *host, const char *name)
{
        char *path = NULL;

        return add(nodes, asprintf(&path, "%s/%s", host->dev, name) < 0 ? NULL : path);
}

bool nodes_are_for(LeaseMode mode)
{
        return mode == LEASE_MODE_PATH || mode == LEASE_MODE_GROUP_FD;
}

int nodes_find(const HostPaths *host, const LeaseRecord *record, Nodes *ret_nodes)
{
        _cleanup_(nodes_clear) Nodes nodes = {.paths = NULL};
        int r = 0;

        for (size_t i = 0; r == 0 && record->mode == LEASE_MODE_PATH && i < record->n_groups; i++) {
                char name[32];

                (void)snprintf(name, sizeof(name), "vfio/%d", record->groups[i].number);
                r = add_in_dev(&nodes, host, name);
        }
        for (size_t i = 0; r == 0 && record->mode == LEASE_MODE_PATH && i < record->n_devices; i++)
                r = add_device(&nodes, host, &record->devices[i]);
        nodes.n_own = nodes.n;
        if (r == 0 && nodes_are_for(record->mode))
                r = add_in_dev(&nodes, host, "vfio/vfio");
        if (r == 0 && nodes_are_for(record->mode))
                r = add_in_dev(&nodes, host, "iommu");
        if (r < 0)
                return r;
        *ret_nodes = nodes;
        nodes = (Nodes){.paths = NULL};
        return 0;
}

/* Adds a shared node, and notes that it may never exist if it does not exist now. */
static int predict_shared(Nodes *nodes, const HostPaths *host, const char *name)
{
        char *path = NULL;

        if (asprintf(&path, "%s/%s", host->dev, name) < 0)
                return -ENOMEM;
        if (access(path, F_OK) == 0)
                return append(nodes, path);
        char *text = NULL;
        int n = asprintf(&text, "%s, if it is there by then", path);
        free(path);
        return append(nodes, n < 0 ? NULL : text);
}

static int predict_device(Nodes *nodes, const HostPaths *host, const LeaseDevice *device)
{
        char *text = NULL, address[BDF_TEXT_SIZE];

        if (device->role != LEASE_ROLE_TAKEN || device->lost)
                return 0;
        int n = asprintf(&text, "the node of %s in %s/vfio/devices, if this kernel makes one",
                         bdf_format(device->bdf, address), host->dev);
        return append(nodes, n < 0 ? NULL : text);
}

int nodes_predict(const HostPaths *host, const LeaseRecord *record, Nodes *ret_nodes)
{
        _cleanup_(nodes_clear) Nodes nodes = {.paths = NULL};
        int r = 0;

        for (size_t i = 0; r == 0 && record->mode == LEASE_MODE_PATH && i < record->n_groups; i++) {
                char *path = NULL;
                int n = asprintf(&path, "%s/vfio/%d", host->dev, record->groups[i].number);

                r = append(&nodes, n < 0 ? NULL : path);
        }
        for (size_t i = 0; r == 0 && record->mode == LEASE_MODE_PATH && i < record->n_devices; i++)
                r = predict_device(&nodes, host, &record->devices[i]);
        nodes.n_own = nodes.n;
        if (r == 0 && nodes_are_for(record->mode))
                r = predict_shared(&nodes, host, "vfio/vfio");
        if (r == 0 && nodes_are_for(record->mode))
                r = predict_shared(&nodes, host, "iommu");
        if (r < 0)
                return r;
        *ret_nodes = nodes;
        nodes = (Nodes){.paths = NULL};
        return 0;
}

int nodes_grant(const HostPaths *host, const LeaseRecord *record, char **ret_message)
{
        _cleanup_(nodes_clear) Nodes nodes = {.paths = NULL};

        int r = nodes_find(host, record, &nodes);
        for (size_t i = 0; r == 0 && i < nodes.n; i++) {
                r = acl_grant(nodes.paths[i], record->path_uid);
                if (r == -ENOENT)
                        r = 0;
                if (r == -EOPNOTSUPP)
                        return host_refuse(REFUSAL_UNSUPPORTED, ret_message,
                                           "%s: this kernel keeps no access control lists in /dev "
                                           "(CONFIG_TMPFS_POSIX_ACL); use another mode",
                                           nodes.paths[i]);
                if (r < 0)
                        return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                                           "%s: its access control list cannot be set: %s",
                                           nodes.paths[i], strerror(-r));
        }
        return r;
}

int nodes_revoke(const HostPaths *host, const LeaseRecord *record, bool shared, char **ret_message)
{
        _cleanup_(nodes_clear) Nodes nodes = {.paths = NULL};

        int first = nodes_find(host, record, &nodes);
        for (size_t i = 0; i < (shared ? nodes.n : nodes.n_own); i++) {
                int r = acl_revoke(nodes.paths[i], record->path_uid);
                if (r < 0 && first == 0)
                        first = host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                                            "%s: uid %u keeps its right to open it: %s",
                                            nodes.paths[i], record->path_uid, strerror(-r));
        }
        return first;
}

bool nodes_are_granted(const HostPaths *host, const LeaseRecord *record)
{
        _cleanup_(nodes_clear) Nodes nodes = {.paths = NULL};

        if (nodes_find(host, record, &nodes) < 0)
                return false;
        for (size_t i = 0; i < nodes.n; i++)
                /* A node that has gone meanwhile cannot be opened. */
                if (!acl_has(nodes.paths[i], record->path_uid) &&
                    access(nodes.paths[i], F_OK) == 0)
                        return false;
        return true;
}
