/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lists of texts: steps of a plan, nodes, places below ports. They are short, and searched in order. */

#include "daemon/base/texts.h"

#include <errno.h>
#include <string.h>

#include "daemon/base/array.h"

int text_list_add(TextList *list, char *text)
{
        if (!text || !ARRAY_GROW(list->items, list->n_items)) {
                free(text);
                return -ENOMEM;
        }
        list->items[list->n_items++] = text;
        return 0;
}

bool text_list_has(const TextList *list, const char *text)
{
        for (size_t i = 0; i < list->n_items; i++)
                if (strcmp(list->items[i], text) == 0)
                        return true;
        return false;
}

void text_list_clear(TextList *list)
{
        for (size_t i = 0; i < list->n_items; i++)
                free(list->items[i]);
        free(list->items);
        *list = (TextList){.items = NULL};
}
