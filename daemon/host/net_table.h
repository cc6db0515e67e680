/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the host has made of its interfaces: their addresses, and the routes that leave by them.
 *
 * From rtnetlink(7) dumps, bytes in and values out; reading them from the kernel is a file of its
 * own (net_dump.c). What the kernel sets up by itself is left out: link-local addresses, and the
 * routes that come with an address.
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

/* All addresses; of the routes one for each interface. */
typedef struct NetTable {
        NetUse *uses;
        size_t n_uses;
} NetTable;

enum {
        _NET_TABLE_E_SUCCESS,
        NET_TABLE_E_DONE,    /* the dump has ended */
        NET_TABLE_E_CHANGED, /* things changed while it was made: it is to be asked for again */
};

void net_table_clear(NetTable *table);

/*
 * Adds what a piece of a dump says. Returns 0 (more is to come), a positive value from above,
 * -EBADMSG, -ENOMEM, or the -errno that the kernel answers with.
 */
_nodiscard_ int net_table_parse(NetTable *table, const void *data, size_t n_data);

/* Asks the kernel, of this process's network namespace. Returns 0 or -errno. */
_nodiscard_ int net_table_read(NetTable *ret_table);
