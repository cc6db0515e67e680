/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The checks and the record are made here, in the event loop. A worker asks whether the host lives
 * on a device: a disk that does not answer may block this question. The worker sends its findings
 * in a memfd.
 */

#include "daemon/requests/preview.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/probe/cleanup.h"
#include "daemon/base/log.h"
#include "daemon/guard/console.h"
#include "daemon/host/critical.h"
#include "daemon/host/packet.h"
#include "daemon/lease/drivers.h"
#include "daemon/plan/demand.h"
#include "daemon/plan/plan.h"
#include "daemon/plan/preview_steps.h"
#include "daemon/queue/queue.h"

#define FINDINGS_MAX (1 << 20) /* bytes */

typedef struct Play {
        HostPaths host;
        LeaseRecord *record;
        TextList steps;
        char *warning; /* or NULL */
        GuardLayer guard;
        bool is_forced;
        bool releases_console;
        char driver[LEASE_NAME_SIZE]; /* the requested driver, or "" */
        Worker *worker;
        PlanPreviewDone done;
        void *userdata;
} Play;

static Play *play_free(Play *play)
{
        if (!play)
                return NULL;
        lease_record_free(play->record);
        text_list_clear(&play->steps);
        free(play->warning);
        free(play);
        return NULL;
}
DEFINE_CLEANUP(Play *, play_free);

static void refuse(PlanPreviewDone done, void *userdata, int code, const char *message)
{
        static const TextList none = {.n_items = 0};
        const PlanPreview preview = {
                .code = code,
                .message = message ? message : "",
                .steps = &none,
                .critical = &none,
                .warning = "",
        };

        done(&preview, userdata);
}

/* The beginnings of the lines that the worker sends. */
#define CRITICAL "critical "
#define DRIVER "driver "
#define STEP "step "

typedef struct Findings {
        int fd;
        CriticalKind ignored; /* _CRITICAL_N: ignore none */
} Findings;

static bool send_use(const CriticalUse *use, void *userdata)
{
        const Findings *findings = userdata;

        return use->kind == findings->ignored ||
               dprintf(findings->fd, CRITICAL "%s\n", use->sentence) > 0;
}

/* Runs in the worker, and changes only the worker's copy of the record. */
static int job_ask(const void *context, VfioFds *fds, char **ret_message)
{
        const Play *play = context;
        LeaseRecord *record = play->record;
        _cleanup_(text_list_clear) TextList steps = {.items = NULL};
        _cleanup_(closep) int fd = packet_memory_make("preview", "", 0);
        Findings findings = {fd, play->releases_console ? CRITICAL_DISPLAY : _CRITICAL_N};
        char text[BDF_TEXT_SIZE];
        bool changed = false;

        if (fd < 0)
                return fd;
        int r = lease_drivers_predict(&play->host, record, play->driver);
        if (r == 0 && play->releases_console)
                r = console_find(&play->host, record, &changed);
        for (size_t i = 0; r == 0 && i < record->n_devices; i++) {
                const LeaseDevice *device = &record->devices[i];

                if (device->role != LEASE_ROLE_TAKEN)
                        continue;
                r = critical_list(&play->host, device->bdf, send_use, &findings);
                if (dprintf(fd, DRIVER "%s %s\n", bdf_format(device->bdf, text), device->driver) <
                    0)
                        return -EIO;
        }
        if (r == 0)
                r = preview_take(&play->host, record, &steps);
        for (size_t i = 0; r == 0 && i < steps.n_items; i++)
                if (dprintf(fd, STEP "%s\n", steps.items[i]) < 0)
                        return -EIO;
        if (r < 0)
                return r;
        fds->items[fds->n_items++] = (VfioFd){.name = "preview", .fd = TAKE_FD(fd)};
        return 0;
}

static const char *after(const char *line, const char *head)
{
        size_t n = strlen(head);

        return strncmp(line, head, n) == 0 ? line + n : NULL;
}

static int read_line(Play *play, const char *line, TextList *critical)
{
        const char *rest;
        Bdf bdf;

        if ((rest = after(line, CRITICAL)))
                return lease_step_texts_add(critical, strdup(rest));
        if ((rest = after(line, STEP)))
                return lease_step_texts_add(&play->steps, strdup(rest));
        if (!(rest = after(line, DRIVER)))
                return 0;
        _cleanup_(freep) char *address = strndup(rest, strcspn(rest, " "));
        LeaseDevice *device =
                address && bdf_parse(address, &bdf) ? lease_record_find(play->record, bdf) : NULL;
        if (device && rest[strlen(address)])
                (void)snprintf(device->driver, sizeof(device->driver), "%s",
                               rest + strlen(address) + 1);
        return 0;
}

/* Reads the worker's lines. Returns 0 or -errno. */
static int read_findings(Play *play, const WorkerResult *result, TextList *critical)
{
        _cleanup_(freep) char *text = NULL;
        char *line, *rest;
        size_t n;

        int r = worker_receive(result, FINDINGS_MAX, &text, &n);
        rest = text;
        while (r == 0 && (line = strsep(&rest, "\n")))
                r = read_line(play, line, critical);
        return r;
}

static void on_asked(WorkerResult *result, void *userdata)
{
        _cleanup_(play_freep) Play *play = userdata;
        _cleanup_(text_list_clear) TextList critical = {.items = NULL};
        PlanPreview preview = {
                .code = result->code,
                .message = result->message,
                .record = play->record,
                .steps = &play->steps,
                .critical = &critical,
                .warning = play->warning ? play->warning : "",
                .guard = play->guard,
        };

        if (preview.code == 0)
                preview.code = read_findings(play, result, &critical);
        if (preview.code == 0)
                preview.code = preview_gate(play->guard, &play->steps);
        if (preview.code != 0)
                text_list_clear(&play->steps);
        if (preview.code == 0 && critical.n_items > 0 && !play->is_forced) {
                preview.code = REFUSAL_CRITICAL;
                preview.message = critical.items[0];
        }
        play->done(&preview, play->userdata);
}

/* Kills the worker. The request is answered when the worker has ended. */
static void on_overdue(void *userdata)
{
        Play *play = userdata;

        log_warning("asking what the host lives on takes longer than %d s",
                    WORKER_DEADLINE_SECONDS);
        worker_kill(play->worker);
}

static int ask(Ledger *ledger, Play *play)
{
        const WorkerHandler handler = {
                .done = on_asked,
                .overdue = on_overdue,
                .userdata = play,
        };

        return worker_start(ledger->base, job_ask, play, NULL, WORKER_DEADLINE_SECONDS, &handler,
                            &play->worker);
}

/* Returns 0, a Refusal with the plan's message, or -errno. */
static int prepare(Plan *plan, Play *play)
{
        int r = lease_record_new(&play->record);
        if (r == 0)
                r = plan_record(plan, play->record);
        play->guard = GUARD_OWNED;
        for (size_t i = 0; r == 0 && i < plan->n_groups; i++) {
                GuardLayer layer = GUARD_NONE;

                r = plan_expect_guard(plan->ledger, plan->groups[i], plan->mode, &layer);
                if (layer < play->guard)
                        play->guard = layer;
        }
        if (r == 0)
                r = preview_yield(plan, &play->steps);
        return r == 0 ? preview_rules(plan, play->record, &play->steps) : r;
}

void plan_preview(Ledger *ledger, const AcquireRequest *request, PlanPreviewDone done,
                  void *userdata)
{
        _cleanup_(plan_clear) Plan plan = {
                .ledger = ledger,
                .request = request,
        };
        _cleanup_(play_freep) Play *play = calloc(1, sizeof(*play));

        int r = play ? ledger_read_now(ledger) : -ENOMEM;
        if (r == 0)
                r = plan_negotiate(&plan);
        if (r == 0)
                r = queue_check(&plan);
        if (r == 0)
                r = prepare(&plan, play);
        if (r != 0)
                return refuse(done, userdata, r, plan.message);
        play->warning = TAKE_PTR(plan.warning);
        play->host = ledger->host;
        play->is_forced = request->options.force && request->who.uid == 0;
        play->releases_console = request->options.release_console && request->who.uid == 0;
        memcpy(play->driver, request->options.driver, sizeof(play->driver));
        play->done = done;
        play->userdata = userdata;
        r = ask(ledger, play);
        if (r < 0)
                return refuse(done, userdata, r, "no worker process could be started");
        (void)TAKE_PTR(play);
}
