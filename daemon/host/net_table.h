/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How the host uses its interfaces: their addresses, and the routes through them.
 *
 * It parses rtnetlink(7) dumps from bytes; net_dump.c reads them from the kernel. It leaves out
 * what the kernel configures itself: link-local addresses, and the routes that come with an
 * address.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/model/base.h"

#define NET_USE_SIZE 96

typedef struct NetUse {
        int interface;
        bool is_route;
        char text[NET_USE_SIZE]; /* "192.0.2.1/24", "route to 198.51.100.0/24" */
} NetUse;

/* All addresses, and one route for each interface. */
typedef struct NetTable {
        NetUse *uses;
        size_t n_uses;
} NetTable;

enum {
        _NET_TABLE_E_SUCCESS,
        NET_TABLE_E_DONE,    /* the dump has ended */
        NET_TABLE_E_CHANGED, /* the table changed during the dump: ask again */
};

void net_table_clear(NetTable *table);

/*
 * Adds a part of a dump, aligned as by malloc(3). Returns 0 (more follows), a positive value from
 * above, -EBADMSG, -ENOMEM, or the -errno of the kernel.
 */
_nodiscard_ int net_table_parse(NetTable *table, const void *data, size_t n_data);

/* Reads the table of the network namespace of this process. Returns 0 or -errno. */
_nodiscard_ int net_table_read(NetTable *ret_table);
