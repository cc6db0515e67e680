/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A lease's way: preparing → leased → releasing → gone, and the two side tracks, draining (the kernel
 * waits for somebody) and quarantined (putting back failed).
 *
 * Every step that touches the host runs in a worker; what is here decides what comes next. The record
 * on disk is always at least as far as the host.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "daemon/guard/enforce.h"
#include "daemon/guard/rules.h"
#include "daemon/host/critical.h"
#include "daemon/lease/state.h"
#include "daemon/lease/steps.h"
#include "daemon/lease/vfs.h"
#include "daemon/log.h"
#include "daemon/manager.h"

/* How long the service manager may take to let go of the fds it kept for us. */
#define STORE_BARRIER_USEC (5 * 1000000ULL)
/* How long a dying owner may take to close its fds before we ask the kernel to ask it. */
#define OWNER_EXIT_SECONDS 2

static void answer(Lease *lease, int code, const char *message)
{
        ManagerDone done = lease->done;
        ManagerAnswer reply = {.code = code, .message = message ? message : ""};

        lease->done = NULL;
        if (done)
                done(&reply, code == 0 ? lease : NULL, lease->done_userdata);
}

void manager_quarantine(Lease *lease, const char *trouble)
{
        free(lease->record->trouble);
        lease->record->trouble = strdup(trouble);
        log_error("lease %" PRIu32 " is quarantined: %s", lease->record->id, trouble);
        (void)manager_set_lease_state(lease, LEASE_QUARANTINED);
}

static void see_again(Manager *manager)
{
        int r = manager_reconcile(manager);
        if (r < 0) {
                log_broken(r);
                manager_mark_dirty(manager);
        }
}

static void on_owner_gone(evutil_socket_t fd, short what, void *userdata)
{
        Lease *lease = userdata;

        log_info("lease %" PRIu32 ": its owner let go", lease->record->id);
        manager_release(lease, NULL, NULL);
}

int manager_watch_owner(Lease *lease)
{
        if (lease->record->lifetime != LEASE_LIFETIME_FD)
                return 0;
        /* The write end of a pipe turns readable (an error, to epoll) when all read ends are gone. */
        lease->owner_event =
                event_new(lease->manager->base, lease->owner_fd, EV_READ, on_owner_gone, lease);
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
static int settle(Lease *lease)
{
        int r = open_pipe(lease);
        for (size_t i = 0; r == 0 && i < lease->fds.n_items; i++)
                r = lease_record_add_fd_name(lease->record, lease->fds.items[i].name);
        if (r == 0)
                r = fdstore_push(lease->record, &lease->fds, lease->owner_fd);
        if (r == 0)
                r = manager_watch_owner(lease);
        if (r == 0)
                r = manager_set_lease_state(lease, LEASE_LEASED);
        return r;
}

static void on_unsettled_restored(const ManagerAnswer *reply, Lease *lease, void *userdata)
{
        log_notice("what could not be leased was put back%s%s", reply->code == 0 ? "" : ": ",
                   reply->message);
}

/* The worker has added to the record on disk how virtual functions were set. */
static void adopt_vfs(Lease *lease)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = NULL;

        if (lease->record->n_vfs == 0)
                return;
        int r = lease_state_read(lease->manager->state_directory, lease->record->id, &record);
        if (r < 0) {
                log_broken(r);
                return;
        }
        for (size_t i = 0; i < record->n_vfs && i < lease->record->n_vfs; i++)
                lease->record->vfs[i].settings = record->vfs[i].settings;
}

static void on_take_done(WorkerResult *result, void *userdata)
{
        Lease *lease = userdata;
        Manager *manager = lease->manager;
        _cleanup_(freep) char *message = strdup(result->message ? result->message : "");

        lease->worker = NULL;
        adopt_vfs(lease);
        if (result->code == 0) {
                lease->fds = *result->fds;
                result->fds->n_items = 0;
                int r = settle(lease);
                if (r == 0) {
                        log_info("lease %" PRIu32 ": %s, uid %u, mode %s", lease->record->id,
                                 lease->record->groups[0].id, lease->record->uid,
                                 lease_mode_to_string(lease->record->mode));
                        see_again(manager);
                        if (!manager_is_weak(lease))
                                return answer(lease, 0, NULL);
                        answer(lease, REFUSAL_TOO_WEAK,
                               "the guard is weaker than required, now that the lease is made: "
                               "the machine has changed meanwhile; the group is put back");
                        return manager_begin_restore(lease, on_unsettled_restored, NULL);
                }
                answer(lease, r, "the lease could not be recorded; the group is put back");
                return manager_begin_restore(lease, on_unsettled_restored, NULL);
        }
        if (result->code == REFUSAL_QUARANTINED) {
                manager_quarantine(lease, message ? message : "");
                return answer(lease, result->code, message);
        }
        if (result->code == REFUSAL_STUCK) {
                /* Killed, or it died: nobody knows how far it came. */
                answer(lease, result->code, message);
                return manager_begin_restore(lease, on_unsettled_restored, NULL);
        }

        ManagerDone done = lease->done;
        void *done_userdata = lease->done_userdata;
        ManagerAnswer reply = {.code = result->code, .message = message ? message : ""};
        manager_drop_lease(lease);
        see_again(manager);
        if (done)
                done(&reply, NULL, done_userdata);
}

static void on_take_overdue(void *userdata)
{
        Lease *lease = userdata;
        char text[160];

        (void)snprintf(text, sizeof(text),
                       "a driver took longer than %d s to let go of its device; "
                       "the kernel log says more; what was done is being undone",
                       MANAGER_WORKER_DEADLINE_SECONDS);
        log_error("lease %" PRIu32 ": %s", lease->record->id, text);
        worker_kill(lease->worker);
        answer(lease, REFUSAL_STUCK, text);
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

static int job_take(const void *context, VfioFds *fds, char **ret_message)
{
        const Lease *lease = context;
        LeaseRecord *record = lease->record;
        bool changed = false;

        for (size_t i = 0; !lease->force && i < record->n_devices; i++) {
                if (record->devices[i].role != LEASE_ROLE_TAKEN)
                        continue;
                int r = critical_check(&lease->manager->host, record->devices[i].bdf, ret_message);
                if (r != 0)
                        return r;
        }
        int r = lease_vfs_save(&lease->manager->host, record, &changed, ret_message);
        if (r == 0 && changed)
                r = lease_state_save(lease->manager->state_directory, record);
        return r != 0 ? r : take(&lease->manager->host, record, fds, ret_message);
}

void manager_begin_take(Lease *lease, ManagerDone done, void *userdata)
{
        const WorkerHandler handler = {
                .done = on_take_done,
                .overdue = on_take_overdue,
                .userdata = lease,
        };

        lease->done = done;
        lease->done_userdata = userdata;
        int r = worker_start(lease->manager->base, job_take, lease, NULL,
                             MANAGER_WORKER_DEADLINE_SECONDS, &handler, &lease->worker);
        if (r == 0)
                return;
        answer(lease, r, "no worker process could be started");
        manager_drop_lease(lease);
}

static int job_restore(const void *context, VfioFds *fds, char **ret_message)
{
        const Lease *lease = context;
        int32_t groups[LEASE_GROUPS_MAX];

        /* Closing the last copy may reset the device: here, not in the service manager. */
        (void)sd_notify_barrier(0, STORE_BARRIER_USEC);
        vfio_fds_close(fds);
        for (size_t i = 0; i < lease->record->n_groups; i++)
                groups[i] = lease->record->groups[i].number;
        vfio_await_closed(&lease->manager->host, groups, lease->record->n_groups,
                          OWNER_EXIT_SECONDS);
        /* Slots last: what waits in them comes in, and finds its own driver. */
        int r = lease_steps_restore(&lease->manager->host, lease->record, ret_message);
        return r != 0 ? r : guard_undo(&lease->manager->host, lease->record, 0, ret_message);
}

static void on_restore_done(WorkerResult *result, void *userdata)
{
        Lease *lease = userdata;
        Manager *manager = lease->manager;
        _cleanup_(freep) char *message = strdup(result->message ? result->message : "");
        uint32_t id = lease->record->id;

        lease->worker = NULL;
        see_again(manager);
        if (result->code != 0) {
                const char *trouble = message && message[0] ? message
                                      : result->code < 0    ? strerror(-result->code)
                                                            : "the kernel refused";
                manager_quarantine(lease, trouble);
                return answer(lease, REFUSAL_QUARANTINED, trouble);
        }
        if (lease->n_joined != lease->n_restoring)
                /* Somebody joined while the others were put back. */
                return manager_begin_restore(lease, lease->done, lease->done_userdata);

        ManagerDone done = lease->done;
        void *done_userdata = lease->done_userdata;
        ManagerAnswer reply = {.code = 0, .message = ""};
        manager_drop_lease(lease);
        log_info("lease %" PRIu32 ": given back", id);
        if (done)
                done(&reply, NULL, done_userdata);
}

void manager_overdue(Lease *lease, const char *text)
{
        log_warning("lease %" PRIu32 ": %s", lease->record->id, text);
        (void)manager_set_lease_state(lease, LEASE_DRAINING);
        answer(lease, REFUSAL_STUCK, text);
}

static void on_restore_overdue(void *userdata)
{
        Lease *lease = userdata;
        char text[192];

        (void)snprintf(text, sizeof(text),
                       "group %s: somebody still has it open and the kernel waits for them "
                       "(fuser -v /dev/vfio/* shows who); it is given back when they close it",
                       lease->record->groups[0].id);
        manager_overdue(lease, text);
}

static void forget_owner(Lease *lease)
{
        if (lease->owner_event)
                event_free(TAKE_PTR(lease->owner_event));
        closep(&lease->owner_fd);
        closep(&lease->client_fd);
        lease->owner_fd = lease->client_fd = -1;
}

void manager_begin_restore(Lease *lease, ManagerDone done, void *userdata)
{
        const WorkerHandler handler = {
                .done = on_restore_done,
                .overdue = on_restore_overdue,
                .userdata = lease,
        };

        lease->done = done;
        lease->done_userdata = userdata;
        if (lease->guard_worker) {
                /* Two at one device would undo each other's work. Its record says all it did. */
                lease->restore_waits = true;
                worker_kill(lease->guard_worker);
                (void)manager_set_lease_state(lease, LEASE_RELEASING);
                return;
        }
        manager_drop_task(lease);
        /* A device that has its override back must not be blocked anew by them. */
        if (rules_remove(RULES_DIRECTORY, lease->record->id) < 0)
                log_error("lease %" PRIu32 ": its udev rules cannot be removed", lease->record->id);
        lease->n_restoring = lease->n_joined;
        forget_owner(lease);
        fdstore_remove(lease->record);
        (void)manager_set_lease_state(lease, LEASE_RELEASING);
        int r = worker_start(lease->manager->base, job_restore, lease, &lease->fds,
                             MANAGER_WORKER_DEADLINE_SECONDS, &handler, &lease->worker);
        if (r < 0) {
                manager_quarantine(lease, "no worker process could be started");
                return answer(lease, r, "no worker process could be started; release it again");
        }
        vfio_fds_close(&lease->fds);
}

void manager_release(Lease *lease, ManagerDone done, void *userdata)
{
        ManagerAnswer busy = {
                .code = REFUSAL_BUSY,
                .message = "the lease is being prepared or given back; wait for that to end",
        };

        switch (lease->record->state) {
        case LEASE_LEASED:
        case LEASE_QUARANTINED:
                return manager_begin_restore(lease, done, userdata);
        case LEASE_RELEASING:
        case LEASE_DRAINING:
                if ((lease->worker || lease->restore_waits) && !lease->done) {
                        lease->done = done;
                        lease->done_userdata = userdata;
                        return;
                }
                break;
        case LEASE_PREPARING:
        case _LEASE_STATE_N:
                break;
        }
        if (done)
                done(&busy, NULL, userdata);
}
