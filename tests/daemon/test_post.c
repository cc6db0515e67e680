/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Orders that change faster than sentinels come and go, on the host made of files: whoever is on
 * duty stays until its successor is.
 */

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/model/pcicap.h"
#include "daemon/post_internal.h"
#include "tests/daemon/fakedaemon.h"
#include "tests/daemon/fakesentinel.h"
#include "tests/daemon/faults.h"
#include "tests/unit/tap.h"

#define CARD "0000:01:00.0"

/* A slot that nobody can shut: once the card is gone only a sentinel guards its group. */
static const FakeDevice machine[] = {
        {"0000:00:02.0", NULL, PCIE_TYPE_ROOT_PORT, 1, "pcieport", NULL, 1, .has_open_slot = true},
        {"0000:00:02.1", NULL, PCIE_TYPE_ROOT_PORT, 1, "pcieport", NULL, 2, .has_open_slot = true},
        {CARD, "0000:00:02.0", PCIE_TYPE_ENDPOINT, 1, "e1000e", .resets = "bus"},
        {"0000:00:07.0", NULL, PCIE_TYPE_RC_ENDPOINT, 3, "ahci"},
};

static void must_be(bool ok, const char *what)
{
        if (ok)
                return;
        (void)fprintf(stderr, "VIOLATED: %s\n", what);
        _exit(2);
}

/* The sentinel has other orders than it should: another one is started. */
static void reorder(Post *post)
{
        places_clear(&post->orders.places);
        post_review(post);
}

/* What sentinels have to say is heard, once. */
static void hear(const FakeDaemon *daemon)
{
        must_be(fakesentinel_wake(), "no sentinel has anything to say");
        must_be(event_base_loop(daemon->base, EVLOOP_NONBLOCK) >= 0, "the loop ended");
}

static void live(FakeDaemon *daemon)
{
        Post *post = daemon->manager->post;

        must_be(fakedaemon_acquire(daemon, CARD, LEASE_MODE_VFIO) == 0, "the card");
        fakehost_unplug(CARD);
        fakedaemon_see(daemon);
        const Sentinel *first = post->sentinel;
        must_be(first && post->is_ready && !post->former, "a sentinel on duty");

        reorder(post);
        const Sentinel *second = post->sentinel;
        must_be(post->former == first && second != first && !post->is_ready, "the first one goes");
        reorder(post);
        second = post->sentinel;
        must_be(post->former == first && !post->is_ready, "who was never on duty takes its place");

        hear(daemon);
        must_be(post->sentinel == second && post->is_ready, "the second one is on duty");
        must_be(post->former == first, "the first one has not ended yet");
        reorder(post);
        must_be(post->former == second && post->sentinel != second, "nobody is on duty");

        fakedaemon_see(daemon);
        must_be(post->sentinel && post->is_ready && !post->former, "the last one alone is left");
        fakehost_plug(CARD);
        fakedaemon_release_all(daemon);
}

static void test_orders_that_change(void)
{
        char path[FAKEHOST_PATH_SIZE];
        FakeService service = {.n_items = 0};
        HostPaths host;

        fakehost_make(machine, ARRAY_SIZE(machine), &host);
        fakeservice_start(&service, fakehost_path(path, "notify"));
        faults_start(&(Fault){.kind = FAULT_NONE});
        (void)fflush(stdout);
        pid_t child = fork();
        if (child < 0)
                abort();
        if (child == 0) {
                FakeDaemon daemon;

                faults_set_daemon();
                fakedaemon_log();
                fakedaemon_start(&daemon, &host, &service);
                live(&daemon);
                fakedaemon_end(&daemon);
                fakedaemon_check_end();
                _exit(0);
        }
        int status = fakeservice_run(&service, child);
        if (!CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0))
                fakedaemon_print_log();
        fakeservice_stop(&service);
        fakehost_remove();
}

int main(void)
{
        static const TapTest tests[] = {
                {"orders that change before a sentinel has ended", test_orders_that_change},
        };

        return tap_run(tests);
}
