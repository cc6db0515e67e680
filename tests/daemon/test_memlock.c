/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Limits on locked memory: of a real process, through its pidfd; and of a process whose leases are
 * acquired and released, on the host made of files.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/probe/policy_json.h"
#include "daemon/host/critical.h"
#include "daemon/host/memlock.h"
#include "daemon/requests/requests.h"
#include "tests/daemon/lifeframe.h"
#include "tests/unit/tap.h"

#define KIB UINT64_C(1024)
#define OWNER 4711 /* the process that asks */
#define OWNER_START 17

int __wrap_memlock_look(const HostPaths *host, int32_t pid, uid_t uid, MemlockProcess *ret_process,
                        MemlockPair *ret_limits);
int __real_memlock_look(const HostPaths *host, int32_t pid, uid_t uid, MemlockProcess *ret_process,
                        MemlockPair *ret_limits);
int __wrap_memlock_change(const HostPaths *host, const MemlockProcess *process,
                          const MemlockPair *before, const MemlockPair *after);
int __real_memlock_change(const HostPaths *host, const MemlockProcess *process,
                          const MemlockPair *before, const MemlockPair *after);

/* The process that asks, as workers see it too; NULL: real ones. */
static struct Owner {
        MemlockPair limits;
        bool has_ended;
        bool is_refused; /* every change is refused */
} * owner;

int __wrap_memlock_look(const HostPaths *host, int32_t pid, uid_t uid, MemlockProcess *ret_process,
                        MemlockPair *ret_limits)
{
        if (!owner)
                return __real_memlock_look(host, pid, uid, ret_process, ret_limits);
        if (pid != OWNER || owner->has_ended)
                return -ESRCH;
        *ret_process = (MemlockProcess){.pid = OWNER, .start = OWNER_START};
        *ret_limits = owner->limits;
        return 0;
}

int __wrap_memlock_change(const HostPaths *host, const MemlockProcess *process,
                          const MemlockPair *before, const MemlockPair *after)
{
        if (!owner)
                return __real_memlock_change(host, process, before, after);
        if (owner->has_ended || process->pid != OWNER || process->start != OWNER_START)
                return -ESRCH;
        if (owner->limits.soft != before->soft || owner->limits.hard != before->hard)
                return -ESTALE;
        if (owner->is_refused)
                return -EPERM;
        owner->limits = *after;
        return 0;
}

int __wrap_critical_check_but(const HostPaths *paths, Bdf bdf, CriticalKind ignored,
                              char **ret_message);

/* The fake host has no /proc in which to find the device's uses. */
int __wrap_critical_check_but(const HostPaths *paths, Bdf bdf, CriticalKind ignored,
                              char **ret_message)
{
        return 0;
}

/* --- leases ----------------------------------------------------------------------------------- */

static const char policy[] =
        "{\"rules\":["
        "{\"match\":{\"address\":\"" CARD "\"},\"lease\":{\"users\":[1000],\"memlock\":\"1G\"}},"
        "{\"match\":{\"address\":\"" OTHER "\"},"
        "\"lease\":{\"users\":[1000],\"memlock\":\"unlimited\"}}]}";

static void begin(FakeDaemon *daemon)
{
        _cleanup_(freep) char *message = NULL;
        Policy *rules = calloc(1, sizeof(*rules));

        must_be(rules && policy_parse_nameless(rules, "p", policy, strlen(policy), &message) == 0,
                "the policy");
        policy_free(daemon->ledger->policy);
        daemon->ledger->policy = rules;
}

static const Lease *lease(FakeDaemon *daemon, const char *address)
{
        const AcquireRequest request = {
                .selectors = (const char *const[]){address, NULL},
                .options.mode = LEASE_MODE_VFIO,
                .options.lifetime = LEASE_LIFETIME_PERSISTENT,
                .options.with_members = true,
                .who.uid = 1000,
                .who.pid = OWNER,
                .who.unit = "",
        };
        Answer answer = {.code = _REFUSAL_N};

        request_acquire(daemon->ledger, &request, on_done, &answer);
        await(daemon, &answer);
        must_be(answer.code == 0, answer.message);
        return fakedaemon_lease(daemon, address);
}

static void check_limits(uint64_t soft, uint64_t hard, const char *what)
{
        must_be(owner->limits.soft == soft && owner->limits.hard == hard, what);
}

static void live_raised(FakeDaemon *daemon)
{
        begin(daemon);
        (void)lease(daemon, CARD);
        check_limits(1024 * 1024 * KIB, 1024 * 1024 * KIB, "raised when it is answered");
        (void)lease(daemon, OTHER);
        check_limits(UINT64_MAX, UINT64_MAX, "the higher of both");
        fakedaemon_end(daemon);
        _exit(0); /* with both leases: the next daemon recovers them */
}

/* The next daemon lowers the limit from the record. */
static void live_lowered(FakeDaemon *daemon)
{
        begin(daemon);
        fakedaemon_release(daemon, 1);
        check_limits(1024 * 1024 * KIB, 1024 * 1024 * KIB, "what the other lease has");
        fakedaemon_release(daemon, 0);
        check_limits(8192 * KIB, 8192 * KIB, "as before");
        /* And in the other order. */
        (void)lease(daemon, OTHER);
        (void)lease(daemon, CARD);
        fakedaemon_release(daemon, 1);
        check_limits(UINT64_MAX, UINT64_MAX, "the higher one stays");
        fakedaemon_release(daemon, 0);
        check_limits(8192 * KIB, 8192 * KIB, "as before any lease");
}

static void live_changed(FakeDaemon *daemon)
{
        begin(daemon);
        (void)lease(daemon, CARD);
        owner->limits = (MemlockPair){.soft = 5 * KIB, .hard = 6 * KIB};
        fakedaemon_release(daemon, 0);
        check_limits(5 * KIB, 6 * KIB, "what somebody else has set stays");
        owner->limits = (MemlockPair){.soft = 2048 * 1024 * KIB, .hard = UINT64_MAX};
        const Lease *high = lease(daemon, CARD);
        must_be(high->record->memlock.limit == 0, "higher limits are let be");
        fakedaemon_release(daemon, 0);

        owner->limits = (MemlockPair){.soft = 8192 * KIB, .hard = 8192 * KIB};
        owner->is_refused = true;
        const Lease *refused = lease(daemon, CARD);
        const char *warning = lease_memory_warning(refused);
        must_be(warning && strstr(warning, "could not be raised"), "the requester is warned");
        fakedaemon_release(daemon, 0);
        owner->is_refused = false;
        (void)lease(daemon, CARD);
        owner->has_ended = true;
        fakedaemon_release(daemon, 0);
}

static bool with_owner(Life first, Life life)
{
        owner = mmap(NULL, sizeof(*owner), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                     0);
        if (owner == MAP_FAILED)
                abort();
        owner->limits = (MemlockPair){.soft = 8192 * KIB, .hard = 8192 * KIB};
        bool ok = try_lives(first, false, life);
        (void)munmap(owner, sizeof(*owner));
        owner = NULL;
        return ok;
}

static void test_leases(void)
{
        CHECK(with_owner(live_raised, live_lowered));
}

static void test_others(void)
{
        CHECK(with_owner(NULL, live_changed));
}

/* --- a real process --------------------------------------------------------------------------- */

static const HostPaths live = {.sysfs = "/sys", .dev = "/dev", .proc = "/proc"};

static pid_t start(const MemlockPair *limits)
{
        const struct rlimit limit = {.rlim_cur = limits->soft, .rlim_max = limits->hard};
        int ends[2];
        char byte;

        (void)fflush(stdout);
        if (pipe(ends) < 0)
                abort();
        pid_t child = fork();
        if (child == 0) {
                _exit(setrlimit(RLIMIT_MEMLOCK, &limit) < 0 || write(ends[1], "x", 1) < 0 ||
                                      pause() < 0
                              ? 1
                              : 0);
        }
        (void)close(ends[1]);
        CHECK(read(ends[0], &byte, 1) == 1);
        (void)close(ends[0]);
        return child;
}

static void test_process(void)
{
        const MemlockPair before = {.soft = 16 * KIB, .hard = 64 * KIB};
        const MemlockPair after = {.soft = 48 * KIB, .hard = 64 * KIB};
        MemlockProcess process, other;
        MemlockPair limits;
        struct rlimit now;

        pid_t child = start(&before);
        int r = memlock_look(&live, child, getuid(), &process, &limits);
        CHECK(r == 0 || r == 1); /* root's is exempt */
        CHECK(limits.soft == before.soft && limits.hard == before.hard);
        CHECK_NUMBER(memlock_look(&live, child, getuid() + 1, &other, &limits), -ESRCH);

        CHECK_NUMBER(memlock_change(&live, &process, &before, &after), 0);
        CHECK(prlimit(child, RLIMIT_MEMLOCK, NULL, &now) == 0 && now.rlim_cur == after.soft);
        CHECK_NUMBER(memlock_change(&live, &process, &before, &after), 0); /* it is so already */
        other = process;
        other.start++; /* another process had that pid */
        CHECK_NUMBER(memlock_change(&live, &other, &after, &before), -ESRCH);
        CHECK_NUMBER(memlock_change(&live, &process,
                                    &(MemlockPair){.soft = 1 * KIB, .hard = 64 * KIB}, &before),
                     -ESTALE);
        CHECK(prlimit(child, RLIMIT_MEMLOCK, NULL, &now) == 0 && now.rlim_cur == after.soft);
        CHECK_NUMBER(memlock_change(&live, &process, &after, &before), 0);
        CHECK(prlimit(child, RLIMIT_MEMLOCK, NULL, &now) == 0 && now.rlim_cur == before.soft);
        /* The process has ended; its pid is not used again yet. */
        CHECK(kill(child, SIGKILL) == 0);
        CHECK(waitid(P_PID, (id_t)child, NULL, WEXITED | WNOWAIT) == 0);
        CHECK_NUMBER(memlock_change(&live, &process, &before, &after), -ESRCH);
        CHECK(waitpid(child, NULL, 0) == child);
        CHECK_NUMBER(memlock_change(&live, &process, &before, &after), -ESRCH);
}

int main(void)
{
        static const TapTest tests[] = {
                {"a process, by its descriptor", test_process},
                {"leases of one process", test_leases},
                {"limits that are somebody else's", test_others},
        };

        return tap_run(tests);
}
