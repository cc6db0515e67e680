/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Writing and removing trees.
 */

#include "tree.h"

#include "core/model/base.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static void must(int ok, const char *what)
{
        if (!ok) {
                fprintf(stderr, "%s: %s\n", what, strerror(errno));
                abort();
        }
}

/* Writes the full path and creates its directories. */
static const char *full(const char *path, char text[static 512])
{
        int n = snprintf(text, 512, "%s/%s", root, path);

        must(n > 0 && n < 512, path);
        for (char *p = text + strlen(root) + 1; (p = strchr(p, '/')); p++) {
                *p = '\0';
                must(mkdir(text, 0700) == 0 || errno == EEXIST, text);
                *p = '/';
        }
        return text;
}

const char *tree_make(void)
{
        (void)umask(022); /* the daemon rejects files that other users may write */
        char text[512];

        /* In memory where that is possible: thousands of small files keep a disk's journal busy. */
        (void)snprintf(root, sizeof(root), "/dev/shm/isolationd-tree-XXXXXX");
        if (!mkdtemp(root)) {
                (void)snprintf(root, sizeof(root), "/tmp/isolationd-tree-XXXXXX");
                must(mkdtemp(root) != NULL, root);
        }
        must(mkdir(full("bus/pci/devices", text), 0700) == 0, text);
        return root;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
        return remove(path);
}

void tree_remove(void)
{
        must(nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, root);
}

void tree_bytes(const char *path, const void *bytes, size_t n_bytes)
{
        char text[512];
        FILE *file = fopen(full(path, text), "w");

        must(file != NULL, text);
        must(fwrite(bytes, 1, n_bytes, file) == n_bytes, text);
        must(fclose(file) == 0, text);
}

void tree_file(const char *path, const char *text)
{
        tree_bytes(path, text, strlen(text));
}

void tree_link(const char *path, const char *target)
{
        char text[512];

        must(symlink(target, full(path, text)) == 0, text);
}

void tree_fifo(const char *path)
{
        char text[512];

        must(mkfifo(full(path, text), 0600) == 0, text);
}

static void tree_number(const char *directory, const char *name, unsigned value)
{
        char path[256], text[16];

        (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
        (void)snprintf(text, sizeof(text), "0x%04x\n", value);
        tree_file(path, text);
}

void tree_device(const char *path, unsigned vendor, unsigned device, unsigned class_code)
{
        char link[256], target[256];

        tree_number(path, "vendor", vendor);
        tree_number(path, "device", device);
        tree_number(path, "class", class_code);
        (void)snprintf(link, sizeof(link), "bus/pci/devices/%s", strrchr(path, '/') + 1);
        (void)snprintf(target, sizeof(target), "../../../%s", path);
        tree_link(link, target);
}

void tree_config(const char *path, size_t size, unsigned pcie_type, int acs)
{
        uint8_t bytes[4096] = {0};
        char name[256];

        bytes[0x06] = 0x10;
        bytes[0x34] = 0x40;
        bytes[0x40] = 0x10;
        bytes[0x42] = (uint8_t)(pcie_type << 4);
        if (acs) {
                bytes[0x100] = 0x0d;
                bytes[0x102] = 0x01;
                bytes[0x104] = 0x1d;
                bytes[0x106] = 0x1d;
        }
        (void)snprintf(name, sizeof(name), "%s/config", path);
        tree_bytes(name, bytes, size);
}
