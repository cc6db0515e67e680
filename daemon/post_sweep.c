/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One worker at a time; what comes up meanwhile waits for it, and what failed is tried again.
 */

#include <string.h>

#include "daemon/guard/rules.h"
#include "daemon/log.h"
#include "daemon/post_internal.h"

/* Functions of which it is not yet known whether they were blocked with reason. */
#define STRAYS_MAX 4096

void post_add_stray(Post *post, Bdf bdf)
{
        Bdf *strays = realloc(post->strays, (post->n_strays + 1) * sizeof(*strays));

        if (strays)
                post->strays = strays;
        if (!strays || post->n_strays >= STRAYS_MAX) {
                post->sweep_overrides = true; /* all functions are looked at instead */
                return;
        }
        strays[post->n_strays++] = bdf;
}

/* The kernel's numbers of all leased groups. Returns 0 and *ret (freed by the caller), or -ENOMEM. */
static int list_groups(const Manager *manager, int32_t **ret_groups, size_t *ret_n)
{
        size_t n = 0;

        for (size_t i = 0; i < manager->n_leases; i++)
                n += manager->leases[i]->record->n_groups;
        int32_t *groups = calloc(n + 1, sizeof(*groups));
        if (!groups)
                return -ENOMEM;
        n = 0;
        for (size_t i = 0; i < manager->n_leases; i++)
                for (size_t j = 0; j < manager->leases[i]->record->n_groups; j++)
                        groups[n++] = manager->leases[i]->record->groups[j].number;
        *ret_groups = groups;
        *ret_n = n;
        return 0;
}

static int job_sweep(const void *context, VfioFds *fds, char **ret_message)
{
        const Post *post = context;

        return sweep_run(&post->manager->host, &post->sweep, ret_message);
}

static void on_swept(WorkerResult *result, void *userdata)
{
        Post *post = userdata;
        bool opened = post->sweep.open_gate;

        post->worker = NULL;
        if (result->code != 0) {
                log_error("undoing what the sentinel did failed: %s; trying again",
                          result->message[0] ? result->message : strerror(abs(result->code)));
                post->sweep_overrides |= post->sweep.every_override;
                post->sweep_functions |= post->sweep.former && !opened;
                manager_retry(post->manager);
                return;
        }
        post->n_strays -= post->sweep.n_strays;
        post->n_loose = 0;
        for (size_t i = 0; i < post->n_strays; i++)
                post->strays[i] = post->strays[i + post->sweep.n_strays];
        if (opened) {
                log_info("the gate is open");
                post->file->gate_shut = post->gate_confirmed = false;
                post->file->n_known = 0;
                int r = watchfile_save(post->manager->state_directory, post->file);
                if (r < 0)
                        log_broken(r);
                r = rules_remove_gate(RULES_DIRECTORY);
                if (r < 0)
                        log_broken(r);
        }
        manager_mark_dirty(post->manager);
}

static void on_overdue(void *userdata)
{
        log_error("undoing what the sentinel did takes longer than %d s; the kernel log says more",
                  MANAGER_WORKER_DEADLINE_SECONDS);
}

void post_sweep(Post *post, bool open_gate)
{
        const WorkerHandler handler = {.done = on_swept, .overdue = on_overdue, .userdata = post};
        _cleanup_(freep) int32_t *groups = NULL;
        bool functions = post->file && post->file->gate_shut &&
                         (open_gate || post->sweep_functions);

        if (post->worker ||
            (!open_gate && !post->sweep_overrides && !functions && post->n_loose == 0))
                return;
        post->sweep = (Sweep){
                .open_gate = open_gate,
                .every_override = post->sweep_overrides,
                .strays = post->strays,
                .n_strays = post->n_loose,
                .former = functions ? post->file : NULL,
        };
        int r = list_groups(post->manager, &groups, &post->sweep.n_groups);
        post->sweep.groups = groups; /* for the child, which has its own copy of it all */
        if (r == 0)
                r = worker_start(post->manager->base, job_sweep, post, NULL,
                                 MANAGER_WORKER_DEADLINE_SECONDS, &handler, &post->worker);
        post->sweep.groups = NULL;
        if (r < 0) {
                log_broken(r);
                manager_retry(post->manager);
                return;
        }
        post->sweep_overrides = post->sweep_functions = false;
}

void post_settle_strays(Post *post)
{
        const Manager *manager = post->manager;
        size_t n_loose = 0, n_bound = 0;

        if (post->worker)
                return;
        _cleanup_(freep) Bdf *bound = calloc(post->n_strays + 1, sizeof(*bound));
        if (!bound)
                return; /* they stay as they are until the next reading */
        for (size_t i = 0; i < post->n_strays; i++) {
                size_t index = snapshot_find(manager->world->snapshot, post->strays[i]);
                const Lease *lease =
                        index == SNAPSHOT_NONE ? NULL : manager_lease_of_device(manager, index);

                if (index == SNAPSHOT_NONE || (lease && lease_record_is_in_hand(lease->record)))
                        continue;
                if (lease)
                        bound[n_bound++] = post->strays[i];
                else
                        post->strays[n_loose++] = post->strays[i];
        }
        for (size_t i = 0; i < n_bound; i++)
                post->strays[n_loose + i] = bound[i];
        post->n_strays = n_loose + n_bound;
        post->n_loose = n_loose;
}

void post_keep(const Post *post)
{
        int r = post->file ? watchfile_save(post->manager->state_directory, post->file) : 0;

        if (r < 0)
                log_error("what the sentinel does is not on record any more: %s", strerror(-r));
}
