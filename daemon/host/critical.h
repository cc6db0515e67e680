/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Checks whether the host itself depends on a device.
 *
 * The daemon checks this before it unbinds any driver. Four things count: block devices that are
 * mounted, used for swap, open, or part of another device; interfaces that are up with an address,
 * a route or another interface on top; the console on a screen or a serial line; and device nodes
 * of its driver that a process has open. A use that cannot be read counts as a use, so that a
 * failed check never unbinds a root disk.
 */

#include "daemon/host/host.h"

typedef enum CriticalKind {
        CRITICAL_UNKNOWN, /* unknown, with the reason */
        CRITICAL_BLOCK,
        CRITICAL_NET,
        CRITICAL_DISPLAY, /* it shows the console */
        CRITICAL_SERIAL,  /* it is the console of the kernel */
        CRITICAL_OPEN,    /* a process has a node open */
        _CRITICAL_N,
} CriticalKind;

/* One use of a device. All is borrowed, and valid only during the call. */
typedef struct CriticalUse {
        CriticalKind kind;
        const char *const *chain; /* "0000:00:1f.2", "sda", "sda2", "md0", "/srv" */
        size_t n_chain;
        const char *sentence; /* the text of a refusal, with the chain */
} CriticalUse;

/* Returns false to stop. */
typedef bool (*CriticalFound)(const CriticalUse *use, void *userdata);

/*
 * Calls `found` for every use of the device, in a fixed order. Reads much and may wait for a slow
 * file system: for workers. Returns 0 or -ENOMEM.
 */
_nodiscard_ int critical_list(const HostPaths *host, Bdf bdf, CriticalFound found, void *userdata);

/*
 * Returns 0 if nothing on the host is seen to use the device, REFUSAL_CRITICAL with the first use
 * in *ret_message (`0000:00:1f.2 is what /srv lives on (0000:00:1f.2 → sda → sda2 → md0 → /srv)`),
 * or -errno.
 */
_nodiscard_ int critical_check(const HostPaths *host, Bdf bdf, char **ret_message);

/* The same, but for uses of one kind. */
_nodiscard_ int critical_check_but(const HostPaths *host, Bdf bdf, CriticalKind ignored,
                                   char **ret_message);
