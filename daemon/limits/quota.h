/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Limits the workers that look something up for users.
 *
 * Each user may have a few at a time, and all users together some more. Root may have as many as
 * all users together, and is not counted with them, so that users cannot block root.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define QUOTA_ALL 16

typedef struct Quota {
        uid_t uid; /* the user that asks */
        size_t n_mine, n_users;
} Quota;

/* Counts one running worker of `uid`. */
static inline void quota_count(Quota *quota, uid_t uid)
{
        quota->n_mine += uid == quota->uid;
        quota->n_users += uid != 0;
}

/* Whether the user has reached `per_uid`. */
static inline bool quota_is_reached(const Quota *quota, size_t per_uid)
{
        return quota->n_mine >= (quota->uid == 0 ? QUOTA_ALL : per_uid);
}

/* Whether all users together have reached their limit. */
static inline bool quota_is_full(const Quota *quota)
{
        return quota->uid != 0 && quota->n_users >= QUOTA_ALL;
}
