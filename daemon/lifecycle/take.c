/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Takes groups: a worker checks whether the host depends on a device, exchanges drivers, and claims
 * the groups.
 *
 * The record on disk is always written before the host is changed.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/guard/console.h"
#include "daemon/guard/enforce.h"
#include "daemon/guard/rules.h"
#include "daemon/guard/seal_record.h"
#include "daemon/host/block.h"
#include "daemon/host/critical.h"
#include "daemon/host/driver.h"
#include "daemon/host/packet.h"
#include "daemon/lease/drivers.h"
#include "daemon/lease/state.h"
#include "daemon/lease/steps.h"
#include "daemon/lease/vfs.h"
#include "daemon/lifecycle/life_internal.h"
#include "daemon/limits/memlock.h"
#include "daemon/tell/audit.h"
#include "daemon/work/work.h"

#define FORCED_BYTES_MAX (1 << 20) /* enough for any reader; further ones are only in the log */

/* --- in the worker ---------------------------------------------------------------------------- */

static bool note_forced(const CriticalUse *use, void *userdata)
{
        const int *fd = userdata;
        const size_t n = strlen(use->sentence) + 1;

        if (lseek(*fd, 0, SEEK_CUR) + (off_t)n > FORCED_BYTES_MAX ||
            write(*fd, use->sentence, n) != (ssize_t)n)
                log_warning("taken by force, although %s", use->sentence);
        return true;
}

/* Seals before the first driver is unbound; opens the seals if the take fails. */
static int take(const HostPaths *host, const LeaseRecord *record, VfioFds *fds, char **ret_message)
{
        _cleanup_(freep) char *undo_message = NULL;

        int r = guard_enforce(host, record, ret_message);
        if (r == 0) {
                free(TAKE_PTR(*ret_message));
                r = lease_steps_take(host, record, fds, ret_message);
        }
        if (r == 0 || r == REFUSAL_QUARANTINED)
                return r;
        int undo = guard_undo(host, record, 0, &undo_message);
        if (undo == 0)
                return r;
        free(*ret_message);
        return host_refuse(REFUSAL_QUARANTINED, ret_message, "the host could not be restored: %s",
                           undo_message ? undo_message : strerror(-undo));
}

/*
 * Whether the host depends on a device that is to be taken. Force overrides that, but it is noted.
 */
static int check_critical(const Lease *lease, int forced_fd, char **ret_message)
{
        const HostPaths *host = &lease->ledger->host;
        const LifeWish *wish = &life_of(lease)->wish;
        LeaseRecord *record = lease->record;
        int r = 0;

        /* A console that is to be released is no reason to refuse. */
        CriticalKind ignored = wish->release_console ? CRITICAL_DISPLAY : _CRITICAL_N;
        for (size_t i = 0; r == 0 && i < record->n_devices; i++)
                if (record->devices[i].role == LEASE_ROLE_TAKEN)
                        r = wish->force ? critical_list(host, record->devices[i].bdf, note_forced,
                                                         &forced_fd)
                                         : critical_check_but(host, record->devices[i].bdf, ignored,
                                                              ret_message);
        return r;
}

static void log_driver(const LeaseRecord *record, const char *text)
{
        log_notice("lease %" PRIu32 ": %s", record->id, text);
}

static int job_take(const void *context, VfioFds *fds, char **ret_message)
{
        const Lease *lease = context;
        const LifeWish *wish = &life_of(lease)->wish;
        LeaseRecord *record = lease->record;
        int forced_fd = fds->n_items > 0 ? fds->items[0].fd : -1;
        bool changed = false;

        fds->n_items = 0; /* the worker sends only new ones */
        int r = check_critical(lease, forced_fd, ret_message);
        if (r != 0)
                return r;
        r = lease_drivers_choose(&lease->ledger->host, record, wish->driver, log_driver, &changed,
                                 ret_message);
        if (r == 0 && wish->release_console)
                r = console_find(&lease->ledger->host, record, &changed);
        if (r == 0)
                r = lease_vfs_save(&lease->ledger->host, record, &changed, ret_message);
        if (r == 0 && changed)
                r = lease_state_save(lease->ledger->state_directory, record);
        if (r == 0)
                r = take(&lease->ledger->host, record, fds, ret_message);
        if (r == 0)
                memlock_set(lease, true);
        return r;
}

/* --- by force --------------------------------------------------------------------------------- */

/*
 * The worker finds the uses that force overrides, and the daemon reports them, since a worker
 * cannot write to the journal. The sentences are in shared memory, each NUL-ended, so that they
 * remain however the worker ends.
 */
static int open_forced(LeaseLife *life, VfioFds *ret_fds)
{
        closep(&life->forced_fd);
        life->forced_fd = -1;
        if (!life->wish.force)
                return 0;
        life->forced_fd = packet_memory_make("forced", "", 0);
        if (life->forced_fd < 0)
                return life->forced_fd;
        ret_fds->items[ret_fds->n_items++] =
                (VfioFd){.name = "forced", .fd = life->forced_fd}; /* owned by the lease */
        return 0;
}

static void tell_forced(Lease *lease)
{
        _cleanup_(closep) int fd = TAKE_FD(life_of(lease)->forced_fd);
        _cleanup_(freep) void *text = NULL;
        size_t n = 0;

        if (fd < 0)
                return;
        int r = packet_memory_read(fd, FORCED_BYTES_MAX, &text, &n);
        if (r < 0) {
                log_broken(r);
                return;
        }
        for (const char *at = text, *end = at + n; at < end; at += strlen(at) + 1)
                audit_lease(AUDIT_FORCED, lease, ": taken by force of uid %u, although %s",
                            lease->record->owner.uid, at);
}

/* --- its end ---------------------------------------------------------------------------------- */

/* Reads the record again: the worker has added the state of VFs, the drivers and the consoles. */
static void adopt_record(Lease *lease)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = NULL;

        int r = lease_state_read(lease->ledger->state_directory, lease->record->id, &record);
        if (r < 0) {
                log_broken(r);
                return;
        }
        for (size_t i = 0; i < record->n_vfs && i < lease->record->n_vfs; i++)
                lease->record->vfs[i].settings = record->vfs[i].settings;
        for (size_t i = 0; i < record->n_devices && i < lease->record->n_devices; i++)
                memcpy(lease->record->devices[i].driver, record->devices[i].driver,
                       sizeof(record->devices[i].driver));
        if (record->n_changes > lease->record->n_changes) {
                LeaseChange *before = lease->record->changes;
                size_t n_before = lease->record->n_changes;

                lease->record->changes = record->changes;
                lease->record->n_changes = record->n_changes;
                record->changes = before;
                record->n_changes = n_before;
        }
}

/*
 * Prepares the next acceptable mode; nothing has been changed on the host yet. Returns whether
 * there is one.
 */
static bool take_next_mode(Lease *lease, const char *message)
{
        LifeWish *wish = &life_of(lease)->wish;

        if (wish->n_others == 0)
                return false;
        log_info("lease %" PRIu32 ": not in mode %s: %s", lease->record->id,
                 lease_mode_to_string(lease->record->mode), message);
        lease->record->mode = wish->others[0];
        wish->n_others--;
        memmove(wish->others, wish->others + 1, wish->n_others * sizeof(*wish->others));
        /* The former mode may have needed no seals. */
        int r = seal_record_slots(&lease->ledger->host, lease->ledger->world->snapshot,
                                  lease->record);
        if (r == 0)
                r = lease_state_save(lease->ledger->state_directory, lease->record);
        if (r < 0)
                log_broken(r);
        return r == 0;
}

/*
 * Whether a device has joined its groups meanwhile, and is held. The udev rules of the lease do
 * that, and a lease that is not complete is not compared with readings.
 */
static bool has_held_joiner(const Lease *lease)
{
        const Snapshot *snapshot = lease->ledger->world->snapshot;

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];
                _cleanup_(freep) char *override = NULL;

                if (lease_record_has_group(lease->record, device->kernel_group) &&
                    !lease_record_find(lease->record, device->bdf) &&
                    driver_override_read(&lease->ledger->host, device->bdf, &override) == 0 &&
                    strcmp(override, BLOCK_OVERRIDE) == 0)
                        return true;
        }
        return false;
}

/* Ends a take whose changes are all undone. */
static void end_refused(Lease *lease, int code, const char *message)
{
        /* From now on no rule holds joiners. A restore lets in those that are held already. */
        if (rules_remove(RULES_DIRECTORY, lease->record->id) < 0)
                log_error("lease %" PRIu32 ": its udev rules cannot be removed", lease->record->id);
        ledger_read_again(lease->ledger);
        life_raise_code(lease, has_held_joiner(lease) ? LIFE_REFUSED_HELD : LIFE_REFUSED, code,
                        message);
}

static void on_done(Lease *lease, WorkerResult *result, bool is_ending)
{
        _cleanup_(freep) char *message = strdup(result->message ? result->message : "");

        life_end_wait(lease);
        adopt_record(lease);
        if (result->code == REFUSAL_UNSUPPORTED && take_next_mode(lease, result->message))
                return life_raise(lease, LIFE_TAKE, NULL);
        tell_forced(lease);
        if (result->code == 0)
                return life_raise(lease, LIFE_TAKEN, &(LifeNews){.fds = result->fds});
        if (result->code == REFUSAL_QUARANTINED)
                return life_raise_code(lease, LIFE_TAKE_BROKEN, result->code,
                                       message ? message : "");
        /* The worker was killed, or died. */
        if (result->code == REFUSAL_STUCK)
                return life_raise_code(lease, LIFE_TAKE_DIED, result->code, message);
        end_refused(lease, result->code, message);
}

static void on_overdue(Lease *lease)
{
        char text[160];

        (void)snprintf(text, sizeof(text),
                       "unbinding a driver has taken more than %u s; see the kernel log; "
                       "the changes are undone when the driver is unbound",
                       lease->ledger->times.worker);
        log_error("lease %" PRIu32 ": %s", lease->record->id, text);
        life_raise_code(lease, LIFE_TAKE_LATE, REFUSAL_STUCK, text);
}

bool life_kill_take(Lease *lease, const LifeNews *news)
{
        tell_forced(lease); /* the worker may never end */
        worker_kill(work_transition(lease));
        life_expect_end(lease, lease->ledger->times.killed);
        return true;
}

bool life_start_take(Lease *lease, const LifeNews *news)
{
        VfioFds given = {.n_items = 0};
        const LeaseJob job = {
                .name = "the worker that takes it",
                .run = job_take,
                .fds = &given,
                .deadline = lease->ledger->times.worker,
                .done = on_done,
                .overdue = on_overdue,
        };

        lease->record->condition.handed_out = false;
        lease_clean_note(&lease->ledger->host, lease->record);
        int r = lease_state_save(lease->ledger->state_directory, lease->record);
        if (r < 0) {
                life_raise_code(lease, LIFE_NOT_STARTED, r,
                                "the lease could not be recorded; nothing was changed");
                return false;
        }
        r = open_forced(life_of(lease), &given);
        if (r == 0)
                r = work_start_transition(lease, &job);
        if (r < 0)
                life_raise_code(lease, LIFE_NOT_STARTED, r, "no worker process could be started");
        return false;
}
