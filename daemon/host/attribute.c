/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files of sysfs by the format of their path, and the attributes of a PCI function by name. */

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
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

int host_read_target_at(char target[static PATH_MAX], const char *format, ...)
{
        char path[PATH_MAX];

        MAKE_PATH(path, format);
        ssize_t n = readlink(path, target, PATH_MAX - 1);
        if (n < 0)
                return -errno;
        target[n] = '\0';
        return 0;
}

int host_read_link_name(const char *path, char **ret_name)
{
        char target[PATH_MAX];

        int r = host_read_target_at(target, "%s", path);
        if (r < 0)
                return r;
        const char *slash = strrchr(target, '/');
        char *name = strdup(slash ? slash + 1 : target);
        if (!name)
                return -ENOMEM;
        *ret_name = name;
        return 0;
}

int host_read_link_at(char **ret_name, const char *format, ...)
{
        char path[PATH_MAX];

        MAKE_PATH(path, format);
        return host_read_link_name(path, ret_name);
}

int host_remove_at(const char *format, ...)
{
        char path[PATH_MAX];

        MAKE_PATH(path, format);
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

bool host_has(const char *format, ...)
{
        char path[PATH_MAX];
        struct stat status;

        MAKE_PATH(path, format);
        return lstat(path, &status) == 0;
}

FILE *host_open_text(const char *format, ...)
{
        char path[PATH_MAX];

        MAKE_PATH(path, format);
        return fopen(path, "re");
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
