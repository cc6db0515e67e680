/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The input is a piece of the kernel's dump of addresses or routes. Each use found has a text, and
 * each interface has at most one route. A second reading adds no more routes.
 */

#include "fuzz.h"

#include "daemon/host/net_table.h"

#include <string.h>

static size_t count_routes(const NetTable *table)
{
        size_t n = 0;

        for (size_t i = 0; i < table->n_uses; i++) {
                const NetUse *use = &table->uses[i];

                MUST(memchr(use->text, '\0', sizeof(use->text)) && use->text[0]);
                for (size_t k = 0; k < i; k++)
                        MUST(!use->is_route || !table->uses[k].is_route ||
                             table->uses[k].interface != use->interface);
                n += use->is_route;
        }
        return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_data)
{
        NetTable table = {.n_uses = 0};
        /* The parser wants it aligned. */
        uint8_t *dump = malloc(n_data > 0 ? n_data : 1);

        MUST(dump);
        memcpy(dump, data, n_data);
        int r = net_table_parse(&table, dump, n_data);
        size_t n_uses = table.n_uses, n_routes = count_routes(&table);
        MUST(r <= 0 ? r >= -4095 : r == NET_TABLE_E_DONE || r == NET_TABLE_E_CHANGED);
        MUST(net_table_parse(&table, dump, n_data) == r);
        MUST(count_routes(&table) == n_routes);
        MUST(table.n_uses - n_uses == n_uses - n_routes);
        net_table_clear(&table);
        free(dump);
        return 0;
}
