/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The input's first line is a modalias, the rest is both tables. A match has a name from the
 * tables, and a second table never makes the match less specific.
 */

#include "fuzz.h"

#include "core/model/variant.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_data)
{
        _cleanup_(freep) char *text = malloc(n_data + 1);
        VariantMatch match = {.module = ""}, both;

        MUST(text);
        if (n_data > 0)
                memcpy(text, data, n_data);
        text[n_data] = '\0';
        size_t n_line = strcspn(text, "\n");
        char *table = text[n_line] ? text + n_line + 1 : text + n_line;
        size_t n_table = n_data - (size_t)(table - text);
        text[n_line] = '\0';

        variant_search_aliases(table, text, &match);
        both = match;
        variant_search_modinfo(table, n_table, text, &both);
        MUST(memchr(both.module, '\0', sizeof(both.module)));
        MUST(both.n_fields <= 7 && both.n_fields >= match.n_fields);
        MUST(!match.module[0] || both.module[0]);
        MUST(!both.module[0] || variant_has_module(table, table, n_table, both.module));
        MUST(both.module[0] || both.n_fields == 0);
        return 0;
}
