/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Opens, refreshes and reads hosts. A refresh replaces the old view only after it has built a
 * whole new one, so that a failed refresh loses nothing.
 */

#include "libclient/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/probe/cleanup.h"
#include "core/probe/snapshot_json.h"

iso_host *iso_host_free(iso_host *host)
{
        if (host) {
                partitions_free(host->partitions);
                view_free(host->view);
                snapshot_free(host->snapshot);
                names_free(host->names);
                sd_bus_flush_close_unref(host->bus);
                free(host->root);
                free(host->groups);
                free(host->message);
                free(host);
        }
        return NULL;
}

int iso_host_refresh(iso_host *host)
{
        View *view = NULL;
        int r;

        free(host->message);
        host->message = NULL;

        if (!host->bus && !host->root)
                return host_fail(host, ISO_E_UNSUPPORTED,
                                 "a machine changed by --what-if cannot be read again");
        r = host->bus ? daemon_read_view(host, &view) : tree_read_view(host, &view);
        if (r != 0)
                return r;

        view_free(host->view);
        host->view = view;
        return 0;
}

/* Passes the host to the caller on success, and on a refusal, whose sentence it has. */
static int host_open_finish(iso_host **host, int r, iso_host **ret)
{
        if (r < 0)
                return r;
        *ret = TAKE_PTR(*host);
        return r;
}

int iso_host_open_daemon(iso_host **ret)
{
        _cleanup_(iso_host_freep) iso_host *host = NULL;
        int r;

        host = calloc(1, sizeof(*host));
        if (!host)
                return -ENOMEM;

        r = daemon_connect(host);
        if (r == 0)
                r = iso_host_refresh(host);
        return host_open_finish(&host, r, ret);
}

static int open_path(const char *path, const char *groups, bool is_file, unsigned flags,
                     iso_host **ret)
{
        _cleanup_(iso_host_freep) iso_host *host = NULL;
        int r;

        host = calloc(1, sizeof(*host));
        if (!host)
                return -ENOMEM;
        host->is_file = is_file;
        host->without_drivers = flags & ISO_OPEN_WITHOUT_DRIVERS;
        host->root = strdup(path);
        host->groups = groups ? strdup(groups) : NULL;
        if (!host->root || (groups && !host->groups))
                return -ENOMEM;

        if (flags & ~(unsigned)ISO_OPEN_WITHOUT_DRIVERS)
                r = host_fail(host, ISO_E_INVALID, "unknown flag for opening a machine");
        else
                r = iso_host_refresh(host);
        return host_open_finish(&host, r, ret);
}

int iso_host_open_sysfs(const char *root, iso_host **ret)
{
        return open_path(root, NULL, false, 0, ret);
}

int iso_host_open_file(const char *path, unsigned flags, iso_host **ret)
{
        return open_path(path, NULL, true, flags, ret);
}

int iso_host_open_file_with_groups(const char *path, const char *groups, unsigned flags,
                                   iso_host **ret)
{
        return open_path(path, groups, true, flags, ret);
}

int iso_host_write_snapshot(iso_host *host, unsigned flags, int fd)
{
        _cleanup_(fclosep) FILE *stream = NULL;
        int copy, r;

        if (flags & ~(unsigned)ISO_SNAPSHOT_ANONYMISE)
                return host_fail(host, ISO_E_INVALID, "unknown flag for a snapshot");
        if (!host->snapshot)
                return host_fail(host, ISO_E_UNSUPPORTED,
                                 "the daemon provides no snapshot: read /sys instead");
        if (host->without_drivers)
                return host_fail(host, ISO_E_UNSUPPORTED,
                                 "a machine opened without drivers has no complete snapshot");
        r = tree_read_traits(host);
        if (r < 0)
                return r;
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (copy < 0)
                return host_fail(host, -errno, "the snapshot cannot be written: %s",
                                 strerror(errno));
        stream = fdopen(copy, "w");
        if (!stream) {
                (void)close(copy);
                return -ENOMEM;
        }
        r = snapshot_json_write(host->snapshot,
                                flags & ISO_SNAPSHOT_ANONYMISE ? SNAPSHOT_JSON_ANONYMISE : 0,
                                stream);
        if (r < 0)
                return host_fail(host, r, "the snapshot cannot be written: %s", strerror(-r));
        return 0;
}

const iso_device *iso_host_devices(const iso_host *host, size_t *ret_n)
{
        *ret_n = host->view ? host->view->n_devices : 0;
        return host->view ? host->view->devices : NULL;
}

const iso_group *iso_host_groups(const iso_host *host, size_t *ret_n)
{
        *ret_n = host->view ? host->view->n_groups : 0;
        return host->view ? host->view->groups : NULL;
}

const iso_lease *iso_host_leases(const iso_host *host, size_t *ret_n)
{
        *ret_n = host->view ? host->view->n_leases : 0;
        return host->view ? host->view->leases : NULL;
}

const char *iso_host_obstacle(const iso_host *host)
{
        return host->view ? host->view->obstacle : "";
}

const iso_note *iso_host_notes(const iso_host *host, size_t *ret_n)
{
        *ret_n = host->view ? host->view->n_notes : 0;
        return host->view ? host->view->notes : NULL;
}

const char *iso_version(void)
{
        return ISO_VERSION;
}
