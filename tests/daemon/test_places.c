/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Places against a tree of links. */

#include <errno.h>
#include <string.h>

#include "daemon/guard/places.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define BELOW "/devices/pci0000:00/0000:00:02.1/"

static const Bdf port = {.devfn = 0x11};
static const Bdf card = {.bus = 2, .devfn = 0x1a};

static HostPaths make_host(void)
{
        const char *root = tree_make();

        tree_link("bus/pci/devices/0000:00:02.1", "../../../devices/pci0000:00/0000:00:02.1");
        tree_link("bus/pci/devices/0000:02:03.2",
                  "../../../devices/pci0000:00/0000:00:02.1/0000:02:03.2");
        return (HostPaths){.sysfs = root, .dev = "/nonexistent", .proc = "/nonexistent"};
}

static void test_below(void)
{
        const HostPaths host = make_host();
        TextList places = {.items = NULL};

        CHECK_NUMBER(places_add_below(&places, &host, port), 0);
        CHECK_NUMBER(places_add_below(&places, &host, port), 0);
        CHECK_NUMBER(places.n_items, 1);
        CHECK(places_contain(&places, BELOW "0000:02:00.0"));
        CHECK(places_contain(&places, BELOW "0000:42:1f.7"));
        CHECK(places_contain(&places, BELOW "0000:02:00.0/0000:03:00.0"));
        /* The bridge's own bus has another number in this reading. */
        CHECK(places_contain(&places, "/devices/pci0000:00/0000:11:02.1/0000:42:00.0"));
        CHECK(!places_contain(&places, "/devices/pci0000:00/0000:00:02.1"));
        CHECK(!places_contain(&places, "/devices/pci0000:00/0000:00:02.0/0000:02:00.0"));
        CHECK(!places_contain(&places, "/devices/pci0001:00/0000:00:02.1/0000:02:00.0"));
        CHECK(!places_contain(&places, BELOW "0001:02:00.0"));
        CHECK(!places_contain(&places, BELOW "0000:02:00.01"));
        CHECK(!places_contain(&places, BELOW "0000:02:00/0"));
        CHECK(!places_contain(&places, BELOW));
        CHECK(!places_contain(&places, ""));
        text_list_clear(&places);
        CHECK(!places_contain(&places, BELOW "0000:02:00.0"));
        tree_remove();
}

static void test_slot(void)
{
        const HostPaths host = make_host();
        TextList places = {.items = NULL}, other = {.items = NULL};

        CHECK_NUMBER(places_add_slot(&places, &host, card), 0);
        CHECK(places_contain(&places, BELOW "0000:02:03.2"));
        CHECK(places_contain(&places, BELOW "0000:07:03.0"));
        CHECK(!places_contain(&places, BELOW "0000:02:04.2"));
        CHECK(!places_equal(&places, &other));
        CHECK_NUMBER(places_add_slot(&other, &host, card), 0);
        CHECK(places_equal(&places, &other));
        text_list_clear(&other);
        CHECK_NUMBER(places_add_slot(&other, &host, port), 0);
        CHECK(!places_equal(&places, &other));
        CHECK_NUMBER(places_add_slot(&other, &host, (Bdf){.bus = 9}), -ENOENT);
        CHECK_NUMBER(places_add_below(&other, &host, (Bdf){.bus = 9}), -ENOENT);
        CHECK_NUMBER(other.n_items, 1);
        /* A device below a bridge that exists already is not a new place. */
        CHECK_NUMBER(places_add_below(&other, &host, port), 0);
        CHECK_NUMBER(places_add_slot(&other, &host, card), 0);
        CHECK_NUMBER(other.n_items, 2);
        text_list_clear(&places);
        text_list_clear(&other);
        tree_remove();
}

int main(void)
{
        static const TapTest tests[] = {
                {"what is below a bridge", test_below},
                {"the functions of a slot", test_slot},
        };

        return tap_run(tests);
}
