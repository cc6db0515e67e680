/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A worker reads the overrides of the devices that no lease has. Each group with leftovers gets a
 * lease in state releasing, which is handled like any other. It is on record before anything is
 * written. Nobody else can get the group. The next daemon resumes it. A failure quarantines it.
 */

#include "daemon/recovery/repair.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/model/text.h"
#include "daemon/base/array.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/host/block.h"
#include "daemon/host/driver.h"
#include "daemon/host/worker.h"
#include "daemon/lease/state.h"
#include "daemon/lifecycle/lifecycle.h"

/* What is wrong with a device that no lease has. */
typedef enum Trace {
        TRACE_NONE = 0,
        TRACE_HELD,  /* the override that blocks joiners: only isolationd writes it */
        TRACE_BOUND, /* bound to vfio-pci by an override that isolationd may have written */
} Trace;

typedef struct Repair {
        Ledger *ledger;
        HostPaths host;
        bool dry_run;
        uid_t uid;
        bool is_limited; /* only to the named leases and devices */
        uint32_t *leases;
        size_t n_leases;
        Bdf *devices; /* devices to check */
        bool *named;  /* per device: named by the caller */
        Trace *traces;
        size_t n_devices;
        size_t n_pending; /* restores under way, and this repair itself */
        size_t n_left;
        int code;
        TextList lines;
        RepairDone done;
        void *userdata;
} Repair;

static Repair *repair_free(Repair *work)
{
        if (!work)
                return NULL;
        free(work->leases);
        free(work->devices);
        free(work->named);
        free(work->traces);
        text_list_clear(&work->lines);
        free(work);
        return NULL;
}
DEFINE_CLEANUP(Repair *, repair_free);

static void say(Repair *work, const char *format, ...) _printf_(2, 3);

static void say(Repair *work, const char *format, ...)
{
        va_list args;
        char *text;

        va_start(args, format);
        text = text_vprint(format, args);
        va_end(args);
        int r = lease_step_texts_add(&work->lines, text);
        if (r < 0 && work->code == 0)
                work->code = r;
}

static void note_failure(Repair *work, int code)
{
        if (work->code == 0)
                work->code = code;
        work->n_left++;
}

/* Answers the request once nothing is pending. */
static void count_down(Repair *work)
{
        _cleanup_(repair_freep) Repair *over = work;

        if (--work->n_pending > 0) {
                (void)TAKE_PTR(over);
                return;
        }
        const LeaseAnswer answer = {
                .code = work->code,
                .message = work->code == 0           ? ""
                           : work->lines.n_items > 0 ? work->lines.items[work->lines.n_items - 1]
                                                     : "memory is short",
        };
        work->done(&answer, &work->lines, work->n_left, work->userdata);
}

/* --- giving back --------------------------------------------------------------------------------
 */

static void on_given_back(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        Repair *work = userdata;

        if (answer->code == 0) {
                say(work, "done: the host has its devices and drivers again");
        } else {
                say(work, "failed: %s", answer->message);
                note_failure(work, answer->code);
        }
        count_down(work);
}

static void mend_lease(Repair *work, Lease *lease)
{
        const LeaseRecord *record = lease->record;

        say(work, "lease %" PRIu32 ", group %s: %s (%s)%s", record->id,
            record->n_groups > 0 ? record->groups[0].id : "-", lease_state_to_string(record->state),
            record->condition.trouble ? record->condition.trouble : "reason unknown",
            work->dry_run ? ": would be put back again" : ": is put back again");
        if (work->dry_run) {
                work->n_left++;
                return;
        }
        work->n_pending++;
        lease_release(lease, on_given_back, work);
}

static bool is_meant(const Repair *work, uint32_t lease)
{
        for (size_t i = 0; i < work->n_leases; i++)
                if (work->leases[i] == lease)
                        return true;
        return !work->is_limited;
}

static void mend_leases(Repair *work)
{
        Ledger *ledger = work->ledger;
        uint32_t done = 0;
        Lease *next;

        /* A release may remove leases from the list at once. So go by number, which only grows. */
        do {
                next = NULL;
                for (size_t i = 0; i < ledger->n_leases; i++) {
                        Lease *lease = ledger->leases[i];

                        if (lease->record->state == LEASE_QUARANTINED && lease->record->id > done &&
                            is_meant(work, lease->record->id) &&
                            (!next || lease->record->id < next->record->id))
                                next = lease;
                }
                if (next) {
                        done = next->record->id;
                        mend_lease(work, next);
                }
        } while (next);
}

/* --- what was left ------------------------------------------------------------------------------
 */

/* Runs in the worker: one byte for each device says what is wrong with it. */
static int job_look(const void *context, VfioFds *fds, char **ret_message)
{
        const Repair *work = context;
        _cleanup_(freep) char *traces = calloc(work->n_devices + 1, sizeof(*traces));

        if (!traces)
                return -ENOMEM;
        for (size_t i = 0; i < work->n_devices; i++) {
                _cleanup_(freep) char *driver = NULL, *override = NULL;

                int r = driver_read(&work->host, work->devices[i], &driver);
                if (r == 0)
                        r = driver_override_read(&work->host, work->devices[i], &override);
                if (r < 0 && r != -ENOENT)
                        return r;
                if (r == 0 && strcmp(override, BLOCK_OVERRIDE) == 0)
                        traces[i] = TRACE_HELD;
                else if (r == 0 && override[0] && strcmp(override, driver) == 0 &&
                         strcmp(driver, LEASE_DRIVER) == 0)
                        traces[i] = TRACE_BOUND;
        }
        return worker_send(fds, traces, work->n_devices);
}

static int read_traces(Repair *work, const WorkerResult *result)
{
        _cleanup_(freep) char *traces = NULL;
        size_t n = 0;

        int r = worker_receive(result, work->n_devices, &traces, &n);
        if (r < 0 || n != work->n_devices)
                return r < 0 ? r : -EIO;
        for (size_t i = 0; i < n; i++)
                work->traces[i] = (Trace)traces[i];
        return 0;
}

/* Whether to repair the device: it has isolationd's own override, or the caller named it. */
static bool is_to_mend(const Repair *work, size_t i)
{
        if (work->traces[i] == TRACE_NONE || (work->is_limited && !work->named[i]))
                return false;
        return work->traces[i] == TRACE_HELD || work->named[i];
}

static int add_device(LeaseRecord *record, Bdf bdf, Trace trace)
{
        int r = lease_record_add_device(
                record, bdf, trace == TRACE_HELD ? LEASE_ROLE_JOINER : LEASE_ROLE_TAKEN, "", "");
        if (r == 0)
                /* When the lease ends, the kernel looks for a host driver. */
                record->devices[record->n_devices - 1].joined = true;
        return r;
}

/* Makes a lease of the leftovers in a group that no lease has. Returns 0 and *ret, or -errno. */
static int make_lease(Repair *work, size_t group, Lease **ret_lease)
{
        Ledger *ledger = work->ledger;
        const World *world = ledger->world;
        _cleanup_(lease_record_freep) LeaseRecord *record = NULL;

        int r = lease_record_new(&record);
        if (r < 0)
                return r;
        record->since_usec = clock_usec(CLOCK_REALTIME);
        record->id = ledger->next_lease;
        record->state = LEASE_RELEASING;
        record->mode = LEASE_MODE_VFIO;
        record->lifetime = LEASE_LIFETIME_PERSISTENT;
        record->owner.uid = work->uid;
        r = lease_record_add_group(record, world->groups->groups[group].kernel_group,
                                   world->groups->groups[group].id);
        for (size_t i = 0; r == 0 && i < work->n_devices; i++) {
                size_t index = snapshot_find(world->snapshot, work->devices[i]);

                if (index != SNAPSHOT_NONE && world->groups->group_of[index] == group &&
                    is_to_mend(work, i))
                        r = add_device(record, work->devices[i], work->traces[i]);
        }
        if (r == 0)
                r = lease_state_save(ledger->state_directory, record);
        return r < 0 ? r : ledger_add_lease(ledger, TAKE_PTR(record), ret_lease);
}

static void mend_group(Repair *work, size_t group)
{
        Lease *lease = NULL;

        int r = make_lease(work, group, &lease);
        if (r < 0) {
                say(work, "failed: what was left cannot be put on record: %s", strerror(-r));
                return note_failure(work, r);
        }
        ledger_tell_added(lease);
        work->n_pending++;
        lease_release(lease, on_given_back, work);
}

static const char *trace_text(Trace trace)
{
        return trace == TRACE_HELD ? "is held by no lease (driver_override " BLOCK_OVERRIDE ")"
                                   : "is bound to " LEASE_DRIVER " by its driver_override";
}

static void describe(Repair *work, size_t i)
{
        char text[BDF_TEXT_SIZE];

        (void)bdf_format(work->devices[i], text);
        if (!is_to_mend(work, i)) {
                if (!work->is_limited)
                        say(work,
                            "%s %s, and no lease has it: if a lost lease left it so, isoctl repair "
                            "%s gives it back to the host",
                            text, trace_text(work->traces[i]), text);
                return;
        }
        say(work, "%s %s: %s given back to the host", text, trace_text(work->traces[i]),
            work->dry_run ? "would be" : "is");
        work->n_left += work->dry_run;
}

static void mend_left(Repair *work)
{
        const World *world = work->ledger->world;
        bool *groups = calloc(world->groups->n_groups + 1, sizeof(*groups));

        for (size_t i = 0; groups && i < work->n_devices; i++) {
                size_t index = snapshot_find(world->snapshot, work->devices[i]);
                size_t group =
                        index == SNAPSHOT_NONE ? SNAPSHOT_NONE : world->groups->group_of[index];

                if (work->traces[i] == TRACE_NONE || group == SNAPSHOT_NONE ||
                    ledger_lease_of_group(work->ledger, group))
                        continue;
                describe(work, i);
                groups[group] |= is_to_mend(work, i);
        }
        /* From here on leases begin. This turn of the loop does not replace the world. */
        for (size_t g = 0; groups && !work->dry_run && g < world->groups->n_groups; g++)
                if (groups[g])
                        mend_group(work, g);
        if (!groups)
                note_failure(work, -ENOMEM);
        free(groups);
}

static void on_looked(WorkerResult *result, void *userdata)
{
        Repair *work = userdata;

        int r = result->code == 0 ? read_traces(work, result) : result->code;
        if (r != 0) {
                say(work, "failed: the devices could not be looked at%s%s",
                    result->message[0] ? ": " : "", result->message);
                note_failure(work, r);
        } else {
                mend_left(work);
        }
        count_down(work);
}

/* --- what is meant ------------------------------------------------------------------------------
 */

static int name_lease(Repair *work, uint32_t id)
{
        for (size_t i = 0; i < work->n_leases; i++)
                if (work->leases[i] == id)
                        return 0;
        if (!ARRAY_GROW(work->leases, work->n_leases))
                return -ENOMEM;
        work->leases[work->n_leases++] = id;
        return 0;
}

/* Names a device, or the lease of its group. Returns 0, REFUSAL_NOT_FOUND, or -errno. */
static int name_device(Repair *work, size_t device)
{
        const Ledger *ledger = work->ledger;
        size_t group = ledger->world->groups->group_of[device];
        const Lease *lease = group == SNAPSHOT_NONE ? NULL : ledger_lease_of_group(ledger, group);

        if (group == SNAPSHOT_NONE)
                return REFUSAL_NOT_FOUND;
        if (lease)
                return name_lease(work, lease->record->id);
        for (size_t i = 0; i < work->n_devices; i++)
                if (bdf_equal(work->devices[i], ledger->world->snapshot->devices[device].bdf))
                        work->named[i] = true;
        return 0;
}

/* Returns 0, REFUSAL_NOT_FOUND, or -errno. */
static int name_one(Repair *work, const char *selector)
{
        const Ledger *ledger = work->ledger;
        const Snapshot *snapshot = ledger->world->snapshot;
        size_t group;
        uint32_t id;
        int r = 0;

        if (text_read_u32(selector, &id) && ledger_find_lease(ledger, id))
                return name_lease(work, id);
        _cleanup_(freep) bool *devices = calloc(snapshot->n_devices + 1, sizeof(*devices));
        if (!devices)
                return -ENOMEM;
        if (world_select(ledger->world, &ledger->host, ledger->policy, selector, devices, &group) ==
            0)
                return REFUSAL_NOT_FOUND;
        for (size_t i = 0; r == 0 && i < snapshot->n_devices; i++)
                if (devices[i])
                        r = name_device(work, i);
        return r;
}

/* Lists the devices that no lease has, for the worker to check. */
static int list_devices(Repair *work)
{
        const Ledger *ledger = work->ledger;
        const Snapshot *snapshot = ledger->world->snapshot;

        work->devices = calloc(snapshot->n_devices + 1, sizeof(*work->devices));
        work->named = calloc(snapshot->n_devices + 1, sizeof(*work->named));
        work->traces = calloc(snapshot->n_devices + 1, sizeof(*work->traces));
        if (!work->devices || !work->named || !work->traces)
                return -ENOMEM;
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (!ledger_lease_of_device(ledger, i))
                        work->devices[work->n_devices++] = snapshot->devices[i].bdf;
        return 0;
}

static int prepare(Repair *work, const RepairRequest *request)
{
        int r = ledger_read_now(work->ledger);
        if (r == 0)
                r = list_devices(work);
        for (size_t i = 0; r == 0 && request->selectors[i]; i++) {
                work->is_limited = true;
                r = name_one(work, request->selectors[i]);
                if (r > 0)
                        say(work, "%.64s: no lease, device or group of that name",
                            request->selectors[i]);
        }
        return r;
}

void repair(Ledger *ledger, const RepairRequest *request, RepairDone done, void *userdata)
{
        static const TextList none = {.n_items = 0};
        const LeaseAnswer broken = {.code = -ENOMEM, .message = ""};
        Repair *work = calloc(1, sizeof(*work));

        if (!work)
                return done(&broken, &none, 0, userdata);
        const WorkerHandler handler = {.done = on_looked, .userdata = work};
        Worker *worker; /* lives until its handler is called */
        work->ledger = ledger;
        work->host = ledger->host;
        work->dry_run = request->dry_run;
        work->uid = request->uid;
        work->done = done;
        work->userdata = userdata;
        work->n_pending = 1;
        int r = prepare(work, request);
        if (r == 0)
                mend_leases(work);
        if (r == 0)
                r = worker_start(ledger->base, job_look, work, NULL, WORKER_DEADLINE_SECONDS,
                                 &handler, &worker);
        if (r == 0)
                return;
        note_failure(work, r);
        count_down(work);
}
