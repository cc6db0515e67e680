/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Hosts of iso_host_what_if(): a snapshot changed in memory, with the groups that the rules give.
 */

#include <errno.h>

#include "core/model/bdf.h"
#include "core/model/what_if.h"
#include "libclient/host.h"

/* Owns `snapshot` from then on. */
static int open_supposed(Snapshot *snapshot, bool with_groups, iso_host **ret)
{
        _cleanup_(iso_host_freep) iso_host *host = calloc(1, sizeof(*host));
        int r;

        if (!host) {
                (void)snapshot_free(snapshot);
                return -ENOMEM;
        }
        host->snapshot = snapshot;
        /* The kernel has grouped the real machine, not this one. */
        for (size_t i = 0; !with_groups && i < snapshot->n_devices; i++)
                snapshot->devices[i].kernel_group = -1;
        host->partitions = partitions_new(snapshot);
        if (!host->partitions)
                return -ENOMEM;
        r = tree_make_view(host->partitions, &host->view);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(host);
        return 0;
}

static int fail_daemon(iso_host *host)
{
        return host_fail(
                host, ISO_E_UNSUPPORTED,
                "the daemon only knows the real machine: read /sys instead (isoctl --from /sys)");
}

/* `r` is the result of a change, and `changed` the machine that it made. */
static int finish(iso_host *host, int r, const char *what, Snapshot *changed, iso_host **ret)
{
        if (r > 0)
                return host_fail(host, ISO_E_INVALID, "%s: %s", what, what_if_error_to_string(r));
        if (r < 0)
                return r;
        return open_supposed(changed, false, ret);
}

int iso_host_what_if_add(iso_host *host, const iso_device *port, iso_host **ret,
                         const iso_device **ret_card)
{
        char address[BDF_TEXT_SIZE];
        Snapshot *changed = NULL;
        Bdf bdf, card;
        int r;

        if (!host->snapshot)
                return fail_daemon(host);
        if (!bdf_parse(port->address, &bdf))
                return -EINVAL;
        r = what_if_add(host->snapshot, bdf, &changed, &card);
        if (r != 0)
                return finish(host, r, port->address, changed, ret);
        r = open_supposed(changed, true, ret);
        if (r == 0)
                *ret_card = view_find_device((*ret)->view, bdf_format(card, address));
        return r;
}

int iso_host_what_if_move(iso_host *host, const iso_device *card, const iso_device *port,
                          iso_host **ret)
{
        Snapshot *changed = NULL;
        Bdf from, to;
        int r;

        if (!host->snapshot)
                return fail_daemon(host);
        if (!bdf_parse(card->address, &from) || !bdf_parse(port->address, &to))
                return -EINVAL;
        r = what_if_move(host->snapshot, from, to, &changed);
        return finish(host, r, card->address, changed, ret);
}

int iso_host_what_if_acs(iso_host *host, const char *spec, iso_host **ret)
{
        Snapshot *changed = NULL;
        int r;

        if (!host->snapshot)
                return fail_daemon(host);
        r = what_if_acs(host->snapshot, spec, &changed);
        return finish(host, r, spec, changed, ret);
}

int iso_host_what_if_remove(iso_host *host, const iso_device *device, iso_host **ret)
{
        Snapshot *changed = NULL;
        Bdf bdf;
        int r;

        if (!host->snapshot)
                return fail_daemon(host);
        if (!bdf_parse(device->address, &bdf))
                return -EINVAL;
        r = what_if_remove(host->snapshot, bdf, &changed);
        return finish(host, r, device->address, changed, ret);
}

int iso_host_what_if_override(iso_host *host, const char *words, iso_host **ret)
{
        Snapshot *changed = NULL;
        int r;

        if (!host->snapshot)
                return fail_daemon(host);
        r = what_if_override(host->snapshot, words, &changed);
        return finish(host, r, words, changed, ret);
}

int iso_host_what_if_on(iso_host *host, iso_host **ret)
{
        Snapshot *copy = NULL;
        int r;

        if (!host->snapshot)
                return fail_daemon(host);
        r = snapshot_copy(host->snapshot, &copy);
        /* Which devices the IOMMU covers shows only once it is on. */
        for (size_t i = 0; r == 0 && i < copy->n_devices; i++) {
                copy->devices[i].sysfs.iommu_kind = IOMMU_KIND_NONE;
                copy->devices[i].sysfs.iommu[0] = '\0';
        }
        return finish(host, r, "", copy, ret);
}
