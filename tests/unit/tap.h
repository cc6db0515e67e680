/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A minimal test harness: checks that report and go on, results in the Test Anything Protocol.
 *
 * A test program passes a list of tests to tap_run(). A failed check prints a `#` line with its
 * place. A test is ok if none of its checks failed. A program that runs no check at all fails.
 */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/model/base.h"

typedef struct TapTest {
        const char *name;
        void (*run)(void);
} TapTest;

static bool tap_failed;
static unsigned tap_n_checks;
static const char *tap_skipped;

static inline bool tap_check(bool ok, const char *file, int line, const char *what)
{
        tap_n_checks++;
        if (!ok) {
                tap_failed = true;
                printf("# %s:%d: failed: %s\n", file, line, what);
        }
        return ok;
}

static inline bool tap_check_string(const char *have, const char *want, const char *file, int line)
{
        bool ok = have && strcmp(have, want) == 0;

        tap_n_checks++;
        if (!ok) {
                tap_failed = true;
                printf("# %s:%d: have: %s\n#   want: %s\n", file, line, have ? have : "(null)",
                       want);
        }
        return ok;
}

static inline bool tap_check_number(long long have, long long want, const char *file, int line,
                                    const char *what)
{
        tap_n_checks++;
        if (have != want) {
                tap_failed = true;
                printf("# %s:%d: %s is %lld, want %lld\n", file, line, what, have, want);
        }
        return have == want;
}

#define CHECK(condition) tap_check((condition), __FILE__, __LINE__, #condition)
#define CHECK_STRING(have, want) tap_check_string((have), (want), __FILE__, __LINE__)
#define CHECK_NUMBER(have, want)                                                                   \
        tap_check_number((long long)(have), (long long)(want), __FILE__, __LINE__, #have)

/* Ends the running test as skipped, with a reason. */
#define SKIP(reason)                                                                               \
        do {                                                                                       \
                tap_skipped = (reason);                                                            \
                return;                                                                            \
        } while (0)

static inline int tap_run_list(const TapTest *tests, size_t n_tests)
{
        size_t n_failed = 0;

        printf("1..%zu\n", n_tests);
        for (size_t i = 0; i < n_tests; i++) {
                tap_failed = false;
                tap_skipped = NULL;
                tap_n_checks = 0;
                tests[i].run();
                if (tap_n_checks == 0 && !tap_skipped) {
                        tap_failed = true;
                        printf("# nothing was checked\n");
                }
                n_failed += tap_failed;
                printf("%s %zu - %s%s%s\n", tap_failed ? "not ok" : "ok", i + 1, tests[i].name,
                       tap_skipped ? " # SKIP " : "", tap_skipped ? tap_skipped : "");
                (void)fflush(stdout);
        }
        return n_failed > 0;
}

#define tap_run(tests) tap_run_list((tests), ARRAY_SIZE(tests))
