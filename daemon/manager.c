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
#include "daemon/guard/rules.h"
#include "daemon/host/driver.h"
#include "daemon/lease/state.h"
#include "daemon/lease/steps.h"
#include "daemon/log.h"
#include "daemon/manager.h"
#include "daemon/publish.h"

/* A burst of uevents becomes one reading. */
#define RESCAN_DELAY_USEC 10000
/* After something that failed (memory or fds short, a kernel that is busy), the next try. */
#define RESCAN_RETRY_SECONDS 1

static const char *const policy_directories[] = {
        "/etc/isolationd/policy.d",
        "/run/isolationd/policy.d",
        "/usr/lib/isolationd/policy.d",
        NULL,
};

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
        free(lease->task);
        if (lease->owner_event)
                event_free(lease->owner_event);
        vfio_fds_close(&lease->fds);
        closep(&lease->owner_fd);
        closep(&lease->client_fd);
        lease_record_free(lease->record);
        free(lease->guard_trouble);
        free(lease->guards);
        free(lease);
        return NULL;
}

Manager *manager_free(Manager *manager)
{
        if (!manager)
                return NULL;
        for (size_t i = 0; i < manager->n_leases; i++)
                lease_free(manager->leases[i]);
        free(manager->leases);
        post_free(manager->post);
        park_free(manager->park);
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

int manager_load_policy(Manager *manager)
{
        _cleanup_(policy_freep) Policy *policy = NULL;
        _cleanup_(freep) char *message = NULL;

        int r = policy_load(policy_directories, &policy, &message);
        if (r < 0)
                return r;
        free(TAKE_PTR(manager->policy_error));
        if (r == POLICY_E_INVALID) {
                log_error("policy refused: %s; the policy before it stays in force", message);
                manager->policy_error = TAKE_PTR(message);
                return 0;
        }
        log_info("policy: %zu rules", policy->n_rules);
        policy_free(manager->policy);
        manager->policy = TAKE_PTR(policy);
        park_forget(manager->park);
        return 0;
}

/* Is there a group that only our own reaction keeps host drivers from? */
static bool must_react(const Manager *manager)
{
        for (size_t i = 0; i < manager->n_leases; i++)
                if (manager->leases[i]->record->state == LEASE_LEASED &&
                    manager_lease_guard(manager->leases[i]) < GUARD_OWNED)
                        return true;
        return false;
}

void manager_mark_dirty(Manager *manager)
{
        schedule(manager,
                 &(struct timeval){.tv_usec = must_react(manager) ? 0 : RESCAN_DELAY_USEC});
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
        lease->owner_fd = lease->client_fd = -1;
        leases[manager->n_leases++] = lease;
        if (record->id >= manager->next_lease)
                manager->next_lease = record->id + 1;
        *ret_lease = lease;
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
        lease_free(lease);
        tell_lease(manager, CHANGE_REMOVED, id);
        tell_world(manager);
        manager_mark_dirty(manager);
}

int manager_set_lease_state(Lease *lease, LeaseState state)
{
        lease->record->state = state;
        int r = lease_state_save(lease->manager->state_directory, lease->record);
        if (r < 0)
                log_error("lease %u: saving it as %s failed: %s", lease->record->id,
                          lease_state_to_string(state), strerror(-r));
        tell_lease(lease->manager, CHANGE_CHANGED, lease->record->id);
        tell_world(lease->manager);
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
        if (lease->record->state == LEASE_LEASED && lease->record->breach)
                return "breached";
        if (lease->record->state == LEASE_LEASED && lease->record->parked)
                return "parked";
        return lease_state_to_string(lease->record->state);
}

int manager_reconcile(Manager *manager)
{
        _cleanup_(world_freep) World *old = NULL;
        World *world = NULL;
        int failed = 0;

        int r = world_read(&manager->host, manager->world, &world);
        if (r != 0)
                return r < 0 ? r : -ENODEV;
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
        }
        manager->before = NULL;
        post_review(manager->post);
        for (size_t i = 0; i < manager->n_leases; i++)
                manager_judge_guard(manager->leases[i]);
        r = publish_changes(manager);
        park_review(manager->park);
        return failed < 0 ? failed : r;
}
