/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files of sysfs by the format of their path, and the attributes of a PCI function by name. */

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "daemon/host/host.h"

/* Makes the path that a caller's format and arguments describe. */
#define MAKE_PATH(path, format)                                                                    \
        do {                                                                                       \
                va_list args;                                                                      \
                va_start(args, format);                                                            \
                (void)vsnprintf(path, sizeof(path), format, args);                                 \
                va_end(args);                                                                      \
        } while (0)

int host_read_at(char **ret_text, const char *format, ...)
{
        char path[PATH_MAX];

        MAKE_PATH(path, format);
        return host_read_text(path, ret_text);
}

int host_write_at(const char *text, const char *format, ...)
{
        char path[PATH_MAX];

        MAKE_PATH(path, format);
        return host_write_text(path, text);
}

int host_read_link_at(char **ret_name, const char *format, ...)
{
        char path[PATH_MAX];

        MAKE_PATH(path, format);
        return host_read_link_name(path, ret_name);
}

bool host_has(const char *format, ...)
{
        char path[PATH_MAX];
        struct stat status;

        MAKE_PATH(path, format);
        return lstat(path, &status) == 0;
}

DIR *host_open_directory(const char *format, ...)
{
        char path[PATH_MAX];

        MAKE_PATH(path, format);
        return opendir(path);
}

int host_read_device(const HostPaths *host, Bdf bdf, const char *name, char **ret_text)
{
        char path[PATH_MAX];

        return host_read_text(host_device_path(host, bdf, name, path), ret_text);
}

int host_write_device(const HostPaths *host, Bdf bdf, const char *name, const char *text)
{
        char path[PATH_MAX];

        return host_write_text(host_device_path(host, bdf, name, path), text);
}

int host_read_device_link(const HostPaths *host, Bdf bdf, const char *name, char **ret_name)
{
        char path[PATH_MAX];

        return host_read_link_name(host_device_path(host, bdf, name, path), ret_name);
}

bool host_has_device(const HostPaths *host, Bdf bdf)
{
        char path[PATH_MAX];

        return access(host_device_path(host, bdf, ".", path), F_OK) == 0;
}
