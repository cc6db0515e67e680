/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernel's messages as sent, and others that only look like them. */

#include <string.h>

#include "core/model/uevent.h"
#include "tests/unit/tap.h"

/* Parses a text whose own NUL ends it: all but the last are in the message. */
#define PARSE(text, event) uevent_parse((text), sizeof(text) - 1, (event))

#define CARD "/devices/pci0000:00/0000:00:02.1/0000:02:00.0"

static void test_a_function(void)
{
        Uevent event;

        PARSE("add@" CARD "\0ACTION=add\0DEVPATH=" CARD "\0SUBSYSTEM=pci\0PCI_CLASS=20000\0"
              "PCI_ID=8086:10D3\0SEQNUM=4711\0",
              &event);
        CHECK_NUMBER(event.kind, UEVENT_FUNCTION_ADDED);
        CHECK_STRING(event.path, CARD);
        CHECK(bdf_equal(event.bdf, (Bdf){.bus = 2}));
        CHECK(!event.is_bridge);
        CHECK_STRING(event.driver, "");

        PARSE("bind@" CARD "\0ACTION=bind\0SUBSYSTEM=pci\0DRIVER=e1000e\0", &event);
        CHECK_NUMBER(event.kind, UEVENT_FUNCTION_BOUND);
        CHECK_STRING(event.driver, "e1000e");
}

static void test_bridges(void)
{
        Uevent event;

        PARSE("add@" CARD "\0SUBSYSTEM=pci\0PCI_CLASS=60400\0", &event);
        CHECK(event.is_bridge);
        PARSE("add@" CARD "\0SUBSYSTEM=pci\0PCI_CLASS=60401\0", &event);
        CHECK(event.is_bridge);
        PARSE("add@" CARD "\0SUBSYSTEM=pci\0PCI_CLASS=60000\0", &event);
        CHECK(!event.is_bridge);
        PARSE("add@" CARD "\0SUBSYSTEM=pci\0PCI_CLASS=604\0", &event); /* class 0, 06, 04 */
        CHECK(!event.is_bridge);
}

static void test_a_driver(void)
{
        Uevent event;

        PARSE("add@/bus/pci/drivers/nvme\0ACTION=add\0SUBSYSTEM=drivers\0", &event);
        CHECK_NUMBER(event.kind, UEVENT_DRIVER_ADDED);
        CHECK_STRING(event.driver, "nvme");
        PARSE("add@/bus/usb/drivers/nvme\0SUBSYSTEM=drivers\0", &event);
        CHECK_NUMBER(event.kind, UEVENT_OTHER);
        PARSE("add@/bus/pci/drivers/\0SUBSYSTEM=drivers\0", &event);
        CHECK_NUMBER(event.kind, UEVENT_OTHER);
        PARSE("add@/bus/pci/drivers/a/b\0SUBSYSTEM=drivers\0", &event);
        CHECK_NUMBER(event.kind, UEVENT_OTHER);
        PARSE("remove@/bus/pci/drivers/nvme\0SUBSYSTEM=drivers\0", &event);
        CHECK_NUMBER(event.kind, UEVENT_OTHER);
}

/* The path looks like a function's, but the directory is another object's. */
static void test_others(void)
{
        static const char *const texts[] = {
                "", "@", "add@", "add", "add@/", "adder@" CARD, "change@" CARD, "ADD@" CARD,
        };
        Uevent event;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                uevent_parse(texts[i], strlen(texts[i]), &event);
                CHECK_NUMBER(event.kind, UEVENT_OTHER);
        }
        PARSE("add@" CARD "\0SUBSYSTEM=pci_express\0", &event);
        CHECK_NUMBER(event.kind, UEVENT_OTHER);
        PARSE("add@" CARD "\0ACTION=add\0", &event); /* no subsystem */
        CHECK_NUMBER(event.kind, UEVENT_OTHER);
        PARSE("add@" CARD "/net/eth0\0SUBSYSTEM=pci\0", &event);
        CHECK_NUMBER(event.kind, UEVENT_OTHER);
        /* Truncated inside a text: no byte past the end is read. */
        uevent_parse("add@" CARD "\0SUBSYSTEM=p", strlen("add@" CARD) + 12, &event);
        CHECK_NUMBER(event.kind, UEVENT_OTHER);
}

int main(void)
{
        static const TapTest tests[] = {
                {"functions that are added or bound", test_a_function},
                {"bridges say so", test_bridges},
                {"drivers of the PCI bus", test_a_driver},
                {"what is none of these", test_others},
        };

        return tap_run(tests);
}
