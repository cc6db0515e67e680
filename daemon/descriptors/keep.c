/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * All descriptors are kept, or none: the kernel would wait for a copy left here when the daemon
 * releases the device.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "daemon/descriptors/descriptors.h"
#include "daemon/descriptors/room.h"

/* Puts a copy in place of the descriptor of that name, or appends it. */
static int keep_fd(Lease *lease, const VfioFd *item, const VfioFds *former)
{
        VfioFds *fds = descriptors_of(lease);
        size_t i = 0;

        while (i < fds->n_items && strcmp(fds->items[i].name, item->name) != 0)
                i++;
        if (i == VFIO_FDS_MAX)
                return -E2BIG;
        _cleanup_(closep) int fd = fcntl(item->fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return -errno;
        if (i == fds->n_items && !store_has_room(lease->ledger))
                return -ENOSPC;
        if (i == fds->n_items) {
                int r = lease_record_add_fd_name(lease->record, item->name);
                if (r < 0)
                        return r;
                fds->items[fds->n_items++] = *item;
        } else if (i >= former->n_items || fds->items[i].fd != former->items[i].fd) {
                closep(&fds->items[i].fd); /* the same name twice */
        }
        fds->items[i].fd = TAKE_FD(fd);
        return fdstore_replace(lease->record, i, fds->items[i].fd);
}

int descriptors_keep(Lease *lease, const VfioFds *fds, VfioFds *ret_former)
{
        VfioFds former = *descriptors_of(lease);
        int r = 0;

        for (size_t i = 0; r == 0 && i < fds->n_items; i++)
                r = keep_fd(lease, &fds->items[i], &former);
        if (r < 0)
                descriptors_settle(lease, &former, false);
        else
                *ret_former = former;
        return r;
}

void descriptors_settle(Lease *lease, VfioFds *former, bool keep)
{
        VfioFds *fds = descriptors_of(lease);
        size_t n_new = fds->n_items - former->n_items;

        for (size_t i = 0; i < former->n_items; i++) {
                if (fds->items[i].fd == former->items[i].fd)
                        continue;
                closep(keep ? &former->items[i].fd : &fds->items[i].fd);
                /* If the store refuses one, the lease only does not survive a restart. */
                if (!keep)
                        (void)!fdstore_replace(lease->record, i, former->items[i].fd);
        }
        if (keep)
                return;
        for (size_t i = former->n_items; i < fds->n_items; i++) {
                fdstore_drop(lease->record, i);
                closep(&fds->items[i].fd);
        }
        lease_record_drop_fd_names(lease->record, lease->record->n_fd_names - n_new);
        *fds = *former;
}
