/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Configuration space of one function, through sysfs: read in part, and one register written.
 *
 * For functions without a driver, or whose owner is not to go on with them; a driver owns what it
 * drives. Each access is a bus cycle, and may
 * wake the ports above: for workers.
 */

#include <stdint.h>

#include "daemon/host/host.h"

/*
 * Reads `n` bytes at `offset`. Returns 0, -ENOENT (no such device, or no configuration space to be
 * seen), -ENODATA (it ends before) or -errno.
 */
_nodiscard_ int config_read(const HostPaths *host, Bdf bdf, unsigned offset, uint8_t *bytes,
                            size_t n);

/* Writes a 16 bit register. Returns 0 or -errno; whether it took is for the caller to read back. */
_nodiscard_ int config_write16(const HostPaths *host, Bdf bdf, unsigned offset, uint16_t value);
