/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reports changes of PCI devices, from the kernel's events. */

#include <event2/event.h>
#include <stdint.h>

#include "core/model/base.h"

typedef struct Uevents Uevents;

/* No reading can include the change yet. */
#define UEVENTS_UNKNOWN UINT64_MAX

/*
 * Calls `changed` from the event loop when the kernel reports that PCI devices came, went, were
 * bound or unbound, or when events were lost. Calls `nodes` when udev has set up a node of VFIO or
 * iommufd. A reading includes the change if it began when the kernel had sent the event `number` or
 * a later one. Returns 0 or -errno.
 */
_nodiscard_ int uevents_new(struct event_base *base,
                            void (*changed)(uint64_t number, void *userdata),
                            void (*nodes)(void *userdata), void *userdata, Uevents **ret_uevents);

/* Stops listening (NULL is fine); returns NULL. */
Uevents *uevents_free(Uevents *uevents);
DEFINE_CLEANUP(Uevents *, uevents_free);
