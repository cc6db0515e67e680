/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Revoked leases and workers that hang, on the host made of files: the owner's grace period,
 * holders that are waited for and killed, and a driver whose unbind hangs and cannot be killed.
 *
 * Meanwhile the daemon answers and leases other groups, but not the stuck one. When the kernel
 * completes the unbind, the daemon continues without a request.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/descriptors/descriptors.h"
#include "daemon/host/child.h"
#include "daemon/work/work.h"
#include "tests/daemon/lifeframe.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define CALLS 200
#define CALL_MSEC 10 /* for half of the calls; the next value for all, as other tests run too */
#define CALL_MSEC_MAX 1000

static double now(void)
{
        struct timespec time;

        (void)clock_gettime(CLOCK_MONOTONIC, &time);
        return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Another process than the daemon, with the group open. */
static void hold(const Lease *lease)
{
        int fd = vfio_fds_find(descriptors_of(lease), "group:1"), status;
        pid_t child = fork();

        must_be(child >= 0 && fd >= 0, "a holder");
        if (child == 0) {
                if (fork() != 0)
                        _exit(0);
                (void)setpgid(0, 0);
                child_settle(&fd, 1);
                for (;;)
                        (void)pause();
        }
        must_be(waitpid(child, &status, 0) == child, "a holder");
}

static int compare_numbers(const void *a, const void *b)
{
        double left = *(const double *)a, right = *(const double *)b;

        return (left > right) - (left < right);
}

/* Requests for other groups succeed; a request for the stuck group is answered at once. */
static void check_service(FakeDaemon *daemon)
{
        Lease *lease = daemon->ledger->leases[0];
        double msec[CALLS];

        for (int i = 0; i < CALLS; i++) {
                Answer answer = {.code = _REFUSAL_N};
                double begin = now();

                lease_release(lease, on_done, &answer);
                must_be(answer.code == REFUSAL_STUCK, "a release of what is stuck waits");
                must_be(lease_trouble(lease)[0], "nobody is told why it is stuck");
                must_be(ledger_read_now(daemon->ledger) == 0, "the machine cannot be read");
                msec[i] = (now() - begin) * 1e3;
        }
        qsort(msec, CALLS, sizeof(*msec), compare_numbers);
        printf("# tell: of %d calls while a worker hangs: median %.2f ms, the longest %.2f ms\n",
               CALLS, msec[CALLS / 2], msec[CALLS - 1]);
        (void)fflush(stdout);
        must_be(msec[CALLS / 2] < CALL_MSEC && msec[CALLS - 1] < CALL_MSEC_MAX,
                "a call waits for a worker that hangs");

        Answer answer = {.code = _REFUSAL_N};

        ask(daemon, OTHER, &answer);
        await(daemon, &answer);
        must_be(answer.code == 0, "another group is not had");
        answer.code = _REFUSAL_N;
        lease_release(daemon->ledger->leases[1], on_done, &answer);
        await(daemon, &answer);
        must_be(answer.code == 0, "another group is not given back");
        answer.code = _REFUSAL_N;
        ask(daemon, CARD, &answer);
        must_be(answer.code == REFUSAL_BUSY, "a group that is stuck is had");
}

/* --- the lives -------------------------------------------------------------------------------- */

static void live_revoked(FakeDaemon *daemon)
{
        Answer first = {.code = _REFUSAL_N}, answer;
        Lease *lease = take(daemon);
        double begin = now();

        must_be(lease->record->terms.revoke_grace == POLICY_GRACE_DEFAULT,
                "the grace without a rule");
        answer = take_away(daemon, &(RevokeRequest){.has_grace = true});
        must_be(answer.code == 0 && strcmp(answer.report, CARD " flr\n") == 0, "at once");
        must_be(frame_told_grace == 0 && daemon->ledger->n_leases == 0, "it is gone");

        lease = take(daemon);
        begin = now();
        answer = take_away(daemon, &(RevokeRequest){.has_grace = true, .grace = 1});
        must_be(answer.code == 0 && frame_told_grace == 1, "with a grace");
        must_be(now() - begin > 0.9, "the grace is cut short");

        lease = take(daemon);
        lease_revoke(lease, &(RevokeRequest){.kill = true}, on_done, &first);
        must_be(frame_told_grace == POLICY_GRACE_DEFAULT, "the policy's grace");
        must_be(strcmp(ledger_lease_state(lease), "revoking") == 0, "it is said to be revoked");
        answer = (Answer){.code = _REFUSAL_N};
        begin = now();
        lease_release(lease, on_done, &answer);
        await(daemon, &answer);
        must_be(answer.code == 0 && first.code == 0, "both who ask are answered");
        must_be(now() - begin < 5, "whoever lets go is not waited for");
}

static void live_held(FakeDaemon *daemon)
{
        Lease *lease = take(daemon);
        Answer answer;

        hold(lease);
        answer = take_away(daemon, &(RevokeRequest){.has_grace = true});
        must_be(answer.code == REFUSAL_STUCK, "who revokes is told that somebody has it open");
        must_be(strstr(answer.message, "waits for") && strstr(answer.message, "test_daemon_han"),
                "by name");
        must_be(strcmp(ledger_lease_state(lease), "draining") == 0, "draining");
        await_state(daemon, "stuck");
        check_service(daemon);
        answer = take_away(daemon, &(RevokeRequest){.kill = true});
        must_be(answer.code == 0, "once the holder is killed it is given back");
        must_be(daemon->ledger->n_leases == 0, "it is gone");

        lease = take(daemon);
        hold(lease);
        answer = take_away(daemon, &(RevokeRequest){.has_grace = true, .kill = true});
        must_be(answer.code == 0, "killed in time");

        /* The search for holders that began before the request to kill them ends after it. */
        lease = take(daemon);
        hold(lease);
        answer = take_away(daemon, &(RevokeRequest){.has_grace = true});
        must_be(answer.code == REFUSAL_STUCK, "who revokes is told that somebody has it open");
        await_state(daemon, "stuck");
        answer = take_away(daemon, &(RevokeRequest){.kill = true});
        must_be(answer.code == 0,
                "the holders of before are no answer to the request to kill them");
}

/* The unbind of its host driver hangs, and its worker cannot be killed. */
static void live_hanging(FakeDaemon *daemon)
{
        Answer answer = {.code = _REFUSAL_N};
        char path[FAKEHOST_PATH_SIZE];

        fakehost_hang(CARD);
        ask(daemon, CARD, &answer);
        await(daemon, &answer);
        must_be(answer.code == REFUSAL_STUCK, "who acquires is told");
        await_state(daemon, "stuck");
        while (!lease_trouble(daemon->ledger->leases[0])[0])
                must_be(event_base_loop(daemon->base, EVLOOP_ONCE) >= 0, "the loop ended");
        check_service(daemon);
        must_be(fakehost_has("fake/killed"), "the worker was killed");
        const Worker *worker = work_transition(daemon->ledger->leases[0]);
        for (int i = 0; i < 3; i++)
                fakedaemon_see_once(daemon);
        must_be(work_transition(daemon->ledger->leases[0]) == worker, "another worker was started");
        fakehost_let_go(CARD);
        await(daemon, NULL);
        must_be(fakehost_driver(fakehost_find(CARD), path)[0], "the host driver is back");
}

/* A daemon that ends while its worker hangs. */
static void live_abandoned(FakeDaemon *daemon)
{
        Answer answer = {.code = _REFUSAL_N};

        fakehost_hang(CARD);
        ask(daemon, CARD, &answer);
        await_state(daemon, "stuck");
        _exit(answer.code == REFUSAL_STUCK ? 0 : 2);
}

static void live_with_orphan(FakeDaemon *daemon)
{
        const Lease *lease = daemon->ledger->leases[0];

        must_be(daemon->ledger->n_leases == 1, "the lease lives on");
        must_be(strcmp(ledger_lease_state(lease), "stuck") == 0, "it is stuck");
        check_service(daemon);
        must_be(!work_transition(lease), "another worker was started");
        Answer answer = take_away(daemon, &(RevokeRequest){.kill = true});
        must_be(answer.code == REFUSAL_STUCK && answer.message[0], "who revokes it is told why");
        fakehost_let_go(CARD);
        await(daemon, NULL);
}

static void live_restarted(FakeDaemon *daemon)
{
        Answer first = {.code = _REFUSAL_N};
        double begin = now();

        lease_revoke(take(daemon), &(RevokeRequest){.has_grace = true, .grace = 2}, on_done,
                       &first);
        /* The first message to the store has the descriptors that the second life must find. */
        _exit(first.code == _REFUSAL_N && now() - begin < 2 ? 0 : 2);
}

static void live_after_restart(FakeDaemon *daemon)
{
        must_be(daemon->ledger->n_leases == 1, "the lease lives on");
        must_be(strcmp(ledger_lease_state(daemon->ledger->leases[0]), "revoking") == 0,
                "it is still being revoked");
        await(daemon, NULL);
}

static void test_revoked(void)
{
        CHECK(try_lives(NULL, false, live_revoked));
}

static void test_held(void)
{
        CHECK(try_lives(NULL, false, live_held));
}

static void test_hanging(void)
{
        CHECK(try_lives(NULL, false, live_hanging));
}

static void test_restarted(void)
{
        CHECK(try_lives(live_restarted, false, live_after_restart));
}

static void test_orphan(void)
{
        CHECK(try_lives(live_abandoned, true, live_with_orphan));
}

int main(void)
{
        static const TapTest tests[] = {
                {"revoked: at once, after a grace, and by the owner before", test_revoked},
                {"somebody has it open: waited for, stuck, killed", test_held},
                {"a driver that does not let go, a worker that does not die", test_hanging},
                {"a daemon that is restarted in the grace", test_restarted},
                {"a daemon that is restarted while its worker hangs", test_orphan},
        };

        return tap_run(tests);
}
