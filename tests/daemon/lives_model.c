/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A lease in few lines: a group has at most one lease, requests are served in order, and a group
 * that could not be restored belongs to nobody.
 */

#include "tests/daemon/lives.h"

#include "core/model/refusal.h"

ModelLease *model_holder(Model *model, unsigned group)
{
        for (size_t i = 0; i < model->n_leases; i++)
                if (model->leases[i].used && model->leases[i].groups & 1U << group)
                        return &model->leases[i];
        return NULL;
}

static void answer(Model *model, int request, int code)
{
        if (request >= 0)
                model->answers[request] = code;
}

/* The lease that blocks a request for these groups: the one that has the first taken group. */
static int obstacle(Model *model, unsigned groups)
{
        for (unsigned g = 0; g < LIVES_GROUPS; g++) {
                const ModelLease *lease = groups & 1U << g ? model_holder(model, g) : NULL;
                if (lease)
                        return lease->state == LIFE_QUARANTINED ? REFUSAL_QUARANTINED
                                                                : REFUSAL_BUSY;
        }
        return 0;
}

static void begin(Model *model, const ModelWaiter *who)
{
        model->leases[model->n_leases++] = (ModelLease){.used = true,
                                                        .groups = who->groups,
                                                        .owner = who->client,
                                                        .lifetime = who->lifetime,
                                                        .state = LIFE_PREPARING,
                                                        .request = who->request,
                                                        .heard_of = true};
}

static void leave(Model *model, size_t waiter)
{
        model->n_waiters--;
        for (size_t i = waiter; i < model->n_waiters; i++)
                model->waiters[i] = model->waiters[i + 1];
}

/* Serves the queue, from its start again each time that a waiter has left it. */
static void serve(Model *model)
{
        unsigned wanted = 0;

        for (size_t i = 0; i < model->n_waiters; i++) {
                const ModelWaiter waiter = model->waiters[i];
                int why = obstacle(model, waiter.groups);

                if (why == REFUSAL_BUSY || (why == 0 && wanted & waiter.groups)) {
                        wanted |= waiter.groups;
                        continue;
                }
                leave(model, i);
                if (why == 0)
                        begin(model, &waiter);
                else
                        answer(model, waiter.request, why);
                wanted = 0;
                i = (size_t)-1; /* the first is the next one served */
        }
}

void model_acquire(Model *model, int client, unsigned groups, LifeLifetime lifetime, bool waits,
                   int request)
{
        const ModelWaiter who = {groups, client, request, lifetime};
        int why = obstacle(model, groups);

        for (size_t i = 0; why == 0 && i < model->n_waiters; i++)
                if (model->waiters[i].groups & groups)
                        why = REFUSAL_BUSY;
        if (why == 0)
                begin(model, &who);
        else if (why == REFUSAL_BUSY && waits)
                model->waiters[model->n_waiters++] = who;
        else
                answer(model, request, why);
}

static void release(ModelLease *lease, bool heard_of, int request)
{
        lease->state = LIFE_RELEASING;
        lease->heard_of = heard_of;
        lease->request = request;
}

void model_release(Model *model, ModelLease *lease, int request)
{
        bool may = lease->state == LIFE_LEASED || lease->state == LIFE_QUARANTINED ||
                   (lease->state == LIFE_RELEASING && !lease->heard_of);

        if (may)
                release(lease, request >= 0, request);
        else
                answer(model, request, REFUSAL_BUSY);
        serve(model);
}

void model_worker_ends(Model *model, ModelLease *lease, LifeEnd end)
{
        static const int codes[] = {0, REFUSAL_KERNEL_REFUSED, REFUSAL_QUARANTINED, REFUSAL_STUCK};
        bool taking = lease->state == LIFE_PREPARING;
        int request = lease->request;

        lease->request = -1;
        lease->heard_of = false;
        if (taking && end == LIFE_WELL && !lease->orphan)
                lease->state = LIFE_LEASED;
        else if (taking && (end == LIFE_WELL || end == LIFE_DIED))
                release(lease, end == LIFE_DIED, -1);
        else if ((taking && end == LIFE_FAILED) || end == LIFE_WELL)
                lease->used = false;
        else
                lease->state = LIFE_QUARANTINED;
        if (taking)
                answer(model, request,
                       end == LIFE_WELL && lease->orphan ? REFUSAL_CHANGED : codes[end]);
        else
                answer(model, request, end == LIFE_WELL ? 0 : REFUSAL_QUARANTINED);
        serve(model);
}

void model_name_ends(Model *model, int client)
{
        for (size_t i = model->n_waiters; i-- > 0;)
                if (model->waiters[i].client == client) {
                        answer(model, model->waiters[i].request, REFUSAL_CHANGED);
                        leave(model, i);
                }
        for (size_t i = 0; i < model->n_leases; i++) {
                ModelLease *lease = &model->leases[i];

                if (!lease->used || lease->lifetime != LIFE_CONNECTION || lease->owner != client)
                        continue;
                lease->orphan = true;
                if (lease->state == LIFE_LEASED)
                        release(lease, false, -1);
        }
        serve(model);
}

void model_wait_ends(Model *model, size_t waiter)
{
        answer(model, model->waiters[waiter].request, REFUSAL_BUSY);
        leave(model, waiter);
        serve(model);
}

int model_transfer(ModelLease *lease, int client)
{
        if (lease->state != LIFE_LEASED)
                return REFUSAL_BUSY;
        lease->owner = client;
        return 0;
}
