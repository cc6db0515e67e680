/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Finds the VFIO driver that is made for a device in the module tables of the running kernel, and
 * loads it. The name of a driver differs from that of its module, and is known only once the module
 * is loaded.
 */

#include "core/model/variant.h"
#include "daemon/host/host.h"

/* The content of modules.alias and modules.builtin.modinfo; empty if missing. */
typedef struct VariantTables {
        char *aliases; /* text */
        char *builtin; /* strings, n_builtin bytes with their NULs */
        size_t n_builtin;
} VariantTables;

void variant_tables_clear(VariantTables *tables);

/* Reads the tables. A kernel without modules has none, which is no error. Returns 0 or -errno. */
_nodiscard_ int variant_tables_read(const HostPaths *host, VariantTables *ret);

/* Finds the best module for a device; *ret has no module if none fits. Returns 0 or -errno. */
_nodiscard_ int variant_find(const HostPaths *host, const VariantTables *tables, Bdf bdf,
                             VariantMatch *ret);

/* The name of a loaded module's PCI driver. Returns 0, or -ENOENT if it has none or is not there.
 */
_nodiscard_ int variant_driver(const HostPaths *host, const char *module,
                               char ret_driver[static VARIANT_NAME_SIZE]);

/*
 * The same, but loads the module if needed: blocks. Returns 0, a Refusal with *ret_message, or
 * -errno.
 */
_nodiscard_ int variant_load(const HostPaths *host, const char *module,
                             char ret_driver[static VARIANT_NAME_SIZE], char **ret_message);
