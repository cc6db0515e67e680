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
#include "daemon/base/log.h"
#include "daemon/lifecycle/revoke.h"
#include "daemon/tell/publish.h"

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
#define HOLDERS_SECONDS 5

/* Reads the machine after that time, or sooner if that is due already. */
static void schedule(Ledger *ledger, const struct timeval *delay)
{
        struct timeval now, due, pending;

        (void)evutil_gettimeofday(&now, NULL);
        evutil_timeradd(&now, delay, &due);
        if (!evtimer_pending(ledger->rescan, &pending) || evutil_timercmp(&due, &pending, <))
                (void)evtimer_add(ledger->rescan, delay);
}

void ledger_read_later(Ledger *ledger)
{
        schedule(ledger, &(struct timeval){.tv_sec = RESCAN_RETRY_SECONDS});
}

static void on_rescan(evutil_socket_t fd, short what, void *userdata)
{
        Ledger *ledger = userdata;

        int r = ledger_read_now(ledger);
        if (r < 0) {
                log_error("reading the machine failed: %s; trying again", strerror(-r));
                ledger_read_later(ledger);
        }
}

int daemon_new(struct event_base *base, const HostPaths *host, const char *state_directory,
                Ledger **ret_manager)
{
        _cleanup_(daemon_freep) Ledger *ledger = calloc(1, sizeof(*ledger));
        if (!ledger)
                return -ENOMEM;
        ledger->base = base;
        ledger->host = *host;
        ledger->next_lease = 1;
        ledger->times = (LedgerTimes){
                .worker = WORKER_DEADLINE_SECONDS,
                .stuck = STUCK_SECONDS,
                .killed = KILLED_SECONDS,
                .holder_tracker = HOLDERS_SECONDS,
        };
        int n = snprintf(ledger->state_directory, sizeof(ledger->state_directory), "%s",
                         state_directory);
        if (n < 0 || (size_t)n >= sizeof(ledger->state_directory))
                return -ENAMETOOLONG;
        ledger->rescan = evtimer_new(base, on_rescan, ledger);
        ledger->policy = calloc(1, sizeof(*ledger->policy));
        if (!ledger->rescan || !ledger->policy)
                return -ENOMEM;
        int r = controller_new(ledger, &ledger->controller);
        if (r == 0)
                r = park_new(ledger, &ledger->park);
        if (r == 0)
                r = queue_new(ledger, &ledger->queue);
        if (r == 0)
                r = cooldown_new(ledger, &ledger->cooldown);
        if (r == 0)
                r = holder_tracker_new(ledger, &ledger->holder_tracker);
        if (r == 0)
                r = faults_new(ledger, "/dev/kmsg", &ledger->faults);
        if (r < 0)
                return r;
        *ret_manager = TAKE_PTR(ledger);
        return 0;
}

static Lease *lease_free(Lease *lease)
{
        if (!lease)
                return NULL;
        worker_free(lease->worker);
        worker_free(lease->guard_worker);
        claims_forget(lease);
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

Ledger *daemon_free(Ledger *ledger)
{
        if (!ledger)
                return NULL;
        group_drop_jobs(ledger);
        for (size_t i = 0; i < ledger->n_leases; i++)
                lease_free(ledger->leases[i]);
        free(ledger->leases);
        controller_free(ledger->controller);
        park_free(ledger->park);
        queue_free(ledger->queue);
        cooldown_free(ledger->cooldown);
        holder_tracker_free(ledger->holder_tracker);
        faults_free(ledger->faults);
        reset_task_free(ledger->reset);
        published_free(ledger->published);
        world_free(ledger->world);
        policy_free(ledger->policy);
        free(ledger->policy_error);
        if (ledger->rescan)
                event_free(ledger->rescan);
        free(ledger);
        return NULL;
}

void ledger_observe(Ledger *ledger, const LedgerObserver *observer)
{
        ledger->observer = *observer;
}

/* Takes the message over. */
static void set_policy_error(Ledger *ledger, char *message)
{
        _cleanup_(freep) char *before = ledger->policy_error;
        bool same = before && message ? strcmp(before, message) == 0 : before == message;

        ledger->policy_error = message;
        if (!same && ledger->observer.policy)
                ledger->observer.policy(ledger->observer.userdata);
}

int ledger_load_policy(Ledger *ledger)
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
                set_policy_error(ledger, TAKE_PTR(message));
                return 0;
        }
        set_policy_error(ledger, NULL);
        log_info("policy: %zu rules", policy->n_rules);
        policy_free(ledger->policy);
        ledger->policy = TAKE_PTR(policy);
        park_forget(ledger->park);
        cooldown_review(ledger->cooldown);
        return 0;
}

/* Is there a group that only our own reaction keeps host drivers from? */
static bool must_react(const Ledger *ledger)
{
        for (size_t i = 0; i < ledger->n_leases; i++)
                if (lease_record_is_in_hand(ledger->leases[i]->record) &&
                    lease_guard(ledger->leases[i]) < GUARD_OWNED)
                        return true;
        return false;
}

/* Is a lease being made or given back, and nothing keeps its worker? */
static bool is_at_work(const Ledger *ledger)
{
        for (size_t i = 0; i < ledger->n_leases; i++)
                if (ledger->leases[i]->worker && !ledger->leases[i]->waiting)
                        return true;
        return false;
}

void ledger_read_soon(Ledger *ledger)
{
        suseconds_t delay = must_react(ledger)   ? 0
                            : is_at_work(ledger) ? RESCAN_DELAY_AT_WORK_USEC
                                                  : RESCAN_DELAY_USEC;

        schedule(ledger, &(struct timeval){.tv_usec = delay});
}

void ledger_hear_uevent(Ledger *ledger, uint64_t number)
{
        if (!ledger->world || number > ledger->world->event)
                ledger_read_soon(ledger);
}

int ledger_add_lease(Ledger *ledger, LeaseRecord *record, Lease **ret_lease)
{
        Lease *lease = calloc(1, sizeof(*lease));
        Lease **leases =
                realloc(ledger->leases, (ledger->n_leases + 1) * sizeof(*ledger->leases));
        if (leases)
                ledger->leases = leases;
        if (!lease || !leases) {
                free(lease);
                lease_record_free(record);
                return -ENOMEM;
        }
        lease->ledger = ledger;
        lease->record = record;
        lease->owner_fd = lease->client_fd = lease->orphan_fd = lease->forced_fd = -1;
        leases[ledger->n_leases++] = lease;
        if (record->id >= ledger->next_lease)
                ledger->next_lease = record->id + 1;
        *ret_lease = lease;
        faults_review(ledger->faults);
        return 0;
}

static void tell_lease(const Ledger *ledger, Change change, uint32_t id)
{
        if (ledger->observer.lease)
                ledger->observer.lease(change, id, ledger->observer.userdata);
}

static void tell_world(Ledger *ledger)
{
        int r = publish_changes(ledger);
        if (r < 0)
                log_broken(r);
}

void lease_drop(Lease *lease)
{
        Ledger *ledger = lease->ledger;
        uint32_t id = lease->record->id;

        int r = rules_remove(RULES_DIRECTORY, id);
        if (r < 0)
                log_error("lease %u: removing its udev rules failed: %s", id, strerror(-r));
        r = lease_state_remove(ledger->state_directory, id);
        if (r < 0)
                log_error("lease %u: removing its record failed: %s", id, strerror(-r));
        for (size_t i = 0; i < ledger->n_leases; i++)
                if (ledger->leases[i] == lease) {
                        ledger->leases[i] = ledger->leases[--ledger->n_leases];
                        break;
                }
        cooldown_note(ledger->cooldown, lease->record);
        lease_free(lease);
        queue_poke(ledger->queue);
        faults_review(ledger->faults);
        tell_lease(ledger, CHANGE_REMOVED, id);
        tell_world(ledger);
        schedule(ledger,
                 &(struct timeval){.tv_usec = must_react(ledger) ? 0 : RESCAN_DELAY_AFTER_USEC});
}

void ledger_tell_lease(Lease *lease)
{
        tell_lease(lease->ledger, CHANGE_CHANGED, lease->record->id);
        tell_world(lease->ledger);
}

int ledger_set_state(Lease *lease, LeaseState state)
{
        lease->record->state = state;
        int r = lease_state_save(lease->ledger->state_directory, lease->record);
        if (r < 0)
                log_error("lease %u: saving it as %s failed: %s", lease->record->id,
                          lease_state_to_string(state), strerror(-r));
        ledger_tell_lease(lease);
        return r;
}

Lease *ledger_find_lease(const Ledger *ledger, uint32_t id)
{
        for (size_t i = 0; i < ledger->n_leases; i++)
                if (ledger->leases[i]->record->id == id)
                        return ledger->leases[i];
        return NULL;
}

Lease *ledger_lease_of_group(const Ledger *ledger, size_t group)
{
        int32_t number = ledger->world->groups->groups[group].kernel_group;

        if (number < 0)
                return NULL;
        for (size_t i = 0; i < ledger->n_leases; i++)
                if (lease_record_has_group(ledger->leases[i]->record, number))
                        return ledger->leases[i];
        return NULL;
}

Lease *ledger_lease_of_device(const Ledger *ledger, size_t device)
{
        size_t group = ledger->world->groups->group_of[device];

        return group == SNAPSHOT_NONE ? NULL : ledger_lease_of_group(ledger, group);
}

const char *ledger_device_state(const Ledger *ledger, size_t device)
{
        const PciDevice *pci = &ledger->world->snapshot->devices[device];
        const Lease *lease = ledger_lease_of_device(ledger, device);
        const LeaseDevice *recorded = lease ? lease_record_find(lease->record, pci->bdf) : NULL;

        if (recorded && recorded->role == LEASE_ROLE_TAKEN && !recorded->lost)
                return lease->record->parked ? "parked" : "leased";
        if (recorded && recorded->role == LEASE_ROLE_JOINER && driver_is_harmless(pci->driver))
                return "held";
        if (pci->driver[0])
                return "host";
        return reserve_judge(ledger->policy, ledger->world->snapshot, device,
                             ledger->world->paths[device], false)
                                       .verdict == RESERVE_BLOCK
                       ? "reserved"
                       : "free";
}

const char *ledger_group_state(const Ledger *ledger, size_t group)
{
        const Lease *lease = ledger_lease_of_group(ledger, group);

        return lease ? ledger_lease_state(lease) : "free";
}

const char *ledger_lease_state(const Lease *lease)
{
        if (lease->stuck)
                return "stuck";
        if (ledger_is_revoking(lease))
                return "revoking";
        if (lease->record->state == LEASE_LEASED && lease->record->breach)
                return "breached";
        if (lease->record->state == LEASE_LEASED && lease->record->parked)
                return "parked";
        return lease_state_to_string(lease->record->state);
}

/* What only some policies ask of the devices is read for those. */
static int read_world(const Ledger *ledger, World **ret_world)
{
        _cleanup_(world_freep) World *world = NULL;

        int r = world_read(&ledger->host, ledger->world, &world);
        if (r == 0 && policy_asks_attachment(ledger->policy))
                r = sysfs_read_attachment(ledger->host.sysfs, world->snapshot);
        if (r == 0)
                *ret_world = TAKE_PTR(world);
        return r;
}

int ledger_read_now(Ledger *ledger)
{
        _cleanup_(world_freep) World *old = NULL;
        World *world = NULL;
        int failed = 0;

        /* What it was for is seen now. */
        (void)evtimer_del(ledger->rescan);
        int r = read_world(ledger, &world);
        if (r != 0) {
                ledger_read_later(ledger);
                return r < 0 ? r : -ENODEV;
        }
        old = TAKE_PTR(ledger->world);
        ledger->world = world;
        ledger->before = old;
        for (size_t i = 0; i < ledger->n_leases; i++) {
                r = lease_reconcile(ledger->leases[i]);
                if (r < 0)
                        failed = r;
                else
                        lease_review_guard(ledger->leases[i]);
                if (r >= 0)
                        lease_review_vfs(ledger->leases[i]);
                claims_review_nodes(ledger->leases[i]);
        }
        ledger->before = NULL;
        controller_review(ledger->controller);
        for (size_t i = 0; i < ledger->n_leases; i++)
                lease_judge_guard(ledger->leases[i]);
        r = publish_changes(ledger);
        park_review(ledger->park);
        holders_review(ledger->holder_tracker);
        return failed < 0 ? failed : r;
}
