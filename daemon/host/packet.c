/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* sendmsg(2) and recvmsg(2) with SCM_RIGHTS, and memfd_create(2). */

#include "daemon/host/packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/probe/cleanup.h"

typedef union Control {
        char buffer[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
} Control;

int packet_send(int socket_fd, const void *data, size_t n, int fd)
{
        Control control = {.buffer = {0}};
        struct iovec iov = {.iov_base = (void *)data, .iov_len = n};
        struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

        if (fd >= 0) {
                message.msg_control = control.buffer;
                message.msg_controllen = sizeof(control.buffer);
                struct cmsghdr *header = CMSG_FIRSTHDR(&message);
                header->cmsg_level = SOL_SOCKET;
                header->cmsg_type = SCM_RIGHTS;
                header->cmsg_len = CMSG_LEN(sizeof(int));
                memcpy(CMSG_DATA(header), &fd, sizeof(int));
        }
        return TEMP_FAILURE_RETRY(sendmsg(socket_fd, &message, MSG_NOSIGNAL)) < 0 ? -errno : 0;
}

int packet_receive(int socket_fd, void *data, size_t n, int flags, int *ret_fd)
{
        Control control;
        struct iovec iov = {.iov_base = data, .iov_len = n};
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control.buffer,
                .msg_controllen = sizeof(control.buffer),
        };
        _cleanup_(closep) int fd = -1;

        *ret_fd = -1;
        ssize_t got = TEMP_FAILURE_RETRY(recvmsg(socket_fd, &message, flags | MSG_CMSG_CLOEXEC));
        if (got < 0)
                return errno == EAGAIN ? 0 : -errno;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
                memcpy(&fd, CMSG_DATA(header), sizeof(int));
        if (got == 0)
                return 0;
        if ((size_t)got != n || message.msg_flags & MSG_TRUNC)
                return -EBADMSG;
        *ret_fd = TAKE_FD(fd);
        return 1;
}

int packet_memory_make(const char *name, const void *data, size_t n)
{
        _cleanup_(closep) int fd = memfd_create(name, MFD_CLOEXEC);
        if (fd < 0)
                return -errno;
        for (size_t done = 0; done < n;) {
                ssize_t r = pwrite(fd, (const char *)data + done, n - done, (off_t)done);

                if (r < 0)
                        return -errno;
                done += (size_t)r;
        }
        return TAKE_FD(fd);
}

int packet_memory_read(int fd, size_t max, void **ret, size_t *ret_n)
{
        struct stat status;

        if (fstat(fd, &status) < 0)
                return -errno;
        if (!S_ISREG(status.st_mode) || status.st_size < 0 || (size_t)status.st_size > max)
                return -EBADMSG;
        size_t n = (size_t)status.st_size;
        _cleanup_(freep) char *data = calloc(1, n + 1);
        if (!data)
                return -ENOMEM;
        if (pread(fd, data, n, 0) != status.st_size)
                return -EBADMSG;
        *ret_n = n;
        *ret = TAKE_PTR(data);
        return 0;
}
