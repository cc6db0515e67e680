/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reserved regions as kernels print them, and lines that no kernel prints.
 */

#include "core/model/region.h"
#include "tests/unit/tap.h"

static void test_kernel(void)
{
        const char *text = "0x00000000bdf6f000 0x00000000bdf94fff direct-relaxable\n"
                           "0x00000000fee00000 0x00000000feefffff msi\n"
                           "0x000000fd00000000 0x000000ffffffffff reserved";
        ReservedRegion region;

        CHECK(region_next(&text, &region));
        CHECK_NUMBER(region.start, 0xbdf6f000);
        CHECK_NUMBER(region.end, 0xbdf94fff);
        CHECK_STRING(region.kind, "direct-relaxable");
        CHECK(region_next(&text, &region));
        CHECK_STRING(region.kind, "msi");
        CHECK(region_next(&text, &region)); /* the line lacks its end */
        CHECK_NUMBER(region.end, 0xffffffffff);
        CHECK(!region_next(&text, &region));
        CHECK_STRING(text, "");
}

static void test_other(void)
{
        static const char *const bad[] = {
                "fee00000 feefffff msi\n",
                "0x 0x0 msi\n",
                "0x0 0x1\n",
                "0x0 0x1 \n",
                "0x0  0x1 msi\n",
                "0x2 0x1 msi\n",
                "0x0 0x1 msi more\n",
                "0x0 0x11111111111111111 msi\n",
                "0x0 0x1 a-word-that-is-longer-than-any\n",
                "(unknown)\n",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                const char *text = bad[i];
                ReservedRegion region;

                CHECK(!region_next(&text, &region));
                CHECK(text == bad[i]);
        }
}

int main(void)
{
        static const TapTest tests[] = {
                {"the kernel's lines", test_kernel},
                {"other lines", test_other},
        };

        return tap_run(tests);
}
