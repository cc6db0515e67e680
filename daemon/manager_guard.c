/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The guard of a lease, from one reading to the next: what holds, what has to be done, and who does
 * it.
 *
 * While the kernel owns a group nothing on the host is touched for it but joiners, which get an
 * override that outlives us. Its ownership ends with the last device that VFIO drives, though the
 * lease goes on: then the group's slots are sealed.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/guard/enforce.h"
#include "daemon/guard/seal.h"
#include "daemon/guard/slot.h"
#include "daemon/lease/state.h"
#include "daemon/lease/steps.h"
#include "daemon/log.h"
#include "daemon/manager.h"

/* Longest text kept of what failed. */
#define TROUBLE_SIZE 512

bool manager_owns(const Lease *lease, int32_t number)
{
        const Snapshot *snapshot = lease->manager->world->snapshot;

        /* Our own copies of the claim's fds, and a device that VFIO drives for them. */
        if (lease->fds.n_items == 0)
                return false;
        for (size_t i = 0; i < lease->record->n_devices; i++) {
                const LeaseDevice *device = &lease->record->devices[i];
                size_t index = snapshot_find(snapshot, device->bdf);

                if (device->role == LEASE_ROLE_TAKEN && !device->lost && index != SNAPSHOT_NONE &&
                    snapshot->devices[index].kernel_group == number &&
                    strcmp(snapshot->devices[index].driver, LEASE_DRIVER) == 0)
                        return true;
        }
        return false;
}

/* Puts a port's slot on the list of what is to be sealed, if pciehp serves it. Returns 0 or -errno.
 */
static int plan_seal(Lease *lease, Bdf port)
{
        _cleanup_(freep) char *service = NULL;

        int r = seal_find_slot(&lease->manager->host, port, &service);
        if (r < 0 || !service || lease_record_has_change(lease->record, LEASE_CHANGE_SEAL, service))
                return r;
        return lease_record_add_change(lease->record, LEASE_CHANGE_SEAL, service);
}

/* Looks at one group; with `plan`, slots that should be sealed go on record. Returns 0 or -errno.
 */
static int look_at_group(Lease *lease, int32_t number, bool plan, GuardFacts *ret_facts)
{
        const Snapshot *snapshot = lease->manager->world->snapshot;
        GuardFacts facts = {
                .assigned = lease->record->state == LEASE_LEASED,
                .owned = manager_owns(lease, number),
        };
        _cleanup_(freep) size_t *ports = NULL;
        int r = 0;

        /* While the kernel guards, nobody asks for the gate and the ports. */
        if (facts.assigned && !facts.owned) {
                facts.gated = post_gate_holds(lease->manager->post);
                r = guard_find_ports(snapshot, number, &ports, &facts.n_ports);
        }
        if (r == 0 && facts.n_ports > 0)
                r = slot_survey(&lease->manager->host, snapshot, ports, facts.n_ports, &facts, NULL);
        for (size_t i = 0; r == 0 && plan && guard_needs_seal(&facts) && i < facts.n_ports; i++)
                r = plan_seal(lease, snapshot->devices[ports[i]].bdf);
        *ret_facts = facts;
        return r;
}

static int look(Lease *lease, bool plan)
{
        LeaseRecord *record = lease->record;

        if (!lease->guards)
                lease->guards = calloc(record->n_groups + 1, sizeof(*lease->guards));
        if (!lease->guards)
                return -ENOMEM;
        for (size_t i = 0; i < record->n_groups; i++) {
                int r = look_at_group(lease, record->groups[i].number, plan, &lease->guards[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- doing it --------------------------------------------------------------------------------- */

static int job_enforce(const void *context, VfioFds *fds, char **ret_message)
{
        const Lease *lease = context;

        return guard_enforce(&lease->manager->host, lease->record, ret_message);
}

/* The first change made for the guard alone: those before it are the whole lease's. */
static size_t first_seal(const LeaseRecord *record)
{
        size_t first = 0;

        while (first < record->n_changes && record->changes[first].kind != LEASE_CHANGE_SEAL)
                first++;
        return first;
}

static int job_unseal(const void *context, VfioFds *fds, char **ret_message)
{
        const Lease *lease = context;

        return guard_undo(&lease->manager->host, lease->record, first_seal(lease->record),
                          ret_message);
}

/* What a worker failed at, in words. */
static void describe_trouble(const WorkerResult *result, char *text, size_t n_text)
{
        if (result->message && result->message[0])
                (void)snprintf(text, n_text, "%s", result->message);
        else
                (void)snprintf(text, n_text, "the worker ended with %d", result->code);
}

/* Says what failed, once; tries again a little later. */
static void note_trouble(Lease *lease, const char *text)
{
        if (!lease->guard_trouble || strcmp(lease->guard_trouble, text) != 0) {
                log_error("lease %" PRIu32 ": guarding failed: %s; trying again", lease->record->id,
                          text);
                free(lease->guard_trouble);
                lease->guard_trouble = strdup(text);
        }
        manager_retry(lease->manager);
}

bool manager_end_guard_worker(Lease *lease)
{
        lease->guard_worker = NULL;
        if (!lease->restore_waits)
                return false;
        lease->restore_waits = false;
        manager_begin_restore(lease, lease->done, lease->done_userdata);
        return true;
}

/* Returns whether a restore has waited for this worker and goes on now. */
static bool end_worker(Lease *lease, const WorkerResult *result)
{
        if (manager_end_guard_worker(lease))
                return true;
        if (result->code != 0) {
                char text[TROUBLE_SIZE];

                describe_trouble(result, text, sizeof(text));
                note_trouble(lease, text);
        } else {
                free(TAKE_PTR(lease->guard_trouble));
                manager_mark_dirty(lease->manager);
        }
        return false;
}

/* A driver that came and went between two readings; those that were read are told already. */
static void note_evicted(Lease *lease, const char *address, const char *driver)
{
        LeaseDevice *device;
        Bdf bdf;

        device = bdf_parse(address, &bdf) ? lease_record_find(lease->record, bdf) : NULL;
        if (!device)
                return;
        if (!device->breached && manager_note_breach(lease, device, driver) < 0)
                log_broken(-ENOMEM);
        device->breached = false; /* it is out, and the next one is another one */
}

/* Takes the lines about evicted drivers off the front of a worker's message. */
static const char *take_evicted(Lease *lease, const char *message)
{
        bool any = false;

        while (message && strncmp(message, GUARD_EVICTED, strlen(GUARD_EVICTED)) == 0) {
                char address[BDF_TEXT_SIZE], driver[SNAPSHOT_NAME_SIZE];

                if (sscanf(message, GUARD_EVICTED "%16s %63s", address, driver) == 2)
                        note_evicted(lease, address, driver);
                any = true;
                message = strchr(message, '\n');
                message = message ? message + 1 : NULL;
        }
        if (any)
                (void)manager_set_lease_state(lease, lease->record->state);
        return message;
}

/* The host driver is out. What else follows is for the policy to say, once for a lease. */
static void answer_breach(Lease *lease)
{
        switch (lease->record->on_breach) {
        case POLICY_BREACH_REVOKE:
                log_warning("lease %" PRIu32 " is revoked after a breach, as rule %s says",
                            lease->record->id, lease->record->rule);
                return manager_release(lease, NULL, NULL);
        case POLICY_BREACH_QUARANTINE:
                return manager_quarantine(lease, lease->record->breach);
        case POLICY_BREACH_KEEP:
        case _POLICY_BREACH_N:
                return;
        }
}

static void on_enforced(WorkerResult *result, void *userdata)
{
        Lease *lease = userdata;
        bool untaken = false;

        for (size_t i = 0; i < lease->record->n_devices; i++) {
                LeaseDevice *device = &lease->record->devices[i];

                device->blocked |= device->blocking && result->code == 0;
                device->blocking = false;
                untaken |= device->blocked && device->taking;
                device->taking &= !device->blocked;
        }
        if (untaken)
                (void)manager_set_lease_state(lease, lease->record->state);
        result->message = take_evicted(lease, result->message);
        if (!end_worker(lease, result) && result->code == 0 && lease->record->breach &&
            lease->record->state == LEASE_LEASED)
                answer_breach(lease);
}

static void on_unsealed(WorkerResult *result, void *userdata)
{
        Lease *lease = userdata;

        if (end_worker(lease, result) || result->code != 0)
                return;
        lease_record_drop_changes(lease->record, first_seal(lease->record));
        (void)manager_set_lease_state(lease, lease->record->state);
}

static void on_overdue(void *userdata)
{
        Lease *lease = userdata;

        log_error("lease %" PRIu32 ": guarding its groups takes longer than %d s; "
                  "the kernel log says more",
                  lease->record->id, MANAGER_WORKER_DEADLINE_SECONDS);
        if (lease->restore_waits)
                manager_overdue(lease, "the guard's worker hangs in the kernel, whose log says "
                                       "more; the groups are given back when it lets go");
}

static void start(Lease *lease, WorkerJob job, void (*done)(WorkerResult *, void *))
{
        const WorkerHandler handler = {.done = done, .overdue = on_overdue, .userdata = lease};

        int r = worker_start(lease->manager->base, job, lease, NULL,
                             MANAGER_WORKER_DEADLINE_SECONDS, &handler, &lease->guard_worker);
        if (r < 0)
                note_trouble(lease, "no worker process could be started");
}

/* Are there joiners nobody has blocked yet? Notes that somebody is about to. */
static bool take_unblocked(LeaseRecord *record)
{
        bool any = false;

        for (size_t i = 0; i < record->n_devices; i++) {
                LeaseDevice *device = &record->devices[i];

                if (device->role == LEASE_ROLE_JOINER && !device->lost && !device->blocked)
                        any = device->blocking = true;
        }
        return any;
}

/* A seal that could not be made, or that somebody has broken. */
static bool has_open_seal(const Lease *lease)
{
        const LeaseRecord *record = lease->record;

        for (size_t i = 0; i < record->n_changes; i++)
                if (manager_lease_guard(lease) < GUARD_OWNED &&
                    seal_is_open(&lease->manager->host, &record->changes[i]))
                        return true;
        return false;
}

static void tell(const Lease *lease)
{
        const ManagerObserver *observer = &lease->manager->observer;

        if (observer->lease)
                observer->lease(CHANGE_CHANGED, lease->record->id, observer->userdata);
}

void manager_review_guard(Lease *lease)
{
        LeaseRecord *record = lease->record;
        size_t n_before = record->n_changes;
        GuardLayer layer = manager_lease_guard(lease);
        bool idle = !lease->guard_worker && record->state == LEASE_LEASED;

        int r = look(lease, idle);
        if (r == 0 && record->n_changes > n_before)
                r = lease_state_save(lease->manager->state_directory, record);
        if (r < 0) {
                /* What is not on record is not done. */
                lease_record_drop_changes(record, n_before);
                log_error("lease %" PRIu32 ": looking after its guard failed: %s; trying again",
                          record->id, strerror(-r));
                return manager_retry(lease->manager);
        }
        if (manager_lease_guard(lease) < layer)
                /* Somebody may have taken their overrides off while the kernel refused. */
                for (size_t i = 0; i < record->n_devices; i++)
                        record->devices[i].blocked = false;
        if (manager_lease_guard(lease) != layer)
                tell(lease);
        if (!idle)
                return;
        /* What fails again and again keeps nobody waiting. */
        if (lease->guard_trouble && manager_serve_members(lease))
                return;
        if (record->n_changes > n_before || take_unblocked(record) || has_open_seal(lease))
                start(lease, job_enforce, on_enforced);
        else if (first_seal(record) < record->n_changes &&
                 manager_lease_guard(lease) == GUARD_OWNED)
                start(lease, job_unseal, on_unsealed);
        else
                (void)manager_serve_members(lease);
}

/* --- telling ---------------------------------------------------------------------------------- */

GuardLayer manager_lease_guard(const Lease *lease)
{
        GuardLayer weakest = lease->guards ? GUARD_OWNED : GUARD_NONE;

        for (size_t i = 0; lease->guards && i < lease->record->n_groups; i++) {
                GuardLayer layer = guard_holds(&lease->guards[i]);

                if (layer < weakest)
                        weakest = layer;
        }
        return weakest;
}

/* What is known of the guard of a group, or NULL if nobody has it. */
static const GuardFacts *find_facts(const Manager *manager, size_t group, const Lease **ret_lease)
{
        const Lease *lease = manager_lease_of_group(manager, group);
        int32_t number = manager->world->groups->groups[group].kernel_group;

        for (size_t i = 0; lease && lease->guards && i < lease->record->n_groups; i++)
                if (lease->record->groups[i].number == number) {
                        *ret_lease = lease;
                        return &lease->guards[i];
                }
        return NULL;
}

GuardLayer manager_group_guard(const Manager *manager, size_t group)
{
        const Lease *lease = NULL;
        const GuardFacts *facts = find_facts(manager, group, &lease);

        return facts ? guard_holds(facts) : GUARD_NONE;
}

static const char *describe_layer(GuardLayer layer, const GuardFacts *facts)
{
        switch (layer) {
        case GUARD_OWNED:
                return "isolationd keeps the claim on the group's DMA, so the kernel refuses every "
                       "host driver, whatever joins";
        case GUARD_SEALED:
                if (facts->n_slots == 0)
                        return "no member is driven by VFIO any more, so the kernel's claim has "
                               "ended; no slot that takes cards while the machine runs leads into "
                               "the group; what a rescan by hand brings is blocked when the kernel "
                               "tells of it";
                return "no member is driven by VFIO any more, so the kernel's claim has ended; "
                       "pciehp is unbound from every slot that leads into the group, so a card "
                       "that is plugged in is not seen before the lease ends, not even the one "
                       "that was pulled; what a rescan by hand brings is blocked when the kernel "
                       "tells of it";
        case GUARD_REACTIVE:
                return "no member is driven by VFIO any more, so the kernel's claim has ended, and "
                       "not every way into the group can be shut; what joins is blocked when the "
                       "kernel tells of it, which may be too late";
        case GUARD_GATED:
                return "no member is driven by VFIO any more, so the kernel's claim has ended, and "
                       "not every way into the group can be shut; drivers_autoprobe of the PCI bus "
                       "is 0: isolationd lets in all others, and blocks what joins";
        case GUARD_NONE:
        case _GUARD_N:
                break;
        }
        return "nobody has the group: host drivers are free to come";
}

/* Who may bring newcomers into the group though it is guarded, in words; NULL if nobody could. */
static char *describe_open(const Manager *manager, int32_t number)
{
        const Snapshot *snapshot = manager->world->snapshot;
        _cleanup_(freep) size_t *ports = NULL;
        _cleanup_(freep) char *open = NULL;
        GuardFacts facts = {0};
        size_t n = 0;

        int r = guard_find_ports(snapshot, number, &ports, &n);
        if (r == 0)
                r = slot_survey(&manager->host, snapshot, ports, n, &facts, &open);
        return r == 0 && open[0] ? TAKE_PTR(open) : NULL;
}

/* Cards that are back where they were, "" if there are none; NULL if memory is short. */
static char *describe_returned(const LeaseRecord *record)
{
        _cleanup_(freep) char *text = strdup("");

        for (size_t i = 0; text && i < record->n_devices; i++) {
                const LeaseDevice *device = &record->devices[i];
                char address[BDF_TEXT_SIZE], *longer;

                if (device->role != LEASE_ROLE_JOINER || device->lost || !device->returned)
                        continue;
                if (asprintf(&longer, "%s; %s is back, the same as before: its owner may take it",
                             text, bdf_format(device->bdf, address)) < 0)
                        return NULL;
                free(text);
                text = longer;
        }
        return TAKE_PTR(text);
}

static bool has_expelled(const LeaseRecord *record)
{
        for (size_t i = 0; i < record->n_changes; i++)
                if (record->changes[i].kind == LEASE_CHANGE_EXPEL)
                        return true;
        return false;
}

char *manager_group_guard_text(const Manager *manager, size_t group)
{
        const Lease *lease = NULL;
        const GuardFacts *facts = find_facts(manager, group, &lease);
        GuardLayer layer = facts ? guard_holds(facts) : GUARD_NONE;
        bool is_between = layer == GUARD_NONE && manager_lease_of_group(manager, group);
        bool is_weak = facts && !is_between && layer < lease->record->guard;
        _cleanup_(freep) char *returned = lease ? describe_returned(lease->record) : strdup("");
        _cleanup_(freep) char *open = NULL, *gate = NULL;
        char *text;

        if (layer == GUARD_GATED)
                gate = post_gate_evidence(manager->post);
        if (layer == GUARD_GATED || layer == GUARD_REACTIVE)
                open = describe_open(manager, manager->world->groups->groups[group].kernel_group);
        if (!returned ||
            asprintf(&text, "%s%s%s%s%s%s%s%s%s%s%s%s%s%s",
                     is_between ? "its lease is being prepared or given back: nothing is promised"
                                : describe_layer(layer, facts),
                     gate ? "; " : "", gate ? gate : "", open ? "; " : "", open ? open : "",
                     is_weak ? "; weaker than required: " : "",
                     is_weak ? guard_layer_to_string(lease->record->guard) : "",
                     is_weak ? ", by the policy" : "", returned,
                     lease && has_expelled(lease->record)
                             ? "; what was expelled comes back when the lease ends"
                             : "",
                     lease && lease->record->breach ? "; breached: " : "",
                     lease && lease->record->breach ? lease->record->breach : "",
                     lease && lease->guard_trouble ? "; trouble: " : "",
                     lease && lease->guard_trouble ? lease->guard_trouble : "") < 0)
                return NULL;
        return text;
}
