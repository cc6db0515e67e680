/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The address of a PCI function: domain (segment), bus, device, function.
 *
 * The text has the kernel's form, `0000:01:00.0`; users may leave out the domain. With ARI (PCIe
 * Base Specification 6.13) the function number has eight bits; the kernel still prints
 * device.function, and so does this file.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/base.h"

/* "ffffffff:ff:1f.7" and its NUL. VMD domains start at 0x10000, so four digits are not enough. */
#define BDF_TEXT_SIZE 17

typedef struct Bdf {
        uint32_t domain;
        uint8_t bus;
        uint8_t devfn; /* device << 3 | function */
} Bdf;

static inline unsigned bdf_device(Bdf bdf)
{
        return bdf.devfn >> 3;
}

static inline unsigned bdf_function(Bdf bdf)
{
        return bdf.devfn & 7;
}

/* Orders by (domain, bus, device, function); returns <0, 0, >0. */
int bdf_compare(Bdf a, Bdf b);

static inline bool bdf_equal(Bdf a, Bdf b)
{
        return bdf_compare(a, b) == 0;
}

static inline bool bdf_same_bus(Bdf a, Bdf b)
{
        return a.domain == b.domain && a.bus == b.bus;
}

/* Do both have the same bus and device number? */
static inline bool bdf_same_slot(Bdf a, Bdf b)
{
        return bdf_same_bus(a, b) && bdf_device(a) == bdf_device(b);
}

/*
 * Parses `DDDD:BB:dd.f` or `BB:dd.f` (hexadecimal, the whole string). Returns true and fills *ret,
 * or returns false and leaves *ret alone.
 */
_nodiscard_ bool bdf_parse(const char *text, Bdf *ret);

/* Writes the kernel's form into `text` and returns it. */
const char *bdf_format(Bdf bdf, char text[static BDF_TEXT_SIZE]);
