/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Configuration space of one function, through sysfs: reads a part, and writes one register.
 *
 * Only for functions without a driver, or whose owner has to stop using them, as a driver owns the
 * configuration space of its device. Each access is a bus cycle, and may wake the ports above: for
 * workers.
 */

#include <stdint.h>

#include "daemon/host/host.h"

/*
 * Reads `n` bytes at `offset`. Returns 0, -ENOENT (no such device, or no configuration space to be
 * seen), -ENODATA (it ends before) or -errno.
 */
_nodiscard_ int config_read(const HostPaths *host, Bdf bdf, unsigned offset, uint8_t *bytes,
                            size_t n);

/* Writes a 16-bit register. Returns 0 or -errno. The caller has to read it back. */
_nodiscard_ int config_write16(const HostPaths *host, Bdf bdf, unsigned offset, uint16_t value);
