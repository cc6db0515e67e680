/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From a request to a record that may be acted on: every reason to refuse, in order, before anything
 * is touched.
 *
 * Whether it may at all (machine, policy) comes before whether it can now (busy, bound), so that a
 * stranger learns nothing about groups that are not for them. The one question left, whether the host
 * lives on it, may block and is the worker's first.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/guard/rules.h"
#include "daemon/guard/seal.h"
#include "daemon/host/driver.h"
#include "daemon/lease/state.h"
#include "daemon/lease/steps.h"
#include "daemon/log.h"
#include "daemon/manager.h"

#define MANAGER_LEASES_MAX 1024

typedef struct Plan {
        Manager *manager;
        const AcquireRequest *request;
        LeaseMode mode;
        size_t groups[LEASE_GROUPS_MAX]; /* indices into the groups in force */
        size_t n_groups;
        bool *named;            /* per device: a selector named it, or its whole group */
        const PolicyRule *rule; /* that allowed it, or NULL: root */
        const PolicyRule *demand; /* that requires the strongest guard, or NULL */
        bool has_parked; /* groups that the daemon keeps until somebody asks for them */
        char *message;
} Plan;

static void plan_clear(Plan *plan)
{
        free(plan->named);
        free(plan->message);
}

static int refuse(Plan *plan, Refusal refusal, const char *format, ...) _printf_(3, 4);

static int refuse(Plan *plan, Refusal refusal, const char *format, ...)
{
        va_list args;

        free(TAKE_PTR(plan->message));
        va_start(args, format);
        if (vasprintf(&plan->message, format, args) < 0)
                plan->message = NULL;
        va_end(args);
        return (int)refusal;
}

static const Group *plan_group(const Plan *plan, size_t i)
{
        return &plan->manager->world->groups->groups[plan->groups[i]];
}

static const PciDevice *plan_device(const Plan *plan, size_t index)
{
        return &plan->manager->world->snapshot->devices[index];
}

/* Adds a group once. Returns 0 or REFUSAL_INVALID. */
static int plan_add_group(Plan *plan, size_t group)
{
        for (size_t i = 0; i < plan->n_groups; i++)
                if (plan->groups[i] == group)
                        return 0;
        if (plan->n_groups == LEASE_GROUPS_MAX)
                return refuse(plan, REFUSAL_INVALID, "more than %d groups in one lease",
                              LEASE_GROUPS_MAX);
        plan->groups[plan->n_groups++] = group;
        return 0;
}

static int resolve_one(Plan *plan, const char *selector)
{
        const World *world = plan->manager->world;
        size_t device = SNAPSHOT_NONE, group = SNAPSHOT_NONE;

        if (!world_resolve(world, &plan->manager->host, selector, &device, &group))
                return refuse(plan, REFUSAL_NOT_FOUND,
                              "%.64s: no device, group or interface of that name "
                              "(isoctl list shows what there is)",
                              selector);
        if (group == SNAPSHOT_NONE)
                return refuse(plan, REFUSAL_NOT_VIABLE,
                              "%.64s: no IOMMU covers it, so it cannot be isolated", selector);
        if (device != SNAPSHOT_NONE)
                plan->named[device] = true;
        for (size_t i = 0; device == SNAPSHOT_NONE && i < world->groups->groups[group].n_members;
             i++)
                plan->named[world->groups->groups[group].members[i]] = true;
        return plan_add_group(plan, group);
}

static int check_selectors(Plan *plan)
{
        size_t n = 0;

        plan->named = calloc(plan->manager->world->snapshot->n_devices + 1, sizeof(*plan->named));
        if (!plan->named)
                return -ENOMEM;
        for (; plan->request->selectors[n]; n++) {
                if (n == MANAGER_SELECTORS_MAX)
                        return refuse(plan, REFUSAL_INVALID, "more than %d selectors",
                                      MANAGER_SELECTORS_MAX);
                int r = resolve_one(plan, plan->request->selectors[n]);
                if (r != 0)
                        return r;
        }
        if (n == 0)
                return refuse(plan, REFUSAL_INVALID, "no device or group was named");
        return 0;
}

/* Every member that is not a bridge is handed out. */
static bool is_taken(const PciDevice *device)
{
        return !world_is_bridge(device);
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
                .uid = request->uid,
                .gids = request->gids,
                .n_gids = request->n_gids,
                .mode = plan->mode,
        };
        const PciDevice *device = plan_device(plan, index);
        char text[BDF_TEXT_SIZE];

        if (!is_taken(device))
                return 0;
        PolicyVerdict verdict = policy_check(plan->manager->policy, device,
                                             plan->manager->world->paths[index], &asked);
        (void)bdf_format(device->bdf, text);
        plan->demand = manager_stronger_demand(plan->demand, verdict.rule);
        if (verdict.allowed) {
                if (verdict.rule && (!plan->rule || plan->named[index]))
                        plan->rule = verdict.rule;
                return 0;
        }
        if (!verdict.rule)
                return refuse(plan, REFUSAL_POLICY_DENIED,
                              "%s: no policy rule matches it, so only root may lease it; "
                              "add a rule to /etc/isolationd/policy.d (isolationd.policy(5))",
                              text);
        if (verdict.mode_refused)
                return refuse(plan, REFUSAL_POLICY_DENIED,
                              "%s: policy rule %s does not allow mode %s", text,
                              verdict.rule->origin, lease_mode_to_string(plan->mode));
        return refuse(plan, REFUSAL_POLICY_DENIED, "%s: policy rule %s %s", text,
                      verdict.rule->origin,
                      verdict.rule->deny ? "denies it to everybody" : "does not name you");
}

static int check_covered(Plan *plan, const Group *group, size_t index)
{
        const PciDevice *device = plan_device(plan, index);
        char text[BDF_TEXT_SIZE];

        if (group->kernel_group >= 0 && device->iommu_kind != IOMMU_KIND_NONE)
                return 0;
        return refuse(plan, REFUSAL_NOT_VIABLE,
                      "group %s: no IOMMU covers %s, so it cannot be isolated", group->id,
                      bdf_format(device->bdf, text));
}

static int check_busy(Plan *plan)
{
        for (size_t i = 0; i < plan->n_groups; i++) {
                const Lease *lease = manager_lease_of_group(plan->manager, plan->groups[i]);
                const char *id = plan_group(plan, i)->id;
                char since[32] = "an unknown time";

                if (!lease)
                        continue;
                const LeaseRecord *record = lease->record;
                if (record->parked &&
                    (record->state == LEASE_LEASED || record->state == LEASE_PREPARING)) {
                        plan->has_parked = true;
                        continue;
                }
                if (record->state == LEASE_QUARANTINED)
                        return refuse(plan, REFUSAL_QUARANTINED,
                                      "group %s is quarantined: %s; isoctl release %" PRIu32
                                      " tries to put it back again",
                                      id, record->trouble ? record->trouble : "reason unknown",
                                      record->id);
                time_t seconds = (time_t)(record->since_usec / 1000000);
                struct tm utc;
                if (gmtime_r(&seconds, &utc))
                        (void)strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", &utc);
                return refuse(plan, REFUSAL_BUSY,
                              "group %s: lease %" PRIu32 " of uid %u%s%s has it since %s (%s)", id,
                              record->id, record->uid, record->unit[0] ? ", " : "", record->unit,
                              since, lease_state_to_string(record->state));
        }
        return 0;
}

/* Drivers of members that stay as they are: only those that do no DMA of their own may be bound. */
static int check_bystander(Plan *plan, const Group *group, const PciDevice *device)
{
        const char *driver = device->driver;
        char text[BDF_TEXT_SIZE];

        if (driver_is_harmless(driver))
                return 0;
        return refuse(plan, REFUSAL_NOT_VIABLE,
                      "group %s: bridge %s is bound to %s, which the kernel does not let stay in "
                      "a leased group; unbind it",
                      group->id, bdf_format(device->bdf, text), driver);
}

static int check_has_vfs(Plan *plan, const Group *group, size_t index)
{
        const Snapshot *snapshot = plan->manager->world->snapshot;
        char text[BDF_TEXT_SIZE];

        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (snapshot->devices[i].is_vf && snapshot->devices[i].physfn == index)
                        return refuse(plan, REFUSAL_NOT_VIABLE,
                                      "group %s: %s has virtual functions, which need its driver; "
                                      "write 0 to its sriov_numvfs first",
                                      group->id,
                                      bdf_format(snapshot->devices[index].bdf, text));
        return 0;
}

static int check_viable(Plan *plan, const Group *group, size_t index)
{
        const PciDevice *device = plan_device(plan, index);
        char text[BDF_TEXT_SIZE];

        (void)bdf_format(device->bdf, text);
        if (device->facts.present == TRISTATE_NO || device->facts.header_known != TRISTATE_YES)
                return refuse(plan, REFUSAL_NOT_VIABLE,
                              "group %s: %s does not answer (its configuration space cannot be "
                              "read)",
                              group->id, text);
        if (!is_taken(device))
                return check_bystander(plan, group, device);
        if (!driver_is_harmless(device->driver) && !plan->named[index] && !plan->request->with_members)
                return refuse(plan, REFUSAL_NOT_VIABLE,
                              "group %s: %s is bound to %s; acquire with --with-members or unbind "
                              "it",
                              group->id, text, device->driver);
        return check_has_vfs(plan, group, index);
}

static int check_has_endpoint(Plan *plan)
{
        for (size_t i = 0; i < plan->n_groups; i++) {
                const Group *group = plan_group(plan, i);
                bool found = false;

                for (size_t m = 0; m < group->n_members; m++)
                        found |= is_taken(plan_device(plan, group->members[m]));
                if (!found)
                        return refuse(plan, REFUSAL_NOT_VIABLE,
                                      "group %s holds only bridges: there is nothing to hand out",
                                      group->id);
        }
        return 0;
}

static int check_guard(Plan *plan)
{
        int r = 0;

        for (size_t i = 0; r == 0 && plan->demand && i < plan->n_groups; i++)
                r = manager_check_demand(plan->manager, plan->groups[i], plan->mode, plan->demand,
                                         &plan->message);
        return r;
}

static int check_quota(Plan *plan)
{
        size_t mine = 0;

        for (size_t i = 0; i < plan->manager->n_leases; i++)
                mine += plan->manager->leases[i]->record->uid == plan->request->uid;
        if (mine >= MANAGER_LEASES_PER_UID_MAX && plan->request->uid != 0)
                return refuse(plan, REFUSAL_QUOTA, "uid %u has %zu leases already",
                              plan->request->uid, mine);
        if (plan->manager->n_leases >= MANAGER_LEASES_MAX)
                return refuse(plan, REFUSAL_QUOTA, "there are %zu leases already",
                              plan->manager->n_leases);
        return 0;
}

static int check_machine(Plan *plan)
{
        _cleanup_(freep) char *obstacle = NULL;

        int r = world_obstacle(plan->manager->world, &obstacle);
        if (r < 0 || !obstacle)
                return r;
        return refuse(plan, REFUSAL_UNSUPPORTED, "%s", obstacle);
}

static int check_all(Plan *plan)
{
        int r = check_machine(plan);
        if (r == 0)
                r = check_selectors(plan);
        if (r == 0)
                r = for_each_member(plan, check_covered);
        if (r == 0)
                r = check_has_endpoint(plan);
        if (r == 0)
                r = for_each_member(plan, check_policy);
        if (r == 0)
                r = check_busy(plan);
        if (r == 0)
                r = for_each_member(plan, check_viable);
        if (r == 0)
                r = check_guard(plan);
        if (r == 0)
                r = check_quota(plan);
        return r;
}

/* Notes down how the host has this device now: it is what giving back will restore. */
static int record_member(Plan *plan, LeaseRecord *record, const PciDevice *device)
{
        _cleanup_(freep) char *driver = NULL, *override = NULL;
        char text[BDF_TEXT_SIZE];

        if (!is_taken(device))
                return lease_record_add_device(record, device->bdf, LEASE_ROLE_BYSTANDER,
                                               device->driver, "");
        int r = driver_read(&plan->manager->host, device->bdf, &driver);
        if (r == 0)
                r = driver_override_read(&plan->manager->host, device->bdf, &override);
        if (r == -ENOENT)
                return refuse(plan, REFUSAL_CHANGED, "%s is gone from the machine",
                              bdf_format(device->bdf, text));
        if (r < 0)
                return r;
        r = lease_record_add_device(record, device->bdf, LEASE_ROLE_TAKEN, driver, override);
        if (r == 0 && device->is_vf)
                r = manager_record_vf(plan->manager, record, device);
        if (r == 0)
                record->devices[record->n_devices - 1].fingerprint =
                        manager_fingerprint(plan->manager, device);
        /* Its virtual functions, wherever they would be, are born without drivers. */
        if (r == 0 && seal_finds_vfs(&plan->manager->host, device->bdf) &&
            !lease_record_has_change(record, LEASE_CHANGE_VFS, bdf_format(device->bdf, text)))
                r = lease_record_add_change(record, LEASE_CHANGE_VFS,
                                            bdf_format(device->bdf, text));
        return r;
}

static int fill_record(Plan *plan, LeaseRecord *record)
{
        const AcquireRequest *request = plan->request;
        struct timespec now;

        (void)clock_gettime(CLOCK_REALTIME, &now);
        record->since_usec = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
        record->id = plan->manager->next_lease;
        record->state = LEASE_PREPARING;
        record->mode = plan->mode;
        record->lifetime = request->lifetime;
        record->parked = request->parked;
        manager_record_rules(record, plan->rule, plan->demand);
        record->uid = request->uid;
        free(record->unit);
        free(record->rule);
        record->unit = strdup(request->unit);
        record->rule = strdup(plan->rule ? plan->rule->origin : "root");
        if (!record->unit || !record->rule)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_groups; i++) {
                const Group *group = plan_group(plan, i);
                int r = lease_record_add_group(record, group->kernel_group, group->id);
                for (size_t m = 0; r == 0 && m < group->n_members; m++)
                        r = record_member(plan, record, plan_device(plan, group->members[m]));
                if (r != 0)
                        return r;
        }
        return 0;
}

/* So that what joins while no daemon looks is blocked all the same. */
static int write_rules(Plan *plan, const LeaseRecord *record)
{
        int32_t numbers[LEASE_GROUPS_MAX];

        for (size_t i = 0; i < record->n_groups; i++)
                numbers[i] = record->groups[i].number;
        int r = rules_write(RULES_DIRECTORY, &plan->manager->host, plan->manager->world->snapshot,
                            record->id, numbers, record->n_groups);
        if (r < 0)
                (void)refuse(plan, REFUSAL_INVALID,
                             "udev rules for the lease cannot be written to " RULES_DIRECTORY
                             ": %s; nothing was changed",
                             strerror(-r));
        return r;
}

/* Writes the record and makes a lease of it. */
static int commit(Plan *plan, Lease **ret_lease)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = NULL;

        int r = lease_record_new(&record);
        if (r == 0)
                r = fill_record(plan, record);
        if (r != 0)
                return r;
        r = lease_state_save(plan->manager->state_directory, record);
        if (r < 0) {
                (void)refuse(plan, REFUSAL_INVALID,
                             "the lease cannot be written to %s: %s; nothing was changed",
                             plan->manager->state_directory, strerror(-r));
                return r;
        }
        uint32_t id = record->id;
        r = write_rules(plan, record);
        if (r == 0)
                r = manager_add_lease(plan->manager, TAKE_PTR(record), ret_lease);
        if (r < 0 && (rules_remove(RULES_DIRECTORY, id) < 0 ||
                      lease_state_remove(plan->manager->state_directory, id) < 0))
                log_error("lease %" PRIu32 ": its record could not be removed again", id);
        return r;
}

void manager_acquire(Manager *manager, const AcquireRequest *request, ManagerDone done,
                     void *userdata)
{
        _cleanup_(plan_clear) Plan plan = {
                .manager = manager,
                .request = request,
                .mode = request->mode == LEASE_MODE_NONE ? LEASE_MODE_VFIO : request->mode,
        };
        Lease *lease = NULL;

        /* Decide on what is, not on what was when the last uevent came. */
        int r = manager_reconcile(manager);
        if (r == 0)
                r = check_all(&plan);
        if (r == 0 && plan.has_parked)
                return park_yield(manager->park, plan.groups, plan.n_groups, request, done,
                                  userdata);
        if (r == 0)
                r = commit(&plan, &lease);
        if (r != 0) {
                ManagerAnswer answer = {.code = r, .message = plan.message ? plan.message : ""};
                if (r < 0)
                        log_broken(r);
                done(&answer, NULL, userdata);
                return;
        }
        lease->force = request->force && request->uid == 0;
        if (manager->observer.lease)
                manager->observer.lease(CHANGE_ADDED, lease->record->id,
                                        manager->observer.userdata);
        manager_begin_take(lease, done, userdata);
}
