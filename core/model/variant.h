/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which module has the VFIO driver that is made for a device.
 *
 * Besides vfio-pci there are drivers for single devices that can more (migration, coherent memory).
 * Each names its devices by aliases "vfio_pci:v…d…sv…sd…bc…sc…i…", which the kernel's module tables
 * list. Of those that fit a device's modalias the one that says the most about it is taken: the
 * most fields that are not `*`, and of several such the first.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/model/base.h"

#define VARIANT_NAME_SIZE 64 /* of a module or a driver */

typedef struct VariantMatch {
        char module[VARIANT_NAME_SIZE]; /* "" if none fits */
        unsigned n_fields;              /* that it names, of seven */
} VariantMatch;

/*
 * Looks through the text of a modules.alias for the device of that modalias ("pci:v…"), and puts
 * into *match what is better than what is there. Lines that are no such alias are passed over.
 */
void variant_search_aliases(const char *text, const char *modalias, VariantMatch *match);

/* The same in a modules.builtin.modinfo: "MODULE.alias=PATTERN", each with its NUL, n_bytes in all.
 */
void variant_search_modinfo(const char *bytes, size_t n_bytes, const char *modalias,
                            VariantMatch *match);

/* Whether any such alias, of whatever device, belongs to a module of that name; - and _ are one. */
bool variant_has_module(const char *text, const char *bytes, size_t n_bytes, const char *name);

/* Whether two names of modules are the same: - and _ are one. */
bool variant_same_name(const char *a, const char *b);
