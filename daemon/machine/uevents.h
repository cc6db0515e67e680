/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The kernel's word that something about a PCI device changed.
 */

#include <event2/event.h>
#include <stdint.h>

#include "core/model/base.h"

typedef struct Uevents Uevents;

/* No reading can know of it yet. */
#define UEVENTS_UNKNOWN UINT64_MAX

/*
 * Calls `changed` from the event loop whenever the kernel tells of PCI devices coming, going, being
 * bound or unbound, or when it may have told something that got lost; and `nodes` when udev has been
 * at a node of VFIO or iommufd. What it tells of is known to a reading that began when the kernel
 * had sent its event `number`, or a later one. Returns 0 or -errno.
 */
_nodiscard_ int uevents_new(struct event_base *base,
                            void (*changed)(uint64_t number, void *userdata),
                            void (*nodes)(void *userdata), void *userdata, Uevents **ret_uevents);

/* Stops listening (NULL is fine); returns NULL. */
Uevents *uevents_free(Uevents *uevents);
DEFINE_CLEANUP(Uevents *, uevents_free);
