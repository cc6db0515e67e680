/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Prints all bits: a bit that holds is evidence too. */

#include "cli/strength.h"

#include <stdio.h>

#include "cli/text.h"

int strengths_read(iso_host *host, const iso_group *group, Strengths *ret)
{
        Strengths strengths = {0};

        int r = iso_host_strength(host, group, &strengths.bits, &strengths.n);
        if (r != 0 && r != ISO_E_UNSUPPORTED)
                return r;
        *ret = r == 0 ? strengths : (Strengths){0};
        return 0;
}

void json_add_strengths(json_object *object, const Strengths *strengths)
{
        json_object *array;

        if (strengths->n == 0)
                return;
        array = json_add_array(object, "strength");
        for (size_t i = 0; i < strengths->n; i++) {
                json_object *bit = json_append(array, must(json_object_new_object()));

                json_add_text(bit, "bit", strengths->bits[i].bit);
                json_add_text(bit, "value", strengths->bits[i].value);
                json_add_text(bit, "text", strengths->bits[i].text);
        }
}

void print_strengths(const Strengths *strengths, const char *group)
{
        _cleanup_(table_deinit) Table table = {.n_columns = 3};

        if (strengths->n == 0)
                return;
        for (size_t i = 0; i < strengths->n; i++) {
                table_add(&table, "%s", strengths->bits[i].bit);
                table_add(&table, "%s", strengths->bits[i].value);
                table_add(&table, "%s", strengths->bits[i].text);
        }
        (void)printf("\nStrength%s%s\n", group ? " of " : "", group ? group : "");
        table_print(&table, "  ");
}
