/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The gate: whether it is shut, whether this kernel heeds it, and whose it is. */

#include <stdio.h>

#include "daemon/guard/gate.h"
#include "daemon/log.h"
#include "daemon/post_internal.h"

/* Both halves of what makes the kernel heed the gate for new functions (kernel-facts 0.6). */
#define GATE_KERNEL_MAJOR 6
#define GATE_KERNEL_MINOR 19

bool post_gate_holds(const Post *post)
{
        bool open = true;

        return post->gate_confirmed && !post->gate_failed &&
               gate_read(&post->manager->host, &open) == 0 && !open;
}

char *post_gate_evidence(const Post *post)
{
        const char *release = post->manager->world->snapshot->kernel_release;
        char *text;
        int n;

        if (post->n_heeded > 0)
                n = asprintf(&text, "Linux %s heeds it for new functions, as seen with %u", release,
                             post->n_heeded);
        else
                n = asprintf(&text, "Linux %s heeds it for new functions by its version (%d.%d)",
                             release, GATE_KERNEL_MAJOR, GATE_KERNEL_MINOR);
        return n < 0 ? NULL : text;
}

static bool kernel_heeds_gate(const Manager *manager)
{
        return world_kernel_at_least(manager->world->snapshot->kernel_release, GATE_KERNEL_MAJOR,
                                     GATE_KERNEL_MINOR);
}

bool post_may_gate(const Post *post)
{
        return kernel_heeds_gate(post->manager) && !post->gate_failed;
}

/* Somebody who shuts the gate before us keeps it; somebody who opens it after us gets it. */
void post_check_gate(Post *post, SentinelOrders *orders)
{
        bool open = true;

        if (gate_read(&post->manager->host, &open) < 0)
                orders->gate = false;
        if (!(post->file && post->file->gate_shut) && !open)
                orders->gate = false;
        if (post->gate_confirmed && post->is_ready && open && !post->worker) {
                log_error("somebody has set drivers_autoprobe to 1: the gate is given up");
                post->gate_failed = true;
                orders->gate = false;
        }
        if (post->worker && post->sweep.open_gate)
                orders->gate = false; /* it is being opened; after that it may be shut again */
}
