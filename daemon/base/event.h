/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Events of libevent: an owner that may be empty, made and started in one call. */

#include <errno.h>
#include <event2/event.h>
#include <stddef.h>

#include "core/model/base.h"
#include "daemon/base/clock.h"

/* Frees an event, if there is one, and empties its owner. */
static inline void event_freep(struct event **event)
{
        if (*event)
                event_free(*event);
        *event = NULL;
}

/* Hears of a descriptor from now on. Returns 0 with *event, the caller's, or -ENOMEM. */
_nodiscard_ static inline int event_watch(struct event **event, struct event_base *base, int fd,
                                          short what, event_callback_fn call, void *userdata)
{
        *event = event_new(base, fd, what, call, userdata);
        return *event && event_add(*event, NULL) == 0 ? 0 : -ENOMEM;
}

/* Has a timer run out after `usec` from now, and not when it would have. Returns 0 or -ENOMEM. */
_nodiscard_ static inline int timer_arm(struct event *timer, uint64_t usec)
{
        const struct timeval delay = {
                .tv_sec = (time_t)(usec / USEC_PER_SEC),
                .tv_usec = (suseconds_t)(usec % USEC_PER_SEC),
        };

        return evtimer_add(timer, &delay) == 0 ? 0 : -ENOMEM;
}

/* Arms a timer, which is made if there is none yet. Returns 0 with *timer, the caller's, or
 * -ENOMEM. */
_nodiscard_ static inline int timer_start(struct event **timer, struct event_base *base,
                                          event_callback_fn call, void *userdata, uint64_t usec)
{
        if (!*timer)
                *timer = evtimer_new(base, call, userdata);
        return *timer ? timer_arm(*timer, usec) : -ENOMEM;
}
