/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A grant, and descriptors that arrive separately from their message. */

#include "libclient/grant.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKET_SIZE 65536
/* The kernel's limit for one packet (SCM_MAX_FD). */
#define PACKET_FDS_MAX 253

iso_grant *grant_new(void)
{
        iso_grant *grant = calloc(1, sizeof(*grant));

        if (grant)
                grant->lease_fd = -1;
        return grant;
}

iso_grant *iso_grant_free(iso_grant *grant)
{
        if (grant) {
                for (size_t i = 0; i < grant->n_fds; i++) {
                        if (grant->fds[i].fd >= 0)
                                (void)close(grant->fds[i].fd);
                        free((char *)grant->fds[i].name);
                }
                if (grant->lease_fd >= 0)
                        (void)close(grant->lease_fd);
                free(grant->fds);
                free(grant);
        }
        return NULL;
}

int grant_add(iso_grant *grant, const char *name, int fd)
{
        iso_fd *fds = reallocarray(grant->fds, grant->n_fds + 1, sizeof(*fds));

        if (fds)
                grant->fds = fds;
        char *copy = fds ? strdup(name) : NULL;
        if (!copy) {
                (void)close(fd);
                return -ENOMEM;
        }
        grant->fds[grant->n_fds++] = (iso_fd){.name = copy, .fd = fd};
        return 0;
}

/* Adds one packet's descriptors; it owns or closes each of them. Returns 0 or -errno. */
static int add_packet(iso_grant *grant, char *names, const int *fds, size_t n)
{
        char *rest = names;
        int r = 0;

        for (size_t i = 0; i < n; i++) {
                const char *name = r == 0 ? strsep(&rest, "\n") : NULL;
                /* Above 2, because a program may have closed stdin, stdout or stderr. */
                int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);

                (void)close(fds[i]);
                if (r == 0 && (fd < 0 || !name || !*name))
                        r = fd < 0 ? -errno : -EBADMSG;
                if (r == 0)
                        r = grant_add(grant, name, fd);
                else if (fd >= 0)
                        (void)close(fd);
        }
        return r == 0 && rest && *rest ? -EBADMSG : r;
}

/* Returns 1, 0 at the end, or -errno. */
static int receive_packet(iso_grant *grant, int socket, char *names)
{
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(PACKET_FDS_MAX * sizeof(int))];
        } control;
        struct iovec part = {.iov_base = names, .iov_len = PACKET_SIZE - 1};
        struct msghdr message = {
                .msg_iov = &part,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        int fds[PACKET_FDS_MAX];
        size_t n = 0;

        ssize_t size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
        if (size <= 0)
                return size < 0 ? -errno : 0;
        names[size] = '\0';
        for (struct cmsghdr *each = CMSG_FIRSTHDR(&message); each;
             each = CMSG_NXTHDR(&message, each)) {
                if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS)
                        continue;
                size_t more = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                memcpy(fds + n, CMSG_DATA(each), more * sizeof(int));
                n += more;
        }
        int r = add_packet(grant, names, fds, n);
        if (r == 0 && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
                r = -EBADMSG;
        return r < 0 ? r : 1;
}

int grant_receive(iso_grant *grant, int socket)
{
        char *names = malloc(PACKET_SIZE);
        int r = names ? 1 : -ENOMEM;

        while (r > 0)
                r = receive_packet(grant, socket, names);
        free(names);
        return r;
}
