/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A timer and a worker for each lease whose claims can be seen. */

#include "daemon/base/event.h"
#include "daemon/claims/claims.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/descriptors/descriptors.h"
#include "daemon/host/worker.h"

/* The group stays guarded until a claim is seen, so its safety does not depend on this period. */
#define ASK_SECONDS 2

typedef struct Claims {
        bool *claimed;       /* by group of the record; NULL: nothing to ask */
        bool is_asked;       /* this daemon has asked: `claimed` is known */
        struct event *timer; /* of the next question */
        Worker *worker;      /* the worker that asks, or NULL */
} Claims;

static void forget(Claims *own)
{
        /* The worker has copies of the descriptors: the kernel would wait until they are closed. */
        if (own->worker)
                worker_kill(own->worker);
        own->worker = worker_free(own->worker);
        event_freep(&own->timer);
        free(TAKE_PTR(own->claimed));
}

static void clear(void *part)
{
        forget(part);
}

const Module claims_module = {.name = "claims", .lease_size = sizeof(Claims), .lease_clear = clear};

DEFINE_LEASE_PART(Claims, of, claims_module);

/* Whether the daemon's copies of the descriptors show the owner's claim. */
static bool can_ask(const Lease *lease)
{
        return lease->record->mode == LEASE_MODE_IOMMUFD_UNBOUND ||
               lease->record->mode == LEASE_MODE_GROUP_FD;
}

bool claims_may_end(const Lease *lease)
{
        /* A device stays bound while the daemon's copy is open. A group can leave its container. */
        return lease->record->mode == LEASE_MODE_GROUP_FD;
}

bool claims_cover(const Lease *lease, int32_t number)
{
        const Claims *own = of(lease);

        if (lease_mode_claims(lease->record->mode))
                return true;
        for (size_t i = 0; own->claimed && i < lease->record->n_groups; i++)
                if (lease->record->groups[i].number == number)
                        return own->claimed[i];
        return false;
}

static bool is_settled(const Lease *lease)
{
        for (size_t i = 0; i < lease->record->n_groups; i++)
                if (claims_may_end(lease) || !of(lease)->claimed[i])
                        return false;
        return true;
}

/* Runs in the worker: which groups are claimed, a letter for each: "yn". */
static int job_ask(const void *context, VfioFds *fds, char **ret_message)
{
        const Lease *lease = context;
        char *text = calloc(lease->record->n_groups + 1, 1);

        if (!text)
                return -ENOMEM;
        for (size_t i = 0; i < lease->record->n_groups; i++)
                text[i] =
                        vfio_is_claimed(&lease->ledger->host, fds, lease->record->groups[i].number)
                                ? 'y'
                                : 'n';
        vfio_fds_close(fds);
        *ret_message = text;
        return 0;
}

static void ask_later(Lease *lease)
{
        if (lease_record_is_in_hand(lease->record) && !is_settled(lease))
                (void)evtimer_add(of(lease)->timer, &(struct timeval){.tv_sec = ASK_SECONDS});
}

static void on_asked(WorkerResult *result, void *userdata)
{
        Lease *lease = userdata;
        Claims *own = of(lease);
        bool changed = !own->is_asked;

        own->worker = NULL;
        own->is_asked = true;
        for (size_t i = 0; i < lease->record->n_groups; i++) {
                /* A group without an answer counts as not claimed. */
                bool claimed = result->code == 0 && strlen(result->message) > i &&
                               result->message[i] == 'y';

                changed |= claimed != own->claimed[i];
                if (claimed != own->claimed[i])
                        log_info("lease %" PRIu32 ": group %s is %s", lease->record->id,
                                 lease->record->groups[i].id,
                                 claimed ? "claimed by its owner" : "not claimed any more");
                own->claimed[i] = claimed;
        }
        if (changed)
                ledger_read_soon(lease->ledger);
        ask_later(lease);
}

static void on_timer(evutil_socket_t fd, short what, void *userdata)
{
        const WorkerHandler handler = {.done = on_asked, .userdata = userdata};
        Lease *lease = userdata;
        Claims *own = of(lease);

        if (own->worker || !lease_record_is_in_hand(lease->record))
                return;
        int r = worker_start(lease->ledger->base, job_ask, lease, descriptors_of(lease),
                             WORKER_DEADLINE_SECONDS, &handler, &own->worker);
        if (r < 0) {
                log_broken(r);
                ask_later(lease);
        }
}

int claims_watch(Lease *lease, bool is_new)
{
        Claims *own = of(lease);

        if (!can_ask(lease))
                return 0;
        own->claimed = calloc(lease->record->n_groups + 1, sizeof(*own->claimed));
        own->timer = evtimer_new(lease->ledger->base, on_timer, lease);
        if (!own->claimed || !own->timer)
                return -ENOMEM;
        /* Nobody can have claimed a new lease yet. */
        own->is_asked = is_new;
        return evtimer_add(own->timer, &(struct timeval){.tv_sec = is_new ? ASK_SECONDS : 0}) < 0
                       ? -ENOMEM
                       : 0;
}

bool claims_are_unknown(const Lease *lease)
{
        return of(lease)->claimed && !of(lease)->is_asked;
}

void claims_forget(Lease *lease)
{
        forget(of(lease));
}

void claims_ask_now(Lease *lease)
{
        if (of(lease)->timer)
                event_active(of(lease)->timer, EV_TIMEOUT, 0);
}

bool claims_are_being_asked(const Lease *lease)
{
        return of(lease)->worker;
}
