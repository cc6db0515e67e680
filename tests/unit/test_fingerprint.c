/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whether a device that comes back is the one that was removed. */

#include "core/model/fingerprint.h"
#include "tests/unit/tap.h"

static PciDevice card(void)
{
        return (PciDevice){
                .ids.vendor = 0x8086,
                .ids.device = 0x10d3,
                .ids.subsystem_vendor = 0x1af4,
                .ids.subsystem_device = 0x1100,
                .ids.class_code = 0x020000,
                .facts = {.serial = TRISTATE_YES, .serial_number = 0x1b21ffff3a4c5dULL},
        };
}

static void expect(const Fingerprint *before, const Fingerprint *now, const char *want)
{
        _cleanup_(freep) char *text = NULL;

        CHECK_NUMBER(fingerprint_difference(before, now, &text), 0);
        CHECK_STRING(text, want);
}

static void test_the_same(void)
{
        const PciDevice device = card();
        Fingerprint before = fingerprint_of(&device), now = before;

        CHECK(before.known && before.has_serial && !before.has_revision);
        expect(&before, &now, "");
        before.has_revision = now.has_revision = true;
        before.revision = now.revision = 3;
        expect(&before, &now, "");
}

static void test_what_differs(void)
{
        const PciDevice device = card();
        const Fingerprint before = fingerprint_of(&device);
        Fingerprint now = before;

        now.vendor = 0x1b36;
        now.serial = 1;
        expect(&before, &now, "vendor 8086 is 1b36 now"); /* the first */
        now = before;
        now.device = 0x10d4;
        expect(&before, &now, "device id 10d3 is 10d4 now");
        now = before;
        now.subsystem_vendor = 0;
        expect(&before, &now, "subsystem vendor 1af4 is 0000 now");
        now = before;
        now.subsystem_device = 0x1101;
        expect(&before, &now, "subsystem id 1100 is 1101 now");
        now = before;
        now.class_code = 0x010802;
        expect(&before, &now, "class 020000 is 010802 now");
        now = before;
        now.serial = 0x1b21ffff3a4c5eULL;
        expect(&before, &now, "serial number 001b21ffff3a4c5d is 001b21ffff3a4c5e now");
}

/* A fact that is unknown on one side proves nothing. */
static void test_what_is_not_known(void)
{
        PciDevice device = card();
        Fingerprint before = fingerprint_of(&device), now;

        device.facts.serial = TRISTATE_UNKNOWN;
        now = fingerprint_of(&device);
        CHECK(!now.has_serial && now.serial == 0);
        expect(&before, &now, "");
        expect(&now, &before, "");
        before.has_revision = true;
        before.revision = 1;
        expect(&before, &now, "");
        now.has_revision = true;
        expect(&before, &now, "revision 01 is 00 now");
}

static void test_text(void)
{
        static const char *const bad[] = {
                "8086",
                "8086:10d3:1af4:1100:020000:03",
                "8086:10d3:1af4:1100:020000:03:",
                "8086:10d3:1af4:1100:020000:03:001b21ffff3a4c5d ",
                "8086:10d3:1af4:1100:020000:03:001b21ffff3a4c5dd",
                "-:10d3:1af4:1100:020000:03:-",
                "8086:10d3:1af4:1100:20000:03:-",
                "8086:10d3:1af4:1100:02000g:03:-",
        };
        const PciDevice device = card();
        Fingerprint before = fingerprint_of(&device), back;
        char text[FINGERPRINT_TEXT_SIZE], again[FINGERPRINT_TEXT_SIZE];

        CHECK_STRING(fingerprint_format(&before, text),
                     "8086:10d3:1af4:1100:020000:-:001b21ffff3a4c5d");
        before.has_revision = true;
        before.revision = 0xa0;
        before.has_serial = false;
        CHECK_STRING(fingerprint_format(&before, text), "8086:10d3:1af4:1100:020000:a0:-");
        CHECK(fingerprint_parse(text, &back));
        CHECK_STRING(fingerprint_format(&back, again), text);
        expect(&before, &back, "");
        CHECK(fingerprint_parse("", &back) && !back.known);
        CHECK_STRING(fingerprint_format(&back, again), "");
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                CHECK(!fingerprint_parse(bad[i], &back));
}

int main(void)
{
        static const TapTest tests[] = {
                {"the same card", test_the_same},
                {"what differs is named", test_what_differs},
                {"what is not known tells nothing", test_what_is_not_known},
                {"as a text and back", test_text},
        };

        return tap_run(tests);
}
