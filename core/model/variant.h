/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Finds the module with the VFIO driver that is made for a device.
 *
 * Besides vfio-pci there are VFIO drivers for particular devices with more features (migration,
 * coherent memory). Each lists its devices in aliases "vfio_pci:v…d…sv…sd…bc…sc…i…" in the
 * kernel's module tables. Of the aliases that match a device's modalias, the most specific wins:
 * the one with the most fields that are not `*`, and of several such the first.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/model/base.h"

#define VARIANT_NAME_SIZE 64 /* of a module or a driver */

typedef struct VariantMatch {
        char module[VARIANT_NAME_SIZE]; /* "" if none fits */
        unsigned n_fields;              /* number of specified fields, of seven */
} VariantMatch;

/*
 * Searches the text of a modules.alias for the device of that modalias ("pci:v…"), and replaces
 * *match by a more specific alias. Ignores other lines.
 */
void variant_search_aliases(const char *text, const char *modalias, VariantMatch *match);

/*
 * The same in a modules.builtin.modinfo: "MODULE.alias=PATTERN", each with its NUL, n_bytes in
 * all.
 */
void variant_search_modinfo(const char *bytes, size_t n_bytes, const char *modalias,
                            VariantMatch *match);

/* Does a module of that name have any such alias? - and _ are equal. */
bool variant_has_module(const char *text, const char *bytes, size_t n_bytes, const char *name);

/* Are two module names equal? - and _ are equal. */
bool variant_same_name(const char *a, const char *b);
