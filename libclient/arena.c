/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Blocks in a list, each allocated on its own, so that a sanitizer sees a write past any of them.
 */

#include "libclient/arena.h"

#include <stdint.h>
#include <string.h>

struct ArenaBlock {
        ArenaBlock *next;
        max_align_t data[];
};

void arena_deinit(Arena *arena)
{
        while (arena->blocks) {
                ArenaBlock *block = arena->blocks;

                arena->blocks = block->next;
                free(block);
        }
}

void *arena_alloc(Arena *arena, size_t n, size_t size)
{
        ArenaBlock *block;
        size_t bytes;

        if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX - sizeof(*block))
                return NULL;

        block = calloc(1, sizeof(*block) + bytes);
        if (!block)
                return NULL;

        block->next = arena->blocks;
        arena->blocks = block;
        return block->data;
}

char *arena_strdup(Arena *arena, const char *text)
{
        size_t size = strlen(text) + 1;
        char *copy;

        copy = arena_alloc(arena, size, 1);
        return copy ? memcpy(copy, text, size) : NULL;
}

void *arena_grow(Arena *arena, const void *list, size_t n, size_t *capacity, size_t size)
{
        size_t wanted;
        void *larger;

        if (n + 2 <= *capacity)
                return (void *)list;

        if (__builtin_mul_overflow(n + 4, (size_t)2, &wanted))
                return NULL;
        larger = arena_alloc(arena, wanted, size);
        if (!larger)
                return NULL;

        if (n > 0)
                memcpy(larger, list, n * size);
        *capacity = wanted;
        return larger;
}
