/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A temporary sysfs tree for a test; one at a time.
 */

#include <stddef.h>
#include <stdint.h>

/* Makes an empty tree (with bus/pci/devices) and returns its root. Failures abort the test. */
const char *tree_make(void);
void tree_remove(void);

/* Paths are relative to the root; missing parent directories are created. */
void tree_file(const char *path, const char *text);
void tree_bytes(const char *path, const void *bytes, size_t n_bytes);
void tree_link(const char *path, const char *target);
void tree_fifo(const char *path);

/* A device's directory with ids and class, and its link in bus/pci/devices. */
void tree_device(const char *path, unsigned vendor, unsigned device, unsigned class_code);

/* Its configuration space: a PCI Express function, with ACS all on if asked; `size` bytes of it. */
void tree_config(const char *path, size_t size, unsigned pcie_type, int acs);
