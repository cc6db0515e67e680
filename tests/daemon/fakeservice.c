/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* sd_notify(3)'s messages: FDSTORE=1, FDSTOREREMOVE=1 and BARRIER=1. */

#include "tests/daemon/fakeservice.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(bool ok, const char *what)
{
        if (!ok) {
                perror(what);
                abort();
        }
}

void fakeservice_start(FakeService *service, const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        service->n_items = 0;
        service->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        must(service->socket >= 0, "socket");
        must(bind(service->socket, (struct sockaddr *)&address, sizeof(address)) == 0, path);
        must(setenv("NOTIFY_SOCKET", path, 1) == 0, "setenv");
        /* Makes this process the parent of a daemon's orphans, so that it can wait for them. */
        must(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0, "prctl");
}

void fakeservice_forget(FakeService *service)
{
        while (service->n_items > 0)
                closep(&service->items[--service->n_items].fd);
}

void fakeservice_stop(FakeService *service)
{
        fakeservice_forget(service);
        closep(&service->socket);
        (void)unsetenv("NOTIFY_SOCKET");
}

static void remove_fd(FakeService *service, const char *name)
{
        for (size_t i = service->n_items; i-- > 0;)
                if (strcmp(service->items[i].name, name) == 0) {
                        closep(&service->items[i].fd);
                        service->items[i] = service->items[--service->n_items];
                }
}

/* Handles one message; takes ownership of `fd`. */
static void take(FakeService *service, char *text, int fd)
{
        char name[sizeof(service->items[0].name)] = "", *rest = text;
        bool stores = false, removes = false;

        for (char *line; (line = strsep(&rest, "\n"));) {
                stores |= strcmp(line, "FDSTORE=1") == 0;
                removes |= strcmp(line, "FDSTOREREMOVE=1") == 0;
                if (strncmp(line, "FDNAME=", strlen("FDNAME=")) == 0)
                        (void)snprintf(name, sizeof(name), "%s", line + strlen("FDNAME="));
        }
        if (removes)
                remove_fd(service, name);
        if (!stores || fd < 0 || service->n_items == FAKESERVICE_FDS_MAX) {
                closep(&fd); /* of a barrier: closing this descriptor passes the barrier */
                return;
        }
        (void)snprintf(service->items[service->n_items].name, sizeof(name), "%s", name);
        service->items[service->n_items++].fd = fd;
}

/* Reads and handles one message. Returns false if there is none. */
static bool receive(FakeService *service)
{
        union {
                char buffer[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control;
        char text[4096];
        struct iovec part = {.iov_base = text, .iov_len = sizeof(text) - 1};
        struct msghdr message = {
                .msg_iov = &part,
                .msg_iovlen = 1,
                .msg_control = control.buffer,
                .msg_controllen = sizeof(control.buffer),
        };
        int fd = -1;

        ssize_t n = recvmsg(service->socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0)
                return false;
        for (struct cmsghdr *each = CMSG_FIRSTHDR(&message); each;
             each = CMSG_NXTHDR(&message, each))
                if (each->cmsg_level == SOL_SOCKET && each->cmsg_type == SCM_RIGHTS)
                        memcpy(&fd, CMSG_DATA(each), sizeof(fd));
        text[n] = '\0';
        take(service, text, fd);
        return true;
}

int fakeservice_run(FakeService *service, pid_t child)
{
        _cleanup_(closep) int pid_fd = (int)syscall(SYS_pidfd_open, child, 0);
        struct pollfd waits[] = {
                {.fd = service->socket, .events = POLLIN},
                {.fd = pid_fd, .events = POLLIN},
        };
        int status = 0;

        must(pid_fd >= 0, "pidfd_open");
        while (!waits[1].revents) {
                must(poll(waits, ARRAY_SIZE(waits), -1) >= 0 || errno == EINTR, "poll");
                while (receive(service))
                        continue;
        }
        must(waitpid(child, &status, 0) == child, "waitpid");
        while (waitpid(-1, NULL, 0) >= 0 || errno == EINTR)
                continue;
        while (receive(service))
                continue;
        return status;
}

FdStore fakeservice_give(const FakeService *service)
{
        FdStore store = {.items = calloc(service->n_items + 1, sizeof(*store.items))};

        must(store.items != NULL, "calloc");
        for (size_t i = 0; i < service->n_items; i++) {
                struct FdStoreItem *item = &store.items[store.n_items++];

                item->name = strdup(service->items[i].name);
                item->fd = service->items[i].fd;
                must(item->name != NULL, "strdup");
        }
        return store;
}
