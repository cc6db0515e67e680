/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Refusals: names and values are inverse, and exit codes are the documented ones.
 */

#include "core/model/refusal.h"
#include "tap.h"

static void test_round_trip(void)
{
        for (int i = _REFUSAL_NONE + 1; i < _REFUSAL_N; i++) {
                const char *name = refusal_to_string((Refusal)i);

                CHECK(name && name[0] != '\0');
                CHECK_NUMBER(refusal_from_string(name), i);
        }
        CHECK_NUMBER(refusal_from_string(""), _REFUSAL_NONE);
        CHECK_NUMBER(refusal_from_string("notfound"), _REFUSAL_NONE);
        CHECK_STRING(refusal_to_string(_REFUSAL_NONE), "");
        CHECK_STRING(refusal_to_string(_REFUSAL_N), "");
}

static void test_exit_codes(void)
{
        static const struct {
                const char *name;
                int code;
        } rows[] = {
                {"NotFound", 3},      {"Busy", 4},        {"PolicyDenied", 5}, {"NotViable", 6},
                {"NotAuthorized", 5}, {"TooWeak", 6},     {"Critical", 6},     {"Stuck", 7},
                {"NoDaemon", 8},      {"Quarantined", 9}, {"Invalid", 2},      {"KernelRefused", 1},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                CHECK_NUMBER(refusal_exit_code(refusal_from_string(rows[i].name)), rows[i].code);
        for (int i = _REFUSAL_NONE + 1; i < _REFUSAL_N; i++)
                CHECK(refusal_exit_code((Refusal)i) >= 1 && refusal_exit_code((Refusal)i) <= 9);
        CHECK_NUMBER(refusal_exit_code(_REFUSAL_NONE), 1);
        CHECK_NUMBER(refusal_exit_code(_REFUSAL_N), 1);
}

int main(void)
{
        static const TapTest tests[] = {
                {"names and values are inverse", test_round_trip},
                {"exit codes are those promised", test_exit_codes},
        };

        return tap_run(tests);
}
