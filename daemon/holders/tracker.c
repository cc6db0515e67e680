/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Questions, each with its own worker, and a timer for leases of one process only.
 *
 * A question has a copy of what it looks for, so its lease may end before the answer. A question
 * that hangs (the kernel blocks its worker in /proc) is answered at its deadline, and stays in the
 * list until its worker has ended.
 *
 * Users have a quota of questions. Questions of the daemon do not count: a flood of requests must
 * not keep the daemon from finding the processes that it has to kill. The daemon asks one question
 * of a kind for a lease at a time.
 */

#include "daemon/base/event.h"
#include "daemon/holders/tracker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/list.h"
#include "daemon/base/log.h"
#include "daemon/descriptors/descriptors.h"
#include "daemon/host/worker.h"
#include "daemon/limits/quota.h"

#define QUESTIONS_PER_UID_MAX 4
#define HANGING_MAX 16 /* the daemon's own; further ones would hang as well */
#define QUESTION_DEADLINE_SECONDS 5

typedef struct Question {
        Ledger *ledger;
        struct Question *next;
        HolderSearch search;
        bool kill;
        bool is_own; /* asked by the daemon; `uid` does not matter */
        bool again;  /* asked again meanwhile, with `again_userdata` */
        uid_t uid;   /* the user that asks */
        uint32_t lease;
        HoldersDone done; /* NULL once it has been answered */
        void *userdata, *again_userdata;
        Worker *worker;
} Question;

typedef struct HolderTracker {
        Question *questions;
        struct event *timer;
} HolderTracker;

/* The part of each lease. */
typedef struct LeaseHolders {
        HolderSearch nodes; /* its nodes, noted while they had names */
        HolderList seen;    /* its holders at the last look, its owner's process first */
} LeaseHolders;

DEFINE_MODULE_DATA(HolderTracker, tracker_of, holders_module);

DEFINE_LEASE_PART(LeaseHolders, of, holders_module);

/* --- questions -------------------------------------------------------------------------------- */

static Question *question_free(Question *question)
{
        if (!question)
                return NULL;
        worker_free(question->worker);
        holder_search_clear(&question->search);
        free(question);
        return NULL;
}
DEFINE_CLEANUP(Question *, question_free);

static void answer(Question *question, const HoldersResult *result)
{
        HoldersDone done = question->done;

        question->done = NULL;
        if (done)
                done(question->ledger, question->lease, result, question->userdata);
}

static void fail(Question *question, int code, const char *message)
{
        static const HolderList nobody = {.items = NULL};

        answer(question, &(HoldersResult){.code = code, .message = message, .holders = &nobody});
}

static int job_find(const void *context, VfioFds *fds, char **ret_message)
{
        const Question *question = context;
        const HostPaths *host = &question->ledger->host;
        _cleanup_(holder_list_clear) HolderList list = {.items = NULL};
        size_t n_killed = 0;

        int r = holders_look(host, &question->search, question->kill, &list, &n_killed);
        if (r == HOLDERS_E_UNSEEN)
                return host_refuse(REFUSAL_UNSUPPORTED, ret_message, HOLDERS_UNSEEN);
        if (r < 0)
                return r;
        int fd = holders_to_fd(&list);
        if (fd < 0)
                return fd;
        fds->items[0] = (VfioFd){.name = "holders", .fd = fd};
        fds->n_items = 1;
        return asprintf(ret_message, "%zu", n_killed) < 0 ? -ENOMEM : 0;
}

/* Asks again for a request that came before the answer, as new holders may have appeared since. */
static void ask_again(const Question *question, HoldersDone done)
{
        Lease *lease = ledger_find_lease(question->ledger, question->lease);

        if (question->again && done && lease)
                holders_ask_own(lease, question->kill, done, question->again_userdata);
}

static void on_found(WorkerResult *result, void *userdata)
{
        _cleanup_(question_freep) Question *question = userdata;
        HoldersDone done = question->done;
        _cleanup_(holder_list_clear) HolderList list = {.items = NULL};
        int fd = vfio_fds_find(result->fds, "holders");

        question->worker = NULL;
        LIST_UNLINK(tracker_of(question->ledger)->questions, question);
        int r = result->code;
        if (r == 0)
                r = fd < 0 ? -EBADMSG : holders_from_fd(fd, &list);
        if (r != 0)
                fail(question, r, result->code > 0 ? result->message : "");
        else
                answer(question, &(HoldersResult){
                                         .message = "",
                                         .holders = &list,
                                         .n_killed = strtoul(result->message, NULL, 10),
                                 });
        ask_again(question, done);
}

static void on_overdue(void *userdata)
{
        Question *question = userdata;

        worker_kill(question->worker);
        fail(question, REFUSAL_STUCK, "the search through /proc has not ended; see the kernel log");
}

/* Whether the user may ask one more question; answers it otherwise. */
static bool has_quota(Question *question)
{
        Quota quota = {.uid = question->uid};
        char text[96];

        for (const Question *each = tracker_of(question->ledger)->questions; each;
             each = each->next)
                if (!each->is_own)
                        quota_count(&quota, each->uid);
        if (quota_is_full(&quota)) {
                fail(question, REFUSAL_QUOTA,
                     "too many users are asking for holders; try again "
                     "later");
                return false;
        }
        if (!quota_is_reached(&quota, QUESTIONS_PER_UID_MAX))
                return true;
        (void)snprintf(text, sizeof(text),
                       "uid %u is asking for holders %zu times already; wait for the answers",
                       quota.uid, quota.n_mine);
        fail(question, REFUSAL_QUOTA, text);
        return false;
}

/* Whether the daemon may ask one more question. Only workers that hang in the kernel prevent it. */
static bool is_answerable(Question *question)
{
        size_t n = 0;

        for (const Question *each = tracker_of(question->ledger)->questions; each;
             each = each->next)
                n += each->is_own && !each->done;
        if (n < HANGING_MAX)
                return true;
        fail(question, REFUSAL_STUCK,
             "searches through /proc hang in the kernel; see the kernel "
             "log");
        return false;
}

/*
 * Takes over the question; answers at once if it cannot be asked, or if the search could not be
 * prepared (`r`).
 */
static void ask(Question *question, int r)
{
        _cleanup_(question_freep) Question *owned = question;
        HolderTracker *tracker = tracker_of(question->ledger);
        const WorkerHandler handler = {
                .done = on_found,
                .overdue = on_overdue,
                .userdata = question,
        };

        if (r < 0)
                return fail(question, r, "");
        if (question->is_own ? !is_answerable(question) : !has_quota(question))
                return;
        r = worker_start(question->ledger->base, job_find, question, NULL,
                         QUESTION_DEADLINE_SECONDS, &handler, &question->worker);
        if (r < 0)
                return fail(question, r, "no worker process could be started");
        question->next = tracker->questions;
        tracker->questions = TAKE_PTR(owned);
}

static Question *question_new(Ledger *ledger, HoldersDone done, void *userdata)
{
        static const HolderList nobody = {.items = NULL};
        Question *question = calloc(1, sizeof(*question));

        if (!question) {
                done(ledger, 0, &(HoldersResult){-ENOMEM, "", &nobody, 0}, userdata);
                return NULL;
        }
        *question = (Question){
                .ledger = ledger,
                .search.daemon = getpid(),
                .search.keeper = getppid(),
                .done = done,
                .userdata = userdata,
        };
        return question;
}

static int add_nodes(HolderSearch *search, const Lease *lease)
{
        const LeaseRecord *record = lease->record;
        const HostPaths *host = &lease->ledger->host;
        int r = holder_search_add_fds(search, descriptors_of(lease));

        for (size_t i = 0; r == 0 && i < record->n_groups; i++)
                r = holder_search_add_group(search, host, record->groups[i].number);
        for (size_t i = 0; r == 0 && i < record->n_devices; i++)
                if (record->devices[i].role == LEASE_ROLE_TAKEN &&
                    lease_record_has_hold(record, &record->devices[i]))
                        r = holder_search_add_device(search, host, record->devices[i].bdf);
        return r;
}

void holders_note_nodes(Lease *lease)
{
        holder_search_clear(&of(lease)->nodes);
        int r = holder_search_add_fds(&of(lease)->nodes, descriptors_of(lease));
        if (r < 0)
                log_broken(r);
}

/* Asks about a lease; takes over the question. */
static void ask_of_lease(Question *question, const Lease *lease)
{
        question->lease = lease->record->id;
        int r = add_nodes(&question->search, lease);
        for (size_t i = 0; r == 0 && i < of(lease)->nodes.n_nodes; i++)
                r = holder_search_add_node(&question->search, &of(lease)->nodes.nodes[i]);
        ask(question, r);
}

static Question *find_own(const HolderTracker *tracker, uint32_t lease, bool kill, HoldersDone done)
{
        for (Question *each = tracker->questions; each; each = each->next)
                if (each->is_own && each->lease == lease && each->kill == kill &&
                    each->done == done)
                        return each;
        return NULL;
}

void holders_ask_own(Lease *lease, bool kill, HoldersDone done, void *userdata)
{
        const Ledger *ledger = lease->ledger;
        Question *question = find_own(tracker_of(ledger), lease->record->id, kill, done);

        if (question) {
                question->again = true;
                question->again_userdata = userdata;
                return;
        }
        question = question_new(lease->ledger, done, userdata);
        if (!question)
                return;
        question->is_own = true;
        question->kill = kill;
        ask_of_lease(question, lease);
}

void holders_ask_lease(Lease *lease, uid_t uid, HoldersDone done, void *userdata)
{
        Question *question = question_new(lease->ledger, done, userdata);

        if (!question)
                return;
        question->uid = uid;
        ask_of_lease(question, lease);
}

void holders_ask_group(Ledger *ledger, int32_t group, uid_t uid, HoldersDone done, void *userdata)
{
        const Snapshot *snapshot = ledger->world->snapshot;
        Question *question = question_new(ledger, done, userdata);

        if (!question)
                return;
        question->uid = uid;
        int r = holder_search_add_group(&question->search, &ledger->host, group);
        for (size_t i = 0; r == 0 && i < snapshot->n_devices; i++)
                if (snapshot->devices[i].kernel_group == group)
                        r = holder_search_add_device(&question->search, &ledger->host,
                                                     snapshot->devices[i].bdf);
        ask(question, r);
}

/* --- one process only ------------------------------------------------------------------------- */

static bool is_same(const Holder *a, const Holder *b)
{
        return a->pid == b->pid && a->start == b->start;
}

static const Holder *find(const HolderList *list, const Holder *holder)
{
        for (size_t i = 0; i < list->n_items; i++)
                if (is_same(&list->items[i], holder))
                        return &list->items[i];
        return NULL;
}

/* Finds the process that owns the lease: the first one of the last look, else the oldest. */
static const Holder *find_first(const HolderList *list, const Lease *lease)
{
        const Holder *first =
                of(lease)->seen.n_items > 0 ? find(list, &of(lease)->seen.items[0]) : NULL;

        for (size_t i = 0; !(first && of(lease)->seen.n_items > 0) && i < list->n_items; i++)
                if (list->items[i].certain && (!first || list->items[i].start < first->start))
                        first = &list->items[i];
        return first;
}

static void tell_second(const Lease *lease, const Holder *holder)
{
        const Ledger *ledger = lease->ledger;

        log_warning("lease %" PRIu32 " is for one process, but process %" PRId32
                    " %s%s%s has it open too",
                    lease->record->id, holder->pid, holder->comm, holder->unit[0] ? " of " : "",
                    holder->unit);
        if (ledger->observer.second_holder)
                ledger->observer.second_holder(lease, holder, ledger->observer.userdata);
}

/* Keeps the certain holders, `first` in front. Returns 0 or -ENOMEM. */
static int remember(Lease *lease, const HolderList *list, const Holder *first)
{
        _cleanup_(holder_list_clear) HolderList seen = {
                .items = calloc(list->n_items + 1, sizeof(*seen.items)),
        };

        if (!seen.items)
                return -ENOMEM;
        if (first)
                seen.items[seen.n_items++] = *first;
        for (size_t i = 0; i < list->n_items; i++)
                if (list->items[i].certain && &list->items[i] != first)
                        seen.items[seen.n_items++] = list->items[i];
        holder_list_clear(&of(lease)->seen);
        of(lease)->seen = seen;
        seen.items = NULL;
        return 0;
}

static bool is_exclusive(const Lease *lease)
{
        return lease->record->terms.exclusive_process && lease->record->state == LEASE_LEASED;
}

void holders_judge(Lease *lease, const HolderList *list)
{
        if (!is_exclusive(lease))
                return;
        const Holder *first = find_first(list, lease);
        for (size_t i = 0; i < list->n_items; i++)
                if (list->items[i].certain && &list->items[i] != first &&
                    !find(&of(lease)->seen, &list->items[i]))
                        tell_second(lease, &list->items[i]);
        int r = remember(lease, list, first);
        if (r < 0)
                log_broken(r);
}

static void on_looked(Ledger *ledger, uint32_t id, const HoldersResult *result, void *userdata)
{
        Lease *lease = ledger_find_lease(ledger, id);

        if (lease && result->code == 0)
                holders_judge(lease, result->holders);
}

/* Whether a question of the daemon for the lease is pending or hanging. */
static bool is_looking(const Lease *lease)
{
        const Question *each = tracker_of(lease->ledger)->questions;

        while (each && !(each->is_own && !each->kill && each->lease == lease->record->id))
                each = each->next;
        return each;
}

void holders_review(Ledger *ledger)
{
        HolderTracker *tracker = tracker_of(ledger);
        const struct timeval period = {.tv_sec = ledger->times.holders};
        bool wanted = false;

        for (size_t i = 0; i < ledger->n_leases; i++)
                wanted |= is_exclusive(ledger->leases[i]);
        if (!wanted)
                (void)event_del(tracker->timer);
        else if (!evtimer_pending(tracker->timer, NULL))
                (void)evtimer_add(tracker->timer, &period);
}

static void on_timer(evutil_socket_t fd, short what, void *userdata)
{
        Ledger *ledger = userdata;

        /* Do not ask again while a question is pending or hangs. */
        for (size_t i = 0; i < ledger->n_leases; i++)
                if (is_exclusive(ledger->leases[i]) && !is_looking(ledger->leases[i]))
                        holders_ask_own(ledger->leases[i], false, on_looked, NULL);
        holders_review(ledger);
}

/* --- the module ------------------------------------------------------------------------------- */

static int init(Ledger *ledger, void *data)
{
        HolderTracker *tracker = data;

        tracker->timer = evtimer_new(ledger->base, on_timer, ledger);
        return tracker->timer ? 0 : -ENOMEM;
}

static void clear(void *data)
{
        HolderTracker *tracker = data;

        LIST_FREE(tracker->questions, question_free);
        event_freep(&tracker->timer);
}

static void clear_lease(void *part)
{
        LeaseHolders *own = part;

        holder_search_clear(&own->nodes);
        holder_list_clear(&own->seen);
}

const Module holders_module = {
        .name = "holders",
        .size = sizeof(HolderTracker),
        .init = init,
        .clear = clear,
        .lease_size = sizeof(LeaseHolders),
        .lease_clear = clear_lease,
};
