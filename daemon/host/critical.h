/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Does the host itself live on this device?
 *
 * Asked before any driver is unbound. Four things count: block devices that something is built or
 * mounted on, swaps on, or has open; interfaces that are up with an address, a route or another
 * interface on top; the console on a screen or a serial line; and device nodes of its driver that a
 * process has open. What cannot be read counts as in use: an unanswered question must never tear
 * away a root disk.
 */

#include "daemon/host/host.h"

typedef enum CriticalKind {
        CRITICAL_UNKNOWN, /* it cannot be told, and why */
        CRITICAL_BLOCK,
        CRITICAL_NET,
        CRITICAL_DISPLAY, /* it shows the console */
        CRITICAL_SERIAL,  /* the kernel's console is on it */
        CRITICAL_OPEN,    /* a process has a node open */
        _CRITICAL_N,
} CriticalKind;

/* One use of a device. All is borrowed and ends with the call. */
typedef struct CriticalUse {
        CriticalKind kind;
        const char *const *chain; /* "0000:00:1f.2", "sda", "sda2", "md0", "/srv" */
        size_t n_chain;
        const char *sentence; /* what a refusal says, the chain in it */
} CriticalUse;

/* Returns false if it wants to hear of no more. */
typedef bool (*CriticalFound)(const CriticalUse *use, void *userdata);

/*
 * Tells of every use of the device, in a fixed order. It reads much and may wait for a slow file
 * system: for a worker, not for the event loop. Returns 0 or -ENOMEM.
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
