/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The critical-device check: runs its parts one after the other. */

#include <errno.h>
#include <string.h>

#include "daemon/host/critical_walk.h"

int critical_list(const HostPaths *host, Bdf bdf, CriticalFound found, void *userdata)
{
        static int (*const parts[])(CriticalWalk *) = {
                critical_walk_block,
                critical_walk_net,
                critical_walk_display,
                critical_walk_open,
        };
        char text[BDF_TEXT_SIZE];
        CriticalWalk walk = {.host = host, .bdf = bdf, .found = found, .userdata = userdata};
        int r = 0;

        walk.chain[walk.n_chain++] = bdf_format(bdf, text);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++) {
                r = parts[i](&walk);
                if (r < 0 && r != -ENOMEM) {
                        walk.n_chain = 1;
                        r = critical_tell(&walk, CRITICAL_UNKNOWN, NULL,
                                          "%s: cannot tell whether the host uses it: %s", text,
                                          strerror(-r));
                }
        }
        return r == CRITICAL_STOP ? 0 : r;
}

/* The first use that is not of the kind to ignore. */
typedef struct First {
        CriticalKind ignored; /* _CRITICAL_N: ignore none */
        bool found;           /* true even if there is no memory for the message */
        char *message;
} First;

static bool keep_first(const CriticalUse *use, void *userdata)
{
        First *first = userdata;

        if (use->kind == first->ignored)
                return true;
        first->found = true;
        first->message = strdup(use->sentence);
        return false;
}

int critical_check_but(const HostPaths *host, Bdf bdf, CriticalKind ignored, char **ret_message)
{
        First first = {.ignored = ignored};

        int r = critical_list(host, bdf, keep_first, &first);
        if (!first.found)
                return r;
        *ret_message = first.message;
        return REFUSAL_CRITICAL;
}

int critical_check(const HostPaths *host, Bdf bdf, char **ret_message)
{
        return critical_check_but(host, bdf, _CRITICAL_N, ret_message);
}
