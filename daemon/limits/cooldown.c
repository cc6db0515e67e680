/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A list of (group, uid, start), and one timer for the first end. The policy in force decides how
 * long; a new policy changes the time of groups that cool down already.
 */

#include "daemon/base/array.h"
#include "daemon/base/event.h"
#include "daemon/limits/cooldown.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/clock.h"

/* Enough for all leases. Further groups do not cool down. */
#define COOLINGS_MAX 4096

typedef struct Cooling {
        char *group;
        char *rule; /* the origin of the rule */
        uid_t uid;
        uint64_t since, until; /* CLOCK_BOOTTIME, microseconds */
} Cooling;

typedef struct Cooldown {
        Ledger *ledger;
        struct event *timer;
        Cooling *coolings;
        size_t n_coolings;
} Cooldown;

static void drop(Cooldown *cooldown, size_t at)
{
        free(cooldown->coolings[at].group);
        free(cooldown->coolings[at].rule);
        cooldown->coolings[at] = cooldown->coolings[--cooldown->n_coolings];
}

/* Sets the timer for the next end; without entries there is none. */
static void arm(Cooldown *cooldown)
{
        uint64_t now = clock_usec(CLOCK_BOOTTIME), first = UINT64_MAX;

        for (size_t i = 0; i < cooldown->n_coolings; i++)
                if (cooldown->coolings[i].until < first)
                        first = cooldown->coolings[i].until;
        (void)evtimer_del(cooldown->timer);
        if (first == UINT64_MAX)
                return;
        (void)!timer_arm(cooldown->timer, first > now ? first - now : 0);
}

static void on_cool(evutil_socket_t fd, short what, void *userdata)
{
        Cooldown *cooldown = userdata;
        uint64_t now = clock_usec(CLOCK_BOOTTIME);

        for (size_t i = cooldown->n_coolings; i > 0; i--)
                if (cooldown->coolings[i - 1].until <= now)
                        drop(cooldown, i - 1);
        arm(cooldown);
        module_report(cooldown->ledger, EVENT_GROUP_FREED, NULL, NULL);
}

/* Finds the rule for a device of the group with the longest cooldown, or NULL. */
static const PolicyRule *find_rule(const Ledger *ledger, const char *id)
{
        const World *world = ledger->world;
        const PolicyRule *longest = NULL;
        size_t index = partition_find_group(world->groups, id);

        if (index == SNAPSHOT_NONE)
                return NULL;
        const Group *group = &world->groups->groups[index];
        for (size_t i = 0; i < group->n_members; i++) {
                const PolicySubject subject = world_subject(world, group->members[i]);
                const PolicyRule *rule = policy_find_rule(ledger->policy, &subject);

                if (rule && rule->terms.cooldown > (longest ? longest->terms.cooldown : 0))
                        longest = rule;
        }
        return longest;
}

/* Computes the end and the rule by the policy in force. Returns false if there is no cooldown. */
static bool rate(const Ledger *ledger, Cooling *cooling)
{
        const PolicyRule *rule = find_rule(ledger, cooling->group);
        char *origin = rule ? strdup(rule->origin) : NULL;

        if (!origin)
                return false;
        free(cooling->rule);
        cooling->rule = origin;
        cooling->until = cooling->since + rule->terms.cooldown * USEC_PER_SEC;
        return true;
}

static void add(Cooldown *cooldown, const char *group, uid_t uid)
{
        Cooling cooling = {.uid = uid, .since = clock_usec(CLOCK_BOOTTIME)};
        size_t n = cooldown->n_coolings;

        if (n >= COOLINGS_MAX || !ARRAY_GROW(cooldown->coolings, n))
                return;
        cooling.group = strdup(group);
        cooldown->coolings[cooldown->n_coolings++] = cooling;
        if (!cooling.group || !rate(cooldown->ledger, &cooldown->coolings[n]))
                drop(cooldown, cooldown->n_coolings - 1);
}

/* A lease that reached its owner ends: its groups cool down, each as long as its rules say. */
static void note(Cooldown *cooldown, const LeaseRecord *record)
{
        if (!record->condition.handed_out || record->parked || record->owner.uid == 0)
                return;
        for (size_t i = 0; i < record->n_groups; i++)
                add(cooldown, record->groups[i].id, record->owner.uid);
        arm(cooldown);
}

/* A new policy is in force: groups without a cooldown are free at once. */
static void review(Cooldown *cooldown)
{
        if (cooldown->n_coolings == 0)
                return;
        for (size_t i = cooldown->n_coolings; i > 0; i--)
                if (!rate(cooldown->ledger, &cooldown->coolings[i - 1]))
                        drop(cooldown, i - 1);
        arm(cooldown);
        module_report(cooldown->ledger, EVENT_GROUP_FREED, NULL, NULL);
}

int cooldown_check(const Ledger *ledger, const char *group, uid_t uid, char **ret_message)
{
        const Cooldown *cooldown = module_data(ledger, &cooldown_module);
        uint64_t now = clock_usec(CLOCK_BOOTTIME);

        for (size_t k = 0; k < cooldown->n_coolings; k++) {
                const Cooling *cooling = &cooldown->coolings[k];

                if (cooling->uid != uid || cooling->until <= now ||
                    strcmp(cooling->group, group) != 0)
                        continue;
                return host_refuse(REFUSAL_BUSY, ret_message,
                                   "group %s: uid %u gave it back recently and may have it again "
                                   "in %llu s, by the cooldown of %s; --wait waits for that",
                                   cooling->group, cooling->uid,
                                   (unsigned long long)((cooling->until - now) / USEC_PER_SEC + 1),
                                   cooling->rule);
        }
        return 0;
}

static int init(Ledger *ledger, void *data)
{
        Cooldown *cooldown = data;

        cooldown->ledger = ledger;
        cooldown->timer = evtimer_new(ledger->base, on_cool, cooldown);
        return cooldown->timer ? 0 : -ENOMEM;
}

static void clear(void *data)
{
        Cooldown *cooldown = data;

        while (cooldown->n_coolings > 0)
                drop(cooldown, cooldown->n_coolings - 1);
        event_freep(&cooldown->timer);
        free(cooldown->coolings);
}

static void handle(Ledger *ledger, const Event *event)
{
        Cooldown *cooldown = module_data(ledger, &cooldown_module);

        if (event->kind == EVENT_LEASE_REMOVED)
                note(cooldown, event->lease->record);
        else if (event->kind == EVENT_POLICY)
                review(cooldown);
}

const Module cooldown_module = {
        .name = "cooldown",
        .size = sizeof(Cooldown),
        .init = init,
        .clear = clear,
        .handle = handle,
};
