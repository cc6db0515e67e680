/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Who may have one more worker look something up for them.
 *
 * A user has a few at a time, and all users together some more. Root has as many as they have
 * together and is not counted with them, so that nobody keeps root from looking.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define QUOTA_ALL 16

typedef struct Quota {
        uid_t uid; /* who asks */
        size_t n_mine, n_users;
} Quota;

/* Counts what is under way for `uid`. */
static inline void quota_count(Quota *quota, uid_t uid)
{
        quota->n_mine += uid == quota->uid;
        quota->n_users += uid != 0;
}

/* Whether a user has as many as a user may have, which are `per_uid`. */
static inline bool quota_is_reached(const Quota *quota, size_t per_uid)
{
        return quota->n_mine >= (quota->uid == 0 ? QUOTA_ALL : per_uid);
}

/* Whether all users together have as many as there may be. */
static inline bool quota_is_full(const Quota *quota)
{
        return quota->uid != 0 && quota->n_users >= QUOTA_ALL;
}
