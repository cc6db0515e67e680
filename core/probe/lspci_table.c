/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The table that Proxmox VE prints of a node's PCI devices (pvesh get /nodes/NODE/hardware/pci):
 *
 *     │ class    │ device │ id           │ iommugroup │ vendor │ …
 *     │ 0x030000 │ 0x1b80 │ 0000:01:00.0 │          1 │ 0x10de │ …
 *
 * The first row names the columns. A row without an address continues the row above.
 */

#include "core/probe/lspci_reader.h"

#include <stdio.h>
#include <string.h>

#define FIELD_SIZE 64

static const char *const columns[_LSPCI_COLUMN_N] = {
        [LSPCI_COLUMN_ADDRESS] = "id",    [LSPCI_COLUMN_GROUP] = "iommugroup",
        [LSPCI_COLUMN_CLASS] = "class",   [LSPCI_COLUMN_VENDOR] = "vendor",
        [LSPCI_COLUMN_DEVICE] = "device",
};

/* The length of the bar between two fields, which has two spellings, or 0. */
static size_t bar_length(const char *text)
{
        return text[0] == '|' ? 1 : strncmp(text, "\xe2\x94\x82", 3) == 0 ? 3 : 0;
}

/*
 * Copies the next field without its blanks. Returns the text after its bar, or NULL after the
 * last.
 */
static const char *take_field(const char *at, char field[static FIELD_SIZE])
{
        size_t n = 0, n_field = 0;

        at += strspn(at, " \t");
        while (at[n] != '\0' && bar_length(at + n) == 0)
                n++;
        for (n_field = n; n_field > 0 && (at[n_field - 1] == ' ' || at[n_field - 1] == '\t');)
                n_field--;
        (void)snprintf(field, FIELD_SIZE, "%.*s", (int)(n_field < FIELD_SIZE ? n_field : 0), at);
        return at[n] != '\0' ? at + n + bar_length(at + n) : NULL;
}

/* Finds the columns. Returns whether this is the first row of such a table. */
static bool read_columns(LspciTable *table, const char *at)
{
        char field[FIELD_SIZE];
        LspciTable found = {.is_open = true};

        memset(found.columns, -1, sizeof(found.columns));
        for (int8_t i = 0; at && i < LSPCI_TABLE_COLUMNS_MAX; i++) {
                at = take_field(at, field);
                for (size_t k = 0; k < _LSPCI_COLUMN_N; k++)
                        if (strcmp(field, columns[k]) == 0)
                                found.columns[k] = i;
        }
        if (found.columns[LSPCI_COLUMN_ADDRESS] < 0 || found.columns[LSPCI_COLUMN_GROUP] < 0)
                return false;
        *table = found;
        return true;
}

/* "0x10de" without "0x". */
static const char *digits_of(const char *field)
{
        return strncmp(field, "0x", 2) == 0 ? field + 2 : field;
}

static int take_row(Lspci *lspci, const char *at)
{
        char fields[_LSPCI_COLUMN_N][FIELD_SIZE] = {{0}}, field[FIELD_SIZE], title[128];
        const char *class_code, *group;
        LspciPath path;
        int r;

        for (int8_t i = 0; at && i < LSPCI_TABLE_COLUMNS_MAX; i++) {
                at = take_field(at, field);
                for (size_t k = 0; at && k < _LSPCI_COLUMN_N;
                     k++) /* a field without its bar is cut off */
                        if (lspci->table.columns[k] == i)
                                memcpy(fields[k], field, sizeof(field));
        }
        r = lspci_close(lspci);
        if (r != 0 || !lspci_parse_path(fields[LSPCI_COLUMN_ADDRESS], &path) || path.n != 1)
                return r;
        class_code = digits_of(fields[LSPCI_COLUMN_CLASS]);
        (void)snprintf(title, sizeof(title), "%.4s: %.8s:%.8s (prog-if %.2s)", class_code,
                       digits_of(fields[LSPCI_COLUMN_VENDOR]),
                       digits_of(fields[LSPCI_COLUMN_DEVICE]),
                       strlen(class_code) == 6 ? class_code + 4 : "");
        r = lspci_open(lspci, path.steps[0], title);
        if (r != 0)
                return r;
        lspci->in_title = false;
        group = fields[LSPCI_COLUMN_GROUP]; /* -1: none */
        if (group[0] != '\0' && strlen(group) < 10 &&
            strspn(group, "0123456789") == strlen(group)) {
                lspci->entry.listed_group = (int32_t)strtol(group, NULL, 10);
                lspci->entry.listed_line = lspci->line.number;
        } else if (strcmp(group, "-1") == 0) {
                lspci->entry.device.kernel_group = KERNEL_GROUP_NONE;
        }
        return 0;
}

int lspci_take_table(Lspci *lspci)
{
        const char *at = lspci->line.raw + strspn(lspci->line.raw, " \t>");
        size_t n = bar_length(at);

        if (n == 0) {
                lspci->table.is_open &= (unsigned char)*at >= 0x80 || *at == '+'; /* a line drawn */
                return LSPCI_LINE_OTHER;
        }
        if (read_columns(&lspci->table, at + n))
                return lspci_close(lspci);
        return lspci->table.is_open ? take_row(lspci, at + n) : LSPCI_LINE_OTHER;
}
