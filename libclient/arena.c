/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Objects in sequence in large blocks. AddressSanitizer poisons a gap after each object, so that
 * it detects a write past the end.
 */

#include "libclient/arena.h"

#include <stdint.h>
#include <string.h>

#ifdef __has_feature /* clang */
#if __has_feature(address_sanitizer)
#define WITH_SANITIZER 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__ /* gcc */
#define WITH_SANITIZER 1
#endif

#ifdef WITH_SANITIZER
#include <sanitizer/asan_interface.h>
#define GAP 16
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define GAP 0
#endif

#define BLOCK_SIZE 32768
#define ALIGNMENT _Alignof(max_align_t)

struct ArenaBlock {
        ArenaBlock *next;
        size_t size; /* of the data */
        size_t used;
        max_align_t data[];
};

void arena_deinit(Arena *arena)
{
        while (arena->blocks) {
                ArenaBlock *block = arena->blocks;

                arena->blocks = block->next;
                ASAN_UNPOISON_MEMORY_REGION(block->data, block->size);
                free(block);
        }
}

/*
 * Adds a block at the front, with room for an object of `bytes`. Returns NULL if memory is short.
 */
static ArenaBlock *add_block(Arena *arena, size_t bytes)
{
        size_t size = bytes > BLOCK_SIZE ? bytes : BLOCK_SIZE;
        ArenaBlock *block = calloc(1, sizeof(*block) + size);

        if (!block)
                return NULL;
        block->size = size;
        block->next = arena->blocks;
        arena->blocks = block;
        ASAN_POISON_MEMORY_REGION(block->data, size);
        return block;
}

void *arena_alloc(Arena *arena, size_t n, size_t size)
{
        ArenaBlock *block = arena->blocks;
        size_t bytes, room;
        void *object;

        if (__builtin_mul_overflow(n, size, &bytes) ||
            bytes > SIZE_MAX - sizeof(*block) - GAP - ALIGNMENT)
                return NULL;
        room = (bytes + GAP + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

        if (!block || room > block->size - block->used)
                block = add_block(arena, room);
        if (!block)
                return NULL;
        object = (char *)block->data + block->used;
        block->used += room;
        ASAN_UNPOISON_MEMORY_REGION(object, bytes);
        return object;
}

char *arena_strdup(Arena *arena, const char *text)
{
        size_t size = strlen(text) + 1;
        char *copy;

        copy = arena_alloc(arena, size, 1);
        return copy ? memcpy(copy, text, size) : NULL;
}

const char *arena_strdup_printable(Arena *arena, const char *text)
{
        char *copy;

        if (*text == '\0')
                return "";
        copy = arena_strdup(arena, text);
        for (char *p = copy; p && *p; p++)
                if (*p <= ' ' || *p > '~')
                        *p = '?';
        return copy;
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
