/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From pasted text to entries.
 *
 * A line that begins with an address and has a title starts a function; rows of bytes are put where
 * they belong; all else up to the next function is its words. Quote marks and indentation in front
 * of a line, carriage returns and spaces that are none are taken off first. A function that is
 * there several times (a list, then the details) is one.
 */

#include "core/probe/lspci.h"

#include "core/probe/lspci_entry.h"
#include "core/probe/snapshot_extras.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINE_SIZE 4096
#define TITLE_SIZE 1024
#define WORDS_SIZE ((size_t)1 << 18)
#define ENTRIES_MAX ((size_t)1 << 20)

typedef struct Lspci {
        LspciEntry *entries;
        size_t n, n_allocated;

        /* The function whose lines are being read. */
        bool is_open;
        LspciEntry entry;
        LspciBytes bytes;
        char title[TITLE_SIZE];
        bool in_title; /* it may go on in the next line */
        char *words;
        size_t n_words;
} Lspci;

static void lspci_deinit(Lspci *lspci)
{
        free(lspci->entries);
        free(lspci->words);
        free(lspci);
}

static void lspci_deinitp(Lspci **lspci)
{
        if (*lspci)
                lspci_deinit(*lspci);
}

/* Ends the open function. Returns 0, -ENOMEM or -E2BIG. */
static int close_entry(Lspci *lspci)
{
        if (!lspci->is_open)
                return 0;
        lspci->is_open = false;
        lspci->words[lspci->n_words] = '\0';
        lspci_read_title(&lspci->entry, lspci->title);
        lspci_read_words(&lspci->entry, lspci->words);
        lspci_read_bytes(&lspci->entry, &lspci->bytes);

        if (lspci->n == lspci->n_allocated) {
                size_t n = lspci->n_allocated ? lspci->n_allocated * 2 : 64;
                LspciEntry *entries;

                if (lspci->n >= ENTRIES_MAX)
                        return -E2BIG;
                entries = realloc(lspci->entries, n * sizeof(*entries));
                if (!entries)
                        return -ENOMEM;
                lspci->entries = entries;
                lspci->n_allocated = n;
        }
        lspci->entry.seq = lspci->n;
        lspci->entries[lspci->n++] = lspci->entry;
        return 0;
}

/* "00:1f.3 Audio device: …"; a title has a class and a colon, and may be wrapped behind it. */
static bool parse_header(const char *line, Bdf *ret_bdf, const char **ret_title)
{
        char address[BDF_TEXT_SIZE];
        size_t n = strcspn(line, " "), n_line = strlen(line);

        if (n >= sizeof(address) || line[n] != ' ' ||
            (!strstr(line + n, ": ") && line[n_line - 1] != ':'))
                return false;
        memcpy(address, line, n);
        address[n] = '\0';
        if (!bdf_parse(address, ret_bdf))
                return false;
        *ret_title = line + n + 1;
        return true;
}

static void add_words(Lspci *lspci, const char *line)
{
        size_t n = strlen(line);

        if (lspci->n_words + n + 2 > WORDS_SIZE)
                return;
        memcpy(lspci->words + lspci->n_words, line, n);
        lspci->words[lspci->n_words + n] = '\n';
        lspci->n_words += n + 1;
}

/* "Control: …": letters up to a colon, and not the rest of a title. */
static bool has_key(const char *line)
{
        size_t n = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz ");

        return n > 0 && line[n] == ':';
}

/* A title that was wrapped goes on at the line's very front. Returns false if it does not. */
static bool add_to_title(Lspci *lspci, const char *line, bool is_indented)
{
        size_t n = strlen(lspci->title);

        if (!lspci->in_title || is_indented || line[0] == '\0' || has_key(line)) {
                lspci->in_title = false;
                return false;
        }
        (void)snprintf(lspci->title + n, sizeof(lspci->title) - n, " %s", line);
        return true;
}

static int take_line(Lspci *lspci, const char *line, bool is_indented)
{
        const char *title;
        Bdf bdf;
        int r;

        if (parse_header(line, &bdf, &title)) {
                r = close_entry(lspci);
                if (r < 0)
                        return r;
                lspci->entry = (LspciEntry){.device.bdf = bdf, .device.kernel_group = -1};
                memset(&lspci->bytes, 0, sizeof(lspci->bytes));
                lspci->n_words = 0;
                lspci->is_open = true;
                lspci->in_title = true;
                (void)snprintf(lspci->title, sizeof(lspci->title), "%s", title);
                return 0;
        }
        if (lspci->is_open && !lspci_take_row(&lspci->bytes, line) &&
            !add_to_title(lspci, line, is_indented))
                add_words(lspci, line);
        return 0;
}

/*
 * Copies a line into `line`: words parted by one space, nothing in front or behind. A no-break
 * space is a space; quote marks in front (of a mail) and a byte order mark are nothing. Returns
 * whether the line was indented.
 */
static bool normalise(const char *text, size_t n_text, char line[static LINE_SIZE])
{
        size_t n = 0, n_blank = 0;
        bool is_quoted = false, is_indented = false;

        for (size_t i = 0; i < n_text && n + 2 < LINE_SIZE; i++) {
                unsigned char c = (unsigned char)text[i];

                if (c == 0xc2 && i + 1 < n_text && (unsigned char)text[i + 1] == 0xa0) {
                        i++;
                        c = ' ';
                }
                if (c <= ' ') {
                        n_blank += c == '\t' ? 8 : 1;
                } else if (n == 0 && (c == '>' || c == '|' || c >= 0x7f)) {
                        is_quoted = true;
                        n_blank = 0;
                } else {
                        if (n == 0) /* one space belongs to the quote mark */
                                is_indented = n_blank > (is_quoted ? 1 : 0);
                        else if (n_blank > 0)
                                line[n++] = ' ';
                        n_blank = 0;
                        line[n++] = (char)c;
                }
        }
        line[n] = '\0';
        return is_indented;
}

static int read_lines(Lspci *lspci, const char *text, size_t n_text)
{
        char line[LINE_SIZE];

        for (size_t i = 0; i < n_text;) {
                const char *end = memchr(text + i, '\n', n_text - i);
                size_t n = end ? (size_t)(end - text) - i : n_text - i;
                bool is_indented = normalise(text + i, n, line);
                int r = take_line(lspci, line, is_indented);

                if (r < 0)
                        return r;
                i += n + 1;
        }
        return close_entry(lspci);
}

static int entry_compare(const void *a, const void *b)
{
        const LspciEntry *x = a, *y = b;
        int order = bdf_compare(x->device.bdf, y->device.bdf);

        return order != 0 ? order : (x->seq > y->seq) - (x->seq < y->seq);
}

/* The one with more to it stays, and takes from the other what it lacks. */
static void merge_entries(LspciEntry *kept, const LspciEntry *other)
{
        LspciEntry less = *other;

        if (other->has_details && !kept->has_details) {
                less = *kept;
                *kept = *other;
        }
        lspci_merge_facts(&kept->device.facts, &less.device.facts);
        kept->has_details |= less.has_details;
        kept->is_vmd |= less.is_vmd;
        if (kept->device.device == 0) {
                kept->device.vendor = less.device.vendor;
                kept->device.device = less.device.device;
        }
        if (kept->device.class_code == 0)
                kept->device.class_code = less.device.class_code;
        /* A number says more than none, and none says more than nothing. */
        if (kept->device.kernel_group < less.device.kernel_group &&
            kept->device.kernel_group < 0)
                kept->device.kernel_group = less.device.kernel_group;
        if (kept->device.driver[0] == '\0')
                memcpy(kept->device.driver, less.device.driver, sizeof(less.device.driver));
        if (kept->slot[0] == '\0')
                memcpy(kept->slot, less.slot, sizeof(less.slot));
        if (!kept->vfs.known)
                kept->vfs = less.vfs;
}

static void merge_repeated(Lspci *lspci)
{
        size_t n = 0;

        qsort(lspci->entries, lspci->n, sizeof(*lspci->entries), entry_compare);
        for (size_t i = 0; i < lspci->n; i++) {
                if (n > 0 &&
                    bdf_equal(lspci->entries[n - 1].device.bdf, lspci->entries[i].device.bdf))
                        merge_entries(&lspci->entries[n - 1], &lspci->entries[i]);
                else
                        lspci->entries[n++] = lspci->entries[i];
        }
        lspci->n = n;
}

static int build_snapshot(const Lspci *lspci, Snapshot *snapshot)
{
        for (size_t i = 0; i < lspci->n; i++) {
                const LspciEntry *entry = &lspci->entries[i];
                PciSlot slot = {.bdf = entry->device.bdf};
                int r = snapshot_add(snapshot, &entry->device);

                if (r == 0 && entry->slot[0] != '\0') {
                        slot.bdf.devfn &= 0xf8;
                        memcpy(slot.name, entry->slot, sizeof(slot.name));
                        r = snapshot_add_slot(snapshot, &slot);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

int lspci_read(const char *text, size_t n_text, Snapshot **ret_snapshot)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(lspci_deinitp) Lspci *lspci = calloc(1, sizeof(*lspci));
        int r;

        if (!lspci)
                return -ENOMEM;
        lspci->words = malloc(WORDS_SIZE);
        r = lspci->words ? snapshot_new(&snapshot) : -ENOMEM;
        if (r < 0)
                return r;

        r = read_lines(lspci, text, n_text);
        if (r < 0)
                return r;
        if (lspci->n == 0)
                return LSPCI_E_NO_DEVICES;
        merge_repeated(lspci);
        r = lspci_place(lspci->entries, lspci->n);
        if (r < 0)
                return r;
        lspci_settle(snapshot, lspci->entries, lspci->n);
        r = build_snapshot(lspci, snapshot);
        if (r == 0)
                r = snapshot_finish(snapshot);
        if (r < 0)
                return r;
        snapshot_sort_extras(snapshot);
        snapshot_share_unknown_parents(snapshot);
        *ret_snapshot = TAKE_PTR(snapshot);
        return 0;
}
