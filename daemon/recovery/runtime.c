/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * inotify(7) tells that something was removed, but not what is right now. So all is checked a
 * moment later, when the removal has finished. A record that exists is never replaced, as a worker
 * may have written more to it than the daemon knows.
 */

#include "daemon/base/event.h"
#include "daemon/recovery/runtime.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/probe/cleanup.h"
#include "daemon/base/log.h"
#include "daemon/guard_process/controller.h"
#include "daemon/host/helper.h"
#include "daemon/host/program.h"
#include "daemon/lease/state.h"
#include "daemon/queue/queue.h"
#include "daemon/recovery/selfcheck.h"

#define GONE (IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF)
#define COME (IN_CREATE | IN_MOVED_TO)

#define SETTLE_MSEC 200
#define RESTART_SECONDS 30

enum {
        PLACE_RUNTIME,
        PLACE_STATE,
        PLACE_HELPERS,
        _PLACE_N,
};

struct Runtime {
        Ledger *ledger;
        const char *places[_PLACE_N]; /* borrowed; NULL: no helpers */
        char path[LEDGER_PATH_SIZE];
        int fd;
        int watches[_PLACE_N]; /* -1: none */
        struct event *event, *settle;
        bool missing[_HELPER_ROLE_N]; /* reported as missing */
        Worker *worker;               /* restarts the socket units */
};

/* --- the files -------------------------------------------------------------------------------- */

/* Makes a directory again that somebody has removed. */
static void make_directory(const char *path, mode_t mode)
{
        if (mkdir(path, mode) == 0) {
                /* The umask is meant for files. */
                if (chmod(path, mode) < 0)
                        log_warning("%s: its mode cannot be set: %s", path, strerror(errno));
                log_warning("%s was removed; it is made again, and its files are written from "
                            "memory",
                            path);
        } else if (errno != EEXIST) {
                log_error("%s was removed and cannot be made again: %s; a restart would end the "
                          "leases",
                          path, strerror(errno));
        }
}

static void restore_records(Runtime *runtime)
{
        const Ledger *ledger = runtime->ledger;

        for (size_t i = 0; i < ledger->n_leases; i++) {
                const LeaseRecord *record = ledger->leases[i]->record;
                int r = lease_state_restore(ledger->state_directory, record);

                if (r < 0)
                        log_error("lease %" PRIu32
                                  ": its record was removed and cannot be written: "
                                  "%s; a restart would end it",
                                  record->id, strerror(-r));
                else if (r == LEASE_STATE_E_RESTORED)
                        log_warning("lease %" PRIu32
                                    ": its record was removed; it is written again",
                                    record->id);
        }
}

/* The directory of the helpers is made for the lock of the gate, not for their sockets. */
static void make_directories(const Runtime *runtime)
{
        static const mode_t modes[_PLACE_N] = {
                [PLACE_RUNTIME] = 0755, [PLACE_STATE] = 0700, [PLACE_HELPERS] = 0755};

        for (size_t i = 0; i < _PLACE_N; i++)
                if (runtime->places[i])
                        make_directory(runtime->places[i], modes[i]);
}

/* --- the sockets ------------------------------------------------------------------------------ */

/* Reports sockets that have gone or come back. */
static void check_sockets(Runtime *runtime)
{
        for (HelperRole role = 0; runtime->places[PLACE_HELPERS] && role < _HELPER_ROLE_N; role++) {
                const char *name = helper_role_to_string(role);
                bool missing = !selfcheck_has_helper(&runtime->ledger->host, role);

                if (missing == runtime->missing[role])
                        continue;
                runtime->missing[role] = missing;
                if (missing)
                        log_error("isolationd-%s cannot be reached: there is no socket %s/%s; to "
                                  "make it again: "
                                  "systemctl restart isolationd.service",
                                  name, runtime->places[PLACE_HELPERS], name);
                else
                        log_notice("isolationd-%s can be reached again", name);
        }
}

static int job_restart_sockets(const void *context, VfioFds *fds, char **ret_message)
{
        const Runtime *runtime = context;
        int r = 0;

        for (HelperRole role = 0; role < _HELPER_ROLE_N; role++) {
                char unit[64];

                (void)snprintf(unit, sizeof(unit), "isolationd-%s.socket",
                               helper_role_to_string(role));
                if (runtime->missing[role])
                        r = service_restart(unit) < 0 ? -EIO : r;
        }
        return r;
}

static void on_restarted(WorkerResult *result, void *userdata)
{
        Runtime *runtime = userdata;

        runtime->worker = NULL;
        if (result->code != 0)
                log_error("the service manager could not make the sockets of the helpers again");
        check_sockets(runtime);
}

/* Called only at the start: later, somebody may have stopped a socket on purpose. */
static void restart_sockets(Runtime *runtime)
{
        const WorkerHandler handler = {.done = on_restarted, .userdata = runtime};
        bool any = false;

        for (HelperRole role = 0; role < _HELPER_ROLE_N; role++)
                any |= runtime->missing[role];
        if (!any || !service_is_managed())
                return;
        int r = worker_start(runtime->ledger->base, job_restart_sockets, runtime, NULL,
                             RESTART_SECONDS, &handler, &runtime->worker);
        if (r < 0)
                log_broken(r);
}

/* --- watching --------------------------------------------------------------------------------- */

static void watch_place(Runtime *runtime, size_t place)
{
        const char *path = runtime->places[place];
        int former = runtime->watches[place];

        if (!path)
                return;
        runtime->watches[place] = inotify_add_watch(
                runtime->fd, path, (place == PLACE_HELPERS ? GONE | COME : GONE) | IN_ONLYDIR);
        if (runtime->watches[place] < 0)
                log_warning("%s cannot be watched: %s", path, strerror(errno));
        /*
         * A watch of the same directory has the same number. Otherwise the directory was moved or
         * removed.
         */
        if (former >= 0 && former != runtime->watches[place])
                (void)inotify_rm_watch(runtime->fd, former);
}

static void watch_places(Runtime *runtime)
{
        for (size_t i = 0; i < _PLACE_N; i++)
                watch_place(runtime, i);
}

/* Watch first, then check: a removal in between causes an event. */
static void on_settled(evutil_socket_t fd, short what, void *userdata)
{
        Runtime *runtime = userdata;

        make_directories(runtime);
        watch_places(runtime);
        restore_records(runtime);
        queue_save(runtime->ledger);
        controller_save(runtime->ledger);
        check_sockets(runtime);
}

/* Whether an event is about more than a file that is being replaced. */
static bool matters(const struct inotify_event *event)
{
        if (event->mask & IN_IGNORED)
                return false; /* the daemon did it, or it was handled already */
        return event->len == 0 || event->name[0] != '.';
}

static void on_readable(evutil_socket_t fd, short what, void *userdata)
{
        const struct timeval delay = {.tv_usec = SETTLE_MSEC * 1000};
        _Alignas(struct inotify_event) char buffer[8192];
        Runtime *runtime = userdata;
        bool wanted = false;

        for (ssize_t n; (n = read(runtime->fd, buffer, sizeof(buffer))) > 0;)
                for (size_t at = 0; at + sizeof(struct inotify_event) <= (size_t)n;) {
                        const struct inotify_event *event = (const void *)(buffer + at);

                        wanted |= matters(event);
                        at += sizeof(*event) + event->len;
                }
        if (wanted && !evtimer_pending(runtime->settle, NULL) &&
            evtimer_add(runtime->settle, &delay) < 0)
                log_broken(-ENOMEM);
}

int runtime_new(struct event_base *base, Ledger *ledger, const char *path, Runtime **ret_runtime)
{
        _cleanup_(runtime_freep) Runtime *runtime = calloc(1, sizeof(*runtime));

        if (!runtime)
                return -ENOMEM;
        runtime->ledger = ledger;
        (void)snprintf(runtime->path, sizeof(runtime->path), "%s", path);
        runtime->places[PLACE_RUNTIME] = runtime->path;
        runtime->places[PLACE_STATE] = ledger->state_directory;
        runtime->places[PLACE_HELPERS] = ledger->host.helpers;
        for (size_t i = 0; i < _PLACE_N; i++)
                runtime->watches[i] = -1;
        runtime->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (runtime->fd < 0)
                return -errno;
        runtime->settle = evtimer_new(base, on_settled, runtime);
        if (!runtime->settle || event_watch(&runtime->event, base, runtime->fd,
                                            EV_READ | EV_PERSIST, on_readable, runtime) < 0)
                return -ENOMEM;
        watch_places(runtime);
        check_sockets(runtime);
        restart_sockets(runtime);
        *ret_runtime = TAKE_PTR(runtime);
        return 0;
}

Runtime *runtime_free(Runtime *runtime)
{
        if (!runtime)
                return NULL;
        worker_free(runtime->worker);
        event_freep(&runtime->event);
        event_freep(&runtime->settle);
        closep(&runtime->fd);
        free(runtime);
        return NULL;
}
