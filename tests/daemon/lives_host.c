/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Stubs for a host: groups that never change, a disk that stores nothing, workers that end when a
 * command says so. Each function replaces the daemon's function of that name.
 */

#include <errno.h>
#include <string.h>

#include "daemon/lifecycle/lifecycle.h"
#include "daemon/queue/queue_internal.h"
#include "tests/daemon/lives_host.h"

World *lives_world;
Worker *lives_last_worker;

int __wrap_world_read(const HostPaths *host, const World *before, World **ret_world);
World *__wrap_world_free(World *freed);
int __wrap_world_obstacle(const World *asked, char **ret_text);
int __wrap_worker_start(struct event_base *loop, WorkerJob job, const void *context,
                        const VfioFds *fds, unsigned deadline_seconds, const WorkerHandler *handler,
                        Worker **ret_worker);
Worker *__wrap_worker_free(Worker *worker);
void __wrap_worker_kill(Worker *worker);
int __wrap_driver_read(const HostPaths *host, Bdf bdf, char **ret_driver);
int __wrap_driver_override_read(const HostPaths *host, Bdf bdf, char **ret_override);
bool __wrap_seal_finds_vfs(const HostPaths *host, Bdf bdf);
int __wrap_lease_state_save(const char *directory, const LeaseRecord *record);
int __wrap_lease_state_read(const char *directory, uint32_t id, LeaseRecord **ret_record);
int __wrap_lease_state_remove(const char *directory, uint32_t id);
int __wrap_queue_state_save(const char *directory, const Waiter *first);
int __wrap_rules_write(const char *directory, const HostPaths *host, const Snapshot *snapshot,
                       uint32_t lease, const int32_t *groups, size_t n_groups, bool by_node);
int __wrap_rules_remove(const char *directory, uint32_t lease);
int __wrap_fdstore_push(const LeaseRecord *record, const VfioFds *fds, int owner);
void __wrap_fdstore_remove(const LeaseRecord *record);
int __wrap_lease_reconcile(Lease *lease);
void __wrap_lease_review_guard(Lease *lease);
void __wrap_lease_review_vfs(Lease *lease);
void __wrap_lease_judge_guard(Lease *lease);
GuardLayer __wrap_lease_guard(const Lease *lease);
void __wrap_controller_review(Ledger *ledger);
void __wrap_holders_note_nodes(Lease *lease);
void __wrap_holders_review(Ledger *ledger);
int __wrap_publish_changes(Ledger *ledger);
PolicyVerdict __wrap_policy_check(const Policy *policy, const PolicySubject *subject,
                                  const PolicyRequest *request);
void __wrap_log_line(int priority, const char *format, ...) _printf_(2, 3);

int __wrap_world_read(const HostPaths *host, const World *before, World **ret_world)
{
        *ret_world = lives_world;
        return 0;
}

World *__wrap_world_free(World *freed)
{
        return NULL;
}

int __wrap_world_obstacle(const World *asked, char **ret_text)
{
        *ret_text = NULL;
        return 0;
}

int __wrap_worker_start(struct event_base *loop, WorkerJob job, const void *context,
                        const VfioFds *fds, unsigned deadline_seconds, const WorkerHandler *handler,
                        Worker **ret_worker)
{
        Worker *worker = calloc(1, sizeof(*worker));
        if (!worker)
                return -ENOMEM;
        worker->handler = *handler;
        *ret_worker = lives_last_worker = worker;
        return 0;
}

Worker *__wrap_worker_free(Worker *worker)
{
        free(worker);
        return NULL;
}

void __wrap_worker_kill(Worker *worker)
{
}

int __wrap_driver_read(const HostPaths *host, Bdf bdf, char **ret_driver)
{
        *ret_driver = strdup("");
        return *ret_driver ? 0 : -ENOMEM;
}

int __wrap_driver_override_read(const HostPaths *host, Bdf bdf, char **ret_override)
{
        return __wrap_driver_read(host, bdf, ret_override);
}

bool __wrap_seal_finds_vfs(const HostPaths *host, Bdf bdf)
{
        return false;
}

int __wrap_lease_state_save(const char *directory, const LeaseRecord *record)
{
        return 0;
}

int __wrap_lease_state_read(const char *directory, uint32_t id, LeaseRecord **ret_record)
{
        return lease_record_new(ret_record);
}

int __wrap_lease_state_remove(const char *directory, uint32_t id)
{
        return 0;
}

int __wrap_queue_state_save(const char *directory, const Waiter *first)
{
        return 0;
}

int __wrap_rules_write(const char *directory, const HostPaths *host, const Snapshot *snapshot,
                       uint32_t lease, const int32_t *groups, size_t n_groups, bool by_node)
{
        return 0;
}

int __wrap_rules_remove(const char *directory, uint32_t lease)
{
        return 0;
}

int __wrap_fdstore_push(const LeaseRecord *record, const VfioFds *fds, int owner)
{
        return 0;
}

void __wrap_fdstore_remove(const LeaseRecord *record)
{
}

int __wrap_lease_reconcile(Lease *lease)
{
        return 0;
}

void __wrap_lease_review_guard(Lease *lease)
{
}

void __wrap_lease_review_vfs(Lease *lease)
{
}

void __wrap_lease_judge_guard(Lease *lease)
{
        if (lease_awaits_guard(lease))
                module_report(lease->ledger, EVENT_GUARD_SETTLED, lease, NULL);
}

GuardLayer __wrap_lease_guard(const Lease *lease)
{
        return GUARD_OWNED;
}

void __wrap_controller_review(Ledger *ledger)
{
}

void __wrap_holders_note_nodes(Lease *lease)
{
}

void __wrap_holders_review(Ledger *ledger)
{
}

int __wrap_publish_changes(Ledger *ledger)
{
        return 0;
}

PolicyVerdict __wrap_policy_check(const Policy *policy, const PolicySubject *subject,
                                  const PolicyRequest *request)
{
        return (PolicyVerdict){.allowed = true};
}

void __wrap_log_line(int priority, const char *format, ...)
{
}
