/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Arrays that grow by one entry at a time. */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/base.h"

/* Makes room for one entry behind the `n` of an array. Returns false, with the array as it was, if
 * memory is short. */
#define ARRAY_GROW(array, n) array_grow(&(array), (n), sizeof(*(array)))

/* `owner`: the address of the pointer that owns the array. */
_nodiscard_ static inline bool array_grow(void *owner, size_t n, size_t size)
{
        void *items;

        memcpy(&items, owner, sizeof(items));
        items = reallocarray(items, n + 1, size);
        if (items)
                memcpy(owner, &items, sizeof(items));
        return items;
}
