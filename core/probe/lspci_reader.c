/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The function that is open while its lines come in: opening and closing it, its words, and the
 * list of entries that it is added to.
 */

#include "core/probe/lspci_reader.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ENTRIES_MAX ((size_t)1 << 20)

int lspci_note(Lspci *lspci, const char *what, const char *next)
{
        return read_notes_add(lspci->notes, lspci->name, lspci->line.number, what, next);
}

int lspci_ends_in_number(Lspci *lspci)
{
        const LspciLine *line = &lspci->line;
        size_t n = strlen(line->text);
        int r;

        if (!line->is_unended || n == 0 || !isdigit((unsigned char)line->text[n - 1]))
                return false;
        r = lspci_note(lspci, "the text ends in a group number, which may lack digits",
                       "give the whole text, with a newline at its end");
        return r < 0 ? r : true;
}

LspciEntry lspci_entry_new(const Lspci *lspci, Bdf bdf)
{
        return (LspciEntry){
                .device = {.bdf = bdf, .kernel_group = KERNEL_GROUP_UNKNOWN},
                .source = lspci->source,
                .group_source = lspci->source,
                .line = lspci->line.number,
                .listed_group = -1,
                .maybe_group = -1,
        };
}

int lspci_add_entry(Lspci *lspci, const LspciEntry *entry)
{
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
        lspci->entries[lspci->n] = *entry;
        lspci->entries[lspci->n].seq = lspci->n;
        lspci->n++;
        return 0;
}

/* The groups of a listing and of lspci must agree. */
static int settle_group(Lspci *lspci)
{
        LspciEntry *entry = &lspci->entry;
        char address[BDF_TEXT_SIZE];

        if (entry->listed_group < 0)
                return 0;
        if (entry->device.kernel_group >= 0 && entry->device.kernel_group != entry->listed_group)
                return lspci_refuse(lspci->ret_message, lspci->name, entry->group_line,
                                    "%s is in group %d here, but in group %d by the heading in "
                                    "line %zu: give the text of one boot",
                                    bdf_format(entry->device.bdf, address),
                                    entry->device.kernel_group, entry->listed_group,
                                    entry->listed_line);
        entry->device.kernel_group = entry->listed_group;
        entry->group_line = entry->listed_line;
        return 0;
}

int lspci_close(Lspci *lspci)
{
        int r;

        if (!lspci->is_open)
                return 0;
        lspci->is_open = false;
        lspci->words[lspci->n_words] = '\0';
        lspci_read_title(&lspci->entry, lspci->title);
        lspci_read_words(&lspci->entry, lspci->words);
        lspci_read_bytes(&lspci->entry, &lspci->bytes);
        /* A record has no line after the place of its group that would show that there is none. */
        if (lspci->entry.is_record && lspci->entry.device.kernel_group < 0)
                lspci->entry.device.kernel_group = KERNEL_GROUP_UNKNOWN;
        r = settle_group(lspci);
        if (r == 0 && lspci->acs_line > 0)
                r = read_notes_add(lspci->notes, lspci->name, lspci->acs_line,
                                   "the text lacks the bits of Access Control Services",
                                   "run lspci -vvv, or -xxxx, as root");
        return r == 0 ? lspci_add_entry(lspci, &lspci->entry) : r;
}

int lspci_open(Lspci *lspci, Bdf bdf, const char *title)
{
        int r = lspci_close(lspci);

        if (r != 0)
                return r;
        lspci->entry = lspci_entry_new(lspci, bdf);
        lspci->entry.is_cut = lspci->line.is_cut;
        memset(&lspci->bytes, 0, sizeof(lspci->bytes));
        lspci->n_words = lspci->last_words = 0;
        lspci->acs_line = 0;
        lspci->is_open = true;
        lspci->is_behind_blank = false;
        lspci->in_title = true;
        (void)snprintf(lspci->title, sizeof(lspci->title), "%s", title);
        return 0;
}

/* Adds notes about problems that the line shows. */
static int note_words(Lspci *lspci, const char *line)
{
        if (strstr(line, "<access denied>"))
                return lspci_note(lspci, "capabilities could not be read", "run lspci as root");
        if (strstr(line, "] Access Control Services"))
                lspci->acs_line = lspci->line.number;
        if (strstr(line, "ACSCtl:"))
                lspci->acs_line = 0;
        if (strstr(line, "Unknown header type"))
                return lspci_note(lspci, "the device does not answer: it is asleep or gone",
                                  "wake it, for instance with setpci -s ADDRESS 0.l, and run lspci "
                                  "again");
        if (strstr(line, "<chain looped>") || strstr(line, "<chain broken>"))
                return lspci_note(lspci, "the list of capabilities is broken",
                                  "run lspci -xxxx as root");
        return 0;
}

int lspci_add_words(Lspci *lspci, const char *line)
{
        size_t n = strlen(line);
        int r = strstr(line, "IOMMU") ? lspci_ends_in_number(lspci) : 0;

        if (r < 0)
                return r;
        while (r > 0 && n > 0 && isdigit((unsigned char)line[n - 1]))
                n--;
        if (lspci->n_words + n + 2 > LSPCI_WORDS_SIZE) {
                lspci->entry.is_cut = true;
                return lspci_note(lspci,
                                  "the device has more details than lspci prints: the reader "
                                  "ignores the rest",
                                  "give the output of lspci -vvv alone");
        }
        lspci->last_words = lspci->n_words;
        memcpy(lspci->words + lspci->n_words, line, n);
        lspci->words[lspci->n_words + n] = '\n';
        lspci->n_words += n + 1;
        if (strstr(line, "IOMMU"))
                lspci->entry.group_line = lspci->line.number;
        return note_words(lspci, line);
}

void lspci_join_listing(Lspci *lspci)
{
        LspciScope *scope = &lspci->scope;

        if (!scope->is_open || !lspci->is_open)
                return;
        if (scope->has_devices && scope->is_blank) {
                lspci->entry.maybe_group = scope->group;
                return;
        }
        if (!scope->has_devices)
                scope->is_indented = lspci->line.is_indented;
        scope->has_devices = true;
        lspci->entry.listed_group = scope->group;
        lspci->entry.listed_line = lspci->line.number;
}
