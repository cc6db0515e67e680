/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs the event loop until the daemon has nothing to do, and checks what must be true then. */

#include "tests/daemon/fakedaemon.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/model/strength.h"
#include "core/probe/cleanup.h"
#include "daemon/claims/claims.h"
#include "daemon/facts/guard_facts.h"
#include "daemon/guard_process/controller_internal.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/limits/request.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/recovery/start.h"
#include "daemon/requests/requests.h"
#include "daemon/work/work.h"
#include "tests/daemon/fakeprocess.h"
#include "tests/daemon/fakeworker.h"
#include "tests/unit/tree.h"

/* A release is retried at most this often: a fault strikes once. */
#define RELEASES_MAX 3
/*
 * Longer than any run takes. A loop that is still running then waits for an event that never comes.
 */
#define HANGS_SECONDS 20

static _Noreturn void violated(const char *format, ...) _printf_(1, 2);

static _Noreturn void violated(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        (void)fputs("VIOLATED: ", stderr);
        (void)vfprintf(stderr, format, arguments);
        (void)fputc('\n', stderr);
        va_end(arguments);
        _exit(2);
}

static bool is_busy(const FakeDaemon *daemon)
{
        const Ledger *ledger = daemon->ledger;
        const GuardController *controller = controller_of(ledger);

        for (size_t i = 0; i < ledger->n_leases; i++)
                if (work_transition(ledger->leases[i]) || work_upkeep(ledger->leases[i]) ||
                    claims_are_being_asked(ledger->leases[i]))
                        return true;
        if (controller->worker || controller->former ||
            (controller->process && !controller->is_ready))
                return true;
        return reading_is_due(ledger->reading);
}

static void settle(FakeDaemon *daemon)
{
        while (fakeprocess_wake() || is_busy(daemon))
                if (event_base_loop(daemon->base, EVLOOP_ONCE) < 0)
                        violated("the loop ended");
}

/* --- the journal ------------------------------------------------------------------------------ */

static pid_t own_pid;
static unsigned told[_AUDIT_N];

int __wrap_log_fields(const struct iovec *fields, int n);

/* A worker has closed its journal socket (host/child.h). */
int __wrap_log_fields(const struct iovec *fields, int n)
{
        static const char id[] = "MESSAGE_ID=";

        if (getpid() != own_pid)
                violated("a worker speaks to the journal");
        for (int i = 0; i < n; i++) {
                const char *text = fields[i].iov_base;

                (void)fwrite(text, fields[i].iov_len, 1, stderr);
                (void)fputc(i + 1 < n ? ' ' : '\n', stderr);
                if (strncmp(text, id, strlen(id)) == 0)
                        told[audit_event_from_id(text + strlen(id),
                                                 fields[i].iov_len - strlen(id))]++;
        }
        return 0;
}

unsigned fakedaemon_told(AuditEvent event)
{
        return told[event];
}

void fakedaemon_start(FakeDaemon *daemon, const HostPaths *host, const FakeService *service)
{
        FdStore store = fakeservice_give(service);
        char state[FAKEHOST_PATH_SIZE];
        int r;

        (void)alarm(HANGS_SECONDS);
        own_pid = getpid();
        (void)setenv("JOURNAL_STREAM", "the test's", 1);
        daemon->base = event_base_new();
        if (!daemon->base ||
            daemon_new(daemon->base, host, fakehost_path(state, "state"), &daemon->ledger) < 0)
                violated("there is no manager");
        daemon->hang = fakeworker_watch(daemon->base);
        r = recovery_start(daemon->ledger, &store);
        if (r < 0)
                violated("the start failed: %s", strerror(-r));
        settle(daemon);
}

void fakedaemon_end(FakeDaemon *daemon)
{
        ledger_free(daemon->ledger);
        if (daemon->hang)
                event_free(daemon->hang);
        event_base_free(daemon->base);
        (void)alarm(0);
}

static void on_done(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        int *code = userdata;

        *code = answer->code;
        if (answer->code != 0)
                (void)fprintf(stderr, "answer %d: %s\n", answer->code, answer->message);
}

int fakedaemon_acquire(FakeDaemon *daemon, const char *selector, LeaseMode mode)
{
        return fakedaemon_acquire_all(daemon, (const char *const[]){selector, NULL}, mode);
}

int fakedaemon_acquire_all(FakeDaemon *daemon, const char *const *selectors, LeaseMode mode)
{
        const AcquireRequest request = {
                .selectors = selectors,
                .options.mode = mode,
                .options.lifetime = LEASE_LIFETIME_PERSISTENT,
                .options.with_members = true,
                .options.force = true, /* the fake host has no /proc in which to look for holders */
                .who.path_uid = FAKEHOST_UID,
                .who.unit = "",
        };
        int code = _REFUSAL_N;

        request_acquire(daemon->ledger, &request, on_done, &code);
        settle(daemon);
        if (code == _REFUSAL_N)
                violated("no answer to acquiring %s", selectors[0]);
        return code;
}

void fakedaemon_ask(FakeDaemon *daemon)
{
        const Ledger *ledger = daemon->ledger;

        for (size_t i = 0; i < ledger->n_leases; i++)
                claims_ask_now(ledger->leases[i]);
        (void)event_base_loop(daemon->base, EVLOOP_NONBLOCK);
        settle(daemon);
}

void fakedaemon_release(FakeDaemon *daemon, size_t index)
{
        int code = _REFUSAL_N;

        lease_release(daemon->ledger->leases[index], on_done, &code);
        settle(daemon);
        if (code == _REFUSAL_N)
                violated("no answer to a release");
}

void fakedaemon_release_all(FakeDaemon *daemon)
{
        const Ledger *ledger = daemon->ledger;

        for (int tries = 0; ledger->n_leases > 0; tries++) {
                if (tries == RELEASES_MAX)
                        violated("lease %u stays: %s", ledger->leases[0]->record->id,
                                 ledger_lease_state(ledger->leases[0]));
                for (size_t i = ledger->n_leases; i-- > 0;)
                        fakedaemon_release(daemon, i);
        }
}

void fakedaemon_see(FakeDaemon *daemon)
{
        ledger_read_soon(daemon->ledger);
        settle(daemon);
}

void fakedaemon_see_once(FakeDaemon *daemon)
{
        int r = ledger_read_now(daemon->ledger);
        if (r < 0)
                violated("the machine cannot be read: %s", strerror(-r));
}

/* A hanging worker ends when the fake kernel releases it, and not before (fakehost_hang()). */
void __wrap_worker_kill(Worker *worker);
void __real_worker_kill(Worker *worker);

static bool hangs(void)
{
        const FakeDevice *device;

        for (size_t i = 0; (device = fakehost_at(i)); i++)
                if (fakehost_has("fake/hang/%s", device->address))
                        return true;
        return false;
}

void __wrap_worker_kill(Worker *worker)
{
        if (hangs())
                tree_file("fake/killed", "");
        else
                __real_worker_kill(worker);
}

const Lease *fakedaemon_lease(const FakeDaemon *daemon, const char *address)
{
        int32_t group = fakehost_find(address)->group;

        for (size_t i = 0; i < daemon->ledger->n_leases; i++) {
                const Lease *lease = daemon->ledger->leases[i];

                if (lease->record->state == LEASE_LEASED &&
                    lease_record_has_group(lease->record, group))
                        return lease;
        }
        return NULL;
}

/* Does the machine have a slot that cannot be sealed? */
static bool has_open_slot(void)
{
        const FakeDevice *device;

        for (size_t i = 0; (device = fakehost_at(i)); i++)
                if (device->has_open_slot)
                        return true;
        return false;
}

void fakedaemon_check(const FakeDaemon *daemon, const char *when)
{
        char driver[FAKEHOST_NAME_SIZE], override[FAKEHOST_NAME_SIZE];
        const FakeDevice *device;

        for (size_t i = 0; (device = fakehost_at(i)); i++) {
                const Lease *lease = fakedaemon_lease(daemon, device->address);

                if (!lease || !fakehost_is_present(device))
                        continue;
                if (!driver_is_harmless(fakehost_driver(device, driver)))
                        violated("%s: %s is leased, and %s drives it", when, device->address,
                                 driver);
                if (device->bus_below == 0 && !fakehost_override(device, override)[0])
                        violated("%s: %s is leased, and free for every driver", when,
                                 device->address);
                if (!has_open_slot() && lease_guard(lease) < GUARD_SEALED)
                        violated("%s: the guard of %s is %s", when, device->address,
                                 guard_layer_to_string(lease_guard(lease)));
                if (guard_trouble(lease))
                        violated("%s: the guard is still in trouble: %s", when,
                                 guard_trouble(lease));
        }
}

void fakedaemon_check_end(void)
{
        _cleanup_(freep) char *have = NULL, *want = NULL;
        static const char *const directories[] = {"state", "rules.d"};

        fakehost_race(false);
        have = fakehost_picture(false);
        want = fakehost_picture(true);
        if (strcmp(have, want) != 0)
                violated("the machine is\n%snot\n%s", have, want);
        for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
                char path[FAKEHOST_PATH_SIZE];
                _cleanup_(closedirp) DIR *directory =
                        opendir(fakehost_path(path, "%s", directories[i]));

                for (struct dirent *entry; directory && (entry = readdir(directory));)
                        /*
                         * A daemon's death may leave a temporary file. The next write replaces it.
                         */
                        if (entry->d_name[0] != '.')
                                violated("%s is left", entry->d_name);
        }
}

void fakedaemon_log(void)
{
        char path[FAKEHOST_PATH_SIZE];

        if (!freopen(fakehost_path(path, "log"), "a", stderr))
                abort();
        (void)setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
}

void fakedaemon_print_log(void)
{
        char path[FAKEHOST_PATH_SIZE], line[512];
        _cleanup_(fclosep) FILE *log = fopen(fakehost_path(path, "log"), "r");

        while (log && fgets(line, sizeof(line), log))
                printf("#   %s", line);
}

bool fakedaemon_logged(const char *text)
{
        char path[FAKEHOST_PATH_SIZE], line[512];
        _cleanup_(fclosep) FILE *log = fopen(fakehost_path(path, "log"), "r");
        bool found = false;

        while (log && !found && fgets(line, sizeof(line), log))
                found = strstr(line, text);
        return found;
}
