/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Parses an event of the kernel from the netlink socket: "ACTION@DEVPATH", then NAME=VALUE texts,
 * each with a NUL.
 *
 * Distinguishes only events that matter for driver binding: a PCI function was added, a function
 * was bound, a PCI driver was registered.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/model/base.h"
#include "core/model/bdf.h"

/* The largest event of the kernel, with a NUL (2048 bytes for the texts, and the path). */
#define UEVENT_SIZE 8192

typedef enum UeventKind {
        UEVENT_OTHER,
        UEVENT_FUNCTION_ADDED,
        UEVENT_FUNCTION_BOUND,
        UEVENT_DRIVER_ADDED,
} UeventKind;

typedef struct Uevent {
        UeventKind kind;
        const char *path;   /* of the function, below /sys: "/devices/pci0000:00/0000:00:02.0" */
        Bdf bdf;            /* of the function */
        bool is_bridge;     /* by its class, the function is a bridge to another PCI bus */
        const char *driver; /* the driver that was bound or added; "" if the event lacks it */
} Uevent;

/*
 * Parses an event of `n` bytes; `message[n]` must be NUL. *ret borrows from the message. An
 * incomplete event is UEVENT_OTHER if that is visible; callers must not pass a truncated message.
 */
void uevent_parse(const char *message, size_t n, Uevent *ret);
