/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Addresses: which text is one, which is not, and that text and value are inverse to each other.
 */

#include "core/model/bdf.h"
#include "tap.h"

static void test_parse(void)
{
        Bdf bdf = {0};

        CHECK(bdf_parse("0000:01:02.3", &bdf));
        CHECK_NUMBER(bdf.domain, 0);
        CHECK_NUMBER(bdf.bus, 1);
        CHECK_NUMBER(bdf_device(bdf), 2);
        CHECK_NUMBER(bdf_function(bdf), 3);
        CHECK(bdf_parse("fF:1f.7", &bdf));
        CHECK_NUMBER(bdf.bus, 0xff);
        CHECK_NUMBER(bdf.devfn, 0xff);
        CHECK(bdf_parse("10000:e0:06.0", &bdf));
        CHECK_NUMBER(bdf.domain, 0x10000);
        CHECK(bdf_parse("ffffffff:00:00.0", &bdf));
        CHECK_NUMBER(bdf.domain, 0xffffffff);
}

static void test_refuse(void)
{
        static const char *const wrong[] = {
                "",
                "0",
                "00",
                "00:",
                "00:00",
                "00:00.",
                "00:00.8",
                "00:20.0",
                "00:00.0 ",
                " 00:00.0",
                "0:00.0",
                "000:00:00.0",
                "0000:0:00.0",
                "0000:00:0.0",
                "0000:00:00.00",
                "0000:00:00:0",
                "-000:00:00.0",
                "0x00:00:00.0",
                "123456789:00:00.0",
                "g0:00.0",
        };
        Bdf bdf = {.domain = 7};

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
                if (!CHECK(!bdf_parse(wrong[i], &bdf)))
                        printf("# taken for an address: \"%s\"\n", wrong[i]);
        CHECK_NUMBER(bdf.domain, 7);
}

static void test_round_trip(void)
{
        static const uint32_t domains[] = {0, 1, 0xffff, 0x10000, 0xffffffff};

        for (size_t d = 0; d < ARRAY_SIZE(domains); d++) {
                for (unsigned id = 0; id < 0x10000; id += 37) {
                        Bdf in = {domains[d], (uint8_t)(id >> 8), (uint8_t)id}, out;
                        char text[BDF_TEXT_SIZE];

                        if (!bdf_parse(bdf_format(in, text), &out) || !bdf_equal(in, out))
                                CHECK(!"text and value agree");
                }
        }
        CHECK_STRING(bdf_format((Bdf){0x10000, 0xe0, 0x30}, (char[BDF_TEXT_SIZE]){0}),
                     "10000:e0:06.0");
}

static void test_order(void)
{
        CHECK(bdf_compare((Bdf){0, 1, 0}, (Bdf){0, 0, 255}) > 0);
        CHECK(bdf_compare((Bdf){0, 255, 255}, (Bdf){1, 0, 0}) < 0);
        CHECK(bdf_compare((Bdf){0xffffffff, 0, 0}, (Bdf){0, 0, 0}) > 0);
        CHECK(bdf_compare((Bdf){0, 0, 1}, (Bdf){0, 0, 2}) < 0);
        CHECK(bdf_equal((Bdf){1, 2, 3}, (Bdf){1, 2, 3}));
}

int main(void)
{
        static const TapTest tests[] = {
                {"addresses are parsed", test_parse},
                {"what is no address is refused", test_refuse},
                {"text and value are inverse", test_round_trip},
                {"addresses are ordered", test_order},
        };

        return tap_run(tests);
}
