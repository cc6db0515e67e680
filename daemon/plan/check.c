/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Checks every reason to refuse a request, in order, before anything is changed.
 *
 * Whether the user may have the group at all (machine, policy) is checked before whether it is free
 * now (busy, bound), so that users learn nothing about groups that the policy keeps from them. The
 * worker checks the rest, because that may block: whether the host depends on a device.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "core/model/reserve.h"
#include "daemon/descriptors/room.h"
#include "daemon/host/driver.h"
#include "daemon/ledger/holds.h"
#include "daemon/limits/cooldown.h"
#include "daemon/limits/memlock.h"
#include "daemon/plan/demand.h"
#include "daemon/plan/plan.h"

#define LEASES_MAX 1024

/* Adds the groups of the devices that a selector names. */
static int resolve_one(Plan *plan, const char *selector)
{
        const Ledger *ledger = plan->ledger;
        const World *world = ledger->world;
        size_t group;

        _cleanup_(freep) bool *devices = calloc(world->snapshot->n_devices + 1, sizeof(*devices));
        if (!devices)
                return -ENOMEM;
        if (world_select(world, &ledger->host, ledger->policy, selector, devices, &group) == 0)
                return plan_refuse(plan, REFUSAL_NOT_FOUND,
                                   "%.64s: no device, group or interface has that name (isoctl "
                                   "list shows all of them)",
                                   selector);
        for (size_t i = 0; i < world->snapshot->n_devices; i++) {
                if (!devices[i])
                        continue;
                if (world->groups->group_of[i] == SNAPSHOT_NONE)
                        return plan_refuse(plan, REFUSAL_NOT_VIABLE,
                                           "%.64s: no IOMMU covers it, so it cannot be isolated",
                                           selector);
                plan->named[i] = true;
                int r = plan_add_group(plan, world->groups->group_of[i]);
                if (r != 0)
                        return r;
        }
        return 0;
}

static int check_selectors(Plan *plan)
{
        size_t n = 0;

        plan->named = calloc(plan->ledger->world->snapshot->n_devices + 1, sizeof(*plan->named));
        if (!plan->named)
                return -ENOMEM;
        for (; plan->request->selectors[n]; n++) {
                if (n == REQUEST_SELECTORS_MAX)
                        return plan_refuse(plan, REFUSAL_INVALID, "more than %d selectors",
                                           REQUEST_SELECTORS_MAX);
                int r = resolve_one(plan, plan->request->selectors[n]);
                if (r != 0)
                        return r;
        }
        if (n == 0)
                return plan_refuse(plan, REFUSAL_INVALID, "no device or group was named");
        return 0;
}

/* Runs `check` on every member of every group until one refuses. */
static int for_each_member(Plan *plan, int (*check)(Plan *, const Group *, size_t))
{
        for (size_t i = 0; i < plan->n_groups; i++) {
                const Group *group = plan_group(plan, i);
                for (size_t m = 0; m < group->n_members; m++) {
                        int r = check(plan, group, group->members[m]);
                        if (r != 0)
                                return r;
                }
        }
        return 0;
}

static int check_policy(Plan *plan, const Group *group, size_t index)
{
        const AcquireRequest *request = plan->request;
        const PolicyRequest asked = {
                .uid = request->who.uid,
                .gids = request->who.gids,
                .n_gids = request->who.n_gids,
                .unit = request->who.unit,
                .label = request->who.label,
                .mode = plan->mode,
        };
        const PolicySubject subject = world_subject(plan->ledger->world, index);

        if (!plan_is_taken(plan_device(plan, index)))
                return 0;
        PolicyVerdict verdict = policy_check(plan->ledger->policy, &subject, &asked);
        plan->demand = plan_stronger_demand(plan->demand, verdict.rule);
        if (verdict.allowed) {
                if (verdict.rule && (!plan->rule || plan->named[index]))
                        plan->rule = verdict.rule;
                return 0;
        }
        plan->refuser = verdict.rule;
        free(plan->message);
        plan->message = policy_describe_refusal(&verdict, &subject, &asked);
        return plan->message ? (int)REFUSAL_POLICY_DENIED : -ENOMEM;
}

static int check_covered(Plan *plan, const Group *group, size_t index)
{
        const PciDevice *device = plan_device(plan, index);
        char text[BDF_TEXT_SIZE];

        if (group->kernel_group >= 0 && device->sysfs.iommu_kind != IOMMU_KIND_NONE)
                return 0;
        return plan_refuse(plan, REFUSAL_NOT_VIABLE,
                           "group %s: no IOMMU covers %s, so it cannot be isolated", group->id,
                           bdf_format(device->bdf, text));
}

/* A user learns of other users' leases only what the bus shows: their number and state. */
static int refuse_leased(Plan *plan, const char *id, const Lease *lease)
{
        const LeaseRecord *record = lease->record;
        bool may_see = plan->request->who.uid == 0 || plan->request->who.uid == record->owner.uid;
        time_t seconds = (time_t)(record->since_usec / 1000000);
        char since[32] = "an unknown time";
        struct tm utc;

        if (record->state == LEASE_QUARANTINED && !may_see)
                return plan_refuse(plan, REFUSAL_QUARANTINED,
                                   "group %s is quarantined: root may have lease %" PRIu32
                                   " put back again by isoctl release",
                                   id, record->id);
        if (record->state == LEASE_QUARANTINED)
                return plan_refuse(plan, REFUSAL_QUARANTINED,
                                   "group %s is quarantined: %s; isoctl release %" PRIu32
                                   " tries to put it back again",
                                   id,
                                   record->condition.trouble ? record->condition.trouble
                                                             : "reason unknown",
                                   record->id);
        if (!may_see)
                return plan_refuse(plan, REFUSAL_BUSY,
                                   "group %s: lease %" PRIu32 " of another user has it (%s)", id,
                                   record->id, ledger_lease_state(lease));
        if (gmtime_r(&seconds, &utc))
                (void)strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", &utc);
        return plan_refuse(plan, REFUSAL_BUSY,
                           "group %s: lease %" PRIu32 " of uid %u%s%s has it since %s (%s)", id,
                           record->id, record->owner.uid, record->owner.unit[0] ? ", " : "",
                           record->owner.unit, since, ledger_lease_state(lease));
}

static int check_busy(Plan *plan)
{
        for (size_t i = 0; i < plan->n_groups; i++) {
                const Lease *lease = ledger_lease_of_group(plan->ledger, plan->groups[i]);
                const char *id = plan_group(plan, i)->id;

                const char *hold = holds_find(plan->ledger, plan_group(plan, i));

                if (hold)
                        return plan_refuse(plan, REFUSAL_BUSY,
                                           "group %s: %s; wait for that to end", id, hold);
                if (!lease)
                        continue;
                const LeaseRecord *record = lease->record;
                if (record->parked &&
                    (record->state == LEASE_LEASED || record->state == LEASE_PREPARING)) {
                        plan->has_parked = true;
                        continue;
                }
                return refuse_leased(plan, id, lease);
        }
        return 0;
}

/* Checks a member that is not taken: its driver may stay only if it does no DMA of its own. */
static int check_bystander(Plan *plan, const Group *group, const PciDevice *device)
{
        const char *driver = device->sysfs.driver;
        char text[BDF_TEXT_SIZE];

        if (driver_is_harmless(driver))
                return 0;
        return plan_refuse(
                plan, REFUSAL_NOT_VIABLE,
                "group %s: bridge %s is bound to %s, which the kernel does not allow in a leased "
                "group; unbind it",
                group->id, bdf_format(device->bdf, text), driver);
}

static int check_has_vfs(Plan *plan, const Group *group, size_t index)
{
        const Snapshot *snapshot = plan->ledger->world->snapshot;
        char text[BDF_TEXT_SIZE];

        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (snapshot->devices[i].place.is_vf && snapshot->devices[i].physfn == index)
                        return plan_refuse(
                                plan, REFUSAL_NOT_VIABLE,
                                "group %s: %s has virtual functions, which need its driver; "
                                "write 0 to its sriov_numvfs first",
                                group->id, bdf_format(snapshot->devices[index].bdf, text));
        return 0;
}

static bool plan_was_asked_for(const Plan *plan, const Group *group)
{
        for (size_t i = 0; i < plan->n_asked; i++)
                if (plan_group(plan, i) == group)
                        return true;
        return false;
}

static int check_viable(Plan *plan, const Group *group, size_t index)
{
        const PciDevice *device = plan_device(plan, index);
        char text[BDF_TEXT_SIZE];

        (void)bdf_format(device->bdf, text);
        if (device->facts.present == TRISTATE_NO || device->facts.header_known != TRISTATE_YES)
                return plan_refuse(
                        plan, REFUSAL_NOT_VIABLE,
                        "group %s: %s does not answer (its configuration space cannot be "
                        "read)",
                        group->id, text);
        if (!plan_is_taken(device))
                return check_bystander(plan, group, device);
        if (!driver_is_harmless(device->sysfs.driver) && !plan->named[index] &&
            !plan->request->options.with_members)
                return plan_refuse(
                        plan, REFUSAL_NOT_VIABLE,
                        "group %s: %s is bound to %s; acquire with --with-members or unbind "
                        "it%s",
                        group->id, text, device->sysfs.driver,
                        plan_was_asked_for(plan, group)
                                ? ""
                                : " (the policy widens the lease to this group, which the "
                                  "requested devices can reach past the IOMMU)");
        return check_has_vfs(plan, group, index);
}

static int check_has_endpoint(Plan *plan)
{
        for (size_t i = 0; i < plan->n_groups; i++)
                if (!plan_has_taken(plan, plan_group(plan, i)))
                        return plan_refuse(plan, REFUSAL_NOT_VIABLE,
                                           "group %s has only bridges, which cannot be leased",
                                           plan_group(plan, i)->id);
        return 0;
}

static int check_guard(Plan *plan)
{
        int r = 0;

        for (size_t i = 0; r == 0 && plan->demand && i < plan->n_groups; i++)
                r = plan_check_demand(plan->ledger, plan->groups[i], plan->mode, plan->demand,
                                         &plan->message);
        if (r != 0)
                plan->refuser = plan->demand;
        return r;
}

static int check_expected(Plan *plan, const Group *group, size_t index)
{
        const World *world = plan->ledger->world;

        if (!plan_is_taken(plan_device(plan, index)) || plan->request->options.force)
                return 0;
        int r = plan_check_expected(plan->ledger, index, &plan->message);
        if (r != 0)
                plan->refuser = reserve_judge(plan->ledger->policy, world->snapshot, index,
                                              world->paths[index], false)
                                        .rule;
        return r;
}

static int check_strength(Plan *plan, const Group *group, size_t index)
{
        const World *world = plan->ledger->world;
        const PolicySubject subject = world_subject(world, index);

        if (!plan_is_taken(plan_device(plan, index)))
                return 0;
        int r = plan_check_strength(plan->ledger, (size_t)(group - world->groups->groups),
                                       index, &plan->message);
        if (r != 0)
                plan->refuser = policy_find_rule(plan->ledger->policy, &subject);
        return r;
}

static int check_type(Plan *plan)
{
        const World *world = plan->ledger->world;
        DomainTypeChange change = {
                .snapshot = world->snapshot,
                .to = plan_type(plan),
                .is_single_only = !world_changes_types(plan->ledger->world),
                .is_unbound = true,
        };
        int r = 0;

        for (size_t i = 0; r == 0 && change.to != DOMAIN_TYPE_NONE && i < plan->n_groups; i++) {
                change.group = plan_group(plan, i);
                free(TAKE_PTR(plan->message));
                r = domain_type_check(&change, &plan->message);
        }
        return r;
}

static int check_quota(Plan *plan)
{
        size_t mine = ledger_count_leases_of(plan->ledger, plan->request->who.uid);

        if (mine >= LEASES_PER_UID_MAX && plan->request->who.uid != 0)
                return plan_refuse(plan, REFUSAL_QUOTA, "uid %u has %zu leases already",
                                   plan->request->who.uid, mine);
        if (plan->ledger->n_leases >= LEASES_MAX)
                return plan_refuse(plan, REFUSAL_QUOTA, "there are %zu leases already",
                                   plan->ledger->n_leases);
        return 0;
}

static int check_machine(Plan *plan)
{
        _cleanup_(freep) char *obstacle = NULL;

        int r = world_obstacle(plan->ledger->world, &obstacle);
        if (r < 0 || !obstacle)
                return r;
        return plan_refuse(plan, REFUSAL_UNSUPPORTED, "%s", obstacle);
}

/* Whether the requester could ever have the groups. */
static int check_allowed(Plan *plan)
{
        int r = for_each_member(plan, check_covered);

        if (r == 0)
                r = check_has_endpoint(plan);
        return r == 0 ? for_each_member(plan, check_policy) : r;
}

/* Whether the user's memory can be mapped: a warning, or a refusal if the rule says so. */
static int check_memory(Plan *plan)
{
        int r = memlock_check(plan->ledger, plan->request, plan->rule, &plan->warning);

        if (r < 0 || !plan->warning || !plan->rule || !plan->rule->require.needs_memlock)
                return r;
        plan->refuser = plan->rule;
        return plan_refuse(plan, REFUSAL_NOT_VIABLE, "%s (policy rule %s)", plan->warning,
                           plan->rule->origin);
}

static int check_cooldown(Plan *plan)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < plan->n_groups; i++) {
                free(TAKE_PTR(plan->message));
                r = cooldown_check(plan->ledger, plan_group(plan, i)->id, plan->request->who.uid,
                                   &plan->message);
        }
        return r;
}

/* Whether the service manager's store has room for the lease's descriptors. */
static int check_store(Plan *plan)
{
        const World *world = plan->ledger->world;
        size_t n_devices = 0;

        for (size_t i = 0; i < plan->n_groups; i++)
                for (size_t k = 0; k < world->snapshot->n_devices; k++)
                        n_devices += world->groups->group_of[k] == plan->groups[i] &&
                                     plan_is_taken(plan_device(plan, k));
        free(TAKE_PTR(plan->message));
        return store_check(plan->ledger, store_need(plan->mode, plan->n_groups, n_devices),
                           &plan->message);
}

int plan_make(Plan *plan)
{
        int r = check_machine(plan);
        if (r == 0)
                r = check_selectors(plan);
        if (r == 0)
                r = check_allowed(plan);
        plan->n_asked = plan->n_groups;
        if (r == 0)
                r = plan_widen(plan);
        if (r == 0 && plan->n_groups > plan->n_asked)
                r = check_allowed(plan);
        if (r == 0)
                r = for_each_member(plan, check_expected);
        if (r == 0)
                r = check_busy(plan);
        if (r == 0)
                r = check_cooldown(plan);
        if (r == 0)
                r = for_each_member(plan, check_viable);
        if (r == 0)
                r = check_guard(plan);
        if (r == 0)
                r = for_each_member(plan, check_strength);
        if (r == 0)
                r = check_type(plan);
        if (r == 0)
                r = check_memory(plan);
        if (r == 0)
                r = check_quota(plan);
        if (r == 0)
                r = check_store(plan);
        return r;
}
