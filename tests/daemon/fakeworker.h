/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The deadlines of workers, without the time: a worker that hangs (faults.h) is overdue at once, and
 * is let go when all who have to have heard of it.
 */

#include <event2/event.h>

/* Looks for workers that hang. Returns the event to be freed, or NULL where none will. */
struct event *fakeworker_watch(struct event_base *base);
