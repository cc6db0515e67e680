/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The first half of a lease's way: preparing → leased, or put back (manager_release.c).
 *
 * Every step that touches the host runs in a worker; what is here decides what comes next. The
 * record on disk is always at least as far as the host.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/tell/audit.h"
#include "daemon/guard/block.h"
#include "daemon/guard/console.h"
#include "daemon/guard/enforce.h"
#include "daemon/guard/rules.h"
#include "daemon/host/critical.h"
#include "daemon/host/driver.h"
#include "daemon/host/packet.h"
#include "daemon/lease/drivers.h"
#include "daemon/lease/state.h"
#include "daemon/lease/steps.h"
#include "daemon/lease/vfs.h"
#include "daemon/base/log.h"
#include "daemon/limits/memlock.h"

#define FORCED_BYTES_MAX (1 << 20) /* more than anybody reads; the rest are lines of the log */

void lease_quarantine(Lease *lease, const char *trouble)
{
        free(lease->record->trouble);
        lease->record->trouble = strdup(trouble);
        audit_lease(AUDIT_QUARANTINED, lease, " is quarantined: %s", trouble);
        (void)ledger_set_state(lease, LEASE_QUARANTINED);
        if (lease->is_concluding) {
                lease->is_concluding = false;
                lease_answer(lease, REFUSAL_QUARANTINED, lease->record->trouble);
        }
        /* Who waits for its groups is refused now. */
        queue_poke(lease->ledger->queue);
}

void ledger_read_again(Ledger *ledger)
{
        int r = ledger_read_now(ledger);
        if (r < 0) {
                log_broken(r);
                ledger_read_soon(ledger);
        }
}

static void on_owner_gone(evutil_socket_t fd, short what, void *userdata)
{
        Lease *lease = userdata;

        if (lease->record->state == LEASE_QUARANTINED) {
                log_notice("lease %" PRIu32 ": its owner let go; it stays in quarantine",
                           lease->record->id);
                return;
        }
        log_info("lease %" PRIu32 ": its owner let go", lease->record->id);
        lease_release(lease, NULL, NULL);
}

int lease_watch_owner(Lease *lease)
{
        const LedgerObserver *observer = &lease->ledger->observer;

        if (lease->record->lifetime == LEASE_LIFETIME_CONNECTION && observer->needs_name)
                observer->needs_name(lease->record->owner_name, observer->userdata);
        if (lease->record->lifetime != LEASE_LIFETIME_FD)
                return 0;
        /* The write end of a pipe turns readable (an error, to epoll) when all read ends are gone.
         */
        lease->owner_event =
                event_new(lease->ledger->base, lease->owner_fd, EV_READ, on_owner_gone, lease);
        if (!lease->owner_event || event_add(lease->owner_event, NULL) < 0)
                return -ENOMEM;
        return 0;
}

static int open_pipe(Lease *lease)
{
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        lease->client_fd = ends[0];
        lease->owner_fd = ends[1];
        if (lease->record->lifetime != LEASE_LIFETIME_FD)
                closep(&lease->owner_fd), lease->owner_fd = -1;
        return 0;
}

/* The claim stands: make it outlive us, then call it leased. */
static int settle(Lease *lease, char **ret_message)
{
        lease->record->handed_out = true;
        int r = open_pipe(lease);
        for (size_t i = 0; r == 0 && i < lease->fds.n_items; i++)
                r = lease_record_add_fd_name(lease->record, lease->fds.items[i].name);
        if (r == 0)
                r = fdstore_push(lease->record, &lease->fds, lease->owner_fd);
        if (r == 0)
                r = lease_watch_owner(lease);
        if (r == 0)
                r = claims_watch(lease, true);
        if (r == 0)
                r = claims_grant_nodes(lease, ret_message);
        if (r == 0)
                r = ledger_set_state(lease, LEASE_LEASED);
        return r;
}

static void on_unsettled_restored(const LeaseAnswer *reply, Lease *lease, void *userdata)
{
        log_notice("what could not be leased was put back%s%s", reply->code == 0 ? "" : ": ",
                   reply->message);
}

/* The worker has added to the record on disk: how VFs were set, the drivers, what lets go. */
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

void lease_conclude(Lease *lease)
{
        lease->is_concluding = false;
        if (lease->is_orphan) {
                lease_answer(lease, REFUSAL_CHANGED, "its owner is gone");
                return lease_begin_restore(lease, NULL, NULL);
        }
        if (!lease_is_weak(lease)) {
                audit_lease(AUDIT_TAKEN, lease, ": %s, uid %u, mode %s",
                            lease->record->groups[0].id, lease->record->uid,
                            lease_mode_to_string(lease->record->mode));
                return lease_answer(lease, 0, NULL);
        }
        lease_answer(lease, REFUSAL_TOO_WEAK,
               "the guard is weaker than required, now that the lease is made: "
               "the machine has changed meanwhile; the group is put back");
        lease_begin_restore(lease, on_unsettled_restored, NULL);
}

static void on_taken(Lease *lease, VfioFds *fds)
{
        _cleanup_(freep) char *message = NULL;

        lease->fds = *fds;
        fds->n_items = 0;
        lease->ledger->is_quiet = true; /* until the machine has been read */
        int r = settle(lease, &message);
        lease->ledger->is_quiet = false;
        if (r != 0) {
                lease_answer(lease, r,
                       message ? message
                               : "the lease could not be recorded; the group is put back");
                return lease_begin_restore(lease, on_unsettled_restored, NULL);
        }
        memlock_check_raised(lease);
        lease->is_concluding = true;
        ledger_read_again(lease->ledger);
}

/* Takes it in the next of the modes that would do, as nothing was changed. Returns whether it does.
 */
static bool take_otherwise(Lease *lease, const char *message)
{
        if (lease->n_others == 0)
                return false;
        log_info("lease %" PRIu32 ": not in mode %s: %s", lease->record->id,
                 lease_mode_to_string(lease->record->mode), message);
        lease->record->mode = lease->others[0];
        lease->n_others--;
        memmove(lease->others, lease->others + 1, lease->n_others * sizeof(*lease->others));
        /* The mode before may have needed none. */
        int r = seal_record_slots(lease->ledger, lease->record);
        if (r == 0)
                r = lease_state_save(lease->ledger->state_directory, lease->record);
        if (r < 0) {
                log_broken(r);
                return false;
        }
        lease_begin_take(lease, lease->done, lease->done_userdata);
        return true;
}

/* --- by force --------------------------------------------------------------------------------- */

/*
 * What stands against taking it is found by the worker and told by the daemon: the journal is not
 * within a worker's reach. The sentences are in memory that both have, each with its NUL, so that
 * they are there however the worker ends.
 */
static int open_forced(Lease *lease, VfioFds *ret_fds)
{
        closep(&lease->forced_fd);
        lease->forced_fd = -1;
        if (!lease->force)
                return 0;
        lease->forced_fd = packet_memory_make("forced", "", 0);
        if (lease->forced_fd < 0)
                return lease->forced_fd;
        ret_fds->items[ret_fds->n_items++] =
                (VfioFd){.name = "forced", .fd = lease->forced_fd}; /* the lease's */
        return 0;
}

static bool note_forced(const CriticalUse *use, void *userdata)
{
        const int *fd = userdata;
        const size_t n = strlen(use->sentence) + 1;

        if (lseek(*fd, 0, SEEK_CUR) + (off_t)n > FORCED_BYTES_MAX ||
            write(*fd, use->sentence, n) != (ssize_t)n)
                log_warning("taken by force, although %s", use->sentence);
        return true;
}

static void tell_forced(Lease *lease)
{
        _cleanup_(closep) int fd = TAKE_FD(lease->forced_fd);
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
                            lease->record->uid, at);
}

/* ---------------------------------------------------------------------------------------------- */

/*
 * Has somebody joined its groups meanwhile, and is held? udev's rules of the lease do that, and
 * what is not leased yet is not held against what was read.
 */
static bool has_held_stranger(const Lease *lease)
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

static void on_take_done(WorkerResult *result, void *userdata)
{
        Lease *lease = userdata;
        Ledger *ledger = lease->ledger;
        _cleanup_(freep) char *message = strdup(result->message ? result->message : "");

        lease_end_worker(lease);
        adopt_record(lease);
        if (result->code == REFUSAL_UNSUPPORTED && take_otherwise(lease, result->message))
                return;
        tell_forced(lease);
        if (result->code == 0)
                return on_taken(lease, result->fds);
        if (result->code == REFUSAL_QUARANTINED) {
                lease_quarantine(lease, message ? message : "");
                return lease_answer(lease, result->code, message);
        }
        if (result->code == REFUSAL_STUCK) {
                /* Killed, or it died: nobody knows how far it came. */
                lease_answer(lease, result->code, message);
                return lease_begin_restore(lease, on_unsettled_restored, NULL);
        }

        /* From now on no rule holds anybody; who is held already is let in by a restore. */
        if (rules_remove(RULES_DIRECTORY, lease->record->id) < 0)
                log_error("lease %" PRIu32 ": its udev rules cannot be removed", lease->record->id);
        ledger_read_again(ledger);
        if (has_held_stranger(lease)) {
                lease_answer(lease, result->code, message);
                return lease_begin_restore(lease, on_unsettled_restored, NULL);
        }

        LeaseDone done = lease->done;
        void *done_userdata = lease->done_userdata;
        LeaseAnswer reply = {.code = result->code, .message = message ? message : ""};
        lease_drop(lease);
        ledger_read_again(ledger);
        if (done)
                done(&reply, NULL, done_userdata);
}

static void on_take_overdue(void *userdata)
{
        Lease *lease = userdata;
        char text[160];

        (void)snprintf(text, sizeof(text),
                       "a driver took longer than %u s to let go of its device; "
                       "the kernel log says more; what was done is undone when it does",
                       lease->ledger->times.worker);
        log_error("lease %" PRIu32 ": %s", lease->record->id, text);
        tell_forced(lease); /* its end may never come */
        worker_kill(lease->worker);
        lease_expect_end(lease, lease->ledger->times.killed);
        lease_answer(lease, REFUSAL_STUCK, text);
}

/* Shuts what must be shut before the first driver leaves; opens it again if the take fails. */
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
        return host_refuse(REFUSAL_QUARANTINED, ret_message, "putting back failed: %s",
                           undo_message ? undo_message : strerror(-undo));
}

/* Does the host live on what is to be taken? Who forces it is asked nothing, but it is noted. */
static int check_critical(const Lease *lease, int forced_fd, char **ret_message)
{
        const HostPaths *host = &lease->ledger->host;
        LeaseRecord *record = lease->record;
        int r = 0;

        /* What is asked to let go of the screen is no reason. */
        CriticalKind ignored = lease->release_console ? CRITICAL_DISPLAY : _CRITICAL_N;
        for (size_t i = 0; r == 0 && i < record->n_devices; i++)
                if (record->devices[i].role == LEASE_ROLE_TAKEN)
                        r = lease->force ? critical_list(host, record->devices[i].bdf, note_forced,
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
        LeaseRecord *record = lease->record;
        int forced_fd = fds->n_items > 0 ? fds->items[0].fd : -1;
        bool changed = false;

        fds->n_items = 0; /* only what is new is sent */
        int r = check_critical(lease, forced_fd, ret_message);
        if (r != 0)
                return r;
        r = lease_drivers_choose(&lease->ledger->host, record, lease->driver, log_driver, &changed,
                                 ret_message);
        if (r == 0 && lease->release_console)
                r = console_find(&lease->ledger->host, record, &changed);
        if (r == 0)
                r = lease_vfs_save(&lease->ledger->host, record, &changed, ret_message);
        if (r == 0 && changed)
                r = lease_state_save(lease->ledger->state_directory, record);
        if (r == 0)
                r = take(&lease->ledger->host, record, fds, ret_message);
        if (r == 0)
                memlock_raise(lease);
        return r;
}

void lease_begin_take(Lease *lease, LeaseDone done, void *userdata)
{
        const WorkerHandler handler = {
                .done = on_take_done,
                .overdue = on_take_overdue,
                .userdata = lease,
        };
        VfioFds given = {.n_items = 0};

        lease->done = done;
        lease->done_userdata = userdata;
        lease->record->handed_out = false;
        lease_clean_note(&lease->ledger->host, lease->record);
        int r = lease_state_save(lease->ledger->state_directory, lease->record);
        if (r < 0) {
                lease_answer(lease, r, "the lease could not be recorded; nothing was changed");
                return lease_drop(lease);
        }
        r = open_forced(lease, &given);
        if (r == 0)
                r = worker_start(lease->ledger->base, job_take, lease, &given,
                                 lease->ledger->times.worker, &handler, &lease->worker);
        if (r == 0)
                return;
        lease_answer(lease, r, "no worker process could be started");
        lease_drop(lease);
}
