/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Turns pasted text into entries.
 *
 * A line that begins with an address and has a title starts a function. Rows of bytes become its
 * configuration space; all other lines up to the next function are its words. Quote marks, line
 * numbers and colours are removed first, and other formats are tried. A function that occurs
 * several times (a list, then the details) becomes one entry.
 */

#include "core/probe/lspci.h"

#include "core/probe/lspci_reader.h"
#include "core/probe/snapshot_extras.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void lspci_free(Lspci *lspci)
{
        free(lspci->entries);
        free(lspci->words);
        free(lspci);
}

static void lspci_freep(Lspci **lspci)
{
        if (*lspci)
                lspci_free(*lspci);
}

/* "Control: …": letters up to a colon, and not the rest of a title. */
static bool has_key(const char *line)
{
        size_t n = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz ");

        return n > 0 && line[n] == ':';
}

/*
 * Adds the rest of a wrapped title, which starts at the front of the line. Returns false if the
 * line is none.
 */
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

/* "00:1f.3 Audio device: …"; a title has a class and a colon, and may be wrapped after it. */
static int take_header(Lspci *lspci)
{
        const char *text = lspci->line.text;
        LspciPath path;
        int r;

        if (!lspci_parse_path(text, &path))
                return LSPCI_LINE_OTHER;
        lspci->is_near_device = true;
        if (path.rest[0] == '"')
                return lspci_take_quoted(lspci, &path);
        if (!strstr(path.rest - 1, ": ") && text[strlen(text) - 1] != ':') {
                /* The lines that follow are not about the previous function. */
                r = lspci_close(lspci);
                return r != 0 ? r
                              : lspci_note(lspci, "the address has no class after it",
                                           "give the lines as lspci -nn prints them");
        }
        if (path.is_partial)
                return lspci_refuse(lspci->ret_message, lspci->name, lspci->line.number,
                                    "lspci -P leaves out the bus numbers: run lspci -PP");
        r = lspci_open(lspci, path.steps[path.n - 1], path.rest);
        if (r == 0 && path.n > 1)
                r = lspci_add_path(lspci, &path);
        return r;
}

/* A detail without an open function: part of the text is missing. */
static int note_orphan(Lspci *lspci)
{
        static const char *const keys[] = {"Capabilities:", "Control:",      "Flags:",
                                           "Kernel driver", "Bus: primary=", "IOMMU group"};
        const char *text = lspci->line.text;
        LspciBytes bytes = {0};
        bool is_detail = lspci_take_row(&bytes, text);

        for (size_t i = 0; i < ARRAY_SIZE(keys) && !is_detail; i++)
                is_detail = lspci->line.is_indented && strncmp(text, keys[i], strlen(keys[i])) == 0;
        if (!is_detail)
                return 0;
        return lspci_note(lspci, "these details belong to a device whose first line is missing",
                          "give the output of lspci from its beginning");
}

/* Is this the first line of a function's details, although the open function has some already? */
static bool begins_details(Lspci *lspci)
{
        static const char *const later[] = {"Control: I/O", "Status: Cap",  "Flags: ",
                                            "Bus: primary", "Capabilities", "Kernel driver"};
        const char *text = lspci->line.text;

        if (!lspci->line.is_indented ||
            (strncmp(text, "Control: I/O", strlen("Control: I/O")) != 0 &&
             strncmp(text, "Flags: ", strlen("Flags: ")) != 0 &&
             strncmp(text, "Bus: primary", strlen("Bus: primary")) != 0))
                return false;
        lspci->words[lspci->n_words] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(later); i++)
                if (strstr(lspci->words, later[i]))
                        return true;
        return false;
}

static int take_detail(Lspci *lspci)
{
        const char *text = lspci->line.text;

        if (!lspci->is_open)
                return note_orphan(lspci);
        lspci->entry.is_cut |= lspci->line.is_cut;
        if (lspci_take_row(&lspci->bytes, text))
                return 0;
        /*
         * An empty line ends a function: these details belong to a function whose title is
         * missing.
         */
        if (lspci->is_behind_blank && begins_details(lspci)) {
                int r = lspci_close(lspci);

                return r == 0 ? note_orphan(lspci) : r;
        }
        /* After an empty line, a line that is not lspci's is a remark of the writer. */
        if (lspci->is_behind_blank && !lspci->line.is_indented && !has_key(text))
                return lspci_close(lspci);
        if (add_to_title(lspci, text, lspci->line.is_indented))
                return 0;
        return lspci_add_words(lspci, text);
}

/* Tries each format in turn; other lines are details. */
static int take_line(Lspci *lspci)
{
        static int (*const shapes[])(Lspci * lspci) = {
                lspci_take_tree,  lspci_take_table,   lspci_take_record, lspci_take_log,
                lspci_take_sysfs, lspci_take_listing, take_header,
        };
        int r = 0;

        if (lspci->line.is_cut)
                r = lspci_note(
                        lspci,
                        "the line is longer than 4096 characters: the reader ignores its end",
                        "give the text with the lines that lspci prints");
        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
                r = shapes[i](lspci);
                if (r != LSPCI_LINE_OTHER)
                        return r;
        }
        if (lspci->line.text[0] == '\0') {
                lspci->is_behind_blank = true;
                lspci->is_near_device = false;
                lspci->in_title = false;
                return 0;
        }
        r = take_detail(lspci);
        lspci->is_behind_blank = false;
        return r;
}

static int read_text(Lspci *lspci, const LspciText *text, unsigned source)
{
        LspciLines lines;
        int r = lspci_lines_open(&lines, text->name, text->text, text->n_text, lspci->ret_message);

        if (r != 0)
                return r;
        lspci->name = text->name;
        lspci->source = source;
        lspci->scope = (LspciScope){0};
        lspci->tree.is_open = lspci->table.is_open = lspci->is_near_device = false;
        while (lspci_lines_next(&lines, &lspci->line)) {
                r = take_line(lspci);
                if (r != 0)
                        return r;
        }
        r = lspci_end_listing(lspci);
        if (r == 0)
                r = lspci_close_record(lspci);
        lspci->entry.is_last = true;
        return r == 0 ? lspci_close(lspci) : r;
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

static int finish(Lspci *lspci, const LspciText *texts, Snapshot *snapshot)
{
        int r = lspci_merge(lspci, texts);

        if (r != 0)
                return r;
        if (lspci->n == 0)
                return LSPCI_E_NO_DEVICES;
        r = lspci_place(lspci->entries, lspci->n);
        if (r < 0)
                return r;
        lspci_settle(snapshot, lspci->entries, lspci->n);
        r = lspci_note_missing(lspci, texts);
        if (r == 0)
                r = build_snapshot(lspci, snapshot);
        if (r == 0)
                r = snapshot_finish(snapshot);
        if (r < 0)
                return r;
        snapshot_sort_extras(snapshot);
        snapshot_share_unknown_parents(snapshot);
        return 0;
}

int lspci_read_texts(const LspciText *texts, size_t n_texts, ReadNotes *notes,
                     Snapshot **ret_snapshot, char **ret_message)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(lspci_freep) Lspci *lspci = calloc(1, sizeof(*lspci));
        int r;

        if (!lspci)
                return -ENOMEM;
        lspci->notes = notes;
        lspci->ret_message = ret_message;
        lspci->words = malloc(LSPCI_WORDS_SIZE);
        r = lspci->words ? snapshot_new(&snapshot) : -ENOMEM;
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_texts; i++) {
                r = read_text(lspci, &texts[i], (unsigned)i);
                if (r != 0)
                        return r;
        }
        r = finish(lspci, texts, snapshot);
        if (r != 0)
                return r;
        *ret_snapshot = TAKE_PTR(snapshot);
        return 0;
}

int lspci_read(const char *text, size_t n_text, Snapshot **ret_snapshot)
{
        const LspciText texts[] = {{"text", text, n_text}};
        _cleanup_(freep) char *message = NULL;

        return lspci_read_texts(texts, ARRAY_SIZE(texts), NULL, ret_snapshot, &message);
}
