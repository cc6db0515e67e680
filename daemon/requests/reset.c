/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A requested reset of a free device, or of a device that the requester has leased.
 *
 * A worker does it. For a leased device it is the worker of its guard, so that nothing else changes
 * the lease meanwhile. Free devices are reset one at a time, by a worker of this module.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/model/strength.h"
#include "daemon/base/log.h"
#include "daemon/host/driver.h"
#include "daemon/host/reset.h"
#include "daemon/ledger/holds.h"
#include "daemon/requests/requests.h"
#include "daemon/review/review.h"
#include "daemon/work/work.h"

typedef struct ResetTask {
        Ledger *ledger;
        uint32_t lease; /* or 0 */
        Bdf bdf;
        bool *mine; /* per device of the world of the request: same owner */
        size_t index;
        LeaseDone done; /* NULL once it has been answered */
        void *userdata;
        Worker *worker; /* for a free device */
        GroupHold hold; /* on the groups that the reset of a free device may reach */
} ResetTask;

typedef struct Resets {
        ResetTask *task; /* for a free device, or NULL; one at a time */
} Resets;

typedef struct LeaseReset {
        ResetTask *task; /* done by the worker of the upkeep, or NULL */
} LeaseReset;

static ResetTask *reset_task_free(ResetTask *task)
{
        if (!task)
                return NULL;
        worker_free(task->worker);
        free(task->mine);
        free(task);
        return NULL;
}

static void clear(void *data)
{
        (void)reset_task_free(((Resets *)data)->task);
}

static void clear_lease(void *part)
{
        (void)reset_task_free(((LeaseReset *)part)->task);
}

const Module reset_module = {
        .name = "reset",
        .size = sizeof(Resets),
        .clear = clear,
        .lease_size = sizeof(LeaseReset),
        .lease_clear = clear_lease,
};

DEFINE_MODULE_DATA(Resets, resets_of, reset_module);

DEFINE_LEASE_PART(LeaseReset, of, reset_module);

static void answer(ResetTask *task, int code, const char *message, const char *report)
{
        const LeaseAnswer reply = {
                .code = code,
                .message = message ? message : "",
                .report = report,
        };
        LeaseDone done = task->done;

        task->done = NULL;
        if (done)
                done(&reply, NULL, task->userdata);
}

/* The request has checked the owner. Whether a driver is bound is read now. */
static int job_reset(const void *context, VfioFds *fds, char **ret_message)
{
        const ResetTask *task = context;
        const Ledger *ledger = task->ledger;
        _cleanup_(freep) char *driver = NULL;
        char text[BDF_TEXT_SIZE];

        fds->n_items = 0;
        int r = driver_read(&ledger->host, task->bdf, &driver);
        if (r == -ENOENT)
                return host_refuse(REFUSAL_CHANGED, ret_message, "%s is gone from the machine",
                                   bdf_format(task->bdf, text));
        if (r < 0)
                return r;
        if (driver[0] && task->lease == 0)
                return host_refuse(REFUSAL_BUSY, ret_message,
                                   "%s has been bound to %s meanwhile; "
                                   "try again",
                                   bdf_format(task->bdf, text), driver);
        return reset_devices(&ledger->host, ledger->world->snapshot, &task->index, 1, task->mine,
                             ret_message);
}

static void finish(ResetTask *task, const WorkerResult *result)
{
        char text[BDF_TEXT_SIZE];

        if (result->code == 0)
                log_info("reset of %s, as requested: "
                         "%s",
                         bdf_format(task->bdf, text), result->message);
        answer(task, result->code, result->code == 0 ? "" : result->message,
               result->code == 0 ? result->message : NULL);
}

static void on_free_done(WorkerResult *result, void *userdata)
{
        ResetTask *task = userdata;

        task->worker = NULL;
        resets_of(task->ledger)->task = NULL;
        holds_drop(task->ledger, &task->hold);
        finish(task, result);
        (void)reset_task_free(task);
}

static void on_lease_done(Lease *lease, WorkerResult *result, bool is_ending)
{
        ResetTask *task = TAKE_PTR(of(lease)->task);

        finish(task, result);
        (void)reset_task_free(task);
        if (!is_ending)
                lease_review_guard(lease);
}

static void on_overdue(ResetTask *task)
{
        char text[BDF_TEXT_SIZE];

        log_error("the reset of %s has taken more than %u s; see the kernel log",
                  bdf_format(task->bdf, text), task->ledger->times.worker);
        answer(task, REFUSAL_STUCK, "the reset is taking long; see the kernel log", NULL);
}

static void on_free_overdue(void *userdata)
{
        on_overdue(userdata);
}

static void on_lease_overdue(Lease *lease)
{
        on_overdue(of(lease)->task);
}

/*
 * Whether the reset may affect that group: the kernel may reset everything behind the same bridge.
 */
static bool is_reached(const Ledger *ledger, const Group *group, const void *userdata)
{
        const ResetTask *task = userdata;
        const Snapshot *snapshot = ledger->world->snapshot;
        size_t index = snapshot_find(snapshot, task->bdf);
        size_t bridge = index == SNAPSHOT_NONE ? SNAPSHOT_NONE : snapshot->devices[index].parent;

        for (size_t i = 0; i < group->n_members; i++)
                if (group->members[i] == index ||
                    (bridge != SNAPSHOT_NONE && reset_reaches(snapshot, bridge, group->members[i])))
                        return true;
        return false;
}

static int start_of_lease(ResetTask *task, Lease *lease)
{
        const LeaseJob job = {
                .name = "the worker that resets a device",
                .run = job_reset,
                .context = task,
                .deadline = lease->ledger->times.worker,
                .done = on_lease_done,
                .overdue = on_lease_overdue,
        };

        int r = work_start_upkeep(lease, &job);
        if (r == 0)
                of(lease)->task = task;
        return r;
}

static int start_of_free(ResetTask *task)
{
        const WorkerHandler handler = {on_free_done, on_free_overdue, task};
        Ledger *ledger = task->ledger;

        int r = worker_start(ledger->base, job_reset, task, NULL, ledger->times.worker, &handler,
                             &task->worker);
        if (r < 0)
                return r;
        resets_of(ledger)->task = task;
        task->hold = (GroupHold){
                .why = "a device is being reset", .covers = is_reached, .userdata = task};
        holds_place(ledger, &task->hold);
        return 0;
}

/* --- what may be reset ------------------------------------------------------------------------ */

/* Whether the device has no driver and no lease. */
static bool is_free(const Ledger *ledger, size_t index)
{
        const PciDevice *device = &ledger->world->snapshot->devices[index];

        return !world_is_bridge(device) && !device->sysfs.driver[0] &&
               !ledger_lease_of_device(ledger, index);
}

static bool is_of_lease(const Ledger *ledger, size_t index, const Lease *lease)
{
        const LeaseDevice *device =
                lease_record_find(lease->record, ledger->world->snapshot->devices[index].bdf);

        return device && device->role == LEASE_ROLE_TAKEN && !device->lost;
}

static int check(const Ledger *ledger, size_t index, const Lease *lease, char **ret_message)
{
        const PciDevice *device = &ledger->world->snapshot->devices[index];
        char text[BDF_TEXT_SIZE];

        (void)bdf_format(device->bdf, text);
        if (lease && !is_of_lease(ledger, index, lease))
                return host_refuse(REFUSAL_INVALID, ret_message,
                                   "%s does not belong to lease %" PRIu32, text, lease->record->id);
        if (lease && (lease->record->state != LEASE_LEASED || work_upkeep(lease)))
                return host_refuse(REFUSAL_BUSY, ret_message,
                                   "lease %" PRIu32 " is being changed; try again",
                                   lease->record->id);
        if (lease)
                return 0;
        if (world_is_bridge(device))
                return host_refuse(REFUSAL_INVALID, ret_message,
                                   "%s is a bridge: its reset would reset everything behind "
                                   "it",
                                   text);
        if (device->sysfs.driver[0])
                return host_refuse(REFUSAL_BUSY, ret_message,
                                   "%s is bound to %s; a device that the host uses is not reset; "
                                   "unbind it first",
                                   text, device->sysfs.driver);
        if (resets_of(ledger)->task)
                return host_refuse(REFUSAL_BUSY, ret_message,
                                   "another device is being reset; try again");
        size_t group = ledger->world->groups->group_of[index];
        const char *hold = group == SNAPSHOT_NONE
                                   ? NULL
                                   : holds_find(ledger, &ledger->world->groups->groups[group]);
        if (hold)
                return host_refuse(REFUSAL_BUSY, ret_message, "%s: group %s: %s; try again", text,
                                   ledger->world->groups->groups[group].id, hold);
        return 0;
}

static int make(Ledger *ledger, size_t index, const Lease *lease, ResetTask **ret_task)
{
        const Snapshot *snapshot = ledger->world->snapshot;
        ResetTask *task = calloc(1, sizeof(*task));
        bool *mine = calloc(snapshot->n_devices + 1, sizeof(*mine));

        if (!task || !mine) {
                free(task);
                free(mine);
                return -ENOMEM;
        }
        for (size_t i = 0; i < snapshot->n_devices; i++)
                mine[i] = lease ? is_of_lease(ledger, i, lease) : is_free(ledger, i);
        *task = (ResetTask){
                .ledger = ledger,
                .lease = lease ? lease->record->id : 0,
                .bdf = snapshot->devices[index].bdf,
                .index = index,
                .mine = mine,
        };
        *ret_task = task;
        return 0;
}

void request_reset(Ledger *ledger, Bdf bdf, LeaseDone done, void *userdata)
{
        _cleanup_(freep) char *message = NULL;
        LeaseAnswer reply = {.code = REFUSAL_NOT_FOUND, .message = "the device is gone"};
        ResetTask *task = NULL;
        Lease *lease = NULL;

        int r = ledger_read_now(ledger);
        size_t index = snapshot_find(ledger->world->snapshot, bdf);
        if (r == 0 && index == SNAPSHOT_NONE) {
                done(&reply, NULL, userdata);
                return;
        }
        if (r == 0) {
                lease = ledger_lease_of_device(ledger, index);
                r = check(ledger, index, lease, &message);
        }
        if (r == 0)
                r = make(ledger, index, lease, &task);
        if (r == 0) {
                task->done = done;
                task->userdata = userdata;
                r = lease ? start_of_lease(task, lease) : start_of_free(task);
                if (r == 0)
                        return;
                (void)reset_task_free(task);
        }
        reply = (LeaseAnswer){.code = r, .message = message ? message : ""};
        done(&reply, NULL, userdata);
}
