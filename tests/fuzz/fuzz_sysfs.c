/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A sysfs tree made of the input's lines:
 *
 *   D path          a directory below the root, and a link to it in bus/pci/devices
 *   G name          a directory in kernel/iommu_groups
 *   S name          a directory in bus/pci/slots
 *   L path target   only such a link, named by the path's last component
 *   F name text     a file in the last directory that was made
 *   K name target   a link there
 *   C hex           its config
 *
 * The target writes nothing outside the tree: it skips names that begin with a slash or a dot, and
 * targets that lead up more levels than a device is deep.
 */

#include "fuzz.h"

#include "check_groups.h"
#include "check_json.h"
#include "core/probe/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINES_MAX 300
#define WORD_SIZE 128

typedef struct Tree {
        int root; /* directories opened */
        int devices;
        int current; /* or -1 */
} Tree;

/* Of path characters only, and no component begins with a dot. */
static bool is_path(const char *path)
{
        return path[0] != '\0' && path[0] != '/' && path[0] != '.' &&
               strspn(path, "0123456789abcdefpcivVmd:./") == strlen(path) && !strstr(path, "/.");
}

static bool is_name(const char *name)
{
        return name[0] != '\0' && name[0] != '.' && !strchr(name, '/');
}

static void make_directory(Tree *tree, char *path)
{
        for (char *p = path; (p = strchr(p, '/')); p++) {
                *p = '\0';
                (void)mkdirat(tree->root, path, 0700);
                *p = '/';
        }
        (void)mkdirat(tree->root, path, 0700);
        if (tree->current >= 0)
                (void)close(tree->current);
        tree->current = openat(tree->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void make_device_link(Tree *tree, const char *path, const char *target)
{
        const char *name = strrchr(path, '/');

        name = name ? name + 1 : path;
        if (is_name(name))
                (void)!symlinkat(target, tree->devices, name);
}

static void make_file(Tree *tree, const char *name, const void *bytes, size_t n_bytes)
{
        int fd;

        if (tree->current < 0 || !is_name(name))
                return;
        fd = openat(tree->current, name,
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
        if (fd < 0)
                return;
        (void)!write(fd, bytes, n_bytes);
        (void)close(fd);
}

static void make_config(Tree *tree, const char *hex)
{
        uint8_t bytes[4096] = {0};
        size_t n = 0;

        for (; n < sizeof(bytes) && hex[0] && hex[1]; hex += 2, n++) {
                char pair[] = {hex[0], hex[1], '\0'};

                bytes[n] = (uint8_t)strtoul(pair, NULL, 16);
        }
        make_file(tree, "config", bytes, n >= 64 ? sizeof(bytes) : n);
}

static void run_line(Tree *tree, char *line)
{
        char word[WORD_SIZE], target[WORD_SIZE + 32], *rest;
        size_t n = strcspn(line + 2, " ");

        if (n >= sizeof(word))
                return;
        memcpy(word, line + 2, n);
        word[n] = '\0';
        rest = line[2 + n] ? line + 2 + n + 1 : line + 2 + n;

        if (line[0] == 'D' && is_path(word)) {
                (void)snprintf(target, sizeof(target), "../../../%s", word);
                make_directory(tree, word);
                make_device_link(tree, word, target);
        } else if ((line[0] == 'G' || line[0] == 'S') && is_name(word)) {
                (void)snprintf(target, sizeof(target), "%s/%s",
                               line[0] == 'G' ? "kernel/iommu_groups" : "bus/pci/slots", word);
                make_directory(tree, target);
        } else if (line[0] == 'L' && is_path(word) && rest[0] && rest[0] != '/') {
                make_device_link(tree, word, rest);
        } else if (line[0] == 'F') {
                make_file(tree, word, rest, strlen(rest));
        } else if (line[0] == 'K' && tree->current >= 0 && is_name(word) && rest[0]) {
                (void)!symlinkat(rest, tree->current, word);
        } else if (line[0] == 'C') {
                make_config(tree, line + 2);
        }
}

static void make_tree(Tree *tree, const char *root, char *text)
{
        unsigned n = 0;

        tree->current = -1;
        tree->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        MUST(tree->root >= 0);
        MUST(mkdirat(tree->root, "bus", 0700) == 0 && mkdirat(tree->root, "bus/pci", 0700) == 0);
        MUST(mkdirat(tree->root, "bus/pci/devices", 0700) == 0);
        tree->devices = openat(tree->root, "bus/pci/devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        MUST(tree->devices >= 0);

        for (char *line = text, *end; line && *line && n < LINES_MAX; line = end, n++) {
                end = strchr(line, '\n');
                if (end)
                        *end++ = '\0';
                if (line[0] && line[1] == ' ')
                        run_line(tree, line);
        }
        if (tree->current >= 0)
                (void)close(tree->current);
        (void)close(tree->devices);
        (void)close(tree->root);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
        return remove(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_data)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(freep) char *text = strndup((const char *)data, n_data);
        char root[] = "/tmp/isolationd-fuzz-XXXXXX";
        Tree tree;

        MUST(text && mkdtemp(root));
        make_tree(&tree, root, text);
        MUST(sysfs_read_snapshot(root, &snapshot) == 0);
        check_groups(snapshot);
        check_json(snapshot);
        MUST(nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
        return 0;
}
