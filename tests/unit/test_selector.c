/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Selectors: the kind of every form, and texts that nearly have a form.
 */

#include "core/probe/selector.h"
#include "tap.h"

static void test_kinds(void)
{
        static const struct {
                const char *text;
                SelectorKind kind;
        } rows[] = {
                {"01:00.0", SELECTOR_ADDRESS},
                {"0000:01:00.0", SELECTOR_ADDRESS},
                {"10000:e0:06.0", SELECTOR_ADDRESS},
                {"pci_0000_01_00_0", SELECTOR_ADDRESS},
                {"pci_10000_e0_06_0", SELECTOR_ADDRESS},
                {"01:00", SELECTOR_CARD},
                {"0000:01:00", SELECTOR_CARD},
                {"8086:10d3", SELECTOR_IDS},
                {"8086:10D3", SELECTOR_IDS},
                {"group:5", SELECTOR_GROUP},
                {"group:", SELECTOR_GROUP},
                {"slot:4-1", SELECTOR_SLOT},
                {"00-1b-21-ff-ff-3a-4c-5d", SELECTOR_SERIAL},
                {"serial:00-1b-21-ff-ff-3a-4c-5d", SELECTOR_SERIAL},
                {"serial:1", SELECTOR_SERIAL},
                {"vfs:enp3s0", SELECTOR_VFS},
                {"", SELECTOR_NAME},
                {"enp3s0", SELECTOR_NAME},
                {"0000:00/1c.4", SELECTOR_NAME},
                {"0000:01", SELECTOR_NAME},
                {"01:00.", SELECTOR_NAME},
                {"01:20", SELECTOR_NAME},
                {"0x80:10d3", SELECTOR_NAME},
                {"80860x10d", SELECTOR_NAME},
                {"8086:0x10", SELECTOR_NAME},
                {"8086:10d3a", SELECTOR_NAME},
                {"808:10d3", SELECTOR_NAME},
                {"pci_0000_01_00", SELECTOR_NAME},
                {"pci_0000_01_00_0_", SELECTOR_NAME},
                {"pci_0000:01_00_0", SELECTOR_NAME},
                {"pci_ffffffff_01_00_00000000000", SELECTOR_NAME},
                {"00-1b-21", SELECTOR_NAME},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (!CHECK_NUMBER(selector_parse(rows[i].text).kind, rows[i].kind))
                        printf("# %s\n", rows[i].text);
}

static void test_values(void)
{
        const Selector ids = selector_parse("8086:10d3"), card = selector_parse("01:02");
        const Selector one = selector_parse("pci_10000_e0_06_7");
        const Bdf there = {.bus = 1, .devfn = 2 << 3}, last = {.bus = 1, .devfn = 2 << 3 | 7};
        const Bdf next = {.bus = 1, .devfn = 3 << 3};

        CHECK(selector_has(&ids, there, 0x8086, 0x10d3));
        CHECK(!selector_has(&ids, there, 0x8086, 0x10d4) &&
              !selector_has(&ids, there, 0x8087, 0x10d3));
        CHECK(selector_has(&card, there, 0, 0) && selector_has(&card, last, 0, 0));
        CHECK(!selector_has(&card, next, 0, 0));
        CHECK(one.bdf.domain == 0x10000 && one.bdf.bus == 0xe0 && one.bdf.devfn == (6 << 3 | 7));
        CHECK_NUMBER(selector_parse("group:5").number, 5);
        CHECK_NUMBER(selector_parse("group:2147483648").number, -1);
        CHECK_NUMBER(selector_parse("group:-1").number, -1);
        CHECK_NUMBER(selector_parse("serial:00-00-00-00-00-00-01-02").serial, 0x102);
        CHECK_NUMBER(selector_parse("serial:1").serial, 0);
        CHECK_STRING(selector_parse("slot:a b").name, "a b");
        CHECK_STRING(selector_parse("vfs:vfs:x").name, "vfs:x");
        /* Unknown ids are 0, and nobody asks for devices without ids. */
        const Selector none = selector_parse("0000:0000");
        CHECK(!selector_has(&none, there, 0, 0));
}

int main(void)
{
        static const TapTest tests[] = {
                {"the form decides the kind", test_kinds},
                {"values", test_values},
        };

        return tap_run(tests);
}
