/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One group at a time is parked, by the same transaction as any lease, and given up in the same
 * way. A request for a parked group is kept until that is done, and then decided anew.
 */

#include "daemon/base/array.h"
#include "daemon/base/event.h"
#include "daemon/park/park.h"

#include <errno.h>
#include <string.h>

#include "core/model/reserve.h"
#include "core/model/strength.h"
#include "daemon/base/log.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/queue/queue.h"

/* Who parks, where a lease names its owner's unit. */
#define PARK_UNIT "isolationd.service"

typedef struct Park Park;

/* A request that waits for groups to be given up. */
typedef struct Waiting {
        Park *park;
        AcquireRequest request; /* a copy of its own */
        LeaseDone done;
        void *userdata;
        size_t n_left; /* leases that are being given up */
        bool deferred; /* until what is being parked is */
        struct Waiting *next;
} Waiting;

struct Park {
        Ledger *ledger;
        struct event *event; /* to look after it in a turn of its own */
        bool is_parking;     /* a lease of ours is being made */
        char *group;         /* of it */
        char **failed;       /* ids of groups that could not be parked */
        size_t n_failed;
        Waiting *waiting;
        ParkAcquire acquire;
};

DEFINE_MODULE_DATA(Park, park_of, park_module);

static Waiting *waiting_free(Waiting *waiting)
{
        if (!waiting)
                return NULL;
        request_clear(&waiting->request);
        free(waiting);
        return NULL;
}
DEFINE_CLEANUP(Waiting *, waiting_free);

/* Groups that could not be parked are tried again. */
static void forget_failed(Park *park)
{
        for (size_t i = 0; i < park->n_failed; i++)
                free(park->failed[i]);
        free(park->failed);
        park->failed = NULL;
        park->n_failed = 0;
}

/* --- what is to be parked --------------------------------------------------------------------- */

static bool policy_parks(const Policy *policy)
{
        for (size_t i = 0; i < policy->n_rules; i++)
                if (policy->rules[i].reserve.park)
                        return true;
        return false;
}

/* Is this device reserved by a rule that parks, and no host driver at it? */
static bool is_for_parking(const Ledger *ledger, size_t device)
{
        Reservation found = reserve_judge(ledger->policy, ledger->world->snapshot, device,
                                          ledger->world->paths[device], false);

        return found.verdict == RESERVE_BLOCK && found.rule->reserve.park &&
               driver_is_harmless(ledger->world->snapshot->devices[device].driver);
}

/* Whether all that a lease of the group would hand out is to be parked. */
static bool group_is_for_parking(const Ledger *ledger, size_t group)
{
        const Group *members = &ledger->world->groups->groups[group];
        bool any = false;

        for (size_t i = 0; i < members->n_members; i++) {
                if (world_is_bridge(&ledger->world->snapshot->devices[members->members[i]]))
                        continue;
                if (!is_for_parking(ledger, members->members[i]))
                        return false;
                any = true;
        }
        return any && members->kernel_group >= 0;
}

/* Whether what is parked is still to be; what joined it since is another matter. */
static bool lease_is_for_parking(const Lease *lease)
{
        const Ledger *ledger = lease->ledger;
        bool any = false;

        for (size_t i = 0; i < lease->record->n_devices; i++) {
                const LeaseDevice *device = &lease->record->devices[i];
                size_t index = snapshot_find(ledger->world->snapshot, device->bdf);

                if (device->role != LEASE_ROLE_TAKEN || device->lost || index == SNAPSHOT_NONE)
                        continue;
                if (!is_for_parking(ledger, index))
                        return false;
                any = true;
        }
        return any;
}

static bool has_failed(const Park *park, const char *id)
{
        for (size_t i = 0; i < park->n_failed; i++)
                if (strcmp(park->failed[i], id) == 0)
                        return true;
        return false;
}

/* --- parking ---------------------------------------------------------------------------------- */

static void note_failed(Park *park)
{
        if (ARRAY_GROW(park->failed, park->n_failed))
                park->failed[park->n_failed++] = TAKE_PTR(park->group);
}

/* Takes it off the list and decides about it anew. */
static void decide(Waiting *waiting)
{
        _cleanup_(waiting_freep) Waiting *over = waiting;
        Park *park = waiting->park;

        for (Waiting **at = &park->waiting; *at; at = &(*at)->next)
                if (*at == waiting) {
                        *at = waiting->next;
                        break;
                }
        park->acquire(park->ledger, &over->request, over->done, over->userdata);
}

/* Those that came while a group was being parked wait for that no more. */
static void serve_deferred(Park *park)
{
        Waiting *ready;

        for (Waiting *waiting = park->waiting; waiting; waiting = waiting->next)
                waiting->deferred = false;
        do {
                ready = park->waiting;
                while (ready && (ready->deferred || ready->n_left > 0))
                        ready = ready->next;
                if (ready)
                        decide(ready); /* which may put it there again, deferred */
        } while (ready);
}

static void on_parked(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        Park *park = userdata;

        park->is_parking = false;
        if (lease) {
                log_info("group %s is parked", park->group);
        } else {
                log_warning("group %s could not be parked: %s; it stays reserved, and is tried "
                            "again with the next policy",
                            park->group, answer->message);
                note_failed(park);
        }
        free(TAKE_PTR(park->group));
        serve_deferred(park);
        ledger_read_soon(park->ledger);
}

static void begin(Park *park, const char *id)
{
        park->group = strdup(id);
        if (!park->group) {
                log_broken(-ENOMEM);
                return;
        }
        park->is_parking = true;
        /* The world, and with it the id, is read anew: this copy is ours. */
        const char *const selectors[] = {park->group, NULL};
        const AcquireRequest request = {
                .selectors = selectors,
                .lifetime = LEASE_LIFETIME_PERSISTENT,
                .unit = PARK_UNIT,
                .parked = true,
        };
        park->acquire(park->ledger, &request, on_parked, park);
}

/* A lease of ours that is not to be any more, or NULL. */
static Lease *find_superfluous(const Park *park)
{
        const Ledger *ledger = park->ledger;

        for (size_t i = 0; i < ledger->n_leases; i++)
                if (ledger->leases[i]->record->parked &&
                    ledger->leases[i]->record->state == LEASE_LEASED &&
                    !lease_is_for_parking(ledger->leases[i]))
                        return ledger->leases[i];
        return NULL;
}

/* The id of a group that is to be parked now, or NULL. */
static const char *find_group(const Park *park)
{
        const Ledger *ledger = park->ledger;

        if (!policy_parks(ledger->policy))
                return NULL;
        for (size_t i = 0; i < ledger->world->groups->n_groups; i++) {
                const char *id = ledger->world->groups->groups[i].id;

                if (!ledger_lease_of_group(ledger, i) && !has_failed(park, id) &&
                    queue_count(ledger, ledger->world->groups->groups[i].kernel_group) == 0 &&
                    group_is_for_parking(ledger, i))
                        return id;
        }
        return NULL;
}

static bool is_occupied(const Park *park)
{
        return park->is_parking || park->waiting;
}

static void on_turn(evutil_socket_t fd, short what, void *userdata)
{
        Park *park = userdata;
        Lease *superfluous;
        const char *id;

        if (is_occupied(park))
                return;
        superfluous = find_superfluous(park);
        if (superfluous) {
                log_info("group %s is not parked any more: the policy or what is in it has changed",
                         superfluous->record->groups[0].id);
                return lease_release(superfluous, NULL, NULL);
        }
        id = find_group(park);
        if (id)
                begin(park, id);
}

void park_review(Ledger *ledger)
{
        Park *park = park_of(ledger);

        /* Not from within a reading, whose end others wait for. */
        if (!is_occupied(park) && (find_superfluous(park) || find_group(park)))
                (void)evtimer_add(park->event, &(struct timeval){.tv_sec = 0});
}

void park_set_acquire(Ledger *ledger, ParkAcquire acquire)
{
        park_of(ledger)->acquire = acquire;
}

static int init(Ledger *ledger, void *data)
{
        Park *park = data;

        park->ledger = ledger;
        park->event = evtimer_new(ledger->base, on_turn, park);
        return park->event ? 0 : -ENOMEM;
}

static void clear(void *data)
{
        Park *park = data;

        forget_failed(park);
        for (Waiting *waiting = park->waiting, *next; waiting; waiting = next) {
                next = waiting->next;
                waiting_free(waiting);
        }
        event_freep(&park->event);
        free(park->group);
}

static void handle(Ledger *ledger, const Event *event)
{
        if (event->kind == EVENT_POLICY)
                forget_failed(park_of(ledger));
}

const Module park_module = {
        .name = "park", .size = sizeof(Park), .init = init, .clear = clear, .handle = handle};

/* --- giving up -------------------------------------------------------------------------------- */

/* One thing that it waited for has come to pass. */
static void count_down(Waiting *waiting)
{
        if (--waiting->n_left == 0 && !waiting->deferred)
                decide(waiting);
}

/* What could not be given up is told by what is decided then. */
static void on_given_up(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        if (answer->code != 0)
                log_warning("a parked group could not be given up: %s", answer->message);
        count_down(userdata);
}

void park_yield(Ledger *ledger, const size_t *groups, size_t n_groups,
                const AcquireRequest *request, LeaseDone done, void *userdata)
{
        Park *park = park_of(ledger);
        const LeaseAnswer broken = {.code = -ENOMEM, .message = ""};
        Waiting *waiting = calloc(1, sizeof(*waiting));

        if (!waiting || request_copy(request, &waiting->request) < 0) {
                waiting_free(waiting);
                return done(&broken, NULL, userdata);
        }
        waiting->park = park;
        waiting->done = done;
        waiting->userdata = userdata;
        waiting->next = park->waiting;
        waiting->n_left = 1; /* ourselves, so that it is not over before the last one is asked */
        park->waiting = waiting;
        for (size_t i = 0; i < n_groups; i++) {
                Lease *lease = ledger_lease_of_group(park->ledger, groups[i]);

                if (!lease || !lease->record->parked)
                        continue;
                if (lease->record->state == LEASE_PREPARING) {
                        waiting->deferred = true;
                } else if (lease->record->state == LEASE_LEASED) {
                        waiting->n_left++;
                        lease_release(lease, on_given_up, waiting);
                }
        }
        count_down(waiting);
}
