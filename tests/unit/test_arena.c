/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Objects of all sizes from one arena: zeroed, aligned, apart from each other.
 */

#include "libclient/arena.h"
#include "tap.h"

#include <stdint.h>

#define N_OBJECTS 3000

static bool is_zeroed(const unsigned char *bytes, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (bytes[i] != 0)
                        return false;
        return true;
}

static void test_objects(void)
{
        Arena arena = {0};
        unsigned char *objects[N_OBJECTS];
        size_t sizes[N_OBJECTS];

        for (int round = 0; round < 2; round++) {
                for (size_t i = 0; i < N_OBJECTS; i++) {
                        sizes[i] = i % 100 == 99 ? 70000 : i % 61;
                        objects[i] = arena_alloc(&arena, sizes[i], 1);
                        if (!CHECK(objects[i]))
                                return;
                        CHECK((uintptr_t)objects[i] % _Alignof(max_align_t) == 0);
                        CHECK(is_zeroed(objects[i], sizes[i]));
                        memset(objects[i], (int)(i % 255) + 1, sizes[i]);
                }
                for (size_t i = 0; i < N_OBJECTS; i++)
                        CHECK(sizes[i] == 0 || (objects[i][0] == i % 255 + 1 &&
                                                objects[i][sizes[i] - 1] == i % 255 + 1));
                arena_deinit(&arena);
        }
}

static void test_sizes_that_cannot_be(void)
{
        Arena arena = {0};

        CHECK(!arena_alloc(&arena, SIZE_MAX / 2, 3));
        CHECK(!arena_alloc(&arena, SIZE_MAX, 1));
        CHECK(!arena_alloc(&arena, SIZE_MAX - 40, 1));
        CHECK(arena_alloc(&arena, 0, SIZE_MAX));
        arena_deinit(&arena);
}

static void test_growth(void)
{
        Arena arena = {0};
        size_t capacity = 0, n = 0;
        unsigned *list = NULL;

        for (; n < 10000; n++) {
                list = arena_grow(&arena, list, n, &capacity, sizeof(*list));
                if (!CHECK(list && capacity >= n + 2))
                        return;
                CHECK_NUMBER(list[n + 1], 0);
                list[n] = (unsigned)n + 1;
        }
        for (size_t i = 0; i < n; i++)
                CHECK_NUMBER(list[i], i + 1);
        CHECK_STRING(arena_strdup(&arena, ""), "");
        CHECK_STRING(arena_strdup(&arena, "0000:01:00.0"), "0000:01:00.0");
        arena_deinit(&arena);
}

int main(void)
{
        static const TapTest tests[] = {
                {"objects", test_objects},
                {"sizes that cannot be", test_sizes_that_cannot_be},
                {"a list that grows", test_growth},
        };

        return tap_run(tests);
}
