/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A machine to be drawn: devices, and the links between them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "libclient/isolation.h"

typedef struct Link {
        const char *from, *to;    /* addresses, borrowed */
        bool is_bus;              /* `to` is directly below the port `from` */
        const iso_reason *reason; /* why the two are in one group; NULL if the link separates them,
                                   * or nothing is known */
} Link;

typedef struct Graph {
        iso_host *host; /* owns all that is borrowed */
        const iso_device *devices;
        size_t n_devices;
        Link *links;
        size_t n_links;
} Graph;

/* Writes the graph in the language of dot(1). */
void graph_write_dot(const Graph *graph, FILE *stream);
