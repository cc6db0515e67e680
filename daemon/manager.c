/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One reading of the world after another, each held against the leases.
 *
 * Nothing here waits: a reading is asked for, comes a moment later, and serves all who asked. What
 * it shows is compared with the records: a device in a leased group that no record knows has
 * joined, a recorded one that is not there is lost.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/model/reserve.h"
#include "core/model/strength.h"
#include "core/probe/policy_json.h"
#include "core/probe/sysfs.h"
#include "daemon/guard/rules.h"
#include "daemon/host/driver.h"
#include "daemon/lease/state.h"
#include "daemon/lease/steps.h"
#include "daemon/log.h"
#include "daemon/manager_revoke.h"
#include "daemon/publish.h"

/* A burst of uevents becomes one reading. */
#define RESCAN_DELAY_USEC 10000
/* A worker makes events of its own, and its end is a reason to read. */
#define RESCAN_DELAY_AT_WORK_USEC 250000
/* After a lease: its machine has been read, and what it made room for asks for a reading itself. */
#define RESCAN_DELAY_AFTER_USEC 50000
/* After something that failed (memory or fds short, a kernel that is busy), the next try. */
#define RESCAN_RETRY_SECONDS 1
/* The rest of ManagerTimes. */
#define STUCK_SECONDS 60
#define KILLED_SECONDS 1
#define CENSUS_SECONDS 5

/* Reads the machine after that time, or sooner if that is due already. */
static void schedule(Manager *manager, const struct timeval *delay)
{
        struct timeval now, due, pending;

        (void)evutil_gettimeofday(&now, NULL);
        evutil_timeradd(&now, delay, &due);
        if (!evtimer_pending(manager->rescan, &pending) || evutil_timercmp(&due, &pending, <))
                (void)evtimer_add(manager->rescan, delay);
}

void manager_retry(Manager *manager)
{
        schedule(manager, &(struct timeval){.tv_sec = RESCAN_RETRY_SECONDS});
}

static void on_rescan(evutil_socket_t fd, short what, void *userdata)
{
        Manager *manager = userdata;

        int r = manager_reconcile(manager);
        if (r < 0) {
                log_error("reading the machine failed: %s; trying again", strerror(-r));
                manager_retry(manager);
        }
}

int manager_new(struct event_base *base, const HostPaths *host, const char *state_directory,
                Manager **ret_manager)
{
        _cleanup_(manager_freep) Manager *manager = calloc(1, sizeof(*manager));
        if (!manager)
                return -ENOMEM;
        manager->base = base;
        manager->host = *host;
        manager->next_lease = 1;
        manager->times = (ManagerTimes){
                .worker = MANAGER_WORKER_DEADLINE_SECONDS,
                .stuck = STUCK_SECONDS,
                .killed = KILLED_SECONDS,
                .census = CENSUS_SECONDS,
        };
        int n = snprintf(manager->state_directory, sizeof(manager->state_directory), "%s",
                         state_directory);
        if (n < 0 || (size_t)n >= sizeof(manager->state_directory))
                return -ENAMETOOLONG;
        manager->rescan = evtimer_new(base, on_rescan, manager);
        manager->policy = calloc(1, sizeof(*manager->policy));
        if (!manager->rescan || !manager->policy)
                return -ENOMEM;
        int r = post_new(manager, &manager->post);
        if (r == 0)
                r = park_new(manager, &manager->park);
        if (r == 0)
                r = queue_new(manager, &manager->queue);
        if (r == 0)
                r = cooldown_new(manager, &manager->cooldown);
        if (r == 0)
                r = census_new(manager, &manager->census);
        if (r == 0)
                r = faults_new(manager, "/dev/kmsg", &manager->faults);
        if (r < 0)
                return r;
        *ret_manager = TAKE_PTR(manager);
        return 0;
}

static Lease *lease_free(Lease *lease)
{
        if (!lease)
                return NULL;
        worker_free(lease->worker);
        worker_free(lease->guard_worker);
        manager_forget_claims(lease);
        free(lease->task);
        reset_task_free(lease->reset);
        free(lease->report);
        if (lease->owner_event)
                event_free(lease->owner_event);
        if (lease->revoke_event)
                event_free(lease->revoke_event);
        if (lease->orphan_event)
                event_free(lease->orphan_event);
        closep(&lease->orphan_fd);
        if (lease->stuck_event)
                event_free(lease->stuck_event);
        vfio_fds_close(&lease->fds);
        closep(&lease->owner_fd);
        closep(&lease->client_fd);
        closep(&lease->forced_fd);
        lease_record_free(lease->record);
        free(lease->guard_trouble);
        free(lease->memory_warning);
        free(lease->guards);
        holder_search_clear(&lease->nodes);
        holder_list_clear(&lease->seen);
        free(lease->waiting);
        free(lease);
        return NULL;
}

Manager *manager_free(Manager *manager)
{
        if (!manager)
                return NULL;
        manager_drop_group_jobs(manager);
        for (size_t i = 0; i < manager->n_leases; i++)
                lease_free(manager->leases[i]);
        free(manager->leases);
        post_free(manager->post);
        park_free(manager->park);
        queue_free(manager->queue);
        cooldown_free(manager->cooldown);
        census_free(manager->census);
        faults_free(manager->faults);
        reset_task_free(manager->reset);
        published_free(manager->published);
        world_free(manager->world);
        policy_free(manager->policy);
        free(manager->policy_error);
        if (manager->rescan)
                event_free(manager->rescan);
        free(manager);
        return NULL;
}

void manager_observe(Manager *manager, const ManagerObserver *observer)
{
        manager->observer = *observer;
}

/* Takes the message over. */
static void set_policy_error(Manager *manager, char *message)
{
        _cleanup_(freep) char *before = manager->policy_error;
        bool same = before && message ? strcmp(before, message) == 0 : before == message;

        manager->policy_error = message;
        if (!same && manager->observer.policy)
                manager->observer.policy(manager->observer.userdata);
}

int manager_load_policy(Manager *manager)
{
        _cleanup_(policy_freep) Policy *policy = NULL;
        _cleanup_(freep) char *message = NULL;

        int r = policy_load(policy_directories, &trust_root, &policy, &message);
        if (r < 0)
                return r;
        if (r == POLICY_E_INVALID) {
                log_error("policy refused: %s; the policy before it stays in force "
                          "(isoctl policy check shows the place)",
                          message);
                set_policy_error(manager, TAKE_PTR(message));
                return 0;
        }
        set_policy_error(manager, NULL);
        log_info("policy: %zu rules", policy->n_rules);
        policy_free(manager->policy);
        manager->policy = TAKE_PTR(policy);
        park_forget(manager->park);
        cooldown_review(manager->cooldown);
        return 0;
}

/* Is there a group that only our own reaction keeps host drivers from? */
static bool must_react(const Manager *manager)
{
        for (size_t i = 0; i < manager->n_leases; i++)
                if (lease_record_is_in_hand(manager->leases[i]->record) &&
                    manager_lease_guard(manager->leases[i]) < GUARD_OWNED)
                        return true;
        return false;
}

/* Is a lease being made or given back, and nothing keeps its worker? */
static bool is_at_work(const Manager *manager)
{
        for (size_t i = 0; i < manager->n_leases; i++)
                if (manager->leases[i]->worker && !manager->leases[i]->waiting)
                        return true;
        return false;
}

void manager_mark_dirty(Manager *manager)
{
        suseconds_t delay = must_react(manager)   ? 0
                            : is_at_work(manager) ? RESCAN_DELAY_AT_WORK_USEC
                                                  : RESCAN_DELAY_USEC;

        schedule(manager, &(struct timeval){.tv_usec = delay});
}

void manager_hear(Manager *manager, uint64_t number)
{
        if (!manager->world || number > manager->world->event)
                manager_mark_dirty(manager);
}

int manager_add_lease(Manager *manager, LeaseRecord *record, Lease **ret_lease)
{
        Lease *lease = calloc(1, sizeof(*lease));
        Lease **leases =
                realloc(manager->leases, (manager->n_leases + 1) * sizeof(*manager->leases));
        if (leases)
                manager->leases = leases;
        if (!lease || !leases) {
                free(lease);
                lease_record_free(record);
                return -ENOMEM;
        }
        lease->manager = manager;
        lease->record = record;
        lease->owner_fd = lease->client_fd = lease->orphan_fd = lease->forced_fd = -1;
        leases[manager->n_leases++] = lease;
        if (record->id >= manager->next_lease)
                manager->next_lease = record->id + 1;
        *ret_lease = lease;
        faults_review(manager->faults);
        return 0;
}

static void tell_lease(const Manager *manager, Change change, uint32_t id)
{
        if (manager->observer.lease)
                manager->observer.lease(change, id, manager->observer.userdata);
}

static void tell_world(Manager *manager)
{
        int r = publish_changes(manager);
        if (r < 0)
                log_broken(r);
}

void manager_drop_lease(Lease *lease)
{
        Manager *manager = lease->manager;
        uint32_t id = lease->record->id;

        int r = rules_remove(RULES_DIRECTORY, id);
        if (r < 0)
                log_error("lease %u: removing its udev rules failed: %s", id, strerror(-r));
        r = lease_state_remove(manager->state_directory, id);
        if (r < 0)
                log_error("lease %u: removing its record failed: %s", id, strerror(-r));
        for (size_t i = 0; i < manager->n_leases; i++)
                if (manager->leases[i] == lease) {
                        manager->leases[i] = manager->leases[--manager->n_leases];
                        break;
                }
        cooldown_note(manager->cooldown, lease->record);
        lease_free(lease);
        queue_poke(manager->queue);
        faults_review(manager->faults);
        tell_lease(manager, CHANGE_REMOVED, id);
        tell_world(manager);
        schedule(manager,
                 &(struct timeval){.tv_usec = must_react(manager) ? 0 : RESCAN_DELAY_AFTER_USEC});
}

void manager_tell_lease(Lease *lease)
{
        tell_lease(lease->manager, CHANGE_CHANGED, lease->record->id);
        tell_world(lease->manager);
}

int manager_set_lease_state(Lease *lease, LeaseState state)
{
        lease->record->state = state;
        int r = lease_state_save(lease->manager->state_directory, lease->record);
        if (r < 0)
                log_error("lease %u: saving it as %s failed: %s", lease->record->id,
                          lease_state_to_string(state), strerror(-r));
        manager_tell_lease(lease);
        return r;
}

Lease *manager_find_lease(const Manager *manager, uint32_t id)
{
        for (size_t i = 0; i < manager->n_leases; i++)
                if (manager->leases[i]->record->id == id)
                        return manager->leases[i];
        return NULL;
}

Lease *manager_lease_of_group(const Manager *manager, size_t group)
{
        int32_t number = manager->world->groups->groups[group].kernel_group;

        if (number < 0)
                return NULL;
        for (size_t i = 0; i < manager->n_leases; i++)
                if (lease_record_has_group(manager->leases[i]->record, number))
                        return manager->leases[i];
        return NULL;
}

Lease *manager_lease_of_device(const Manager *manager, size_t device)
{
        size_t group = manager->world->groups->group_of[device];

        return group == SNAPSHOT_NONE ? NULL : manager_lease_of_group(manager, group);
}

const char *manager_device_state(const Manager *manager, size_t device)
{
        const PciDevice *pci = &manager->world->snapshot->devices[device];
        const Lease *lease = manager_lease_of_device(manager, device);
        const LeaseDevice *recorded = lease ? lease_record_find(lease->record, pci->bdf) : NULL;

        if (recorded && recorded->role == LEASE_ROLE_TAKEN && !recorded->lost)
                return lease->record->parked ? "parked" : "leased";
        if (recorded && recorded->role == LEASE_ROLE_JOINER && driver_is_harmless(pci->driver))
                return "held";
        if (pci->driver[0])
                return "host";
        return reserve_judge(manager->policy, manager->world->snapshot, device,
                             manager->world->paths[device], false)
                                       .verdict == RESERVE_BLOCK
                       ? "reserved"
                       : "free";
}

const char *manager_group_state(const Manager *manager, size_t group)
{
        const Lease *lease = manager_lease_of_group(manager, group);

        return lease ? manager_lease_state(lease) : "free";
}

const char *manager_lease_state(const Lease *lease)
{
        if (lease->stuck)
                return "stuck";
        if (manager_is_being_revoked(lease))
                return "revoking";
        if (lease->record->state == LEASE_LEASED && lease->record->breach)
                return "breached";
        if (lease->record->state == LEASE_LEASED && lease->record->parked)
                return "parked";
        return lease_state_to_string(lease->record->state);
}

/* What only some policies ask of the devices is read for those. */
static int read_world(const Manager *manager, World **ret_world)
{
        _cleanup_(world_freep) World *world = NULL;

        int r = world_read(&manager->host, manager->world, &world);
        if (r == 0 && policy_asks_attachment(manager->policy))
                r = sysfs_read_attachment(manager->host.sysfs, world->snapshot);
        if (r == 0)
                *ret_world = TAKE_PTR(world);
        return r;
}

int manager_reconcile(Manager *manager)
{
        _cleanup_(world_freep) World *old = NULL;
        World *world = NULL;
        int failed = 0;

        /* What it was for is seen now. */
        (void)evtimer_del(manager->rescan);
        int r = read_world(manager, &world);
        if (r != 0) {
                manager_retry(manager);
                return r < 0 ? r : -ENODEV;
        }
        old = TAKE_PTR(manager->world);
        manager->world = world;
        manager->before = old;
        for (size_t i = 0; i < manager->n_leases; i++) {
                r = manager_account_for(manager->leases[i]);
                if (r < 0)
                        failed = r;
                else
                        manager_review_guard(manager->leases[i]);
                if (r >= 0)
                        manager_review_vfs(manager->leases[i]);
                manager_review_nodes(manager->leases[i]);
        }
        manager->before = NULL;
        post_review(manager->post);
        for (size_t i = 0; i < manager->n_leases; i++)
                manager_judge_guard(manager->leases[i]);
        r = publish_changes(manager);
        park_review(manager->park);
        census_review(manager->census);
        return failed < 0 ? failed : r;
}
