/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Authorization that is answered later: the object of a call may have changed when the answer
 * comes.
 *
 * The bus is a socket. Its other end plays the caller, polkit and the bus daemon. The daemon's
 * operations are only counted.
 */

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/bus/request.h"
#include "daemon/requests/requests.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define NIC "devices/pci0000:00/0000:00:05.0"
#define OWNER 1000
#define OTHER 1001

void __wrap_lease_release(Lease *lease, LeaseDone done, void *userdata);
void __wrap_request_reset(Ledger *ledger, Bdf bdf, LeaseDone done, void *userdata);
int __wrap_lease_transfer(Lease *lease, const NewOwner *owner, char **ret_message);

typedef struct Scene {
        HostPaths host;
        Ledger ledger;
        Lease lease, *leases[1];
        Bus bus;
        uid_t caller;
        sd_bus *others;           /* the other end */
        sd_bus_message *asked[2]; /* the daemon's questions to the bus and polkit, in order */
        size_t n_asked;
        char names[2][64]; /* of the errors that calls ended with, "" for none */
        size_t n_outcomes;
} Scene;

static unsigned n_done;

static void succeed(LeaseDone done, void *userdata)
{
        const LeaseAnswer answer = {.code = 0, .message = ""};

        n_done++;
        done(&answer, NULL, userdata);
}

void __wrap_lease_release(Lease *lease, LeaseDone done, void *userdata)
{
        succeed(done, userdata);
}

void __wrap_request_reset(Ledger *ledger, Bdf bdf, LeaseDone done, void *userdata)
{
        succeed(done, userdata);
}

int __wrap_lease_transfer(Lease *lease, const NewOwner *owner, char **ret_message)
{
        n_done++;
        lease->record->owner.uid = owner->who.uid;
        return 0;
}

/* A call comes in, from the user that the scene names. */
static int on_call(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Scene *scene = userdata;
        const char *interface = sd_bus_message_get_interface(message);
        MethodCall *call = interface ? calloc(1, sizeof(*call)) : NULL;

        if (!call)
                return 0;
        call->bus = &scene->bus;
        call->message = sd_bus_message_ref(message);
        call->caller.uid = scene->caller;
        call->row = method_find(interface, sd_bus_message_get_member(message));
        call->stage = CALL_STAGE_OPTIONS;
        call->resume = request_go_on;
        request_go_on(call);
        return 1;
}

static int on_question(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Scene *scene = userdata;

        if (!sd_bus_message_get_interface(message) || scene->n_asked == ARRAY_SIZE(scene->asked))
                return 0;
        scene->asked[scene->n_asked++] = sd_bus_message_ref(message);
        return 1;
}

static int on_outcome(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Scene *scene = userdata;
        const sd_bus_error *failure = sd_bus_message_get_error(reply);
        size_t i = scene->n_outcomes++;

        (void)snprintf(scene->names[i], sizeof(scene->names[i]), "%s",
                       failure ? failure->name : "");
        return 1;
}

/* Runs both ends until neither has anything left to do. */
static void turn(Scene *scene)
{
        for (int idle = 0; idle < 3;) {
                int r = sd_bus_process(scene->bus.bus, NULL);
                int s = sd_bus_process(scene->others, NULL);

                idle = r == 0 && s == 0 ? idle + 1 : 0;
                if (!CHECK(r >= 0 && s >= 0))
                        return;
        }
}

/* One device, in a group that is leased. */
static void make_machine(Scene *scene)
{
        scene->host =
                (HostPaths){.sysfs = tree_make(), .dev = "/nonexistent", .proc = "/nonexistent"};
        tree_device(NIC, 0x8086, 0x10d3, 0x020000);
        tree_config(NIC, 256, PCIE_TYPE_RC_ENDPOINT, 0);
        tree_file("kernel/iommu_groups/14/type", "DMA-FQ\n");
        tree_link(NIC "/iommu_group", "../../../kernel/iommu_groups/14");
        if (world_read(&scene->host, NULL, &scene->ledger.world) != 0 ||
            lease_record_new(&scene->lease.record) < 0 ||
            lease_record_add_group(scene->lease.record, 14, "0000:00/05.0") < 0)
                abort();
        scene->lease.record->id = 7;
        scene->lease.record->owner.uid = OWNER;
        scene->leases[0] = &scene->lease;
        scene->ledger.leases = scene->leases;
        scene->ledger.n_leases = 1;
}

static void open_scene(Scene *scene, uid_t caller)
{
        int ends[2];

        *scene = (Scene){.caller = caller};
        n_done = 0;
        make_machine(scene);
        scene->bus.ledger = &scene->ledger;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0 ||
            sd_bus_new(&scene->bus.bus) < 0 || sd_bus_new(&scene->others) < 0 ||
            sd_bus_set_fd(scene->bus.bus, ends[0], ends[0]) < 0 ||
            sd_bus_set_fd(scene->others, ends[1], ends[1]) < 0 ||
            sd_bus_set_server(scene->bus.bus, 1, (sd_id128_t){.bytes = {1}}) < 0 ||
            sd_bus_set_anonymous(scene->bus.bus, 1) < 0 ||
            sd_bus_set_anonymous(scene->others, 1) < 0 ||
            sd_bus_add_filter(scene->bus.bus, NULL, on_call, scene) < 0 ||
            sd_bus_add_filter(scene->others, NULL, on_question, scene) < 0 ||
            sd_bus_start(scene->bus.bus) < 0 || sd_bus_start(scene->others) < 0)
                abort();
}

static void close_scene(Scene *scene)
{
        for (size_t i = 0; i < scene->n_asked; i++)
                sd_bus_message_unref(scene->asked[i]);
        sd_bus_close_unref(scene->others);
        sd_bus_close_unref(scene->bus.bus);
        lease_record_free(scene->lease.record);
        world_free(scene->ledger.world);
        tree_remove();
}

/* Calls `member` of the lease or of the device, and runs until the daemon waits for an answer. */
static void ask(Scene *scene, const char *path, const char *interface, const char *member)
{
        CHECK(sd_bus_call_method_async(scene->others, NULL, BUS_NAME, path, interface, member,
                                       on_outcome, scene, "a{sv}", 0) >= 0);
        turn(scene);
}

static void give_to(Scene *scene, const char *name)
{
        CHECK(sd_bus_call_method_async(scene->others, NULL, BUS_NAME, "/org/isolationd1/lease/7",
                                       BUS_IFACE_LEASE, "Transfer", on_outcome, scene, "a{sv}", 1,
                                       "name", "s", name) >= 0);
        turn(scene);
}

/* Polkit authorizes the call. */
static void grant(Scene *scene)
{
        if (!CHECK_NUMBER(scene->n_asked, 1))
                return;
        CHECK_STRING(sd_bus_message_get_member(scene->asked[0]), "CheckAuthorization");
        CHECK(sd_bus_reply_method_return(scene->asked[0], "(bba{ss})", 1, 0, 0) >= 0);
        turn(scene);
}

/* The bus answers who owns the name. */
static void name_heir(Scene *scene, size_t i, uid_t uid)
{
        if (!CHECK(i < scene->n_asked))
                return;
        CHECK_STRING(sd_bus_message_get_member(scene->asked[i]), "GetConnectionCredentials");
        CHECK(sd_bus_reply_method_return(scene->asked[i], "a{sv}", 1, "UnixUserID", "u",
                                         (uint32_t)uid) >= 0);
        turn(scene);
}

static void test_a_grant_that_comes_in_time(void)
{
        Scene scene;

        open_scene(&scene, OTHER);
        ask(&scene, "/org/isolationd1/lease/7", BUS_IFACE_LEASE, "Release");
        CHECK_NUMBER(n_done, 0);
        grant(&scene);
        CHECK_NUMBER(n_done, 1);
        CHECK_STRING(scene.names[0], "");
        close_scene(&scene);
}

static void test_a_grant_for_the_owner_of_before(void)
{
        Scene scene;

        open_scene(&scene, OTHER);
        ask(&scene, "/org/isolationd1/lease/7", BUS_IFACE_LEASE, "Release");
        scene.lease.record->owner.uid = 1002;
        grant(&scene);
        CHECK_NUMBER(n_done, 0);
        CHECK_NUMBER(scene.n_outcomes, 1);
        CHECK_STRING(scene.names[0], BUS_NAME ".Error.Changed");
        close_scene(&scene);
}

static void test_a_grant_for_a_device_that_was_pulled(void)
{
        Scene scene;

        for (int is_another = 0; is_another < 2; is_another++) {
                open_scene(&scene, OTHER);
                ask(&scene, "/org/isolationd1/device/0000_00_05_0", BUS_IFACE_DEVICE, "Reset");
                scene.ledger.world->snapshot->devices[0].sysfs.inode += (uint64_t)is_another;
                grant(&scene);
                CHECK_NUMBER(n_done, !is_another);
                CHECK_STRING(scene.names[0], is_another ? BUS_NAME ".Error.Changed" : "");
                close_scene(&scene);
        }
}

static void test_an_owner_gives_away_what_is_not_his_any_more(void)
{
        Scene scene;

        open_scene(&scene, OWNER);
        give_to(&scene, ":1.42");
        give_to(&scene, ":1.43");
        name_heir(&scene, 0, OTHER);
        CHECK_NUMBER(scene.lease.record->owner.uid, OTHER);
        name_heir(&scene, 1, OWNER);
        CHECK_NUMBER(scene.lease.record->owner.uid, OTHER);
        CHECK_NUMBER(n_done, 1);
        CHECK_NUMBER(scene.n_outcomes, 2);
        CHECK_STRING(scene.names[0], "");
        CHECK_STRING(scene.names[1], BUS_NAME ".Error.Changed");
        close_scene(&scene);
}

/* A lease that the policy took from its owner needs another user's authorization. */
static void test_an_owner_of_what_is_in_quarantine(void)
{
        static const struct {
                LeaseState state;
                bool in_hand;
                unsigned n_done; /* without authorization by polkit */
        } cases[] = {
                {LEASE_LEASED, false, 1},
                {LEASE_QUARANTINED, false, 1}, /* the restore failed: its owner may retry */
                {LEASE_QUARANTINED, true, 0},
        };
        Scene scene;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                open_scene(&scene, OWNER);
                scene.lease.record->state = cases[i].state;
                scene.lease.record->condition.in_hand = cases[i].in_hand;
                ask(&scene, "/org/isolationd1/lease/7", BUS_IFACE_LEASE, "Release");
                CHECK_NUMBER(n_done, cases[i].n_done);
                if (cases[i].n_done == 0)
                        grant(&scene);
                CHECK_NUMBER(n_done, 1);
                close_scene(&scene);
        }
        open_scene(&scene, 0);
        scene.lease.record->state = LEASE_QUARANTINED;
        scene.lease.record->condition.in_hand = true;
        ask(&scene, "/org/isolationd1/lease/7", BUS_IFACE_LEASE, "Release");
        CHECK_NUMBER(n_done, 1);
        close_scene(&scene);
}

int main(void)
{
        static const TapTest tests[] = {
                {"a grant that comes in time", test_a_grant_that_comes_in_time},
                {"a grant for the owner of before", test_a_grant_for_the_owner_of_before},
                {"a grant for a device that was pulled", test_a_grant_for_a_device_that_was_pulled},
                {"an owner gives away what is not his any more",
                 test_an_owner_gives_away_what_is_not_his_any_more},
                {"an owner of what is in quarantine", test_an_owner_of_what_is_in_quarantine},
        };

        return tap_run(tests);
}
