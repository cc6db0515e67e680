/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Small sysfs files, read and written whole.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/model/text.h"
#include "daemon/host/host.h"

const char *host_device_path(const HostPaths *host, Bdf bdf, const char *name,
                             char path[static PATH_MAX])
{
        char text[BDF_TEXT_SIZE];

        (void)snprintf(path, PATH_MAX, "%s/bus/pci/devices/%s/%s", host->sysfs,
                       bdf_format(bdf, text), name);
        return path;
}

int host_refuse(Refusal refusal, char **ret_message, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        *ret_message = text_vprint(format, args);
        va_end(args);
        return (int)refusal;
}

int host_refuse_write(int error, char **ret_message, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        _cleanup_(freep) char *text = text_vprint(format, args);
        va_end(args);
        return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message, "%s%s%s", text ? text : "",
                           error < 0 ? ": " : "", error < 0 ? strerror(-error) : "");
}

void host_keep_first(int r, char **message, int *first, char **ret_message)
{
        if (r == 0 || r == -ENOENT || *first != 0)
                return;
        *first = r;
        *ret_message = TAKE_PTR(*message);
}

int host_read_text(const char *path, char **ret_text)
{
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;

        char buffer[HOST_TEXT_SIZE];
        ssize_t n = read(fd, buffer, sizeof(buffer) - 1);
        if (n < 0)
                return -errno;
        while (n > 0 && buffer[n - 1] == '\n')
                n--;
        buffer[n] = '\0';

        char *text = strdup(buffer);
        if (!text)
                return -ENOMEM;
        *ret_text = text;
        return 0;
}

int host_write_text(const char *path, const char *text)
{
        _cleanup_(closep) int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;

        size_t n_text = strlen(text);
        ssize_t n = write(fd, text, n_text);
        if (n < 0)
                return -errno;
        return (size_t)n == n_text ? 0 : -EIO;
}
