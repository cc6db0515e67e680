/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Sizes, sums, and a process's limits in /proc.
 */

#include <string.h>

#include "core/model/memlock.h"
#include "tests/unit/tap.h"

#define GIB (UINT64_C(1) << 30)
#define LIMITS                                                                                     \
        "Limit                     Soft Limit           Hard Limit           Units     \n"         \
        "Max processes             7823                 7823                 processes \n"         \
        "Max locked memory         8388608              67108864             bytes     \n"         \
        "Max address space         unlimited            unlimited            bytes     \n"
#define FIRST "         0          0 4294967295\n"

static void test_sizes(void)
{
        static const struct {
                const char *text;
                uint64_t size;
        } good[] = {
                {"0", 0},           {"4096", 4096},
                {"1K", 1024},       {"512M", GIB / 2},
                {"16G", 16 * GIB},  {"16GiB", 16 * GIB},
                {"1T", 1024 * GIB}, {"18446744073709551615", UINT64_MAX},
        };
        static const char *const bad[] = {"",
                                          "G",
                                          "-1",
                                          "16 G",
                                          "16g",
                                          "16X",
                                          "16GB",
                                          "1.5",
                                          "16GiBs",
                                          "18446744073709551616",
                                          "99999999999999999T"};
        uint64_t size;

        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                if (CHECK(memlock_parse_size(good[i].text, &size)))
                        CHECK(size == good[i].size);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                CHECK(!memlock_parse_size(bad[i], &size));
}

static void test_need(void)
{
        CHECK(memlock_need(16 * GIB, 1) == 16 * GIB + MEMLOCK_HEADROOM);
        CHECK(memlock_need(16 * GIB, 3) == 3 * (16 * GIB + MEMLOCK_HEADROOM));
        CHECK(memlock_need(UINT64_MAX, 1) == UINT64_MAX);
        CHECK(memlock_need(GIB, UINT64_MAX) == UINT64_MAX);
        CHECK(memlock_need(GIB, 0) == 0);
}

/* A limit suffices up to the last byte, and the computed need is exactly enough. */
static void test_judge(void)
{
        MemlockLimit limit = {.known = true, .limit = 2 * memlock_need(GIB, 1), .locked = 4096};

        CHECK_NUMBER(memlock_judge(memlock_need(GIB, 1), &limit), MEMLOCK_ENOUGH);
        CHECK_NUMBER(memlock_judge(memlock_need(GIB, 2), &limit), MEMLOCK_TOO_SMALL);
        limit.locked = 0;
        CHECK_NUMBER(memlock_judge(memlock_need(GIB, 2), &limit), MEMLOCK_ENOUGH);
        CHECK(memlock_allowed_ram(&limit, 2) == GIB);
        CHECK_NUMBER(memlock_judge(memlock_need(GIB + 1, 2), &limit), MEMLOCK_TOO_SMALL);
        CHECK(memlock_allowed_ram(&limit, 1000) == 0);
        limit.locked = UINT64_MAX;
        CHECK_NUMBER(memlock_judge(1, &limit), MEMLOCK_TOO_SMALL);
        CHECK(memlock_allowed_ram(&limit, 1) == 0);
        limit.exempt = true;
        CHECK_NUMBER(memlock_judge(UINT64_MAX, &limit), MEMLOCK_ENOUGH);
        CHECK(memlock_allowed_ram(&limit, 1) == UINT64_MAX);
        limit.known = false;
        CHECK_NUMBER(memlock_judge(0, &limit), MEMLOCK_UNKNOWN);
        CHECK_STRING(memlock_verdict_to_string(MEMLOCK_TOO_SMALL), "too-small");
}

static void test_process(void)
{
        MemlockLimit limit = memlock_parse(LIMITS,
                                           "Name:\tVmLck: no\nVmLck:\t      64 kB\n"
                                           "CapEff:\t0000000000000000\n",
                                           FIRST);

        CHECK(limit.known && !limit.unlimited && !limit.exempt);
        CHECK_NUMBER(limit.limit, 8388608);
        CHECK_NUMBER(limit.hard, 67108864);
        CHECK_NUMBER(limit.locked, 65536);
        limit = memlock_parse("Max locked memory         unlimited            unlimited bytes\n",
                              "", "");
        CHECK(limit.known && limit.unlimited && !limit.exempt && limit.hard == UINT64_MAX);
        limit = memlock_parse(LIMITS, "CapEff:\t0000000000004000\n", FIRST);
        CHECK(limit.exempt);
        /* Root in a container with its own user namespace is not root here. */
        limit = memlock_parse(LIMITS, "CapEff:\t000001ffffffffff\n", "0 100000 65536\n");
        CHECK(limit.known && !limit.exempt);
}

/* A missing value is unknown, and never enough. */
static void test_unknown(void)
{
        static const char *const bad[] = {
                "",
                "Max locked memory",
                "Max locked memory         bytes\n",
                "Max locked memory         99999999999999999999 1 bytes\n",
                "Min locked memory         8388608 8388608 bytes\n",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                MemlockLimit limit = memlock_parse(bad[i], "CapEff:\tffff\n", "");

                CHECK(!limit.known);
                CHECK_NUMBER(memlock_judge(0, &limit), MEMLOCK_UNKNOWN);
        }
}

/* The user who reads the advice can follow it. */
static void test_advice(void)
{
        static const struct {
                uint64_t need, hard;
                int32_t pid;
                bool is_root;
                const char *unit, *begins;
        } cases[] = {
                {4 * GIB, UINT64_MAX, 0, false, "", "ulimit -l 4194308 (KiB) raises it"},
                {GIB, 2 * GIB, 7, false, "a.service",
                 "prlimit --pid 7 --memlock=1073745920: raises"},
                {GIB, 8388608, 7, true, "a.service",
                 "prlimit --pid 7 --memlock=1073745920 raises it now; for good, "
                 "LimitMEMLOCK=1073745920 in a.service"},
                {GIB, 8388608, 0, true, "",
                 "ulimit -H -l 1048580 (KiB) and ulimit -l 1048580 raise"},
                {GIB, 8388608, 0, false, "",
                 "it can be raised to 8388608 bytes, and beyond that by root alone: by \"memlock\" "
                 "in "
                 "the policy's rule"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const MemlockLimit limit = {
                        .known = true, .limit = 8388608, .hard = cases[i].hard, .locked = 4096};
                const MemlockCase subject = {.limit = &limit,
                                             .need = cases[i].need,
                                             .pid = cases[i].pid,
                                             .is_root = cases[i].is_root,
                                             .unit = cases[i].unit};
                _cleanup_(freep) char *text = memlock_advise(&subject);

                if (text && strlen(text) > strlen(cases[i].begins))
                        text[strlen(cases[i].begins)] = '\0';
                CHECK_STRING(text ? text : "", cases[i].begins);
        }
}

int main(void)
{
        static const TapTest tests[] = {
                {"sizes", test_sizes},
                {"what is needed", test_need},
                {"whether it is enough", test_judge},
                {"what /proc says of a process", test_process},
                {"what it does not say", test_unknown},
                {"what can be done about it", test_advice},
        };

        return tap_run(tests);
}
