/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The kernel's word that something about a PCI device changed.
 */

#include <event2/event.h>

#include "core/model/base.h"

typedef struct Uevents Uevents;

/*
 * Calls `changed` from the event loop whenever the kernel tells of PCI devices coming, going, being
 * bound or unbound, or when it may have told something that got lost. Returns 0 or -errno.
 */
_nodiscard_ int uevents_new(struct event_base *base, void (*changed)(void *userdata),
                            void *userdata, Uevents **ret_uevents);

/* Stops listening (NULL is fine); returns NULL. */
Uevents *uevents_free(Uevents *uevents);
DEFINE_CLEANUP(Uevents *, uevents_free);
