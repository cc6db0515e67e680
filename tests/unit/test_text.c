/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Numbers in a caller's text: the whole text or nothing, and no more digits than the type holds. */

#include "core/model/text.h"

#include "tests/unit/tap.h"

static void test_numbers(void)
{
        static const struct {
                const char *text;
                bool ok;
                uint32_t number;
        } rows[] = {
                {"0", true, 0},
                {"7", true, 7},
                {"0000000007", true, 7},
                {"4294967295", true, UINT32_MAX},
                {"4294967296", false, 0},
                {"9999999999", false, 0},
                {"00000000007", false, 0},
                {"18446744073709551623", false, 0},
                {"", false, 0},
                {" 7", false, 0},
                {"+7", false, 0},
                {"-7", false, 0},
                {"7 ", false, 0},
                {"0x7", false, 0},
                {"7a", false, 0},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                uint32_t number = 99;

                if (!CHECK(text_read_u32(rows[i].text, &number) == rows[i].ok))
                        printf("# %s\n", rows[i].text);
                CHECK_NUMBER(number, rows[i].ok ? rows[i].number : 99);
        }
}

int main(void)
{
        static const TapTest tests[] = {
                {"numbers", test_numbers},
        };

        return tap_run(tests);
}
