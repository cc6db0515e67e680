/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A request as a message: the same for a lease and for its plan. */

#include "libclient/host.h"

/* Appends {name: <value>}, of a basic type. Returns the result of sd-bus. */
_nodiscard_ int request_append_option(sd_bus_message *message, const char *name, const char *type,
                                      const void *value);

/*
 * Makes a call of the manager's `method` with the selectors and the set options; `ticket` may be
 * NULL. Returns 0 and *ret_message, or -errno (-EINVAL: not UTF-8).
 */
_nodiscard_ int request_new(iso_host *host, const char *const *selectors,
                            const iso_acquire_options *options, const char *method,
                            const char *ticket, sd_bus_message **ret_message);
