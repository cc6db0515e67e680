/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Walks to a file, name by name, and follows links itself. */

#include "core/probe/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "core/probe/cleanup.h"

#define LINKS_MAX 40    /* the kernel's limit */
#define NAMES_MAX 4096U /* longest path, with all links, in names */
#define ACL_ATTRIBUTE "system.posix_acl_access"

const Trust trust_root = {.owner = 0, .above = NULL};

typedef struct Way {
        const Trust *trust;
        int fd;              /* the directory that has been reached */
        char path[PATH_MAX]; /* its path, "" for the root: without links and dots */
        char rest[PATH_MAX]; /* the rest of the path */
        unsigned n_links;
        char **ret_reason;
} Way;

static void way_leave(Way *way)
{
        closep(&way->fd);
}

/* Does the file have an access control list? Only for the message. */
static bool has_acl(int fd)
{
        char path[64];

        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return getxattr(path, ACL_ATTRIBUTE, NULL, 0) > 0;
}

/* Reports the file, the reason, and the command that fixes it. */
static int refuse(const Way *way, const char *path, const char *why, const char *remedy)
{
        if (asprintf(way->ret_reason, "%s: %s; only root may be able to change policy files: %s %s",
                     path, why, remedy, path) < 0) {
                *way->ret_reason = NULL;
                return -ENOMEM;
        }
        return TRUST_E_REFUSED;
}

/* Refuses an open file that others than root can change; `path` is for the message. */
static int look(const Way *way, int fd, const char *path)
{
        struct stat st;
        char why[64];

        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
                return 0; /* everybody may write /dev/null, which is empty */
        if (st.st_uid != 0 && st.st_uid != way->trust->owner) {
                (void)snprintf(why, sizeof(why), "belongs to uid %u", st.st_uid);
                return refuse(way, path, why, "chown root");
        }
        if (st.st_mode & S_IWOTH)
                return refuse(way, path, "everybody may write it", "chmod go-w");
        if (!(st.st_mode & S_IWGRP))
                return 0;
        if (has_acl(fd))
                return refuse(way, path, "its access control list lets others write it",
                              "setfacl -b");
        (void)snprintf(why, sizeof(why), "group %u may write it", st.st_gid);
        return refuse(way, path, why, "chmod g-w");
}

/* Is the directory above the directory that a test trusts? */
static bool is_above(const Trust *trust, const char *path)
{
        size_t n = strlen(path);

        return trust->above && strncmp(trust->above, path, n) == 0 &&
               (trust->above[n] == '/' || trust->above[n] == '\0');
}

/* Continues at a directory; owns its descriptor. */
static int enter(Way *way, int fd)
{
        closep(&way->fd);
        way->fd = fd;
        if (is_above(way->trust, way->path))
                return 0;
        return look(way, fd, way->path[0] ? way->path : "/");
}

static int enter_root(Way *way)
{
        int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        way->path[0] = '\0';
        return enter(way, fd);
}

static int enter_above(Way *way)
{
        int fd = openat(way->fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        char *slash = strrchr(way->path, '/');

        if (fd < 0)
                return -errno;
        if (slash)
                *slash = '\0';
        return enter(way, fd);
}

/* Removes the next name from the path; false if there is none. */
static bool next_name(Way *way, char name[static NAME_MAX + 1], int *ret_error)
{
        char *at = way->rest + strspn(way->rest, "/");
        size_t n = strcspn(at, "/");

        *ret_error = n > NAME_MAX ? -ENAMETOOLONG : 0;
        if (n == 0 || n > NAME_MAX)
                return false;
        memcpy(name, at, n);
        name[n] = '\0';
        memmove(way->rest, at + n, strlen(at + n) + 1);
        return true;
}

static int append(Way *way, const char *name)
{
        size_t n = strlen(way->path);

        return (size_t)snprintf(way->path + n, sizeof(way->path) - n, "/%s", name) <
                               sizeof(way->path) - n
                       ? 0
                       : -ENAMETOOLONG;
}

/* Puts a link's target in front of the rest of the path. */
static int follow(Way *way, int link)
{
        char target[PATH_MAX], rest[PATH_MAX];
        ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);

        if (n < 0)
                return -errno;
        target[n] = '\0';
        if (++way->n_links > LINKS_MAX)
                return -ELOOP;
        if ((size_t)snprintf(rest, sizeof(rest), "%s/%s", target, way->rest) >= sizeof(rest))
                return -ENAMETOOLONG;
        memcpy(way->rest, rest, sizeof(rest));
        return target[0] == '/' ? enter_root(way) : 0;
}

/* Opens the name for reading; later checks use the open file. */
static int open_last(Way *way, const char *name, int *ret_fd)
{
        _cleanup_(closep) int fd =
                openat(way->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        int r = append(way, name);
        if (r == 0)
                r = look(way, fd, way->path);
        if (r == 0)
                *ret_fd = TAKE_FD(fd);
        return r;
}

/* Walks one name; *ret_fd is no longer -1 if it was the last one. */
static int step(Way *way, const char *name, int *ret_fd)
{
        struct stat st;

        if (strcmp(name, ".") == 0)
                return 0;
        if (strcmp(name, "..") == 0)
                return enter_above(way);
        _cleanup_(closep) int fd = openat(way->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (S_ISLNK(st.st_mode))
                return follow(way, fd);
        if (way->rest[strspn(way->rest, "/")] == '\0')
                return open_last(way, name, ret_fd);
        if (!S_ISDIR(st.st_mode))
                return -ENOTDIR;
        int r = append(way, name);
        return r < 0 ? r : enter(way, TAKE_FD(fd));
}

int trust_open(const Trust *trust, const char *path, int *ret_fd, char **ret_reason)
{
        _cleanup_(way_leave) Way way = {.trust = trust, .fd = -1, .ret_reason = ret_reason};
        char name[NAME_MAX + 1], here[PATH_MAX] = "";
        int fd = -1, error = 0;

        if (path[0] != '/' && !getcwd(here, sizeof(here)))
                return -errno;
        if ((size_t)snprintf(way.rest, sizeof(way.rest), "%s/%s", here, path) >= sizeof(way.rest))
                return -ENAMETOOLONG;
        int r = enter_root(&way);
        for (unsigned i = 0; r == 0 && fd < 0 && next_name(&way, name, &error); i++)
                r = i < NAMES_MAX ? step(&way, name, &fd) : -ELOOP;
        if (r == 0 && fd < 0) /* the path ends in "." or ".." */
                r = error < 0 ? error : -EISDIR;
        if (r == 0)
                *ret_fd = fd;
        return r;
}
