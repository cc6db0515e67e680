/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What tells whether a device that comes back is the one that was pulled.
 *
 * A value that goes on record. An unknown serial number is no number: a device whose number cannot
 * be read is not held to be another one for that.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

typedef struct Fingerprint {
        bool known; /* there is one */
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

/* The device's, but for its revision, which no snapshot has. */
Fingerprint fingerprint_of(const PciDevice *device);

/*
 * What differs, for people ("serial number", "vendor 8086 is 1b36 now"), the first in the order of
 * the fields above; "" if nothing does. Returns 0 and *ret (freed by the caller) or -ENOMEM.
 */
_nodiscard_ int fingerprint_difference(const Fingerprint *before, const Fingerprint *now,
                                       char **ret);

/*
 * As a text for a record, "8086:10d3:1af4:1100:020000:03:001b21ffff3a4c5d"; "-" stands for what is
 * not known, "" for none at all. Returns `text`.
 */
#define FINGERPRINT_TEXT_SIZE 64
const char *fingerprint_format(const Fingerprint *fingerprint,
                               char text[static FINGERPRINT_TEXT_SIZE]);

/* Reads such a text, and nothing else. Returns true and *ret, or false. */
_nodiscard_ bool fingerprint_parse(const char *text, Fingerprint *ret);
