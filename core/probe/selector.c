/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Forms that look alike differ in their number of digits: "01:00" is a card, "8086:10d3" has ids.
 */

#include "core/probe/selector.h"

#include <stdio.h>
#include <string.h>

#include "core/model/text.h"
#include "core/probe/policy_names.h"

/* The text after a prefix, or NULL if it does not begin with it. */
static const char *after(const char *text, const char *prefix)
{
        size_t n = strlen(prefix);

        return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

/* Device names of libvirt: "pci_0000_01_00_0". */
static bool parse_underscores(const char *text, Bdf *ret)
{
        char copy[BDF_TEXT_SIZE];
        const char *rest = after(text, "pci_");
        unsigned n = 0;

        if (!rest || strlen(rest) >= sizeof(copy))
                return false;
        memcpy(copy, rest, strlen(rest) + 1);
        for (char *p = copy; *p; p++)
                if (*p == '_')
                        *p = n++ < 2 ? ':' : '.';
        return n == 3 && bdf_parse(copy, ret);
}

/* An address without its function. */
static bool parse_card(const char *text, Bdf *ret)
{
        char whole[BDF_TEXT_SIZE];

        return (size_t)snprintf(whole, sizeof(whole), "%s.0", text) < sizeof(whole) &&
               bdf_parse(whole, ret);
}

/* Two ids of exactly four digits. */
static bool parse_ids(const char *text, uint16_t *ret_vendor, uint16_t *ret_device)
{
        char vendor[] = "0000";

        if (strlen(text) != 9 || text[4] != ':' || hex_digit(text[1]) < 0 || hex_digit(text[6]) < 0)
                return false;
        memcpy(vendor, text, 4);
        return policy_parse_id(vendor, ret_vendor) && policy_parse_id(text + 5, ret_device);
}

Selector selector_parse(const char *text)
{
        Selector selector = {.kind = SELECTOR_NAME, .name = text};
        const char *rest;
        uint32_t number;

        if (bdf_parse(text, &selector.bdf) || parse_underscores(text, &selector.bdf)) {
                selector.kind = SELECTOR_ADDRESS;
        } else if (parse_card(text, &selector.bdf)) {
                selector.kind = SELECTOR_CARD;
        } else if (parse_ids(text, &selector.vendor, &selector.device)) {
                selector.kind = SELECTOR_IDS;
        } else if ((rest = after(text, "group:"))) {
                selector.kind = SELECTOR_GROUP;
                selector.number =
                        text_read_u32(rest, &number) && number <= INT32_MAX ? (int32_t)number : -1;
        } else if ((rest = after(text, "slot:"))) {
                selector.kind = SELECTOR_SLOT;
                selector.name = rest;
        } else if ((rest = after(text, "serial:")) || policy_parse_serial(text, &selector.serial)) {
                selector.kind = SELECTOR_SERIAL;
                selector.name = rest ?: text;
                if (rest && !policy_parse_serial(rest, &selector.serial))
                        selector.serial = 0;
        } else if ((rest = after(text, "vfs:"))) {
                selector.kind = SELECTOR_VFS;
                selector.name = rest;
        }
        return selector;
}

bool selector_has(const Selector *selector, Bdf bdf, uint16_t vendor, uint16_t device)
{
        if (selector->kind == SELECTOR_ADDRESS)
                return bdf_equal(selector->bdf, bdf);
        if (selector->kind == SELECTOR_CARD)
                return bdf_same_slot(selector->bdf, bdf);
        return selector->kind == SELECTOR_IDS && selector->vendor == vendor &&
               selector->device == device && vendor != 0;
}

static bool is_in_slot(const Snapshot *snapshot, Bdf bdf, const char *name)
{
        for (size_t i = 0; i < snapshot->n_slots; i++)
                if (strcmp(snapshot->slots[i].name, name) == 0 &&
                    bdf_same_slot(snapshot->slots[i].bdf, bdf))
                        return true;
        return false;
}

bool selector_has_device(const Selector *selector, const Snapshot *snapshot, size_t device)
{
        const PciDevice *found = &snapshot->devices[device];

        if (selector->kind == SELECTOR_SLOT)
                return is_in_slot(snapshot, found->bdf, selector->name);
        /* A snapshot leaves out the number 0, which cards without a number have. */
        if (selector->kind == SELECTOR_SERIAL)
                return selector->serial != 0 && found->facts.serial == TRISTATE_YES &&
                       found->facts.serial_number == selector->serial;
        return selector_has(selector, found->bdf, found->ids.vendor, found->ids.device);
}
