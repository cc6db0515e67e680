/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A walk over /proc/PID/fd.
 *
 * A group's or device's node is known by its device number. A device that was opened through a
 * group has no node ("anon_inode:[vfio-device]"): from 6.18 on its fdinfo names the device, before
 * that it could be anybody's, and counts for certain only beside a node of ours. statx(2) is asked
 * not to ask file servers: what hangs elsewhere does not hang this.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "daemon/host/holders.h"

#define ANON_DEVICE "anon_inode:[vfio-device]"
#define FDINFO_PATH "vfio-device-syspath:"
#define DESCRIBED_MAX 4 /* holders by name in a sentence */

/* What one process, or one descriptor of it, has to do with the search. */
typedef enum Hold {
        HOLD_NOT,
        HOLD_PERHAPS,
        HOLD_SURELY,
} Hold;

void holder_search_clear(HolderSearch *search)
{
        free(search->nodes);
        free(search->devices);
        *search = (HolderSearch){.nodes = NULL};
}

void holder_list_clear(HolderList *list)
{
        free(list->items);
        *list = (HolderList){.items = NULL};
}

/* --- what is looked for ----------------------------------------------------------------------- */

int holder_search_add_node(HolderSearch *search, const HolderNode *node)
{
        HolderNode *nodes = reallocarray(search->nodes, search->n_nodes + 1, sizeof(*nodes));
        if (!nodes)
                return -ENOMEM;
        search->nodes = nodes;
        nodes[search->n_nodes++] = *node;
        return 0;
}

static HolderNode node_of(const struct statx *status)
{
        bool is_device = S_ISCHR(status->stx_mode);

        return (HolderNode){
                .is_device = is_device,
                .device = is_device ? makedev(status->stx_rdev_major, status->stx_rdev_minor)
                                    : makedev(status->stx_dev_major, status->stx_dev_minor),
                .inode = is_device ? 0 : status->stx_ino,
        };
}

/* Returns whether there is such a file. */
static bool look_at(int directory, const char *name, int flags, HolderNode *ret_node)
{
        struct statx status;

        if (statx(directory, name, AT_STATX_DONT_SYNC | flags, STATX_TYPE | STATX_INO, &status) < 0)
                return false;
        *ret_node = node_of(&status);
        return true;
}

int holder_search_add_group(HolderSearch *search, const HostPaths *host, int32_t group)
{
        char path[PATH_MAX];
        HolderNode node;

        (void)snprintf(path, sizeof(path), "%s/vfio/%d", host->dev, group);
        return look_at(AT_FDCWD, path, 0, &node) ? holder_search_add_node(search, &node) : 0;
}

int holder_search_add_device(HolderSearch *search, const HostPaths *host, Bdf bdf)
{
        _cleanup_(freep) char *path = NULL;
        HolderNode node;
        Bdf *devices = reallocarray(search->devices, search->n_devices + 1, sizeof(*devices));
        if (!devices)
                return -ENOMEM;
        search->devices = devices;
        devices[search->n_devices++] = bdf;
        if (vfio_find_cdev(host, bdf, &path) < 0 || !look_at(AT_FDCWD, path, 0, &node))
                return 0;
        return holder_search_add_node(search, &node);
}

int holder_search_add_fds(HolderSearch *search, const VfioFds *fds)
{
        HolderNode node;

        for (size_t i = 0; i < fds->n_items; i++) {
                /* Everybody's containers and iommufds are the same node. */
                if (!strchr(fds->items[i].name, ':') ||
                    !look_at(fds->items[i].fd, "", AT_EMPTY_PATH, &node))
                        continue;
                int r = holder_search_add_node(search, &node);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- one descriptor --------------------------------------------------------------------------- */

static bool is_sought(const HolderSearch *search, const HolderNode *node)
{
        for (size_t i = 0; i < search->n_nodes; i++)
                if (search->nodes[i].is_device == node->is_device &&
                    search->nodes[i].device == node->device &&
                    search->nodes[i].inode == node->inode)
                        return true;
        return false;
}

static bool has_device(const HolderSearch *search, const char *address)
{
        Bdf bdf;

        for (size_t i = 0; bdf_parse(address, &bdf) && i < search->n_devices; i++)
                if (bdf_equal(search->devices[i], bdf))
                        return true;
        return false;
}

/* Whose a VFIO device's descriptor is, as far as the kernel says. */
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
        HolderNode node;

        if (look_at(directory, fd, 0, &node) && is_sought(search, &node))
                return HOLD_SURELY;
        ssize_t n = readlinkat(directory, fd, target, sizeof(target));
        if (n != (ssize_t)strlen(ANON_DEVICE) || memcmp(target, ANON_DEVICE, (size_t)n) != 0)
                return HOLD_NOT;
        return ask_fdinfo(search, process, fd);
}

/* --- one process ------------------------------------------------------------------------------ */

/* A small file of a process; "" if there is none. */
static void read_small(int process, const char *name, char *text, size_t size)
{
        _cleanup_(closep) int file = openat(process, name, O_RDONLY | O_CLOEXEC);
        ssize_t n = file < 0 ? 0 : read(file, text, size - 1);

        text[n > 0 ? n : 0] = '\0';
}

/* Field 22 of proc(5)'s stat, and field 4; the name before them may hold anything. */
static bool read_stat(int process, uint64_t *ret_start, pid_t *ret_parent)
{
        char text[1024];
        unsigned long long start;
        int parent;

        read_small(process, "stat", text, sizeof(text));
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

/* The last unit on the way down the cgroup tree: of a user's own manager the inner one. */
static void read_unit(int process, char *unit, size_t size)
{
        static const char *const kinds[] = {".service", ".scope"};
        char text[HOST_TEXT_SIZE], *rest = text;

        read_small(process, "cgroup", text, sizeof(text));
        unit[0] = '\0';
        for (char *name; (name = strsep(&rest, "/\n"));)
                for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                        size_t n = strlen(name), n_kind = strlen(kinds[i]);

                        if (n > n_kind && strcmp(name + n - n_kind, kinds[i]) == 0)
                                (void)snprintf(unit, size, "%s", name);
                }
}

static void describe(int process, Holder *holder)
{
        char text[HOST_TEXT_SIZE];

        read_small(process, "comm", holder->comm, sizeof(holder->comm));
        holder->comm[strcspn(holder->comm, "\n")] = '\0';
        read_unit(process, holder->unit, sizeof(holder->unit));
        read_small(process, "status", text, sizeof(text));
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

/* Returns whether the process holds anything; then the holder is filled but for its names. */
static bool is_holder(const HolderSearch *search, int process, Holder *holder)
{
        pid_t parent;

        if (!read_stat(process, &holder->start, &parent) || parent == search->daemon)
                return false;
        Hold hold = examine_all(search, process);
        holder->certain = hold == HOLD_SURELY;
        return hold != HOLD_NOT;
}

/* The process's directory, or -errno. */
static int open_process(const HostPaths *host, int32_t pid)
{
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/%d", host->proc, pid);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

bool holder_read_start(const HostPaths *host, int32_t pid, uint64_t *ret_start)
{
        _cleanup_(closep) int process = open_process(host, pid);
        pid_t parent;

        return process >= 0 && read_stat(process, ret_start, &parent);
}

/* --- all of them ------------------------------------------------------------------------------ */

static int compare_pid(const void *a, const void *b)
{
        int32_t left = ((const Holder *)a)->pid, right = ((const Holder *)b)->pid;

        return (left > right) - (left < right);
}

static int add_holder(HolderList *list, const Holder *holder)
{
        Holder *items = reallocarray(list->items, list->n_items + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;
        list->items = items;
        items[list->n_items++] = *holder;
        return 0;
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

                if (*end || pid <= 1 || pid > INT32_MAX || pid == search->daemon ||
                    pid == search->keeper)
                        continue;
                holder.pid = (int32_t)pid;
                _cleanup_(closep) int process = open_process(host, holder.pid);
                if (process < 0 || !is_holder(search, process, &holder))
                        continue;
                describe(process, &holder);
                int r = add_holder(&list, &holder);
                if (r < 0)
                        return r;
        }
        if (list.n_items > 0)
                qsort(list.items, list.n_items, sizeof(*list.items), compare_pid);
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
                _cleanup_(closep) int process = pid_fd < 0 ? -1 : open_process(host, now.pid);
                /* It may have gone, and its number may be another's by now. */
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

/* --- between processes, and in words ---------------------------------------------------------- */

int holders_to_fd(const HolderList *list)
{
        size_t n = list->n_items * sizeof(*list->items);

        _cleanup_(closep) int fd = memfd_create("holders", MFD_CLOEXEC);
        if (fd < 0)
                return -errno;
        for (size_t done = 0; done < n;) {
                ssize_t r = pwrite(fd, (const char *)list->items + done, n - done, (off_t)done);
                if (r < 0)
                        return -errno;
                done += (size_t)r;
        }
        return TAKE_FD(fd);
}

int holders_from_fd(int fd, HolderList *ret)
{
        _cleanup_(holder_list_clear) HolderList list = {.items = NULL};
        struct stat status;

        if (fstat(fd, &status) < 0)
                return -errno;
        if (status.st_size < 0 || (size_t)status.st_size > HOLDERS_MAX * sizeof(*list.items) ||
            (size_t)status.st_size % sizeof(*list.items) != 0)
                return -EBADMSG;
        size_t n = (size_t)status.st_size / sizeof(*list.items);
        list.items = calloc(n + 1, sizeof(*list.items));
        if (!list.items)
                return -ENOMEM;
        if (pread(fd, list.items, n * sizeof(*list.items), 0) != status.st_size)
                return -EBADMSG;
        list.n_items = n;
        *ret = list;
        list.items = NULL;
        return 0;
}

char *holders_describe(const HolderList *list)
{
        char *text = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&text, &size);

        if (!stream)
                return NULL;
        if (list->n_items == 0)
                (void)fputs("nobody", stream);
        for (size_t i = 0; i < list->n_items && i < DESCRIBED_MAX; i++) {
                const Holder *holder = &list->items[i];

                (void)fprintf(stream, "%s%s%d %s%s%s%s", i > 0 ? ", " : "",
                              holder->certain ? "" : "perhaps ", holder->pid, holder->comm,
                              holder->unit[0] ? " (" : "", holder->unit,
                              holder->unit[0] ? ")" : "");
        }
        if (list->n_items > DESCRIBED_MAX)
                (void)fprintf(stream, " and %zu more", list->n_items - DESCRIBED_MAX);
        if (fclose(stream) == 0)
                return text;
        free(text);
        return NULL;
}
