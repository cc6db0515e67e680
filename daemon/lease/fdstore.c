/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * FDSTORE=1, and how the fds come back (sd_notify(3), sd_listen_fds(3)).
 *
 * FDPOLL=0, because a hang-up concerns the daemon, not the service manager: if an owner closes its
 * end while no daemon runs, the next daemon must still find the fd and see that.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "daemon/lease/fdstore.h"

#define FDSTORE_NAME_SIZE 48

static void fd_name(const LeaseRecord *record, size_t index, char name[static FDSTORE_NAME_SIZE])
{
        (void)snprintf(name, FDSTORE_NAME_SIZE, "lease-%" PRIu32 "-%zu", record->id, index);
}

static void owner_name(const LeaseRecord *record, char name[static FDSTORE_NAME_SIZE])
{
        (void)snprintf(name, FDSTORE_NAME_SIZE, "lease-%" PRIu32 "-owner", record->id);
}

static void remove_name(const char *name)
{
        (void)sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

int fdstore_receive(FdStore *ret_store)
{
        char **names = NULL;

        int n = sd_listen_fds_with_names(1, &names);
        if (n < 0)
                return n;
        FdStore store = {.items = calloc((size_t)n + 1, sizeof(*store.items))};
        if (!store.items)
                return -ENOMEM;
        for (int i = 0; i < n; i++)
                store.items[store.n_items++] =
                        (struct FdStoreItem){.name = names[i], .fd = SD_LISTEN_FDS_START + i};
        free(names);
        *ret_store = store;
        return 0;
}

void fdstore_discard(FdStore *store)
{
        for (size_t i = 0; i < store->n_items; i++)
                if (store->items[i].fd >= 0)
                        remove_name(store->items[i].name);
        fdstore_clear(store);
}

void fdstore_clear(FdStore *store)
{
        for (size_t i = 0; i < store->n_items; i++) {
                closep(&store->items[i].fd);
                free(store->items[i].name);
        }
        free(store->items);
        *store = (FdStore){.items = NULL};
}

/* Moves the fd of that name out; -1 if there is none. */
static int take(FdStore *store, const char *name)
{
        for (size_t i = 0; i < store->n_items; i++)
                if (store->items[i].fd >= 0 && strcmp(store->items[i].name, name) == 0)
                        return TAKE_FD(store->items[i].fd);
        return -1;
}

bool fdstore_take(FdStore *store, const LeaseRecord *record, VfioFds *ret_fds, int *ret_owner)
{
        char name[FDSTORE_NAME_SIZE];
        bool complete = true;

        ret_fds->n_items = 0;
        for (size_t i = 0; i < record->n_fd_names && i < VFIO_FDS_MAX; i++) {
                fd_name(record, i, name);
                int fd = take(store, name);
                if (fd < 0) {
                        complete = false;
                        continue;
                }
                VfioFd *item = &ret_fds->items[ret_fds->n_items++];
                (void)snprintf(item->name, sizeof(item->name), "%s", record->fd_names[i]);
                item->fd = fd;
        }
        owner_name(record, name);
        *ret_owner = take(store, name);
        return complete;
}

static int push(const char *name, int fd)
{
        char text[FDSTORE_NAME_SIZE + 32];

        (void)snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
        int r = sd_pid_notify_with_fds(0, 0, text, &fd, 1);
        return r < 0 ? r : 0;
}

int fdstore_push(const LeaseRecord *record, const VfioFds *fds, int owner)
{
        char name[FDSTORE_NAME_SIZE];

        for (size_t i = 0; i < fds->n_items; i++) {
                fd_name(record, i, name);
                int r = push(name, fds->items[i].fd);
                if (r < 0)
                        return r;
        }
        if (owner < 0)
                return 0;
        owner_name(record, name);
        return push(name, owner);
}

void fdstore_drop(const LeaseRecord *record, size_t index)
{
        char name[FDSTORE_NAME_SIZE];

        fd_name(record, index, name);
        remove_name(name);
}

int fdstore_replace(const LeaseRecord *record, size_t index, int fd)
{
        char name[FDSTORE_NAME_SIZE];

        fdstore_drop(record, index);
        fd_name(record, index, name);
        return push(name, fd);
}

void fdstore_remove(const LeaseRecord *record)
{
        char name[FDSTORE_NAME_SIZE];

        for (size_t i = 0; i < record->n_fd_names; i++)
                fdstore_drop(record, i);
        owner_name(record, name);
        remove_name(name);
}
