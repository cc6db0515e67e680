/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The deadlines of workers without waiting: a worker that hangs (faults.h) is overdue at once. The
 * fake kernel releases it once every handler has been told.
 */

#include <event2/event.h>

/*
 * Watches for workers that hang. Returns the event, which the caller frees, or NULL if none can
 * hang.
 */
struct event *fakeworker_watch(struct event_base *base);
