/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The sentinel's post: whether there has to be a sentinel, with which orders, and what follows from
 * its reports.
 *
 * It is manned while a group is leased that the kernel does not guard by itself. Before the first
 * order is given the watch file says so; it goes when all that was done is undone, by this daemon or
 * by the next one.
 */

#include <stdbool.h>

#include "core/model/base.h"

typedef struct Manager Manager;
typedef struct Post Post;

/* Returns 0 and *ret, or -ENOMEM. The manager outlives it. */
_nodiscard_ int post_new(Manager *manager, Post **ret_post);

/* Frees it; a sentinel ends by itself. NULL is fine; returns NULL. */
Post *post_free(Post *post);
DEFINE_CLEANUP(Post *, post_free);

/*
 * Takes up what the daemon before left; to be called once. Returns whether there is something to
 * review.
 */
bool post_resume(Post *post);

/* Writes the watch file again, if there is to be one: somebody may have removed it. */
void post_keep(const Post *post);

/*
 * Brings the sentinel, its orders and the gate to what the leases ask for, as of the world just read.
 */
void post_review(Post *post);

/* Whether the kernel binds no driver to new functions by itself, as read now. */
bool post_gate_holds(const Post *post);

/* Whether the gate could be shut for a group that asks for it, as far as is known. */
bool post_may_gate(const Post *post);

/*
 * Whether a sentinel is about to take up its post, or the gate is being opened: until then the
 * guard is not what it will be. Not for longer than a worker may take.
 */
bool post_is_settling(const Post *post);

/*
 * What is known of this kernel's heeding the gate, in words, or NULL if memory is short; freed by the
 * caller.
 */
char *post_gate_evidence(const Post *post);
