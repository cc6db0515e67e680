/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From a plan to a record that may be acted on: how the host is now is written down, then the
 * worker begins.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/guard/rules.h"
#include "daemon/guard/seal.h"
#include "daemon/host/driver.h"
#include "daemon/lease/nodes.h"
#include "daemon/lease/state.h"
#include "daemon/base/log.h"
#include "daemon/plan/plan.h"

/* Notes down how the host has this device now: it is what giving back will restore. */
static int record_member(Plan *plan, LeaseRecord *record, const PciDevice *device)
{
        _cleanup_(freep) char *driver = NULL, *override = NULL;
        char text[BDF_TEXT_SIZE];

        if (!plan_is_taken(device))
                return lease_record_add_device(record, device->bdf, LEASE_ROLE_BYSTANDER,
                                               device->driver, "");
        int r = driver_read(&plan->ledger->host, device->bdf, &driver);
        if (r == 0)
                r = driver_override_read(&plan->ledger->host, device->bdf, &override);
        if (r == -ENOENT)
                return plan_refuse(plan, REFUSAL_CHANGED, "%s is gone from the machine",
                                   bdf_format(device->bdf, text));
        if (r < 0)
                return r;
        r = lease_record_add_device(record, device->bdf, LEASE_ROLE_TAKEN, driver, override);
        if (r == 0 && device->is_vf)
                r = seal_record_vf(plan->ledger, record, device);
        if (r == 0)
                record->devices[record->n_devices - 1].fingerprint =
                        world_fingerprint(plan->ledger, device);
        /* Its virtual functions, wherever they would be, are born without drivers. */
        if (r == 0 && seal_finds_vfs(&plan->ledger->host, device->bdf) &&
            !lease_record_has_change(record, LEASE_CHANGE_VFS, bdf_format(device->bdf, text)))
                r = lease_record_add_change(record, LEASE_CHANGE_VFS,
                                            bdf_format(device->bdf, text));
        return r;
}

/* The type of its domain that the lease wants, if it is another one than there is. */
static void record_type(const Plan *plan, const Group *group, LeaseGroup *ret)
{
        const Snapshot *snapshot = plan->ledger->world->snapshot;
        const char *before = snapshot_group_type(snapshot, group->kernel_group);
        const char *wanted = domain_type_to_string(plan_type(plan));

        if (!wanted[0] || strcmp(wanted, before) == 0)
                return;
        (void)snprintf(ret->type, sizeof(ret->type), "%s", wanted);
        (void)snprintf(ret->type_before, sizeof(ret->type_before), "%s", before);
}

int plan_record(Plan *plan, LeaseRecord *record)
{
        const AcquireRequest *request = plan->request;

        record->since_usec = clock_usec(CLOCK_REALTIME);
        record->id = plan->ledger->next_lease;
        record->state = LEASE_PREPARING;
        record->mode = plan->mode;
        record->lifetime = request->lifetime;
        record->parked = request->parked;
        plan_record_rules(record, plan->rule, plan->demand);
        record->uid = request->uid;
        if (request->lifetime == LEASE_LIFETIME_CONNECTION) {
                (void)snprintf(record->owner_name, sizeof(record->owner_name), "%s",
                               request->owner ? request->owner : "");
                memcpy(record->owner_bus, plan->ledger->bus_id, sizeof(record->owner_bus));
        }
        record->path_uid = request->path_uid;
        free(record->unit);
        free(record->rule);
        record->unit = strdup(request->unit);
        record->rule = strdup(plan->rule ? plan->rule->origin : "root");
        if (!record->unit || !record->rule)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_groups; i++) {
                const Group *group = plan_group(plan, i);
                int r = lease_record_add_group(record, group->kernel_group, group->id);
                if (r == 0)
                        record_type(plan, group, &record->groups[record->n_groups - 1]);
                for (size_t m = 0; r == 0 && m < group->n_members; m++)
                        r = record_member(plan, record, plan_device(plan, group->members[m]));
                if (r != 0)
                        return r;
        }
        plan_record_memlock(plan, record);
        return seal_record_slots(plan->ledger, record);
}

bool plan_has_nodes(const Plan *plan, const LeaseRecord *record)
{
        bool any = nodes_are_for(record->mode);

        for (size_t i = 0; i < plan->n_others; i++)
                any |= nodes_are_for(plan->others[i]);
        return any;
}

/* So that what joins while no daemon looks is blocked all the same. */
static int write_rules(Plan *plan, const LeaseRecord *record)
{
        int32_t numbers[LEASE_GROUPS_MAX];

        for (size_t i = 0; i < record->n_groups; i++)
                numbers[i] = record->groups[i].number;
        int r = rules_write(RULES_DIRECTORY, &plan->ledger->host, plan->ledger->world->snapshot,
                            record->id, numbers, record->n_groups, plan_has_nodes(plan, record));
        if (r < 0)
                (void)plan_refuse(plan, REFUSAL_INVALID,
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
                r = plan_record(plan, record);
        if (r != 0)
                return r;
        r = lease_state_save(plan->ledger->state_directory, record);
        if (r < 0) {
                (void)plan_refuse(plan, REFUSAL_INVALID,
                                  "the lease cannot be written to %s: %s; nothing was changed",
                                  plan->ledger->state_directory, strerror(-r));
                return r;
        }
        uint32_t id = record->id;
        r = write_rules(plan, record);
        if (r == 0)
                r = ledger_add_lease(plan->ledger, TAKE_PTR(record), ret_lease);
        if (r < 0 && (rules_remove(RULES_DIRECTORY, id) < 0 ||
                      lease_state_remove(plan->ledger->state_directory, id) < 0))
                log_error("lease %" PRIu32 ": its record could not be removed again", id);
        return r;
}

/* The modes that were asked for, the one that is liked best first. Returns how many. */
static size_t find_modes(const AcquireRequest *request, LeaseMode modes[static _LEASE_MODE_N])
{
        size_t n = 0;

        if (request->mode != LEASE_MODE_NONE)
                modes[n++] = request->mode;
        for (size_t i = 0; request->mode == LEASE_MODE_NONE && i < request->n_modes; i++)
                modes[n++] = request->modes[i];
        if (n == 0) {
                /* Those that every program can use, and that guard best. */
                modes[n++] = LEASE_MODE_VFIO;
                modes[n++] = LEASE_MODE_IOMMUFD;
        }
        return n;
}

/* Whether another mode might be let pass where this one is refused so. */
static bool is_about_mode(int r)
{
        return r == REFUSAL_POLICY_DENIED || r == REFUSAL_TOO_WEAK || r == REFUSAL_UNSUPPORTED;
}

int plan_negotiate(Plan *plan)
{
        LeaseMode modes[_LEASE_MODE_N];
        size_t n = find_modes(plan->request, modes), first = 0;
        int r = 0;

        for (; first < n; first++) {
                _cleanup_(freep) char *before = TAKE_PTR(plan->message);
                const PolicyRule *refuser = plan->refuser;
                int code = r;

                plan_reset(plan, modes[first]);
                r = plan_make(plan);
                if (r == 0)
                        break;
                if (before) {
                        free(plan->message);
                        plan->message = TAKE_PTR(before);
                        plan->refuser = refuser;
                        r = code;
                }
                if (!is_about_mode(r))
                        return r;
        }
        for (size_t i = first + 1; r == 0 && i < n; i++) {
                _cleanup_(plan_clear) Plan other = {
                        .ledger = plan->ledger, .request = plan->request, .mode = modes[i]};

                if (plan_make(&other) == 0)
                        plan->others[plan->n_others++] = modes[i];
        }
        return r;
}

static void refuse(const Plan *plan, int r, LeaseDone done, void *userdata)
{
        const LeaseAnswer answer = {
                .code = r,
                .message = plan->message ? plan->message : "",
                .rule = plan->refuser ? plan->refuser->origin : NULL,
        };

        if (r < 0)
                log_broken(r);
        done(&answer, NULL, userdata);
}

void plan_execute(Plan *plan, LeaseDone done, void *userdata)
{
        Ledger *ledger = plan->ledger;
        const AcquireRequest *request = plan->request;
        Lease *lease = NULL;

        if (plan->has_parked)
                return park_yield(ledger->park, plan->groups, plan->n_groups, request, done,
                                  userdata);
        int r = commit(plan, &lease);
        if (r != 0)
                return refuse(plan, r, done, userdata);
        lease->memory_warning = TAKE_PTR(plan->warning);
        lease->release_console = request->release_console && request->uid == 0;
        lease->force = request->force && request->uid == 0;
        memcpy(lease->driver, request->driver, sizeof(lease->driver));
        memcpy(lease->others, plan->others, sizeof(lease->others));
        lease->n_others = plan->n_others;
        if (ledger->observer.lease)
                ledger->observer.lease(CHANGE_ADDED, lease->record->id,
                                        ledger->observer.userdata);
        lease_begin_take(lease, done, userdata);
}

void request_acquire(Ledger *ledger, const AcquireRequest *request, LeaseDone done,
                     void *userdata)
{
        _cleanup_(plan_clear) Plan plan = {.ledger = ledger, .request = request};

        if (queue_adopt(ledger->queue, request, done, userdata))
                return;
        /* Decide on what is, not on what was when the last uevent came. */
        int r = ledger_read_now(ledger);
        if (r == 0)
                r = plan_negotiate(&plan);
        if (r == 0 && !request->is_served)
                r = queue_check(ledger->queue, &plan);
        if (r == REFUSAL_BUSY && request->wait_usec > 0) {
                r = queue_add(ledger->queue, &plan, done, userdata);
                if (r == 0)
                        return;
        }
        if (r != 0)
                return refuse(&plan, r, done, userdata);
        queue_pass(ledger->queue, &plan, done, userdata);
}
