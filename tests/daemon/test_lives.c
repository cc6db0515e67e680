/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A hundred thousand random lives. A life in which the daemon and the model differ is shrunk to the
 * few commands needed, and printed as bytes for the fuzz target of the same name.
 *
 * Arguments: the number of lives, the first seed.
 */

#include <dirent.h>
#include <stdlib.h>

#include "tests/daemon/lives.h"
#include "tests/unit/sanitized.h"
#include "tests/unit/tap.h"

#define LIVES 100000
/* A sanitizer makes each life ten times as slow; the build without sanitizers runs all of them. */
#define LIVES_SANITIZED 10000

static unsigned long n_lives = IS_SANITIZED ? LIVES_SANITIZED : LIVES;
static uint64_t seed = 1;

/* xorshift64* */
static uint8_t draw(uint64_t *state)
{
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        return (uint8_t)((*state * 0x2545f4914f6cdd1dULL) >> 56);
}

/* Removes one command after the other as long as the daemon and the model still differ. */
static size_t shrink(uint8_t *data, size_t n)
{
        uint8_t shorter[LIVES_COMMANDS_MAX * LIVES_COMMAND_SIZE];
        bool again = true;

        while (again) {
                again = false;
                for (size_t i = 0; i + LIVES_COMMAND_SIZE <= n; i += LIVES_COMMAND_SIZE) {
                        size_t m = n - LIVES_COMMAND_SIZE;

                        memcpy(shorter, data, i);
                        memcpy(shorter + i, data + i + LIVES_COMMAND_SIZE, m - i);
                        if (lives_run(shorter, m, false))
                                continue;
                        memcpy(data, shorter, m);
                        n = m;
                        again = true;
                        break;
                }
        }
        return n;
}

static size_t n_open_fds(void)
{
        DIR *dir = opendir("/proc/self/fd");
        size_t n = 0;

        while (dir && readdir(dir))
                n++;
        if (dir)
                (void)closedir(dir);
        return n;
}

static void test_lives(void)
{
        uint8_t data[LIVES_COMMANDS_MAX * LIVES_COMMAND_SIZE];
        size_t open_before = 0;

        for (unsigned long i = 0; i < n_lives; i++) {
                uint64_t state = (seed + i) * 0x9e3779b97f4a7c15ULL + 1;
                size_t n = (size_t)(1 + draw(&state) % LIVES_COMMANDS_MAX) * LIVES_COMMAND_SIZE;

                for (size_t k = 0; k < n; k++)
                        data[k] = draw(&state);
                if (i == 1)
                        open_before = n_open_fds(); /* the first life opened fds that stay open */
                if (lives_run(data, n, false))
                        continue;
                n = shrink(data, n);
                printf("# life %lu, %zu commands:", (unsigned long)seed + i,
                       n / LIVES_COMMAND_SIZE);
                for (size_t k = 0; k < n; k++)
                        printf("%s%02x", k % LIVES_COMMAND_SIZE ? "" : " ", data[k]);
                printf("\n");
                CHECK(lives_run(data, n, true));
                return;
        }
        LivesCount count = lives_count();
        printf("# tell: %lu lives of the manager against the model: %lu commands, %lu leases, "
               "%lu waits, 0 differences\n",
               n_lives, count.commands, count.leases, count.waits);
        CHECK(count.leases > n_lives);
        CHECK(count.waits > n_lives);
        CHECK_NUMBER(n_open_fds(), open_before);
}

/* A life that must differ: a test that never finds a difference would test nothing. */
static void test_the_model_can_disagree(void)
{
        const uint8_t acquire_twice[] = {0, 0, 0, 0, 0, 0};

        CHECK(lives_run(acquire_twice, sizeof(acquire_twice), true));
        CHECK(lives_differ_when_the_model_forgets());
}

int main(int argc, char **argv)
{
        static const TapTest tests[] = {
                {"lives against the model", test_lives},
                {"a model that forgets is found out", test_the_model_can_disagree},
        };

        if (argc > 1)
                n_lives = strtoul(argv[1], NULL, 10);
        if (argc > 2)
                seed = strtoull(argv[2], NULL, 10);
        return tap_run(tests);
}
