/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A walk over /proc/PID/fd.
 *
 * The node of a group or device is known by its device number. A device that was opened through a
 * group has no node ("anon_inode:[vfio-device]"). From Linux 6.18 on its fdinfo names the device.
 * Before that it may be any device; it counts for certain only if the process also holds a node of
 * the search. statx(2) is told not to ask file servers: one that hangs does not block the walk.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "daemon/base/array.h"
#include "daemon/host/holders.h"

#define ANON_DEVICE "anon_inode:[vfio-device]"
#define FDINFO_PATH "vfio-device-syspath:"

/* Whether a process, or one descriptor of it, holds anything of the search. */
typedef enum Hold {
        HOLD_NOT,
        HOLD_PERHAPS,
        HOLD_SURELY,
} Hold;

/* --- one descriptor --------------------------------------------------------------------------- */

/* The index of the node that a descriptor refers to, or n_nodes. */
static size_t find_node(const HolderSearch *search, int directory, const char *fd)
{
        HolderNode node;
        size_t i = 0;

        if (!holder_node_look(directory, fd, 0, &node))
                return search->n_nodes; /* closed meanwhile */
        while (i < search->n_nodes &&
               (search->nodes[i].kind != node.kind || search->nodes[i].device != node.device ||
                search->nodes[i].inode != node.inode))
                i++;
        return i;
}

static bool has_device(const HolderSearch *search, const char *address)
{
        Bdf bdf;

        for (size_t i = 0; bdf_parse(address, &bdf) && i < search->n_devices; i++)
                if (bdf_equal(search->devices[i], bdf))
                        return true;
        return false;
}

/* Whether a VFIO device's descriptor is of a device of the search, as far as fdinfo tells. */
static Hold ask_fdinfo(const HolderSearch *search, int process, const char *fd)
{
        char path[NAME_MAX + 16], text[HOST_TEXT_SIZE];

        (void)snprintf(path, sizeof(path), "fdinfo/%s", fd);
        _cleanup_(closep) int file = openat(process, path, O_RDONLY | O_CLOEXEC);
        if (file < 0)
                return HOLD_PERHAPS;
        ssize_t n = read(file, text, sizeof(text) - 1);
        text[n > 0 ? n : 0] = '\0';
        char *line = strstr(text, FDINFO_PATH);
        if (!line)
                return HOLD_PERHAPS;
        line[strcspn(line, "\n")] = '\0';
        const char *slash = strrchr(line, '/');
        return slash && has_device(search, slash + 1) ? HOLD_SURELY : HOLD_NOT;
}

static Hold examine(const HolderSearch *search, int process, int directory, const char *fd)
{
        char target[sizeof(ANON_DEVICE) + 1];

        if (find_node(search, directory, fd) < search->n_nodes)
                return HOLD_SURELY;
        ssize_t n = readlinkat(directory, fd, target, sizeof(target));
        if (n != (ssize_t)strlen(ANON_DEVICE) || memcmp(target, ANON_DEVICE, (size_t)n) != 0)
                return HOLD_NOT;
        return ask_fdinfo(search, process, fd);
}

/* --- one process ------------------------------------------------------------------------------ */

/* Fields 22 (start) and 4 (parent) of proc(5)'s stat; the name before them may hold anything. */
static bool read_stat(int process, uint64_t *ret_start, pid_t *ret_parent)
{
        char text[1024];
        unsigned long long start;
        int parent;

        process_read_file(process, "stat", text, sizeof(text));
        const char *rest = strrchr(text, ')');
        if (!rest || sscanf(rest,
                            ") %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
                            "%*d %*d %*d %llu",
                            &parent, &start) != 2)
                return false;
        *ret_start = start;
        *ret_parent = parent;
        return true;
}

static void describe(int process, Holder *holder)
{
        char text[HOST_TEXT_SIZE];
        Process names;

        process_describe(process, &names);
        memcpy(holder->comm, names.comm, sizeof(holder->comm));
        memcpy(holder->unit, names.unit, sizeof(holder->unit));
        process_read_file(process, "status", text, sizeof(text));
        const char *line = strstr(text, "\nUid:");
        if (!line || sscanf(line, "\nUid: %u", &holder->uid) != 1)
                holder->uid = UINT32_MAX;
}

static Hold examine_all(const HolderSearch *search, int process)
{
        Hold hold = HOLD_NOT;
        int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(closedirp) DIR *directory = fd < 0 ? NULL : fdopendir(fd);

        if (!directory) {
                closep(&fd);
                return HOLD_NOT;
        }
        for (struct dirent *entry; hold != HOLD_SURELY && (entry = readdir(directory));) {
                if (entry->d_name[0] == '.')
                        continue;
                Hold now = examine(search, process, dirfd(directory), entry->d_name);
                hold = now > hold ? now : hold;
        }
        return hold;
}

/* Returns whether the process holds anything; if so, fills *holder except for the names. */
static bool is_holder(const HolderSearch *search, int process, Holder *holder)
{
        pid_t parent;

        if (!read_stat(process, &holder->start, &parent) || parent == search->daemon)
                return false;
        Hold hold = examine_all(search, process);
        holder->certain = hold == HOLD_SURELY;
        return hold != HOLD_NOT;
}

bool holder_read_start(const HostPaths *host, int32_t pid, uint64_t *ret_start)
{
        _cleanup_(closep) int process = process_open(host->proc, pid);
        pid_t parent;

        return process >= 0 && read_stat(process, ret_start, &parent);
}

/* --- all of them ------------------------------------------------------------------------------ */

static int compare_holder(const void *a, const void *b)
{
        const Holder *left = a, *right = b;

        if (left->pid != right->pid)
                return left->pid < right->pid ? -1 : 1;
        return (left->node > right->node) - (left->node < right->node);
}

static int add_holder(HolderList *list, const Holder *holder)
{
        if (!ARRAY_GROW(list->items, list->n_items))
                return -ENOMEM;
        list->items[list->n_items++] = *holder;
        return 0;
}

/* Adds the process once if it holds anything of the search. */
static int look_at_process(const HolderSearch *search, int process, Holder *holder,
                           HolderList *list)
{
        if (!is_holder(search, process, holder))
                return 0;
        describe(process, holder);
        return add_holder(list, holder);
}

static bool is_told(const HolderList *list, int32_t pid, uint32_t node)
{
        for (size_t i = list->n_items; i > 0 && list->items[i - 1].pid == pid; i--)
                if (list->items[i - 1].node == node)
                        return true;
        return false;
}

/* Adds the process once for each node of the search that it has open. */
static int look_at_each(const HolderSearch *search, int process, Holder *holder, HolderList *list)
{
        int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(closedirp) DIR *directory = fd < 0 ? NULL : fdopendir(fd);
        int r = 0;

        if (!directory) {
                r = -errno;
                closep(&fd);
                return r == -ENOENT || r == -ESRCH ? 0 : r;
        }
        holder->certain = true;
        for (struct dirent *entry; r == 0 && (errno = 0, entry = readdir(directory));) {
                size_t node = entry->d_name[0] == '.'
                                      ? search->n_nodes
                                      : find_node(search, dirfd(directory), entry->d_name);

                holder->node = (uint32_t)node;
                if (node == search->n_nodes || is_told(list, holder->pid, holder->node))
                        continue;
                describe(process, holder);
                r = add_holder(list, holder);
        }
        if (r == 0 && errno != 0 && errno != ENOENT && errno != ESRCH)
                r = -errno;
        return r;
}

/* Whether the process's descriptors may be read: either all or none. */
static bool may_look(int process)
{
        int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(closedirp) DIR *directory = fd < 0 ? NULL : fdopendir(fd);
        char target[sizeof(ANON_DEVICE) + 1];

        if (!directory) {
                int error = errno;

                closep(&fd);
                return error != EACCES && error != EPERM;
        }
        for (struct dirent *entry; (entry = readdir(directory));)
                if (entry->d_name[0] != '.')
                        return readlinkat(dirfd(directory), entry->d_name, target,
                                          sizeof(target)) >= 0 ||
                               (errno != EACCES && errno != EPERM);
        return true;
}

/* Whether the search includes the process. */
static bool counts(const HolderSearch *search, long pid)
{
        if (pid <= 0 || pid > INT32_MAX)
                return false;
        return search->each || (pid > 1 && pid != search->daemon && pid != search->keeper);
}

int holders_find(const HostPaths *host, const HolderSearch *search, HolderList *ret)
{
        _cleanup_(holder_list_clear) HolderList list = {.items = NULL};
        _cleanup_(closedirp) DIR *directory = opendir(host->proc);
        if (!directory)
                return -errno;

        for (struct dirent *entry; (entry = readdir(directory)) && list.n_items < HOLDERS_MAX;) {
                Holder holder = {.pid = 0};
                char *end;
                long pid = strtol(entry->d_name, &end, 10);

                if (*end || !counts(search, pid))
                        continue;
                holder.pid = (int32_t)pid;
                _cleanup_(closep) int process = process_open(host->proc, holder.pid);
                if (process < 0)
                        continue; /* it has ended */
                if (search->strict && !may_look(process))
                        return -EACCES;
                int r = search->each ? look_at_each(search, process, &holder, &list)
                                     : look_at_process(search, process, &holder, &list);
                if (r < 0)
                        return r;
        }
        if (list.n_items > 0)
                qsort(list.items, list.n_items, sizeof(*list.items), compare_holder);
        *ret = list;
        list.items = NULL;
        return 0;
}

int holders_kill(const HostPaths *host, const HolderSearch *search, const HolderList *list,
                 size_t *ret_n)
{
        size_t n = 0;
        int failed = 0;

        for (size_t i = 0; i < list->n_items; i++) {
                Holder now = {.pid = list->items[i].pid};

                if (!list->items[i].certain)
                        continue;
                _cleanup_(closep) int pid_fd = (int)syscall(SYS_pidfd_open, now.pid, 0);
                _cleanup_(closep) int process = pid_fd < 0 ? -1 : process_open(host->proc, now.pid);
                /* The process may have ended, and its number may belong to another process now. */
                if (process < 0 || !is_holder(search, process, &now) || !now.certain ||
                    now.start != list->items[i].start)
                        continue;
                if (syscall(SYS_pidfd_send_signal, pid_fd, SIGKILL, NULL, 0) == 0)
                        n++;
                else if (errno != ESRCH)
                        failed = -errno;
        }
        *ret_n = n;
        return failed;
}
