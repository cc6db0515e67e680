/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The machine-readable formats of lspci: -mm, a line with quoted fields for each function, and
 * -vmm, a record of "Key: value" lines. Both have the contents of a title, so the reader makes a
 * title of them.
 */

#include "core/probe/lspci_reader.h"

#include <stdio.h>
#include <string.h>

#include "core/model/text.h"

/* The id in "Intel Corporation [8086]" or, with -n, "8086"; "" if there is none. */
static void find_id(const char *name, char id[static 5])
{
        size_t n = strlen(name);
        const char *at = NULL;

        id[0] = '\0';
        if (n == 4)
                at = name;
        else if (n >= 6 && name[n - 1] == ']' && name[n - 6] == '[')
                at = name + n - 5;
        for (size_t i = 0; at && i < 4; i++)
                if (hex_digit(at[i]) < 0)
                        at = NULL;
        if (at)
                (void)snprintf(id, 5, "%.4s", at);
}

/* "Class: Vendor Device [8086:1901] (prog-if 01)". */
static void make_title(const LspciRecord *record, char title[static LSPCI_TITLE_SIZE])
{
        char vendor[5], device[5], ids[16] = "", interface[24] = "";

        find_id(record->vendor, vendor);
        find_id(record->device, device);
        if (vendor[0] && device[0])
                (void)snprintf(ids, sizeof(ids), " [%s:%s]", vendor, device);
        if (record->interface[0])
                (void)snprintf(interface, sizeof(interface), " (prog-if %s)", record->interface);
        (void)snprintf(title, LSPCI_TITLE_SIZE, "%s: %s %s%s%s", record->class_name, record->vendor,
                       record->device, ids, interface);
}

/* Takes one field in quotes, or up to a space. Returns what follows it. */
static const char *take_field(const char *at, char *field, size_t n_field)
{
        bool is_quoted = *at == '"';
        size_t n = 0;

        at += is_quoted;
        for (; *at != '\0' && *at != (is_quoted ? '"' : ' '); at++) {
                if (*at == '\\' && at[1] != '\0')
                        at++;
                if (n + 1 < n_field)
                        field[n++] = *at;
        }
        field[n] = '\0';
        at += is_quoted && *at == '"';
        return at + (*at == ' ');
}

/* "Subsystem: Vendor Device [1028:0001]", if both ids are there. */
static int add_subsystem(Lspci *lspci, const char *vendor_name, const char *device_name)
{
        char vendor[5], device[5], line[64];

        find_id(vendor_name, vendor);
        find_id(device_name, device);
        if (!vendor[0] || !device[0])
                return 0;
        (void)snprintf(line, sizeof(line), "Subsystem: Subsystem [%s:%s]", vendor, device);
        return lspci_add_words(lspci, line);
}

/* 00:1c.0 "PCI bridge" "Intel Corporation" "Root Port" -rf1 -p00 "Dell" "Board" */
int lspci_take_quoted(Lspci *lspci, const LspciPath *path)
{
        LspciRecord record = {0};
        char fields[5][256] = {{0}}, title[LSPCI_TITLE_SIZE];
        const char *at = path->rest;
        size_t n = 0;
        int r;

        while (*at != '\0' && n < ARRAY_SIZE(fields)) {
                char option[256];

                if (*at == '"') {
                        at = take_field(at, fields[n], sizeof(fields[n]));
                        n++;
                        continue;
                }
                at = take_field(at, option, sizeof(option));
                if (strncmp(option, "-p", 2) == 0)
                        (void)snprintf(record.interface, sizeof(record.interface), "%.2s",
                                       option + 2);
        }
        if (n < 3) {
                r = lspci_close(lspci);
                return r != 0 ? r
                              : lspci_note(lspci, "the address has no class and names after it",
                                           "give the lines as lspci -mmnn prints them");
        }
        memcpy(record.class_name, fields[0], sizeof(record.class_name));
        memcpy(record.vendor, fields[1], sizeof(record.vendor));
        memcpy(record.device, fields[2], sizeof(record.device));
        make_title(&record, title);
        r = lspci_open(lspci, path->steps[path->n - 1], title);
        return r == 0 ? add_subsystem(lspci, fields[3], fields[4]) : r;
}

int lspci_close_record(Lspci *lspci)
{
        if (!lspci->record.is_open)
                return 0;
        lspci->record.is_open = false;
        lspci->entry.has_partial_title = !lspci->record.vendor[0] || !lspci->record.device[0];
        if (lspci->record.class_name[0])
                make_title(&lspci->record, lspci->title);
        return lspci_close(lspci);
}

/* Takes a line of an open record. Returns false if the line is none. */
static bool set_key(LspciRecord *record, const char *key, size_t n_key, const char *value)
{
        const struct {
                const char *key;
                char *value;
                size_t n_value;
        } rows[] = {
                {"Class", record->class_name, sizeof(record->class_name)},
                {"Vendor", record->vendor, sizeof(record->vendor)},
                {"Device", record->device, sizeof(record->device)},
                {"SVendor", record->subsystem_vendor, sizeof(record->subsystem_vendor)},
                {"ProgIf", record->interface, sizeof(record->interface)},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (strlen(rows[i].key) == n_key && strncmp(rows[i].key, key, n_key) == 0) {
                        (void)snprintf(rows[i].value, rows[i].n_value, "%s", value);
                        return true;
                }
        return false;
}

/* Translates keys that lspci -v has too into its words. */
static int add_key(Lspci *lspci, const char *key, size_t n_key, const char *value)
{
        static const struct {
                const char *key, *words;
        } rows[] = {
                {"Driver", "Kernel driver in use"},
                {"PhySlot", "Physical Slot"},
                {"IOMMUGroup", "IOMMU group"},
        };
        char line[LSPCI_LINE_SIZE];

        if (n_key == 7 && strncmp(key, "SDevice", n_key) == 0)
                return add_subsystem(lspci, lspci->record.subsystem_vendor, value);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (strlen(rows[i].key) == n_key && strncmp(rows[i].key, key, n_key) == 0) {
                        (void)snprintf(line, sizeof(line), "%s: %.512s", rows[i].words, value);
                        return lspci_add_words(lspci, line);
                }
        return 0;
}

static int open_record(Lspci *lspci, const char *value)
{
        LspciPath path;
        int r = lspci_close_record(lspci);

        if (r != 0)
                return r;
        if (!lspci_parse_path(value, &path) || path.n != 1 || path.rest[0] != '\0')
                return LSPCI_LINE_OTHER;
        r = lspci_open(lspci, path.steps[0], "");
        if (r != 0)
                return r;
        lspci->entry.is_record = true;
        lspci_join_listing(lspci);
        lspci->record = (LspciRecord){.is_open = true};
        return 0;
}

int lspci_take_record(Lspci *lspci)
{
        const char *text = lspci->line.text;
        size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
        const char *value = text[n] == ':' ? text + n + 1 + (text[n + 1] == ' ') : NULL;
        LspciPath path;
        int r;

        if (!value) {
                r = lspci_close_record(lspci);
                return r == 0 ? LSPCI_LINE_OTHER : r;
        }
        /* With -vm alone, "Device" is the address as well as the name. */
        if ((n == 4 && strncmp(text, "Slot", n) == 0) ||
            (n == 6 && strncmp(text, "Device", n) == 0 && lspci_parse_path(value, &path)))
                return open_record(lspci, value);
        if (!lspci->record.is_open)
                return LSPCI_LINE_OTHER;
        return set_key(&lspci->record, text, n, value) ? 0 : add_key(lspci, text, n, value);
}
