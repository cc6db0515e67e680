/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * An event of the kernel, as it comes over the netlink socket: "ACTION@DEVPATH", then NAME=VALUE
 * texts, each ended by a NUL.
 *
 * Only what matters to whom binds which driver is told apart: a PCI function has been added, one has
 * been bound, a driver of the PCI bus has been registered.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/model/base.h"
#include "core/model/bdf.h"

/* Most that the kernel puts into one event, and a NUL (2048 for the texts, and the path). */
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
        bool is_bridge;     /* the function says that it is a bridge to another PCI bus */
        const char *driver; /* that was bound or added; "" if the event does not say */
} Uevent;

/*
 * Reads an event of `n` bytes; `message[n]` must be NUL. What *ret points to is in the message.
 * Anything that is not whole is UEVENT_OTHER, as far as it shows: a cut message is not to be given.
 */
void uevent_parse(const char *message, size_t n, Uevent *ret);
