/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Selectors: the words by which people and programs name devices.
 *
 * The form of the text alone decides the kind of a selector. What has none of the forms is a name,
 * which is searched among stable ids, groups, interfaces, disks and aliases of the policy.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/snapshot.h"

typedef enum SelectorKind {
        SELECTOR_NAME = 0, /* any other text: `name` */
        SELECTOR_ADDRESS,  /* "01:00.0", "0000:01:00.0", "pci_0000_01_00_0": one function, `bdf` */
        SELECTOR_CARD,     /* "01:00", "0000:01:00": all functions of the device of `bdf` */
        SELECTOR_IDS,      /* "8086:10d3": all functions with this `vendor` and `device` */
        SELECTOR_GROUP,    /* "group:5": the kernel's group `number`, -1 if that is not a number */
        SELECTOR_SLOT,     /* "slot:NAME": all functions in the slot `name` */
        SELECTOR_SERIAL,   /* "00-1b-21-ff-ff-3a-4c-5d", "serial:…": `serial`, 0 if malformed */
        SELECTOR_VFS,      /* "vfs:SELECTOR": all virtual functions of the device `name` */
} SelectorKind;

typedef struct Selector {
        SelectorKind kind;
        Bdf bdf;
        uint16_t vendor, device;
        int32_t number;
        uint64_t serial;
        const char *name; /* a part of the text, borrowed */
} Selector;

/* Every text is a selector of some kind; the text stays the caller's and must outlive the result.
 */
Selector selector_parse(const char *text);

/* Does a selector of kind ADDRESS, CARD or IDS mean this function? False for the other kinds. */
bool selector_has(const Selector *selector, Bdf bdf, uint16_t vendor, uint16_t device);

/* The same for ADDRESS, CARD, IDS, SLOT and SERIAL, and a device of a finished snapshot. */
bool selector_has_device(const Selector *selector, const Snapshot *snapshot, size_t device);
