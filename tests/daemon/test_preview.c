/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The preview of a plan, in each mode, on a host made of files: it lists every step of an acquire
 * in order, and changes nothing. Then the acquire is made, and has done these steps.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/model/pcicap.h"
#include "daemon/guard/seal.h"
#include "daemon/lease/nodes.h"
#include "daemon/requests/preview.h"
#include "tests/daemon/fakedaemon.h"
#include "tests/daemon/faults.h"
#include "tests/unit/tap.h"

#define CARD "0000:01:00.0"
#define LONE "0000:05:00.0"
#define STEPS_MAX 32

static FakeDevice machine[] = {
        {"0000:00:02.0", NULL, PCIE_TYPE_ROOT_PORT, 1, "pcieport", NULL, 1, true, true},
        {"0000:00:02.1", NULL, PCIE_TYPE_ROOT_PORT, 1, "pcieport", NULL, 2, true, true},
        {CARD, "0000:00:02.0", PCIE_TYPE_ENDPOINT, 1, "e1000e"},
        {"0000:00:05.0", NULL, PCIE_TYPE_ROOT_PORT, 2, "pcieport", NULL, 5, .has_slot = true},
        {LONE, "0000:00:05.0", PCIE_TYPE_ENDPOINT, 2, "ixgbe", .has_vfs = true},
};

#define RULES "write udev rules to /run/udev/rules.d: devices that join get no driver"
#define SEAL_0 "0000:00:02.0: unbind pciehp (0000:00:02.0:pcie004), which seals the slot"
#define SEAL_1 "0000:00:02.1: unbind pciehp (0000:00:02.1:pcie004), which seals the slot"
#define NO_VFS LONE ": set sriov_drivers_autoprobe to 0 (it is 1)"
#define DRIVERS CARD ": driver_override vfio-pci", CARD ": unbind e1000e", CARD ": bind vfio-pci"

static const struct {
        const char *selector;
        LeaseMode mode;
        const char *steps[STEPS_MAX];
} cases[] = {
        {CARD,
         LEASE_MODE_VFIO,
         {RULES, DRIVERS, "claim group 0000:00/02.0 (kernel group 1), mode vfio"}},
        {LONE,
         LEASE_MODE_VFIO,
         {RULES, NO_VFS, LONE ": driver_override vfio-pci", LONE ": unbind ixgbe",
          LONE ": bind vfio-pci", "claim group 0000:00/05.0 (kernel group 2), mode vfio"}},
        {CARD,
         LEASE_MODE_IOMMUFD_UNBOUND,
         {RULES, SEAL_0, SEAL_1, DRIVERS,
          "open group 0000:00/02.0 (kernel group 1), mode iommufd-unbound"}},
        {CARD,
         LEASE_MODE_GROUP_FD,
         {RULES ", the modes of its nodes are kept", SEAL_0, SEAL_1, DRIVERS,
          "open group 0000:00/02.0 (kernel group 1), mode group-fd",
          "let uid 1000 open DEV/vfio/vfio", "let uid 1000 open DEV/iommu"}},
        {CARD,
         LEASE_MODE_PATH,
         {RULES ", the modes of its nodes are kept", SEAL_0, SEAL_1, DRIVERS,
          "open and close group 0000:00/02.0 (kernel group 1), mode path",
          "let uid 1000 open DEV/vfio/1",
          "let uid 1000 open the node of " CARD " in DEV/vfio/devices, if this kernel makes one",
          "let uid 1000 open DEV/vfio/vfio", "let uid 1000 open DEV/iommu"}},
};

/* The text of the preview. */
typedef struct Said {
        bool is_done;
        int code;
        char *message;
        TextList steps;
} Said;

static void said_clear(Said *said)
{
        free(said->message);
        text_list_clear(&said->steps);
}

static void on_previewed(const PlanPreview *preview, void *userdata)
{
        Said *said = userdata;

        said->is_done = true;
        said->code = preview->code;
        said->message = strdup(preview->message ? preview->message : "");
        for (size_t i = 0; i < preview->steps->n_items; i++)
                CHECK_NUMBER(lease_step_texts_add(&said->steps, strdup(preview->steps->items[i])),
                             0);
}

static void play(FakeDaemon *daemon, const char *selector, LeaseMode mode, Said *said)
{
        const char *const selectors[] = {selector, NULL};
        const AcquireRequest request = {
                .selectors = selectors,
                .options.mode = mode,
                .options.lifetime = LEASE_LIFETIME_PERSISTENT,
                .options.with_members = true,
                .options.force = true,
                .who.path_uid = FAKEHOST_UID,
                .who.unit = "",
        };

        plan_preview(daemon->ledger, &request, on_previewed, said);
        while (!said->is_done && event_base_loop(daemon->base, EVLOOP_ONCE) == 0)
                ;
}

/* The step as the case has it: with the made host's /dev in place of DEV. */
static void check_step(const char *want, const char *have)
{
        const char *place = strstr(want, "DEV/");
        _cleanup_(freep) char *text = NULL;
        char dev[FAKEHOST_PATH_SIZE];

        if (asprintf(&text, "%.*s%s%s", place ? (int)(place - want) : 0, want,
                     place ? fakehost_path(dev, "dev") : "",
                     place ? place + strlen("DEV") : want) < 0)
                abort();
        CHECK_STRING(have, text);
}

static void check_case(FakeDaemon *daemon, size_t which)
{
        _cleanup_(freep) char *before = fakehost_picture(false), *after = NULL;
        _cleanup_(said_clear) Said said = {.is_done = false};
        size_t n = 0;

        play(daemon, cases[which].selector, cases[which].mode, &said);
        after = fakehost_picture(false);
        CHECK_STRING(after, before);
        CHECK_NUMBER(said.code, 0);
        CHECK_STRING(said.message, "");
        for (; cases[which].steps[n]; n++)
                check_step(cases[which].steps[n],
                           n < said.steps.n_items ? said.steps.items[n] : "");
        CHECK_NUMBER(said.steps.n_items, n);
}

/* Whether a record in `mode` has the previewed changes, marked as made. */
static void check_done(const FakeDaemon *daemon, size_t which)
{
        const Lease *lease = fakedaemon_lease(daemon, cases[which].selector);
        size_t n = 0;

        if (!CHECK(lease))
                return;
        for (const char *const *step = cases[which].steps; *step; step++)
                n += strstr(*step, "seals the slot") || strstr(*step, "sriov_drivers_autoprobe");
        CHECK_NUMBER(lease->record->n_changes, n);
        for (size_t i = 0; i < lease->record->n_changes; i++)
                CHECK(!seal_is_open(&daemon->ledger->host, &lease->record->changes[i]));
        if (nodes_are_for(cases[which].mode))
                CHECK(nodes_are_granted(&daemon->ledger->host, lease->record));
}

/* A daemon's life, with checks of its own; a service manager keeps its fds. */
static _Noreturn void live(const HostPaths *host, const FakeService *service,
                           void (*run)(FakeDaemon *daemon))
{
        FakeDaemon daemon;

        faults_set_daemon();
        fakedaemon_log();
        fakedaemon_start(&daemon, host, service);
        run(&daemon);
        fakedaemon_release_all(&daemon);
        fakedaemon_end(&daemon);
        fakedaemon_check_end();
        (void)fflush(stdout);
        _exit(tap_failed);
}

static void in_daemon(void (*run)(FakeDaemon *daemon))
{
        FakeService service = {.n_items = 0};
        char path[FAKEHOST_PATH_SIZE];
        HostPaths host;

        fakehost_make(machine, ARRAY_SIZE(machine), &host);
        fakeservice_start(&service, fakehost_path(path, "notify"));
        faults_start(&(Fault){.kind = FAULT_NONE});
        (void)fflush(stdout);
        pid_t child = fork();
        if (child < 0)
                abort();
        if (child == 0)
                live(&host, &service, run);
        int status = fakeservice_run(&service, child);
        if (!CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0))
                fakedaemon_print_log();
        fakeservice_stop(&service);
        fakehost_remove();
}

static void run_cases(FakeDaemon *daemon)
{
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                check_case(daemon, i);
                CHECK_NUMBER(fakedaemon_acquire(daemon, cases[i].selector, cases[i].mode), 0);
                check_done(daemon, i);
                fakedaemon_release_all(daemon);
        }
}

static void test_steps(void)
{
        in_daemon(run_cases);
}

/* A slot that cannot be sealed: the gate keeps host drivers out. */
static void run_gated(FakeDaemon *daemon)
{
        _cleanup_(said_clear) Said said = {.is_done = false};

        play(daemon, CARD, LEASE_MODE_PATH, &said);
        CHECK_NUMBER(said.code, 0);
        CHECK_STRING(said.steps.n_items > 0 ? said.steps.items[said.steps.n_items - 1] : "",
                     "set drivers_autoprobe of the PCI bus to 0, while no stronger layer guards");
        for (size_t i = 0; i < said.steps.n_items; i++)
                CHECK(!strstr(said.steps.items[i], "seals"));
}

static void test_gate(void)
{
        for (size_t i = 0; i < 2; i++) {
                machine[i].has_slot = false;
                machine[i].has_open_slot = true;
        }
        in_daemon(run_gated);
}

int main(int argc, char **argv)
{
        static const TapTest tests[] = {
                {"a plan's steps are those of the acquire", test_steps},
                {"a plan tells of the gate", test_gate},
        };

        return tap_run(tests);
}
