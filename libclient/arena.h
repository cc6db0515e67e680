/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Allocates many small values that share one lifetime.
 *
 * A view has thousands of strings and lists, and all end at the next refresh. The arena allocates
 * them zeroed and frees them all at once.
 */

#include <stddef.h>

#include "core/model/base.h"

typedef struct ArenaBlock ArenaBlock;

typedef struct Arena {
        ArenaBlock *blocks;
} Arena;

/* Frees all allocations of the arena, which can then be used again. */
void arena_deinit(Arena *arena);

/* `n` zeroed objects of `size` bytes, or NULL if memory is short. */
_nodiscard_ void *arena_alloc(Arena *arena, size_t n, size_t size);

/* A copy of the text, or NULL if memory is short. */
_nodiscard_ char *arena_strdup(Arena *arena, const char *text);

/*
 * The same with each character that is not printable ASCII replaced: a copied tree can contain any
 * bytes, and no others reach a terminal or a JSON document.
 */
_nodiscard_ const char *arena_strdup_printable(Arena *arena, const char *text);

/*
 * A list of `n` objects with room for at least one more and a zeroed terminator behind it: `list`
 * itself, or a larger copy. *capacity starts at 0. Returns NULL if memory is short.
 */
_nodiscard_ void *arena_grow(Arena *arena, const void *list, size_t n, size_t *capacity,
                             size_t size);
