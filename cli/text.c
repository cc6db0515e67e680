/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tables are collected before they are printed, so that a column is as wide as its widest cell. */

#include "cli/text.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"

#define GAP 2          /* between columns */
#define WIDTH_LEAST 12 /* of a column that was made narrower */

void table_deinit(Table *table)
{
        for (size_t i = 0; i < table->n_cells; i++)
                free(table->cells[i]);
        free(table->cells);
}

void table_add(Table *table, const char *format, ...)
{
        va_list arguments;
        char *text;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        must(text);

        table->cells = must(reallocarray(table->cells, table->n_cells + 1, sizeof(char *)));
        table->cells[table->n_cells++] = text;
}

void table_add_user(Table *table, uid_t uid)
{
        const struct passwd *user = getpwuid(uid);

        if (user)
                table_add(table, "%u(%s)", uid, user->pw_name);
        else
                table_add(table, "%u", uid);
}

void table_header(Table *table, const char *const *names)
{
        for (table->n_columns = 0; names[table->n_columns];)
                table->n_columns++;
        for (size_t i = 0; !table->without_header && i < table->n_columns; i++)
                table_add(table, "%s", names[i]);
        table->has_header = !table->without_header;
}

static const char *cell_text(const Table *table, size_t cell)
{
        return *table->cells[cell] ? table->cells[cell] : "-";
}

static size_t column_width(const Table *table, size_t column)
{
        size_t width = 0;

        for (size_t i = column; i < table->n_cells; i += table->n_columns) {
                size_t columns = text_columns(cell_text(table, i));

                width = columns > width ? columns : width;
        }
        return width;
}

static bool is_empty(const Table *table, size_t column)
{
        size_t first = table->has_header ? table->n_columns : 0;

        for (size_t i = first + column; i < table->n_cells; i += table->n_columns)
                if (*table->cells[i])
                        return false;
        return true;
}

/*
 * Until a row fits the terminal, leaves out empty columns (width 0) and makes columns narrower, the
 * last one first. Below a least width a row is rather broken by the terminal.
 */
static void fit(const Table *table, size_t indent, size_t *widths)
{
        size_t total = indent + (table->n_columns - 1) * GAP;

        for (size_t i = 0; i < table->n_columns; i++)
                total += widths[i];
        if (output_width() == 0)
                return;
        for (size_t i = 0; i < table->n_columns && total > output_width(); i++)
                if (table->optional & 1U << i && is_empty(table, i)) {
                        total -= widths[i] + GAP;
                        widths[i] = 0;
                }
        for (size_t i = table->n_columns; i-- > 0 && total > output_width();) {
                size_t over = total - output_width();
                size_t least = widths[i] < WIDTH_LEAST ? widths[i] : WIDTH_LEAST;
                size_t less = widths[i] - least < over ? widths[i] - least : over;

                if (!(table->flexible & 1U << i))
                        continue;
                widths[i] -= less;
                total -= less;
        }
}

static void print_cell(const Table *table, size_t cell, size_t width, bool is_last)
{
        size_t column = cell % table->n_columns;
        _cleanup_(free_text) char *text =
                text_shorten(cell_text(table, cell), table->flexible & 1U << column ? width : 0);
        bool is_header = table->has_header && cell < table->n_columns;

        (void)printf("%s%s%s", is_header ? colour_begin(COLOUR_HEADING) : "", text,
                     is_header ? colour_end() : "");
        if (is_last)
                (void)printf("\n");
        else
                (void)printf("%*s", (int)(width - text_columns(text)), "");
}

void table_print(const Table *table, const char *indent)
{
        size_t *widths = must(calloc(table->n_columns + 1, sizeof(*widths)));

        for (size_t i = 0; i < table->n_columns; i++)
                widths[i] = column_width(table, i);
        fit(table, strlen(indent), widths);
        for (size_t i = 0; i < table->n_cells; i++) {
                size_t column = i % table->n_columns;

                if (widths[column] == 0)
                        continue;
                (void)fputs(column == 0 ? indent : "  ", stdout);
                print_cell(table, i, widths[column], column + 1 == table->n_columns);
        }
        free(widths);
}

/*
 * PCI Code and ID Assignment Specification: base class and subclass; 0x100 stands for any
 * subclass.
 */
static const struct {
        unsigned base;
        unsigned sub;
        const char *name;
} class_names[] = {
        {0x01, 0x01, "IDE"},
        {0x01, 0x04, "RAID"},
        {0x01, 0x06, "SATA"},
        {0x01, 0x07, "SAS"},
        {0x01, 0x08, "NVMe"},
        {0x01, 0x100, "storage"},
        {0x02, 0x00, "Ethernet"},
        {0x02, 0x07, "InfiniBand"},
        {0x02, 0x100, "network"},
        {0x03, 0x00, "VGA"},
        {0x03, 0x02, "3D"},
        {0x03, 0x100, "display"},
        {0x04, 0x03, "audio"},
        {0x04, 0x100, "multimedia"},
        {0x05, 0x100, "memory"},
        {0x06, 0x00, "host bridge"},
        {0x06, 0x01, "ISA bridge"},
        {0x06, 0x04, "PCI bridge"},
        {0x06, 0x100, "bridge"},
        {0x07, 0x00, "serial port"},
        {0x07, 0x100, "communication"},
        {0x08, 0x06, "IOMMU"},
        {0x08, 0x100, "system"},
        {0x09, 0x100, "input"},
        {0x0a, 0x100, "docking"},
        {0x0b, 0x100, "processor"},
        {0x0c, 0x03, "USB"},
        {0x0c, 0x05, "SMBus"},
        {0x0c, 0x100, "serial bus"},
        {0x0d, 0x100, "wireless"},
        {0x0e, 0x100, "intelligent I/O"},
        {0x0f, 0x100, "satellite"},
        {0x10, 0x100, "encryption"},
        {0x11, 0x100, "signal processing"},
        {0x12, 0x100, "accelerator"},
        {0x13, 0x100, "instrumentation"},
};

const char *class_name(uint32_t class_code)
{
        unsigned base = class_code >> 16 & 0xff, sub = class_code >> 8 & 0xff;

        for (size_t i = 0; i < ARRAY_SIZE(class_names); i++)
                if (class_names[i].base == base &&
                    (class_names[i].sub == sub || class_names[i].sub == 0x100))
                        return class_names[i].name;
        return "unclassified";
}

char *ids_describe(const iso_device *device)
{
        if (device->vendor == 0)
                return must(strdup("-"));
        if (device->device == 0)
                return must_format("%04x:-", device->vendor);
        return must_format("%04x:%04x", device->vendor, device->device);
}

char *device_describe(iso_host *host, const iso_device *device)
{
        const char *name = iso_host_device_name(host, device);
        _cleanup_(free_text) char *ids = NULL;

        if (*name)
                return must_format("%s", name);
        ids = ids_describe(device);
        return must_format("%s %s", ids, class_name(device->class_code));
}

char *uses_describe(iso_host *host, const iso_device *device)
{
        size_t n;

        return join_texts(iso_host_device_uses(host, device, &n), " ");
}

void table_add_name(Table *table, iso_host *host, const iso_device *device)
{
        _cleanup_(free_text) char *name = device_describe(host, device);

        table_add(table, "%s", name);
}

void table_add_uses(Table *table, iso_host *host, const iso_device *device)
{
        _cleanup_(free_text) char *uses = uses_describe(host, device);

        table_add(table, "%s", uses);
}

void table_add_device(Table *table, iso_host *host, const iso_device *device)
{
        table_add(table, "%s", device->address);
        table_add_name(table, host, device);
        table_add(table, "%s", device->driver);
        table_add_uses(table, host, device);
}

/* PCI Code and ID Assignment Specification 1.7. */
bool device_is_bridge(const iso_device *device)
{
        return device->class_code >> 8 == 0x0604;
}

bool device_shares_card(const iso_device *a, const iso_device *b)
{
        size_t n = strlen(a->address);

        return n == strlen(b->address) && n > 0 && strncmp(a->address, b->address, n - 1) == 0;
}

bool device_is_below(const iso_host *host, const iso_device *device, const char *port)
{
        size_t n;

        /* Each step goes up to a device of the list: its length bounds their number. */
        (void)iso_host_devices(host, &n);
        for (; device && n > 0; n--) {
                if (strcmp(device->parent, port) == 0)
                        return true;
                device = device_find(host, device->parent);
        }
        return false;
}

bool group_has(const iso_group *group, const char *address)
{
        for (size_t i = 0; i < group->n_devices; i++)
                if (strcmp(group->devices[i], address) == 0)
                        return true;
        return false;
}

size_t count_texts(const char *const *texts)
{
        size_t n = 0;

        while (texts[n])
                n++;
        return n;
}

char *join_texts(const char *const *texts, const char *separator)
{
        char *joined = must(strdup(""));

        for (size_t i = 0; texts[i]; i++) {
                char *longer = must_format("%s%s%s", joined, i > 0 ? separator : "", texts[i]);

                free(joined);
                joined = longer;
        }
        return joined;
}

const iso_device *device_find(const iso_host *host, const char *address)
{
        size_t n;
        const iso_device *devices = iso_host_devices(host, &n);

        for (size_t i = 0; i < n; i++)
                if (strcmp(devices[i].address, address) == 0)
                        return &devices[i];
        return NULL;
}

const iso_device *device_find_id(const iso_host *host, const char *id)
{
        size_t n;
        const iso_device *devices = iso_host_devices(host, &n);

        for (size_t i = 0; i < n; i++)
                if (strcmp(devices[i].id, id) == 0)
                        return &devices[i];
        return NULL;
}

const iso_group *group_find(const iso_host *host, const char *id)
{
        size_t n;
        const iso_group *groups = iso_host_groups(host, &n);

        for (size_t i = 0; i < n; i++)
                if (strcmp(groups[i].id, id) == 0)
                        return &groups[i];
        return NULL;
}

const iso_lease *lease_find(const iso_host *host, uint32_t id)
{
        size_t n;
        const iso_lease *leases = iso_host_leases(host, &n);

        for (size_t i = 0; i < n; i++)
                if (leases[i].id == id)
                        return &leases[i];
        return NULL;
}

char *group_describe(const iso_group *group)
{
        if (group->kernel_group < 0)
                return must_format("group %s (the kernel has none)", group->id);
        return must_format("group %s (kernel group %d)", group->id, group->kernel_group);
}

void note_obstacle(const iso_host *host)
{
        const char *obstacle = iso_host_obstacle(host);

        if (*obstacle)
                note("%s", obstacle);
}
