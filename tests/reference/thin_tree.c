/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Sysfs trees of made machines with a part removed (thinner.h): every file, link and directory
 * alone; of every configuration space the part behind its first 0, 64 or 256 bytes, the part behind
 * the start of each capability, and each capability alone.
 *
 * The absence of some files describes another complete machine. The changes that this may make are
 * excepted below.
 */

#include "thin_machines.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/probe/sysfs.h"
#include "thinner.h"
#include "tree.h"

#define PATHS_MAX 4096
#define PATH_SIZE 512
#define CONFIG_SIZE 4096

static char *paths[PATHS_MAX];
static size_t n_paths;
static size_t n_entries, n_cut, n_capabilities;

static bool read_tree(const char *root, Reading *reading)
{
        Snapshot *snapshot = NULL;

        *reading = (Reading){0};
        if (sysfs_read_snapshot(root, &snapshot) != 0)
                return false;
        if (sysfs_read_traits(root, snapshot) < 0)
                abort();
        reading_take(reading, snapshot);
        return true;
}

static int note_path(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
        (void)status;
        (void)kind;
        if (walk->level == 0)
                return 0;
        if (n_paths == PATHS_MAX || !(paths[n_paths] = strdup(path)))
                abort();
        n_paths++;
        return 0;
}

static bool ends_with(const char *text, const char *end)
{
        return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/*
 * The facts that can be compared without the file: all except those that its absence changes.
 */
static unsigned comparable(const char *path)
{
        /* Unbound: no driver has to be unbound. */
        if (ends_with(path, "/driver"))
                return THIN_ALL & ~THIN_BIT(STRENGTH_CLAIMABLE);
        /* No second requester ids from AMD's firmware; where there are, the kernel's groups show
         * it. */
        if (ends_with(path, "/IVRS") || ends_with(path, "/firmware") || ends_with(path, "/acpi") ||
            ends_with(path, "/tables"))
                return THIN_ALL & ~THIN_PARTITIONS;
        return THIN_ALL;
}

static bool read_again(const Reading *whole, const char *root, const char *where, unsigned what)
{
        _cleanup_(reading_deinit) Reading thin = {0};

        return !read_tree(root, &thin) || thin_check(whole, &thin, where, what);
}

/* Each entry of the tree is moved out of it and back. */
static bool take_entries(const Reading *whole, const char *root)
{
        char aside[PATH_SIZE];
        bool good = true;

        (void)snprintf(aside, sizeof(aside), "%s.aside", root);
        for (size_t i = 0; i < n_paths; i++) {
                if (rename(paths[i], aside) < 0)
                        abort();
                n_entries++;
                good &= read_again(whole, root, paths[i] + strlen(root), comparable(paths[i]));
                if (rename(aside, paths[i]) < 0)
                        abort();
        }
        return good;
}

static void write_config(const char *path, const uint8_t *bytes, size_t n)
{
        FILE *file = fopen(path, "we");

        if (!file || fwrite(bytes, 1, n, file) != n || fclose(file) != 0)
                abort();
}

/* Where capabilities begin, and where the pointer to each is. */
typedef struct Capability {
        size_t offset, pointer;
} Capability;

static size_t find_capabilities(const uint8_t *bytes, size_t n_bytes, Capability *list,
                                size_t n_list)
{
        size_t pointer = (bytes[0x0e] & 0x7f) == 2 ? 0x14 : 0x34, n = 0;

        for (size_t at = bytes[pointer]; at != 0 && n < n_list; at = bytes[pointer]) {
                list[n++] = (Capability){at, pointer};
                pointer = at + 1;
        }
        if (n_bytes < CONFIG_SIZE)
                return n;
        for (size_t at = 0x100, before = 0; at != 0 && n < n_list;) {
                list[n++] = (Capability){at, before};
                before = at;
                at = (size_t)(bytes[at + 3] << 4 | bytes[at + 2] >> 4);
        }
        return n;
}

/* Takes the capability out of its list; the first of the extended ones becomes one without id. */
static void unlink_capability(uint8_t *bytes, const Capability *capability)
{
        size_t at = capability->offset, pointer = capability->pointer;

        if (at < 0x100) {
                bytes[pointer] = bytes[at + 1];
        } else if (pointer == 0) {
                bytes[at] = bytes[at + 1] = 0;
        } else {
                bytes[pointer + 2] =
                        (uint8_t)((bytes[pointer + 2] & 0x0f) | (bytes[at + 2] & 0xf0));
                bytes[pointer + 3] = bytes[at + 3];
        }
}

/*
 * Without a capability the device is another one: the bits in its favour are then not known to be
 * wrong.
 */
static bool take_capabilities(const Reading *whole, const char *root, const char *path,
                              const uint8_t *bytes, size_t n_bytes)
{
        Capability list[32];
        size_t n = find_capabilities(bytes, n_bytes, list, ARRAY_SIZE(list));
        bool good = true;
        char where[PATH_SIZE + 32];

        for (size_t i = 0; i < n; i++) {
                uint8_t thin[CONFIG_SIZE];

                memcpy(thin, bytes, n_bytes);
                unlink_capability(thin, &list[i]);
                write_config(path, thin, n_bytes);
                n_capabilities++;
                (void)snprintf(where, sizeof(where), "%s without %zx", path + strlen(root),
                               list[i].offset);
                good &= read_again(whole, root, where,
                                   THIN_PARTITIONS | THIN_BIT(STRENGTH_P2P) |
                                           THIN_BIT(STRENGTH_RESETTABLE));
        }
        return good;
}

static bool cut_config(const Reading *whole, const char *root, const char *path)
{
        size_t n_bytes = 0, ends[64] = {0, 64, 256}, n_ends = 3;
        _cleanup_(freep) char *text = thin_read_file(path, &n_bytes);
        const uint8_t *bytes = (const uint8_t *)text;
        char where[PATH_SIZE + 32];
        Capability list[32];
        size_t n = find_capabilities(bytes, n_bytes, list, ARRAY_SIZE(list));
        bool good = true;

        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k <= 4; k += 4)
                        if (n_ends < ARRAY_SIZE(ends))
                                ends[n_ends++] = list[i].offset + k;
        for (size_t i = 0; i < n_ends; i++) {
                if (ends[i] >= n_bytes)
                        continue;
                write_config(path, bytes, ends[i]);
                n_cut++;
                (void)snprintf(where, sizeof(where), "%s cut at %zx", path + strlen(root), ends[i]);
                good &= read_again(whole, root, where, THIN_ALL);
        }
        good &= take_capabilities(whole, root, path, bytes, n_bytes);
        write_config(path, bytes, n_bytes);
        return good;
}

static bool check_machine(const ThinMachine *machine)
{
        _cleanup_(reading_deinit) Reading whole = {0};
        const char *root = tree_make();
        bool good = true;

        machine_build(machine, root);
        if (!read_tree(root, &whole))
                abort();
        if (nftw(root, note_path, 16, FTW_PHYS) != 0)
                abort();
        good &= whole.snapshot->n_devices == machine->n_parts;
        good &= take_entries(&whole, root);
        for (size_t i = 0; i < n_paths; i++)
                if (ends_with(paths[i], "/config"))
                        good &= cut_config(&whole, root, paths[i]);
        while (n_paths > 0)
                free(paths[--n_paths]);
        tree_remove();
        return good;
}

int main(void)
{
        bool failed = false;

        printf("1..%zu\n", thin_n_machines);
        for (size_t i = 0; i < thin_n_machines; i++) {
                bool good = check_machine(&thin_machines[i]);

                printf("%s %zu - %s\n", good ? "ok" : "not ok", i + 1, thin_machines[i].name);
                failed |= !good;
        }
        printf("# tell: %zu entries of trees and %zu capabilities taken out, configuration space "
               "cut "
               "short %zu times\n",
               n_entries, n_capabilities, n_cut);
        return failed;
}
