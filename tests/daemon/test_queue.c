/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The queue's file: what is written is read back as it was, and what is no queue is set aside. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/queue_internal.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

static const char *const selectors[] = {"0000:00/05.0", "group:7", NULL};
static const gid_t gids[] = {1000, 27, 4294967294U};

/* A waiter of whom everything is told. */
static Waiter *make(const char *ticket, uint64_t until)
{
        const AcquireRequest request = {
                .selectors = selectors,
                .modes = {LEASE_MODE_IOMMUFD, LEASE_MODE_VFIO},
                .n_modes = 2,
                .lifetime = LEASE_LIFETIME_CONNECTION,
                .with_members = true,
                .uid = 1000,
                .path_uid = 1001,
                .gids = gids,
                .n_gids = ARRAY_SIZE(gids),
                .unit = "qemu@7.service",
                .owner = ":1.42",
                .driver = "mlx5_vfio_pci",
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

        first->next = make(NULL, 99); /* nobody could ask for it again */
        first->next->next = make("second", 99);
        CHECK_NUMBER(queue_state_save(place, first), 0);
        CHECK_NUMBER(queue_state_load(place, &back), 0);
        if (CHECK(back && back->next && !back->next->next)) {
                const AcquireRequest *request = &back->request;

                CHECK_STRING(request->selectors[0], selectors[0]);
                CHECK_STRING(request->selectors[1], selectors[1]);
                CHECK(!request->selectors[2]);
                CHECK(request->n_modes == 2 && request->modes[0] == LEASE_MODE_IOMMUFD);
                CHECK_NUMBER(request->lifetime, LEASE_LIFETIME_CONNECTION);
                CHECK(request->with_members && !request->force && request->uid == 1000);
                CHECK_NUMBER(request->path_uid, 1001);
                CHECK(request->n_gids == 3 && memcmp(request->gids, gids, sizeof(gids)) == 0);
                CHECK_STRING(request->unit, "qemu@7.service");
                CHECK_STRING(request->owner, ":1.42");
                CHECK_STRING(request->driver, "mlx5_vfio_pci");
                CHECK_STRING(request->ticket, "first");
                CHECK(back->since_usec == 17 && back->until_usec == REQUEST_WAIT_FOREVER);
                CHECK_STRING(back->next->request.ticket, "second");
                CHECK_NUMBER((long long)back->next->until_usec, 99);
        }
        free_all(back);
        /* Without anybody to keep a place for there is no file. */
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

int main(void)
{
        static const TapTest tests[] = {
                {"what is written is read back", test_round_trip},
                {"what is no queue is set aside", test_strange_files},
                {"spoiled files", test_spoiled_files},
        };

        return tap_run(tests);
}
