/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Detects the format by content: JSON begins with a brace; other text is read as the output of
 * lspci.
 */

#include "core/probe/machine.h"

#include "core/model/text.h"
#include "core/probe/lspci.h"
#include "core/probe/snapshot_json.h"
#include "core/probe/sysfs.h"
#include "core/probe/sysfs_file.h"
#include "core/probe/sysfs_notes.h"

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

/* Reads up to one byte more than the largest snapshot. */
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

/*
 * Checks that the text can be JSON or lspci's: not empty, compressed or binary. `*first` is its
 * first non-blank character.
 */
static int check_text(const LspciText *text, size_t *first, char **ret_message)
{
        static const char mark[] = "\xef\xbb\xbf"; /* byte order mark in UTF-8 */
        const char *at = text->text;

        *first = text->n_text >= 3 && memcmp(at, mark, 3) == 0 ? 3 : 0;
        while (*first < text->n_text && strchr(" \t\r\n", at[*first]) && at[*first] != '\0')
                (*first)++;
        if (*first == text->n_text)
                return complain(ret_message, MACHINE_E_INVALID, "%s is empty", text->name);
        if (text->n_text > SNAPSHOT_JSON_SIZE_MAX)
                return complain(ret_message, MACHINE_E_INVALID, "%s is larger than 256 MiB",
                                text->name);
        if (is_compressed(at, text->n_text))
                return complain(ret_message, MACHINE_E_INVALID, "%s is compressed: unpack it first",
                                text->name);
        if (text->n_text >= 2 && (memcmp(at, "\xff\xfe", 2) == 0 || memcmp(at, "\xfe\xff", 2) == 0))
                return complain(ret_message, MACHINE_E_INVALID,
                                "%s is text in UTF-16: convert it with iconv -f UTF-16 -t UTF-8",
                                text->name);
        if (memchr(at, '\0', text->n_text))
                return complain(ret_message, MACHINE_E_INVALID,
                                "%s is not text: give a sysfs tree, a snapshot of isoctl, or the "
                                "output of lspci -vv or -xxxx",
                                text->name);
        return 0;
}

/* One text, or lspci's and a listing of groups. */
static int parse_texts(const LspciText *texts, size_t n_texts, ReadNotes *notes,
                       Snapshot **ret_snapshot, char **ret_message)
{
        size_t first = 0;
        int r = 0;

        for (size_t i = n_texts; i > 0 && r == 0; i--)
                r = check_text(&texts[i - 1], &first, ret_message);
        if (r != 0)
                return r;
        if (texts[0].text[first] == '{' && n_texts > 1)
                return complain(ret_message, MACHINE_E_INVALID,
                                "%s is a snapshot, which has its own groups: leave out %s",
                                texts[0].name, texts[1].name);
        if (texts[0].text[first] == '{') {
                r = snapshot_json_read_noted(texts[0].name, texts[0].text + first,
                                             texts[0].n_text - first, notes, ret_snapshot,
                                             ret_message);
                return r == SNAPSHOT_JSON_E_INVALID ? MACHINE_E_INVALID : r;
        }
        r = lspci_read_texts(texts, n_texts, notes, ret_snapshot, ret_message);
        if (r == LSPCI_E_NO_DEVICES)
                return complain(
                        ret_message, MACHINE_E_INVALID,
                        "%s is neither a snapshot of isoctl nor the output of lspci: no line "
                        "begins with an address and a class, such as \"00:1f.3 Audio device: \"",
                        texts[0].name);
        return r == LSPCI_E_INVALID ? MACHINE_E_INVALID : r;
}

int machine_parse(const char *name, const char *text, size_t n_text, ReadNotes *notes,
                  Snapshot **ret_snapshot, char **ret_message)
{
        return parse_texts(&(LspciText){name, text, n_text}, 1, notes, ret_snapshot, ret_message);
}

static int read_tree(const char *path, unsigned flags, ReadNotes *notes, Snapshot **ret_snapshot,
                     char **ret_message)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        int r = flags & MACHINE_WITHOUT_DRIVERS ? sysfs_read_places(path, &snapshot)
                                                : sysfs_read_snapshot(path, &snapshot);

        if (r == SYSFS_E_NO_PCI)
                return complain(ret_message, MACHINE_E_INVALID,
                                "%s is not a sysfs tree with PCI devices: it has no "
                                "bus/pci/devices",
                                path);
        if (r == 0)
                r = sysfs_note_unread(path, snapshot, notes);
        if (r == 0)
                *ret_snapshot = TAKE_PTR(snapshot);
        return r;
}

/* Reads a whole file; the caller frees *ret_text, which ret->text points to. */
static int read_file(const char *path, LspciText *ret, char **ret_text, char **ret_message)
{
        _cleanup_(closep) int opened = -1;
        bool is_input = strcmp(path, "-") == 0;
        int r;

        if (!is_input) {
                opened = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
                if (opened < 0 && (errno == ENOENT || errno == ENOTDIR))
                        return complain(ret_message, MACHINE_E_NOT_FOUND, "there is no %s", path);
                if (opened < 0)
                        return -errno;
        }
        r = read_all(is_input ? STDIN_FILENO : opened, ret_text, &ret->n_text);
        ret->name = is_input ? "standard input" : path;
        ret->text = *ret_text;
        return r;
}

static bool is_directory(const char *path)
{
        struct stat status;

        return strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

int machine_read(const char *path, const char *groups, unsigned flags, ReadNotes *notes,
                 Snapshot **ret_snapshot, char **ret_message)
{
        _cleanup_(freep) char *text = NULL, *listing = NULL;
        LspciText texts[2] = {0};
        int r;

        if (is_directory(path) && groups)
                return complain(ret_message, MACHINE_E_INVALID,
                                "%s is a directory, which has its own groups: leave out %s", path,
                                groups);
        if (is_directory(path))
                return read_tree(path, flags, notes, ret_snapshot, ret_message);
        if (groups && is_directory(groups))
                return complain(ret_message, MACHINE_E_INVALID,
                                "%s is a directory: give a file with groups, for instance the "
                                "output of find /sys/kernel/iommu_groups -type l",
                                groups);
        r = read_file(path, &texts[0], &text, ret_message);
        if (r == 0 && groups)
                r = read_file(groups, &texts[1], &listing, ret_message);
        if (r != 0)
                return r;
        return parse_texts(texts, groups ? 2 : 1, notes, ret_snapshot, ret_message);
}
