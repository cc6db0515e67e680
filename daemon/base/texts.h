/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A list of texts that it owns. */

#include <stdbool.h>
#include <stddef.h>

#include "core/model/base.h"

typedef struct TextList {
        char **items;
        size_t n_items;
} TextList;

/* Adds a text, taken over; NULL is a failed allocation. Returns 0 or -ENOMEM. */
_nodiscard_ int text_list_add(TextList *list, char *text);

bool text_list_has(const TextList *list, const char *text);

/* Frees what is in it. */
void text_list_clear(TextList *list);
