/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The queue's file: it is read back as it was written, and a file that is no queue is set aside. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/queue/queue_internal.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

static const char *const selectors[] = {"0000:00/05.0", "group:7", NULL};
static const gid_t gids[] = {1000, 27, 4294967294U};

/* A waiter with every field set. */
static Waiter *make(const char *ticket, uint64_t until)
{
        const AcquireRequest request = {
                .selectors = selectors,
                .options.modes = {LEASE_MODE_IOMMUFD, LEASE_MODE_VFIO},
                .options.n_modes = 2,
                .options.lifetime = LEASE_LIFETIME_CONNECTION,
                .options.with_members = true,
                .who.uid = 1000,
                .who.path_uid = 1001,
                .who.gids = gids,
                .who.n_gids = ARRAY_SIZE(gids),
                .who.unit = "qemu@7.service",
                .who.label = "system_u:system_r:svirt_t:s0:c1,c2",
                .who.name = ":1.42",
                .options.driver = "mlx5_vfio_pci",
                .wait_usec = 5000000,
                .ticket = ticket,
        };
        Waiter *waiter = calloc(1, sizeof(*waiter));

        if (!CHECK(waiter) || !CHECK_NUMBER(request_copy(&request, &waiter->request), 0))
                abort();
        waiter->since_usec = 17;
        waiter->until_usec = until;
        return waiter;
}

static void free_all(Waiter *first)
{
        while (first) {
                Waiter *next = first->next;

                waiter_free(first);
                first = next;
        }
}

static const char *directory(void)
{
        static char path[4200];

        (void)snprintf(path, sizeof(path), "%s/leases", tree_make());
        CHECK(mkdir(path, 0700) == 0);
        return path;
}

static void test_round_trip(void)
{
        const char *place = directory();
        Waiter *first = make("first", REQUEST_WAIT_FOREVER), *back = NULL;
        char path[4300];

        first->next = make(NULL, 99); /* no client could ask for it again */
        first->next->next = make("second", 99);
        CHECK_NUMBER(queue_state_save(place, first), 0);
        CHECK_NUMBER(queue_state_load(place, &back), 0);
        if (CHECK(back && back->next && !back->next->next)) {
                const AcquireRequest *request = &back->request;

                CHECK_STRING(request->selectors[0], selectors[0]);
                CHECK_STRING(request->selectors[1], selectors[1]);
                CHECK(!request->selectors[2]);
                CHECK(request->options.n_modes == 2 &&
                      request->options.modes[0] == LEASE_MODE_IOMMUFD);
                CHECK_NUMBER(request->options.lifetime, LEASE_LIFETIME_CONNECTION);
                CHECK(request->options.with_members && !request->options.force &&
                      request->who.uid == 1000);
                CHECK_NUMBER(request->who.path_uid, 1001);
                CHECK(request->who.n_gids == 3 &&
                      memcmp(request->who.gids, gids, sizeof(gids)) == 0);
                CHECK_STRING(request->who.unit, "qemu@7.service");
                CHECK_STRING(request->who.label, "system_u:system_r:svirt_t:s0:c1,c2");
                CHECK_STRING(request->who.name, ":1.42");
                CHECK_STRING(request->options.driver, "mlx5_vfio_pci");
                CHECK_STRING(request->ticket, "first");
                CHECK(back->since_usec == 17 && back->until_usec == REQUEST_WAIT_FOREVER);
                CHECK_STRING(back->next->request.ticket, "second");
                CHECK_NUMBER((long long)back->next->until_usec, 99);
        }
        free_all(back);
        /* With no place to keep there is no file. */
        CHECK_NUMBER(queue_state_save(place, NULL), 0);
        (void)snprintf(path, sizeof(path), "%s/queue", place);
        CHECK(access(path, F_OK) < 0 && errno == ENOENT);
        back = first;
        CHECK_NUMBER(queue_state_load(place, &back), 0);
        CHECK(!back);
        free_all(first);
        tree_remove();
}

static void test_strange_files(void)
{
        static const char *const strange[] = {
                "",
                "[]",
                "{}",
                "{\"version\":2,\"waiters\":[]}",
                "{\"version\":1,\"waiters\":{}}",
                "{\"version\":1,\"waiters\":[7]}",
                "{\"version\":1,\"waiters\":[{}]}",
                "{\"version\":1,\"waiters\":[{\"selectors\":[\"a\"],\"gids\":[-1]}]}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(strange); i++) {
                const char *place = directory();
                char path[4300];
                Waiter *back = NULL;

                tree_file("leases/queue", strange[i]);
                CHECK_NUMBER(queue_state_load(place, &back), -EBADMSG);
                (void)snprintf(path, sizeof(path), "%s/queue.rejected", place);
                CHECK(access(path, F_OK) == 0);
                CHECK_NUMBER(queue_state_load(place, &back), 0);
                CHECK(!back);
                tree_remove();
        }
}

/* Each number and text of a good file, spoiled by itself. */
static void test_spoiled_files(void)
{
        static const char *const edits[][2] = {
                {"\"mode\":0", "\"mode\":99"},
                {"\"lifetime\":2", "\"lifetime\":-1"},
                {"\"uid\":1000", "\"uid\":4294967296"},
                {"\"force\":0", "\"force\":2"},
                {"\"modes\":[2,1]", "\"modes\":[0]"},
                {"\"ticket\":\"first\"", "\"ticket\":\"\""},
                {"\"unit\":\"q", "\"unite\":\"q"},
                {"\"label\":\"s", "\"label\":7,\"unlabel\":\"s"},
                {"\"until_usec\":99", "\"until_usec\":\"99\""},
                {"\"selectors\":[", "\"selectors\":7,\"others\":["},
        };
        char text[4096], edited[4200];

        for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
                const char *place = directory();
                Waiter *first = make("first", 99), *back = NULL;
                char path[4300];

                CHECK_NUMBER(queue_state_save(place, first), 0);
                (void)snprintf(path, sizeof(path), "%s/queue", place);
                FILE *file = fopen(path, "r");
                size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
                text[n] = '\0';
                if (file)
                        (void)fclose(file);
                char *at = strstr(text, edits[i][0]);
                if (CHECK(at)) {
                        (void)snprintf(edited, sizeof(edited), "%.*s%s%s", (int)(at - text), text,
                                       edits[i][1], at + strlen(edits[i][0]));
                        tree_file("leases/queue", edited);
                        CHECK_NUMBER(queue_state_load(place, &back), -EBADMSG);
                }
                free_all(first);
                tree_remove();
        }
}

static char watched[64];

static void on_needs_name(const char *name, void *userdata)
{
        (void)snprintf(watched, sizeof(watched), "%s", name);
}

static void on_done(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        *(int *)userdata = answer->code;
}

/* A queue of a new daemon, which keeps the place of one waiter. */
static Queue *load(const Waiter *first, Ledger **ret_ledger)
{
        static const HostPaths host = {
                .sysfs = "/nonexistent", .dev = "/nonexistent", .proc = "/nonexistent"};
        static const Module *const modules[] = {&queue_module, &queue_turn_module, NULL};
        const LedgerObserver observer = {.needs_name = on_needs_name};
        struct event_base *base = event_base_new();
        Ledger *ledger;

        if (!base || ledger_new(base, &host, directory(), modules, &ledger) < 0)
                abort();
        ledger_observe(ledger, &observer);
        if (queue_state_save(ledger->state_directory, first) < 0 || queue_load(ledger) < 0)
                abort();
        *ret_ledger = ledger;
        return queue_of(ledger);
}

static void unload(Ledger *ledger)
{
        struct event_base *base = ledger->base;

        ledger_free(ledger);
        event_base_free(base);
        tree_remove();
}

/* A client that knows the ticket but is not the waiter gets no place. */
static void test_a_ticket_is_not_enough(void)
{
        Ledger *ledger;
        Waiter *first = make("first", REQUEST_WAIT_FOREVER);
        Queue *queue = load(first, &ledger);
        int code = -1;
        static const struct {
                uid_t uid;
                const char *unit, *label, *ticket;
        } strangers[] = {
                {1001, "qemu@7.service", "system_u:system_r:svirt_t:s0:c1,c2", "first"},
                {1000, "qemu@8.service", "system_u:system_r:svirt_t:s0:c1,c2", "first"},
                {1000, "", "system_u:system_r:svirt_t:s0:c1,c2", "first"},
                {1000, "qemu@7.service", "system_u:system_r:svirt_t:s0:c1,c3", "first"},
                {1000, "qemu@7.service", NULL, "first"},
                {1000, "qemu@7.service", "system_u:system_r:svirt_t:s0:c1,c2", "second"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
                AcquireRequest request = first->request;

                request.who.uid = strangers[i].uid;
                request.who.unit = strangers[i].unit;
                request.who.label = strangers[i].label;
                request.ticket = strangers[i].ticket;
                if (!CHECK(!queue_adopt(ledger, &request, on_done, &code)))
                        printf("# stranger %zu has the place\n", i);
        }
        CHECK(!queue->first->done);
        CHECK_NUMBER(code, -1);
        unload(ledger);
        free_all(first);
}

/* The waiter waits under its new connection, and keeps its place under that for the next daemon. */
static void test_who_comes_back_has_another_connection(void)
{
        static const gid_t fewer[] = {1000};
        Ledger *ledger;
        Waiter *first = make("first", REQUEST_WAIT_FOREVER), *back = NULL;
        Queue *queue = load(first, &ledger);
        AcquireRequest request = first->request;
        int code = -1;

        request.who.name = ":1.99";
        request.who.pid = 4711;
        request.who.gids = fewer;
        request.who.n_gids = 1;
        CHECK(queue->first->until_usec < REQUEST_WAIT_FOREVER); /* until the waiter asks again */
        request.wait_usec = REQUEST_WAIT_FOREVER;
        CHECK(queue_adopt(ledger, &request, on_done, &code));
        CHECK(queue->first->until_usec == REQUEST_WAIT_FOREVER);
        CHECK_STRING(watched, ":1.99");
        CHECK_NUMBER(queue_state_load(ledger->state_directory, &back), 0);
        if (CHECK(back)) {
                CHECK_STRING(back->request.who.name, ":1.99");
                CHECK_NUMBER(back->request.who.pid, 4711);
                CHECK(back->request.who.n_gids == 1 && back->request.who.gids[0] == 1000);
        }
        queue_forget(ledger, ":1.42");
        CHECK_NUMBER(code, -1);
        queue_forget(ledger, ":1.99");
        CHECK_NUMBER(code, REFUSAL_CHANGED);
        CHECK(!queue->first);
        unload(ledger);
        free_all(back);
        free_all(first);
}

/* The waiter may have been answered, or not: its place is kept, but not for long. */
static void test_who_was_being_served_keeps_its_place(void)
{
        Ledger *ledger;
        Waiter *first = make("first", REQUEST_WAIT_FOREVER), *back = NULL;

        first->is_served = true;
        first->next = make("second", REQUEST_WAIT_FOREVER);
        uint64_t now = clock_usec(CLOCK_BOOTTIME);
        Queue *queue = load(first, &ledger);
        uint64_t later = clock_usec(CLOCK_BOOTTIME);
        const Waiter *served = queue->first;

        CHECK(served && served->next && !served->is_served);
        CHECK_STRING(served->request.ticket, "first");
        CHECK(served->until_usec >= now + QUEUE_SERVED_ABSENCE_SECONDS * USEC_PER_SEC);
        CHECK(served->until_usec <= later + QUEUE_SERVED_ABSENCE_SECONDS * USEC_PER_SEC);
        CHECK(served->next->until_usec >= now + QUEUE_ABSENCE_SECONDS * USEC_PER_SEC);
        CHECK_NUMBER((long long)queue_count_callers(ledger), 0);

        /* A request that is being served is before the others, for the next daemon. */
        queue->served = queue->first;
        queue->first = queue->first->next;
        queue->served->next = NULL;
        queue->served->is_served = true;
        queue_save(ledger);
        CHECK(!queue->served->next);
        CHECK_NUMBER(queue_state_load(ledger->state_directory, &back), 0);
        if (CHECK(back && back->next && !back->next->next)) {
                CHECK_STRING(back->request.ticket, "first");
                CHECK(back->is_served && !back->next->is_served);
        }
        unload(ledger);
        free_all(back);
        free_all(first);
}

/* The daemon also watches the connection of a new waiter, and learns of its end. */
static void test_the_end_of_who_waits_is_heard_of(void)
{
        Ledger *ledger;
        Waiter *first = make("first", REQUEST_WAIT_FOREVER);
        (void)load(NULL, &ledger);
        Plan plan = {.ledger = ledger, .request = &first->request};
        int code = -1;

        watched[0] = '\0';
        CHECK_NUMBER(queue_add(&plan, on_done, &code), 0);
        CHECK_STRING(watched, ":1.42");
        unload(ledger);
        free_all(first);
}

int main(void)
{
        static const TapTest tests[] = {
                {"what is written is read back", test_round_trip},
                {"what is no queue is set aside", test_strange_files},
                {"spoiled files", test_spoiled_files},
                {"a ticket is not enough", test_a_ticket_is_not_enough},
                {"who comes back has another connection",
                 test_who_comes_back_has_another_connection},
                {"the end of who waits is heard of", test_the_end_of_who_waits_is_heard_of},
                {"who was being served keeps its place", test_who_was_being_served_keeps_its_place},
        };

        return tap_run(tests);
}
