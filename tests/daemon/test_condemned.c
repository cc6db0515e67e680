/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Leases that the policy takes from their owners, leases that are revoked before the client has the
 * answer, and a guard worker that keeps devices of a lease that is being released.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/descriptors/descriptors.h"
#include "daemon/facts/guard_facts.h"
#include "daemon/lifecycle/life_internal.h"
#include "daemon/work/work.h"
#include "tests/daemon/lifeframe.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

static void react(Lease *lease, PolicyBreach reaction, const char *why)
{
        lease->record->terms.on_fault_storm = reaction;
        module_report(lease->ledger, EVENT_FAULT_STORM, lease, why);
}

/*
 * A lease without its required guard yet is quarantined or revoked: its client is answered first.
 */
static void live_unconcluded(FakeDaemon *daemon)
{
        for (int quarantined = 0; quarantined < 2; quarantined++) {
                Answer owner = {.code = _REFUSAL_N}, answer = {.code = _REFUSAL_N};
                Lease *lease = take(daemon);

                life_of(lease)->state = LIFE_SETTLING;
                life_of(lease)->done = on_done;
                life_of(lease)->done_userdata = &owner;
                if (quarantined) {
                        react(lease, POLICY_BREACH_QUARANTINE, "a storm");
                        must_be(owner.code == REFUSAL_QUARANTINED, "who waits has it all the same");
                        lease_release(lease, on_done, &answer);
                } else {
                        lease_revoke(lease, &(RevokeRequest){.has_grace = true, .grace = 60},
                                       on_done, &answer);
                        must_be(owner.code == REFUSAL_CHANGED, "who waits is told nothing");
                }
                await(daemon, &answer);
                must_be(answer.code == 0 && daemon->ledger->n_leases == 0, "it is given back");
        }
}

/* Sets bus mastering of the card, as an owner does. Returns whether it was on before. */
static bool set_master(bool on)
{
        char path[FAKEHOST_PATH_SIZE];
        uint8_t before = 0, command = on ? 0x06 : 0x02;

        int fd = open(fakehost_path(path, "bus/pci/devices/" CARD "/config"),
                      O_RDWR | O_CLOEXEC);
        must_be(fd >= 0 && pread(fd, &before, 1, 4) == 1 && pwrite(fd, &command, 1, 4) == 1,
                "the Command register");
        (void)close(fd);
        return before & 0x04;
}

/* A client that asks for the card is told that it is in quarantine. */
static void check_quarantine(FakeDaemon *daemon, const char *why)
{
        const Lease *lease = daemon->ledger->leases[0];
        Answer answer = {.code = _REFUSAL_N};

        must_be(strcmp(ledger_lease_state(lease), "quarantined") == 0, "in quarantine");
        must_be(lease_guard(lease) == GUARD_OWNED, "still guarded");
        ask(daemon, CARD, &answer);
        must_be(answer.code == REFUSAL_QUARANTINED && strstr(answer.message, why), "nobody has it");
}

/* The policy takes the lease from its owner, who still has all its files open. */
static void live_condemned(FakeDaemon *daemon)
{
        Lease *lease = take(daemon);

        (void)set_master(true);
        frame_told_grace = 0;
        react(lease, POLICY_BREACH_KEEP, "nothing");
        must_be(lease->record->state == LEASE_LEASED && !work_upkeep(lease), "kept");
        react(lease, POLICY_BREACH_REVOKE, "a reason");
        must_be(strcmp(ledger_lease_state(lease), "revoking") == 0 &&
                        frame_told_grace == POLICY_GRACE_DEFAULT,
                "revoked, with the rule's grace");
        uint64_t end = lease->record->revocation.end_usec;
        react(lease, POLICY_BREACH_REVOKE, "again");
        must_be(lease->record->revocation.end_usec == end,
                "a second reason makes the grace no longer");
        react(lease, POLICY_BREACH_QUARANTINE, "a storm");
        while (work_upkeep(lease))
                must_be(event_base_loop(daemon->base, EVLOOP_ONCE) >= 0, "the loop ended");
        must_be(!set_master(true), "its devices are stopped");
        check_quarantine(daemon, "a storm");
        /* The fd store has the descriptors that the second life must find. */
        _exit(descriptors_of(lease)->n_items > 0 ? 0 : 2);
}

static void live_after_condemned(FakeDaemon *daemon)
{
        Answer answer = {.code = _REFUSAL_N};

        must_be(daemon->ledger->n_leases == 1, "the lease lives on");
        check_quarantine(daemon, "a storm");
        must_be(descriptors_of(daemon->ledger->leases[0])->n_items > 0, "its descriptors are kept");
        lease_release(daemon->ledger->leases[0], on_done, &answer);
        await(daemon, &answer);
        must_be(answer.code == 0 && daemon->ledger->n_leases == 0, "released, it is given back");
}

/* Removes the rejected record. Returns whether there was one. */
static bool unlink_rejected(const FakeDaemon *daemon)
{
        char path[FAKEHOST_PATH_SIZE];

        (void)snprintf(path, sizeof(path), "%s/1.json.rejected", daemon->ledger->state_directory);
        return unlink(path) == 0;
}

/* The lease's record is lost, but its descriptors are in the service manager's store. */
static void live_forgotten(FakeDaemon *daemon)
{
        char path[FAKEHOST_PATH_SIZE];
        const Lease *lease = take(daemon);

        (void)snprintf(path, sizeof(path), "%s/%u.json", daemon->ledger->state_directory,
                       lease->record->id);
        FILE *file = fopen(path, "we");
        must_be(file && fputs("half a rec", file) >= 0 && fclose(file) == 0, "the record");
        _exit(0);
}

static void live_after_forgotten(FakeDaemon *daemon)
{
        Answer answer = {.code = _REFUSAL_N};

        must_be(daemon->ledger->n_leases == 1, "it is a lease still");
        const LeaseRecord *record = daemon->ledger->leases[0]->record;
        Bdf bdf;
        must_be(bdf_parse(CARD, &bdf), "an address");
        const LeaseDevice *device = lease_record_find(record, bdf);
        must_be(record->id == 1 && record->n_groups == 1 && record->state == LEASE_QUARANTINED &&
                        device && device->role == LEASE_ROLE_TAKEN,
                "with its number and its device");
        ask(daemon, CARD, &answer);
        must_be(answer.code == REFUSAL_QUARANTINED && strstr(answer.message, "cannot be read"),
                "nobody has it");
        answer.code = _REFUSAL_N;
        lease_release(daemon->ledger->leases[0], on_done, &answer);
        await(daemon, &answer);
        must_be(answer.code == 0 && daemon->ledger->n_leases == 0, "it is given back");
        must_be(unlink_rejected(daemon), "its record was set aside");
        /* The record's value of power management is lost with it. */
        tree_file("bus/pci/devices/" CARD "/power/control", "auto\n");
}

/* The worker that unbinds a joiner's host driver hangs. */
static void live_guard_hanging(FakeDaemon *daemon)
{
        Answer answer = {.code = _REFUSAL_N};

        must_be(fakedaemon_acquire(daemon, CARD, LEASE_MODE_PATH) == 0, "the card");
        Lease *lease = daemon->ledger->leases[0];
        fakehost_race(true);
        fakehost_hang(JOINER);
        fakehost_plug(JOINER);
        fakehost_rescan(NULL);
        fakedaemon_see_once(daemon);
        must_be(work_upkeep(lease), "the joiner is being blocked");
        /* The host driver binds when the override is written; the same worker finds it. */
        lease_release(lease, on_done, &answer);
        await(daemon, &answer);
        must_be(answer.code == REFUSAL_STUCK && strstr(answer.message, "hangs in the kernel"),
                "who releases it is told");
        must_be(strcmp(ledger_lease_state(lease), "stuck") == 0, "it is stuck");
        answer.code = _REFUSAL_N;
        lease_revoke(lease, &(RevokeRequest){.kill = true}, on_done, &answer);
        await(daemon, &answer);
        must_be(answer.code == REFUSAL_STUCK, "and who revokes it");
        fakehost_race(false);
        fakehost_let_go(JOINER);
        await(daemon, NULL);
        fakedaemon_see(daemon); /* and makes the guard process end */
}

static void test_condemned(void)
{
        CHECK(try_lives(live_condemned, false, live_after_condemned));
}

static void test_unconcluded(void)
{
        CHECK(try_lives(NULL, false, live_unconcluded));
}

static void test_forgotten(void)
{
        CHECK(try_lives(live_forgotten, false, live_after_forgotten));
}

static void test_guard_hanging(void)
{
        CHECK(try_lives(NULL, false, live_guard_hanging));
}

int main(void)
{
        static const TapTest tests[] = {
                {"what the policy quarantines stays guarded, and is stopped", test_condemned},
                {"a lease without a record is known by its descriptors", test_forgotten},
                {"a guard's worker that does not come back", test_guard_hanging},
                {"a lease that nobody has been told of is taken away", test_unconcluded},
        };

        return tap_run(tests);
}
