/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The identity of a device, which shows whether a device that returns is the same one.
 *
 * The record of a lease stores it. An unknown serial number is not compared: a device whose number
 * cannot be read does not count as another one.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

typedef struct Fingerprint {
        bool known; /* the fingerprint is set */
        uint16_t vendor;
        uint16_t device;
        uint16_t subsystem_vendor;
        uint16_t subsystem_device;
        uint32_t class_code;
        bool has_revision;
        uint8_t revision;
        bool has_serial;
        uint64_t serial;
} Fingerprint;

/* Takes the fingerprint of a device, without its revision, which snapshots lack. */
Fingerprint fingerprint_of(const PciDevice *device);

/*
 * The first difference as text ("serial number", "vendor 8086 is 1b36 now"), in the order of the
 * fields above; "" if there is none. Returns 0 and *ret (freed by the caller) or -ENOMEM.
 */
_nodiscard_ int fingerprint_difference(const Fingerprint *before, const Fingerprint *now,
                                       char **ret);

/*
 * The text for a record, "8086:10d3:1af4:1100:020000:03:001b21ffff3a4c5d"; "-" for an unknown
 * field, "" for no fingerprint. Returns `text`.
 */
#define FINGERPRINT_TEXT_SIZE 64
const char *fingerprint_format(const Fingerprint *fingerprint,
                               char text[static FINGERPRINT_TEXT_SIZE]);

/* Parses such a text. Returns true and *ret, or false for another text. */
_nodiscard_ bool fingerprint_parse(const char *text, Fingerprint *ret);
