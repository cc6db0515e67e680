/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon's copies, and the pipe whose closing ends the lease. */

#include "daemon/base/event.h"
#include "daemon/descriptors/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

typedef struct Descriptors {
        VfioFds fds;   /* they own the groups */
        int owner_fd;  /* write end of the pipe whose read ends are the lease fd, or -1 */
        int client_fd; /* read end, until it has been handed out, or -1 */
        struct event *owner_event; /* or NULL */
} Descriptors;

static void init(void *part)
{
        Descriptors *own = part;

        own->owner_fd = own->client_fd = -1;
}

static void forget_owner(Descriptors *own)
{
        event_freep(&own->owner_event);
        closep(&own->owner_fd);
        closep(&own->client_fd);
        own->owner_fd = own->client_fd = -1;
}

static void clear(void *part)
{
        Descriptors *own = part;

        forget_owner(own);
        vfio_fds_close(&own->fds);
}

const Module descriptors_module = {
        .name = "descriptors",
        .lease_size = sizeof(Descriptors),
        .lease_init = init,
        .lease_clear = clear,
};

DEFINE_LEASE_PART(Descriptors, of, descriptors_module);

VfioFds *descriptors_of(const Lease *lease)
{
        return &of(lease)->fds;
}

int descriptors_open_pipe(Lease *lease)
{
        Descriptors *own = of(lease);
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        own->client_fd = ends[0];
        own->owner_fd = ends[1];
        if (lease->record->lifetime != LEASE_LIFETIME_FD)
                closep(&own->owner_fd), own->owner_fd = -1;
        return 0;
}

int descriptors_store(Lease *lease)
{
        Descriptors *own = of(lease);
        int r = 0;

        for (size_t i = 0; r == 0 && i < own->fds.n_items; i++)
                r = lease_record_add_fd_name(lease->record, own->fds.items[i].name);
        return r == 0 ? fdstore_push(lease->record, &own->fds, own->owner_fd) : r;
}

bool descriptors_take_stored(Lease *lease, FdStore *store)
{
        Descriptors *own = of(lease);

        return fdstore_take(store, lease->record, &own->fds, &own->owner_fd);
}

bool descriptors_have_pipe(const Lease *lease)
{
        return of(lease)->owner_fd >= 0;
}

static void on_owner_gone(evutil_socket_t fd, short what, void *userdata)
{
        Lease *lease = userdata;

        module_report(lease->ledger, EVENT_OWNER_GONE, lease, NULL);
}

int descriptors_watch_owner(Lease *lease)
{
        Descriptors *own = of(lease);

        if (lease->record->lifetime == LEASE_LIFETIME_CONNECTION)
                ledger_need_name(lease->ledger, lease->record->owner.name);
        if (lease->record->lifetime != LEASE_LIFETIME_FD)
                return 0;
        /* For epoll, the write end of a pipe without readers has an error: it is readable. */
        return event_watch(&own->owner_event, lease->ledger->base, own->owner_fd, EV_READ,
                           on_owner_gone, lease);
}

void descriptors_forget_owner(Lease *lease)
{
        forget_owner(of(lease));
}

int descriptors_client_fd(const Lease *lease)
{
        return of(lease)->client_fd;
}

void descriptors_close_client_fd(Lease *lease)
{
        Descriptors *own = of(lease);

        closep(&own->client_fd);
        own->client_fd = -1;
}

int lease_open_fd(const Lease *lease)
{
        char path[64];
        int ends[2];

        if (lease->record->lifetime != LEASE_LIFETIME_FD) {
                if (pipe2(ends, O_CLOEXEC) < 0)
                        return -errno;
                (void)close(ends[1]);
                return ends[0];
        }
        /* Opens another read end of the pipe by the daemon's write end. */
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", of(lease)->owner_fd);
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        return fd < 0 ? -errno : fd;
}
