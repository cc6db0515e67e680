/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Requests about the kernel's groups themselves: change their type, read their reserved regions.
 * The kernel takes the group's lock for both, so a worker does them. Nobody can lease a group while
 * its type is being changed.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/list.h"
#include "daemon/base/log.h"
#include "daemon/host/iommu_group.h"
#include "daemon/host/worker.h"
#include "daemon/ledger/holds.h"
#include "daemon/limits/quota.h"
#include "daemon/requests/requests.h"

/* Limits of requests at a time. A caller beyond them is refused and has to wait. */
#define CHANGES_MAX 16
#define READINGS_PER_UID_MAX 8
#define REGIONS_SIZE_MAX 16384

typedef struct GroupJob GroupJob;

struct GroupJob {
        GroupJob *next;
        Ledger *ledger;
        int32_t group;
        DomainType type; /* type to write; NONE: read the regions */
        GroupHold hold;  /* on the group while its type is changed */
        uid_t uid;       /* the user that reads the regions */
        Worker *worker;
        LeaseDone done; /* NULL once answered */
        void *userdata;
};

typedef struct GroupRequests {
        GroupJob *jobs; /* under way */
} GroupRequests;

DEFINE_MODULE_DATA(GroupRequests, requests_of, group_requests_module);

static void answer(LeaseDone done, void *userdata, int code, const char *message)
{
        if (code < 0)
                log_broken(code);
        lease_answer(done, userdata, code, message);
}

static void end_job(GroupJob *job)
{
        LIST_UNLINK(requests_of(job->ledger)->jobs, job);
        holds_drop(job->ledger, &job->hold);
        free(job);
}

static void clear(void *data)
{
        GroupRequests *own = data;

        for (GroupJob *job = own->jobs, *next; job; job = next) {
                next = job->next;
                (void)worker_free(job->worker);
                free(job);
        }
}

const Module group_requests_module = {
        .name = "group requests", .size = sizeof(GroupRequests), .clear = clear};

/* --- in the worker -----------------------------------------------------------------------------
 */

static int job_set_type(const void *context, VfioFds *fds, char **ret_message)
{
        const GroupJob *job = context;

        return iommu_group_write_type(&job->ledger->host, job->group,
                                      domain_type_to_string(job->type), ret_message);
}

/* The text goes back as a file in memory: it may be longer than a message. */
static int job_read_regions(const void *context, VfioFds *fds, char **ret_message)
{
        const GroupJob *job = context;
        _cleanup_(freep) char *text = NULL;

        int r = iommu_group_read_regions(&job->ledger->host, job->group, &text);
        return r < 0 ? r : worker_send(fds, text, strlen(text));
}

/* --- its end ------------------------------------------------------------------------------------
 */

static void on_ended(WorkerResult *result, void *userdata)
{
        GroupJob *job = userdata;
        Ledger *ledger = job->ledger;
        _cleanup_(freep) char *text = NULL;
        LeaseDone done = job->done;
        void *done_userdata = job->userdata;
        int code = result->code;
        size_t n;

        if (job->type != DOMAIN_TYPE_NONE && code == 0)
                log_notice("kernel group %d: the type of its domain is %s now", job->group,
                           domain_type_to_string(job->type));
        if (job->type == DOMAIN_TYPE_NONE && code == 0)
                code = worker_receive(result, REGIONS_SIZE_MAX, &text, &n);
        bool changed = job->type != DOMAIN_TYPE_NONE;
        end_job(job);
        /* Read the new type before the caller is told of it. */
        if (changed && ledger_read_now(ledger) < 0)
                ledger_read_soon(ledger);
        if (!done)
                return;
        if (code == -ENOENT)
                return answer(done, done_userdata, REFUSAL_CHANGED, "the group is gone by now");
        answer(done, done_userdata, code, text ? text : result->message);
}

static void on_overdue(void *userdata)
{
        GroupJob *job = userdata;
        LeaseDone done = job->done;

        job->done = NULL;
        log_error("kernel group %d: the kernel keeps a worker for more than %d s", job->group,
                  WORKER_DEADLINE_SECONDS);
        answer(done, job->userdata, REFUSAL_STUCK,
               "the kernel does not come to an end with the group; its log says more");
}

static bool is_of_job(const Ledger *ledger, const Group *group, const void *userdata)
{
        const GroupJob *job = userdata;

        return job->group == group->kernel_group;
}

static void begin(Ledger *ledger, int32_t number, DomainType type, uid_t uid, LeaseDone done,
                  void *userdata)
{
        GroupJob *job = calloc(1, sizeof(*job));
        if (!job)
                return answer(done, userdata, -ENOMEM, NULL);
        const WorkerHandler handler = {.done = on_ended, .overdue = on_overdue, .userdata = job};
        *job = (GroupJob){.next = requests_of(ledger)->jobs,
                          .ledger = ledger,
                          .group = number,
                          .type = type,
                          .uid = uid,
                          .done = done,
                          .userdata = userdata};
        requests_of(ledger)->jobs = job;
        if (type != DOMAIN_TYPE_NONE) {
                job->hold = (GroupHold){.why = "the type of its domain is being changed",
                                        .covers = is_of_job,
                                        .userdata = job};
                holds_place(ledger, &job->hold);
        }
        int r = worker_start(ledger->base,
                             type == DOMAIN_TYPE_NONE ? job_read_regions : job_set_type, job, NULL,
                             WORKER_DEADLINE_SECONDS, &handler, &job->worker);
        if (r == 0)
                return;
        end_job(job);
        answer(done, userdata, r, "no worker process could be started");
}

/* --- asked for ----------------------------------------------------------------------------------
 */

/* Whether the user may have one more reading. If not, answers the request. */
static bool has_quota(const Ledger *ledger, uid_t uid, LeaseDone done, void *userdata)
{
        Quota quota = {.uid = uid};
        char text[128];

        for (const GroupJob *job = requests_of(ledger)->jobs; job; job = job->next)
                if (job->type == DOMAIN_TYPE_NONE)
                        quota_count(&quota, job->uid);
        if (quota_is_full(&quota)) {
                answer(done, userdata, REFUSAL_QUOTA,
                       "too many users have reserved regions read; try again");
                return false;
        }
        if (!quota_is_reached(&quota, READINGS_PER_UID_MAX))
                return true;
        (void)snprintf(text, sizeof(text),
                       "uid %u has the regions of %zu groups read already; wait for the answers",
                       uid, quota.n_mine);
        answer(done, userdata, REFUSAL_QUOTA, text);
        return false;
}

void group_read_regions(Ledger *ledger, size_t group, uid_t uid, LeaseDone done, void *userdata)
{
        int32_t number = ledger->world->groups->groups[group].kernel_group;

        if (number < 0)
                return answer(done, userdata, REFUSAL_UNSUPPORTED,
                              "the kernel has no group of that kind: no IOMMU covers it");
        if (has_quota(ledger, uid, done, userdata))
                begin(ledger, number, DOMAIN_TYPE_NONE, uid, done, userdata);
}

/* Looks for every reason to refuse. Returns 0, a Refusal with *ret_message, or -errno. */
static int check_type(Ledger *ledger, const Group *group, size_t index, DomainType type,
                      char **ret_message)
{
        const DomainTypeChange change = {
                .snapshot = ledger->world->snapshot,
                .group = group,
                .to = type,
                .is_single_only = !world_changes_types(ledger->world),
        };
        const Lease *lease = ledger_lease_of_group(ledger, index);
        size_t n = 0;

        for (const GroupJob *job = requests_of(ledger)->jobs; job; job = job->next)
                n += job->type != DOMAIN_TYPE_NONE;
        if (n >= CHANGES_MAX)
                return host_refuse(
                        REFUSAL_QUOTA, ret_message,
                        "the types of %zu groups are being changed; wait for that to end", n);
        if (lease)
                return host_refuse(REFUSAL_BUSY, ret_message,
                                   "group %s: lease %u has it (%s); its type is asked for at "
                                   "acquire",
                                   group->id, lease->record->id, ledger_lease_state(lease));
        const char *hold = holds_find(ledger, group);
        if (hold)
                return host_refuse(REFUSAL_BUSY, ret_message, "group %s: %s; try again", group->id,
                                   hold);
        return domain_type_check(&change, ret_message);
}

void group_set_type(Ledger *ledger, const char *id, DomainType type, LeaseDone done, void *userdata)
{
        _cleanup_(freep) char *message = NULL, *name = strdup(id);
        const Partition *groups;

        /* Decide by a new reading. `id` may point into the world that this reading replaces. */
        int r = name ? ledger_read_now(ledger) : -ENOMEM;
        if (r < 0)
                return answer(done, userdata, r, NULL);
        groups = ledger->world->groups;
        size_t index = partition_find_group(groups, name);
        if (index == SNAPSHOT_NONE)
                return answer(done, userdata, REFUSAL_CHANGED, "the group is gone by now");
        r = check_type(ledger, &groups->groups[index], index, type, &message);
        if (r != 0)
                return answer(done, userdata, r, message);
        begin(ledger, groups->groups[index].kernel_group, type, 0, done, userdata);
}
