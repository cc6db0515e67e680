/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * If one process has several leases, the highest limit counts. Each record has the limits from
 * before the first lease, so whichever lease ends last restores them.
 */

#include "daemon/limits/memlock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/model/memlock.h"
#include "core/model/text.h"
#include "core/probe/process.h"
#include "daemon/base/log.h"

/* Converts a limit from its form in a record to that of the kernel. */
static uint64_t from_record(uint64_t limit)
{
        return limit >= POLICY_MEMLOCK_UNLIMITED ? UINT64_MAX : limit;
}

static uint64_t to_record(uint64_t limit)
{
        return limit >= POLICY_MEMLOCK_UNLIMITED ? POLICY_MEMLOCK_UNLIMITED : limit;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

/* --- the warning ------------------------------------------------------------------------------ */

/* Sets the limit that the process will have with the lease. */
static void expect_raise(const PolicyRule *rule, MemlockLimit *limit)
{
        uint64_t raised = rule ? from_record(rule->terms.memlock) : 0;

        limit->limit = larger(limit->limit, raised);
        limit->hard = larger(limit->hard, raised);
        limit->unlimited |= raised == UINT64_MAX;
}

int memlock_check(const Ledger *ledger, const AcquireRequest *request, const PolicyRule *rule,
                  char **ret_warning)
{
        MemlockCase subject = {
                .need = memlock_need(request->options.memory, 1), /* a lease is one address space */
                .pid = request->who.pid,
                .is_root = request->who.uid == 0,
                .unit = request->who.unit,
        };
        MemlockLimit limit;

        *ret_warning = NULL;
        if (request->options.memory == 0 || request->who.pid <= 0)
                return 0;
        _cleanup_(closep) int process = process_open(ledger->host.proc, request->who.pid);
        process_read_memlock(process, &limit);
        expect_raise(rule, &limit);
        if (memlock_judge(subject.need, &limit) != MEMLOCK_TOO_SMALL)
                return 0;
        subject.limit = &limit;
        _cleanup_(freep) char *advice = memlock_advise(&subject);
        if (advice)
                *ret_warning = text_print(
                        "process %d may lock %" PRIu64 " bytes, has locked %" PRIu64
                        " and needs %" PRIu64 " more: mapping its memory will fail with ENOMEM; %s",
                        request->who.pid, limit.limit, limit.locked, subject.need, advice);
        return *ret_warning ? 0 : -ENOMEM;
}

/* --- the process's leases --------------------------------------------------------------------- */

static bool is_of(const LeaseRecord *record, const MemlockProcess *process)
{
        return record->memlock.limit > 0 && record->memlock.pid == (uint32_t)process->pid &&
               record->memlock.start == process->start;
}

/* Finds another lease of that process, or NULL. */
static const LeaseRecord *find_other(const Ledger *ledger, const LeaseRecord *record,
                                     const MemlockProcess *process)
{
        for (size_t i = 0; i < ledger->n_leases; i++)
                if (ledger->leases[i]->record != record &&
                    is_of(ledger->leases[i]->record, process))
                        return ledger->leases[i]->record;
        return NULL;
}

/* The limits of the process of `record` from its other leases, or with this lease too. */
static MemlockPair find_limits(const Ledger *ledger, const LeaseRecord *record, bool with_it)
{
        const MemlockProcess process = {.pid = (int32_t)record->memlock.pid,
                                        .start = record->memlock.start};
        uint64_t raised = with_it ? from_record(record->memlock.limit) : 0;

        for (size_t i = 0; i < ledger->n_leases; i++)
                if (ledger->leases[i]->record != record &&
                    is_of(ledger->leases[i]->record, &process))
                        raised = larger(raised,
                                        from_record(ledger->leases[i]->record->memlock.limit));
        return (MemlockPair){
                .soft = larger(from_record(record->memlock.soft), raised),
                .hard = larger(from_record(record->memlock.hard), raised),
        };
}

void memlock_record(const Ledger *ledger, const AcquireRequest *request, const PolicyRule *rule,
                    LeaseRecord *record)
{
        MemlockProcess process;
        MemlockPair limits;

        if (!rule || rule->terms.memlock == 0 ||
            memlock_look(&ledger->host, request->who.pid, request->who.uid, &process, &limits) != 0)
                return;
        const LeaseRecord *other = find_other(ledger, record, &process);
        if (!other && from_record(rule->terms.memlock) <= limits.soft)
                return;
        record->memlock.limit = rule->terms.memlock;
        record->memlock.pid = (uint32_t)process.pid;
        record->memlock.start = process.start;
        record->memlock.soft = other ? other->memlock.soft : to_record(limits.soft);
        record->memlock.hard = other ? other->memlock.hard : to_record(limits.hard);
}

/* --- in workers ------------------------------------------------------------------------------- */

/* Changes the limits. Logs what the kernel refuses. A process that has ended needs nothing. */
void memlock_set(const Lease *lease, bool raise)
{
        const Ledger *ledger = lease->ledger;
        const LeaseRecord *record = lease->record;
        const MemlockProcess process = {.pid = (int32_t)record->memlock.pid,
                                        .start = record->memlock.start};
        const MemlockPair without = find_limits(ledger, record, false);
        const MemlockPair with = find_limits(ledger, record, true);

        if (record->memlock.limit == 0)
                return;
        int r = memlock_change(&ledger->host, &process, raise ? &without : &with,
                               raise ? &with : &without);
        if (r == -ESTALE)
                log_warning("lease %" PRIu32 ": process %" PRIu32
                            " has changed its limits on locked "
                            "memory, and keeps them",
                            record->id, record->memlock.pid);
        else if (r < 0 && r != -ESRCH)
                log_error("lease %" PRIu32 ": the limits on locked memory of process %" PRIu32
                          " could not be %s: %s",
                          record->id, record->memlock.pid, raise ? "raised" : "restored",
                          strerror(-r));
}

char *memlock_describe_shortfall(const Lease *lease)
{
        const LeaseRecord *record = lease->record;
        const MemlockPair wanted = find_limits(lease->ledger, record, true);
        MemlockProcess process;
        MemlockPair limits;

        if (record->memlock.limit == 0 ||
            memlock_look(&lease->ledger->host, (int32_t)record->memlock.pid, record->owner.uid,
                         &process, &limits) != 0 ||
            limits.soft >= wanted.soft)
                return NULL;
        return text_print("process %" PRIu32 " may lock %" PRIu64
                          " bytes; the limit could not be raised as the policy says; see the log "
                          "of the daemon",
                          record->memlock.pid, limits.soft);
}
