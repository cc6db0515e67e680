/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Text output: aligned columns, and the names of devices and groups. */

#include <stddef.h>
#include <sys/types.h>

#include "cli/isoctl.h"

typedef struct Table {
        size_t n_columns;
        char **cells;
        size_t n_cells;
        bool has_header; /* the first row has the names of the columns */
        bool without_header;
        unsigned flexible; /* columns that may be cut to fit a terminal, 1 << column */
        unsigned optional; /* columns that may be left out to fit it if no row has anything there */
} Table;

void table_deinit(Table *table);

/* Sets the columns and, unless `without_header`, adds the row of their names (NULL-terminated). */
void table_header(Table *table, const char *const *names);

/* Adds the next cell of the row; an empty one shows as "-". */
void table_add(Table *table, const char *format, ...) _printf_(2, 3);

/* The same for a user: 1000(anna), or the number if it has no name. */
void table_add_user(Table *table, uid_t uid);

/* Prints all rows, each behind `indent`. On a terminal, flexible columns shrink to fit it. */
void table_print(const Table *table, const char *indent);

/* "Ethernet" for 020000; the name of the base class, or "unclassified", for what has none. */
const char *class_name(uint32_t class_code);

/* "8086:10d3", "8086:-" or "-": the known ids of a device. The caller frees it. */
char *ids_describe(const iso_device *device);

/*
 * "Intel 82574L Gigabit Network Connection", or its ids and class if it has no name; and what it is
 * to the host, "enp3s0". The caller frees them.
 */
char *device_describe(iso_host *host, const iso_device *device);
char *uses_describe(iso_host *host, const iso_device *device);
void table_add_name(Table *table, iso_host *host, const iso_device *device);
void table_add_uses(Table *table, iso_host *host, const iso_device *device);

/* Adds address, name, driver and uses: the row of a device below a group. */
void table_add_device(Table *table, iso_host *host, const iso_device *device);

/* Is it a PCI-to-PCI bridge: a part of the path, which is never handed out? */
bool device_is_bridge(const iso_device *device);

/* Are they functions of one card: addresses that are equal up to the function? */
bool device_shares_card(const iso_device *a, const iso_device *b);

/* Is the device below the port with that address, directly or not? */
bool device_is_below(const iso_host *host, const iso_device *device, const char *port);

bool group_has(const iso_group *group, const char *address);

size_t count_texts(const char *const *texts);

/* "a, b" for a list; the caller frees it. */
char *join_texts(const char *const *texts, const char *separator);

/* The device with that address, or NULL. */
const iso_device *device_find(const iso_host *host, const char *address);
const iso_device *device_find_id(const iso_host *host, const char *id);
const iso_group *group_find(const iso_host *host, const char *id);
const iso_lease *lease_find(const iso_host *host, uint32_t id);

/* "group 0000:00/1c.4 (kernel group 5)"; the caller frees it. */
char *group_describe(const iso_group *group);

/* If this machine cannot lease, prints the reason on stderr. */
void note_obstacle(const iso_host *host);
