/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs each life in a fork, and prints its output if it fails. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/model/pcicap.h"
#include "daemon/requests/requests.h"
#include "tests/daemon/faults.h"
#include "tests/daemon/lifeframe.h"
#include "tests/unit/tree.h"

static const FakeDevice machine[] = {
        {"0000:00:02.0", NULL, PCIE_TYPE_ROOT_PORT, 1, "pcieport", NULL, 1},
        {CARD, "0000:00:02.0", PCIE_TYPE_ENDPOINT, 1, "e1000e", .resets = "flr"},
        {JOINER, "0000:00:02.0", PCIE_TYPE_ENDPOINT, 1, "e1000e", .is_away = true, .resets = "flr"},
        {"0000:00:05.0", NULL, PCIE_TYPE_ROOT_PORT, 2, "pcieport", NULL, 5},
        {OTHER, "0000:00:05.0", PCIE_TYPE_ENDPOINT, 2, "ixgbe", .resets = "flr"},
};

unsigned frame_told_grace;

void must_be(bool ok, const char *what)
{
        if (ok)
                return;
        (void)fprintf(stderr, "VIOLATED: %s\n", what);
        _exit(2);
}

void on_done(const LeaseAnswer *reply, Lease *lease, void *userdata)
{
        Answer *answer = userdata;

        answer->code = reply->code;
        (void)snprintf(answer->message, sizeof(answer->message), "%s", reply->message);
        (void)snprintf(answer->report, sizeof(answer->report), "%s",
                       reply->report ? reply->report : "");
        (void)fprintf(stderr, "answer %d: %s\n", reply->code, reply->message);
}

static void on_revoked(const Lease *lease, unsigned grace_seconds, void *userdata)
{
        frame_told_grace = grace_seconds;
}

void await(FakeDaemon *daemon, const Answer *answer)
{
        while (answer ? answer->code == _REFUSAL_N : daemon->ledger->n_leases > 0)
                must_be(event_base_loop(daemon->base, EVLOOP_ONCE) >= 0, "the loop ended");
}

void await_state(FakeDaemon *daemon, const char *state)
{
        while (strcmp(ledger_lease_state(daemon->ledger->leases[0]), state) != 0)
                must_be(event_base_loop(daemon->base, EVLOOP_ONCE) >= 0, "the loop ended");
}

static void start(FakeDaemon *daemon, const HostPaths *host, const FakeService *service)
{
        static const LedgerObserver observer = {.revoked = on_revoked};

        fakedaemon_start(daemon, host, service);
        daemon->ledger->times.worker = daemon->ledger->times.stuck = 1;
        ledger_observe(daemon->ledger, &observer);
}

void ask(FakeDaemon *daemon, const char *selector, Answer *answer)
{
        const char *const selectors[] = {selector, NULL};
        const AcquireRequest request = {
                .selectors = selectors,
                .options.lifetime = LEASE_LIFETIME_PERSISTENT,
                .options.force = true,
                .options.with_members = true,
                .who.unit = "",
        };

        request_acquire(daemon->ledger, &request, on_done, answer);
}

Lease *take(FakeDaemon *daemon)
{
        must_be(fakedaemon_acquire(daemon, CARD, LEASE_MODE_VFIO) == 0, "the card");
        return daemon->ledger->leases[0];
}

Answer take_away(FakeDaemon *daemon, const RevokeRequest *request)
{
        Answer answer = {.code = _REFUSAL_N};

        lease_revoke(daemon->ledger->leases[0], request, on_done, &answer);
        await(daemon, &answer);
        return answer;
}

/* --- a life -----------------------------------------------------------------------------------
 */

static HostPaths host;
static FakeService service;

/* Workers that a first life leaves behind are not waited for. */
static bool run(Life life, bool abandoned)
{
        (void)fflush(stdout);
        pid_t child = fork();
        if (child < 0)
                abort();
        if (child > 0) {
                int status = 0;

                if (abandoned)
                        (void)waitpid(child, &status, 0);
                else
                        status = fakeservice_run(&service, child);
                if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                        fakedaemon_print_log();
                return WIFEXITED(status) && WEXITSTATUS(status) == 0;
        }
        FakeDaemon daemon;

        faults_set_daemon();
        fakedaemon_log();
        start(&daemon, &host, &service);
        life(&daemon);
        fakedaemon_end(&daemon);
        fakedaemon_check_end();
        _exit(0);
}

bool try_lives(Life first, bool abandoned, Life life)
{
        char path[FAKEHOST_PATH_SIZE];

        fakehost_make(machine, ARRAY_SIZE(machine), &host);
        host.proc = "/proc";
        fakeservice_start(&service, fakehost_path(path, "notify"));
        faults_start(&(Fault){.kind = FAULT_NONE});
        bool ok = (!first || run(first, abandoned)) && run(life, false);
        fakeservice_stop(&service);
        fakehost_remove();
        return ok;
}
