/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Content decides: JSON begins with a brace, and what is text and no JSON is tried as lspci's.
 */

#include "core/probe/machine.h"

#include "core/model/text.h"
#include "core/probe/lspci.h"
#include "core/probe/snapshot_json.h"
#include "core/probe/sysfs.h"
#include "core/probe/sysfs_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define READ_FIRST ((size_t)1 << 16)

static int complain(char **ret_message, int error, const char *format, ...) _printf_(3, 4);

/* Returns `error`, or -ENOMEM. */
static int complain(char **ret_message, int error, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        *ret_message = text_vprint(format, arguments);
        va_end(arguments);
        return *ret_message ? error : -ENOMEM;
}

/* Reads up to the largest snapshot and one byte more. */
static int read_all(int fd, char **ret_text, size_t *ret_n)
{
        _cleanup_(freep) char *text = NULL;
        size_t n = 0, n_allocated = 0;

        for (;;) {
                ssize_t r;

                if (n == n_allocated) {
                        size_t larger = n_allocated ? n_allocated * 2 : READ_FIRST;
                        char *grown;

                        if (larger > SNAPSHOT_JSON_SIZE_MAX + 1)
                                larger = SNAPSHOT_JSON_SIZE_MAX + 1;
                        if (larger == n)
                                break;
                        grown = realloc(text, larger);
                        if (!grown)
                                return -ENOMEM;
                        text = grown;
                        n_allocated = larger;
                }
                r = read(fd, text + n, n_allocated - n);
                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return -errno;
                if (r == 0)
                        break;
                n += (size_t)r;
        }
        *ret_text = TAKE_PTR(text);
        *ret_n = n;
        return 0;
}

static bool is_compressed(const char *text, size_t n_text)
{
        static const char *const magics[] = {"\x1f\x8b", "BZh", "\xfd\x37zXZ", "\x28\xb5\x2f\xfd",
                                             "PK\x03\x04"};

        for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
                if (n_text >= strlen(magics[i]) && memcmp(text, magics[i], strlen(magics[i])) == 0)
                        return true;
        return false;
}

int machine_parse(const char *name, const char *text, size_t n_text, Snapshot **ret_snapshot,
                  char **ret_message)
{
        static const char mark[] = "\xef\xbb\xbf"; /* byte order mark in UTF-8 */
        size_t first = 0;
        int r;

        if (n_text >= 3 && memcmp(text, mark, 3) == 0)
                first = 3;
        while (first < n_text && strchr(" \t\r\n", text[first]) && text[first] != '\0')
                first++;
        if (first == n_text)
                return complain(ret_message, MACHINE_E_INVALID, "%s is empty", name);
        if (n_text > SNAPSHOT_JSON_SIZE_MAX)
                return complain(ret_message, MACHINE_E_INVALID, "%s is larger than 256 MiB", name);
        if (is_compressed(text, n_text))
                return complain(ret_message, MACHINE_E_INVALID, "%s is compressed: unpack it first",
                                name);
        if (memchr(text, '\0', n_text))
                return complain(ret_message, MACHINE_E_INVALID,
                                "%s is not text: give a sysfs tree, a snapshot of isoctl, or the "
                                "output of lspci -vv or -xxxx",
                                name);

        if (text[first] == '{') {
                r = snapshot_json_read(name, text + first, n_text - first, ret_snapshot,
                                       ret_message);
                return r == SNAPSHOT_JSON_E_INVALID ? MACHINE_E_INVALID : r;
        }
        r = lspci_read(text, n_text, ret_snapshot);
        if (r == LSPCI_E_NO_DEVICES)
                return complain(ret_message, MACHINE_E_INVALID,
                                "%s is neither a snapshot of isoctl nor the output of lspci: no "
                                "line in it begins with an address and a class, such as "
                                "\"00:1f.3 Audio device: \"",
                                name);
        return r;
}

static int read_tree(const char *path, unsigned flags, Snapshot **ret_snapshot, char **ret_message)
{
        int r = flags & MACHINE_WITHOUT_DRIVERS ? sysfs_read_places(path, ret_snapshot)
                                                : sysfs_read_snapshot(path, ret_snapshot);

        if (r == SYSFS_E_NO_PCI)
                return complain(ret_message, MACHINE_E_INVALID,
                                "%s is not a sysfs tree with PCI devices: it has no "
                                "bus/pci/devices",
                                path);
        return r;
}

int machine_read(const char *path, unsigned flags, Snapshot **ret_snapshot, char **ret_message)
{
        _cleanup_(closep) int opened = -1;
        _cleanup_(freep) char *text = NULL;
        struct stat status;
        size_t n_text = 0;
        int fd = STDIN_FILENO, r;

        if (strcmp(path, "-") != 0) {
                if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
                        return read_tree(path, flags, ret_snapshot, ret_message);
                opened = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
                if (opened < 0 && (errno == ENOENT || errno == ENOTDIR))
                        return complain(ret_message, MACHINE_E_NOT_FOUND, "there is no %s", path);
                if (opened < 0)
                        return -errno;
                fd = opened;
        }
        r = read_all(fd, &text, &n_text);
        if (r < 0)
                return r;
        return machine_parse(fd == opened ? path : "standard input", text, n_text, ret_snapshot,
                             ret_message);
}
