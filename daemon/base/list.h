/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Lists that are linked by `next` of their items, down to NULL. */

/* Takes an item out of the list that begins at `first`; does nothing if it is not there. */
#define LIST_UNLINK(first, item)                                                                   \
        do {                                                                                       \
                __typeof__(&(first)) _at = &(first);                                               \
                while (*_at && *_at != (item))                                                     \
                        _at = &(*_at)->next;                                                       \
                if (*_at)                                                                          \
                        *_at = (item)->next;                                                       \
        } while (0)

/* Empties the list, each item by `free_item`. */
#define LIST_FREE(first, free_item)                                                                \
        do {                                                                                       \
                while (first) {                                                                    \
                        __typeof__(first) _item = (first);                                         \
                        (first) = _item->next;                                                     \
                        (void)free_item(_item);                                                    \
                }                                                                                  \
        } while (0)
