/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Parks one group at a time, with the transaction of an ordinary lease, and gives it up in the same
 * way. A request for a parked group waits until that is done, and is then decided again.
 */

#include "daemon/base/texts.h"
#include "daemon/base/event.h"
#include "daemon/park/park.h"

#include <errno.h>
#include <string.h>

#include "core/model/reserve.h"
#include "core/model/strength.h"
#include "daemon/base/list.h"
#include "daemon/base/log.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/queue/queue.h"

/* The unit on record in a parked lease. */
#define PARK_UNIT "isolationd.service"

typedef struct Park Park;

/* A request that waits until parked groups are given up. */
typedef struct Waiting {
        Park *park;
        AcquireRequest request; /* owned copy */
        LeaseDone done;
        void *userdata;
        size_t n_left; /* leases that are still being given up */
        bool deferred; /* waits until the present parking ends */
        struct Waiting *next;
} Waiting;

struct Park {
        Ledger *ledger;
        struct event *event; /* runs in a later turn of the loop */
        bool is_parking;     /* a parked lease is being made */
        char *group;         /* the group of that lease */
        TextList failed;     /* ids of groups that could not be parked */
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

/* Forgets failures, so that those groups are tried again. */
/* --- what is to be parked --------------------------------------------------------------------- */

static bool policy_parks(const Policy *policy)
{
        for (size_t i = 0; i < policy->n_rules; i++)
                if (policy->rules[i].reserve.park)
                        return true;
        return false;
}

/* Whether the device is reserved by a rule that parks, and has no host driver. */
static bool is_for_parking(const Ledger *ledger, size_t device)
{
        Reservation found = reserve_judge(ledger->policy, ledger->world->snapshot, device,
                                          ledger->world->paths[device], false);

        return found.verdict == RESERVE_BLOCK && found.rule->reserve.park &&
               driver_is_harmless(ledger->world->snapshot->devices[device].sysfs.driver);
}

/* Whether all devices that a lease of the group would hand out are to be parked. */
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

/* Whether the parked devices are still to be parked. Joiners do not count. */
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

/* --- parking ---------------------------------------------------------------------------------- */

static void note_failed(Park *park)
{
        if (text_list_add(&park->failed, TAKE_PTR(park->group)) < 0)
                log_broken(-ENOMEM);
}

/* Removes it from the list and decides about it again. */
static void decide(Waiting *waiting)
{
        _cleanup_(waiting_freep) Waiting *over = waiting;
        Park *park = waiting->park;

        LIST_UNLINK(park->waiting, waiting);
        park->acquire(park->ledger, &over->request, over->done, over->userdata);
}

/* Decides the requests that came while a group was being parked. */
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
                        decide(ready); /* which may put it back, deferred */
        } while (ready);
}

static void on_parked(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        Park *park = userdata;

        park->is_parking = false;
        if (lease) {
                log_info("group %s is parked", park->group);
        } else {
                log_warning("group %s could not be parked: %s; it stays reserved; retrying "
                            "with the next policy",
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
        /* The world is read again, which frees the id: this copy is ours. */
        const char *const selectors[] = {park->group, NULL};
        const AcquireRequest request = {
                .selectors = selectors,
                .options.lifetime = LEASE_LIFETIME_PERSISTENT,
                .who.unit = PARK_UNIT,
                .parked = true,
        };
        park->acquire(park->ledger, &request, on_parked, park);
}

/* Finds a parked lease that is no longer wanted, or NULL. */
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

/* Finds a group to park now. Returns its id or NULL. */
static const char *find_group(const Park *park)
{
        const Ledger *ledger = park->ledger;

        if (!policy_parks(ledger->policy))
                return NULL;
        for (size_t i = 0; i < ledger->world->groups->n_groups; i++) {
                const char *id = ledger->world->groups->groups[i].id;

                if (!ledger_lease_of_group(ledger, i) && !text_list_has(&park->failed, id) &&
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
                log_info("group %s is no longer parked: the policy or the devices in it have "
                         "changed",
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

        /* Not during a reading, as other code waits for its end. */
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

        text_list_clear(&park->failed);
        LIST_FREE(park->waiting, waiting_free);
        event_freep(&park->event);
        free(park->group);
}

static void handle(Ledger *ledger, const Event *event)
{
        if (event->kind == EVENT_POLICY)
                text_list_clear(&park_of(ledger)->failed);
}

const Module park_module = {
        .name = "park", .size = sizeof(Park), .init = init, .clear = clear, .handle = handle};

/* --- giving up -------------------------------------------------------------------------------- */

/* One of the leases that it waits for is given up. */
static void count_down(Waiting *waiting)
{
        if (--waiting->n_left == 0 && !waiting->deferred)
                decide(waiting);
}

/* If a group could not be given up, the next decision refuses the request. */
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
        Waiting *waiting = calloc(1, sizeof(*waiting));

        if (!waiting || request_copy(request, &waiting->request) < 0) {
                waiting_free(waiting);
                return lease_answer(done, userdata, -ENOMEM, NULL);
        }
        waiting->park = park;
        waiting->done = done;
        waiting->userdata = userdata;
        waiting->next = park->waiting;
        waiting->n_left = 1; /* one for this loop, so that the count reaches 0 only at its end */
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
