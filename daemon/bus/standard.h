/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Methods that D-Bus itself defines for objects: to read properties, to list, to introspect.
 *
 * sd-bus has an implementation of them, which answers whoever asks, at once, and everybody the
 * same. Here they are calls like all others: who calls is known, users are held up, and private
 * properties are for those who may see them.
 */

#include "daemon/bus/method.h"

/*
 * A filter of the connection; userdata is the Bus. Takes these methods in before sd-bus sees them,
 * and answers calls whose object path is longer than any of ours.
 */
int standard_filter(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* All rows, and the row of a method or NULL: as method_rows() and method_find(). */
const MethodRow *standard_rows(size_t *ret_n);
const MethodRow *standard_find(const char *interface, const char *member);

/* Describes the object at a path below BUS_ROOT, or there, in XML. Returns 0 and *ret or -ENOMEM.
 */
_nodiscard_ int introspect_path(Bus *bus, const char *path, char **ret_xml);
