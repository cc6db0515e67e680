/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The largest message that each method accepts, and the smallest that it refuses as too large.
 *
 * Messages follow the methods' signatures. The test counts the values that the daemon reads from
 * them, so a bound is a number of reads and not a time. The time is printed.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "daemon/bus/call/arguments.h"
#include "daemon/bus/objects/objects.h"
#include "daemon/bus/request.h"
#include "tests/daemon/fakeanswers.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define NIC "devices/pci0000:00/0000:00:05.0"
#define MANY 300000
#define LONG (1 << 20)
#define DEEP 60
/* Reads of one call: each selector and each mode, some for each option, and the ends of all. */
#define READS_MAX (ARGUMENT_SELECTORS_MAX + ARGUMENT_MODES_MAX + 8 * ARGUMENT_OPTIONS_MAX)

typedef enum Shape {
        SHAPE_PLAIN,        /* one short text wherever a text is possible, no options */
        SHAPE_LARGEST,      /* as many texts as allowed, each as long as allowed */
        SHAPE_ONE_MORE,     /* one text more than an array may have */
        SHAPE_ONE_LONGER,   /* each text is one byte longer than it may be */
        SHAPE_MANY,         /* very many texts */
        SHAPE_LONG,         /* a very long text */
        SHAPE_CUT,          /* a text that a refusal cuts within a character */
        SHAPE_OPTION,       /* an option that the daemon does not know */
        SHAPE_OPTION_LONG,  /* the same with a long name */
        SHAPE_OPTION_DEEP,  /* the same with variants within variants */
        SHAPE_OPTIONS_MANY, /* very many */
        _SHAPE_N,
} Shape;

static const struct {
        const char *interface;
        const sd_bus_vtable *vtable;
        const char *path;
} faces[] = {
        {BUS_IFACE_MANAGER, bus_manager_vtable, BUS_ROOT},
        {BUS_IFACE_DEVICE, NULL, BUS_ROOT "/device/0000_00_05_0"},
        {BUS_IFACE_GROUP, NULL, BUS_ROOT "/group/_30000_3a00_2f05_2e0"},
        {BUS_IFACE_LEASE, NULL, BUS_ROOT "/lease/7"},
};

static HostPaths host;
static Ledger ledger;
static Lease lease, *leases[1];
static Bus bus;
static sd_bus *client;
static unsigned n_answers;
static double longest_msec;
static char error_name[64], error_text[256];
static char long_text[LONG + 1];

/* --- the bus ---------------------------------------------------------------------------------- */

/* A call by root comes in. The daemon reads its arguments before it judges anything else. */
static int on_call(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        MethodCall *call = sd_bus_message_get_interface(message) ? calloc(1, sizeof(*call)) : NULL;
        struct timespec begin, end;

        if (!call)
                return 0;
        call->bus = &bus;
        call->message = sd_bus_message_ref(message);
        call->row = method_find(sd_bus_message_get_interface(message),
                                sd_bus_message_get_member(message));
        call->caller.unit = strdup("");
        (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
        call->stage = CALL_STAGE_OPTIONS;
        call->resume = request_go_on;
        request_go_on(call);
        (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        double msec = (double)(end.tv_sec - begin.tv_sec) * 1e3 +
                      (double)(end.tv_nsec - begin.tv_nsec) / 1e6;
        longest_msec = msec > longest_msec ? msec : longest_msec;
        return 1;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const sd_bus_error *failure = sd_bus_message_get_error(reply);

        n_answers++;
        (void)snprintf(error_name, sizeof(error_name), "%s", failure ? failure->name : "");
        (void)snprintf(error_text, sizeof(error_text), "%s", failure ? failure->message : "");
        return 1;
}

/* Transfer asks the bus who owns a name. The answer here: no owner. */
static int on_question(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        if (!sd_bus_message_is_method_call(message, "org.freedesktop.DBus", NULL))
                return 0;
        fakeanswers_n_done++;
        (void)sd_bus_reply_method_errorf(message, SD_BUS_ERROR_NAME_HAS_NO_OWNER, "nobody");
        return 1;
}

static void start_end(sd_bus **ret, int fd, bool is_server, sd_bus_message_handler_t filter)
{
        if (sd_bus_new(ret) < 0 || sd_bus_set_fd(*ret, fd, fd) < 0 ||
            (is_server && sd_bus_set_server(*ret, 1, (sd_id128_t){.bytes = {1}}) < 0) ||
            sd_bus_set_anonymous(*ret, 1) < 0 || sd_bus_add_filter(*ret, NULL, filter, NULL) < 0 ||
            sd_bus_start(*ret) < 0)
                abort();
}

static void begin(void)
{
        int ends[2];

        memset(long_text, 'x', LONG);
        host = (HostPaths){.sysfs = tree_make(), .dev = "/nonexistent", .proc = "/nonexistent"};
        tree_device(NIC, 0x8086, 0x10d3, 0x020000);
        tree_config(NIC, 256, PCIE_TYPE_RC_ENDPOINT, 0);
        tree_file("kernel/iommu_groups/14/type", "DMA-FQ\n");
        tree_link(NIC "/iommu_group", "../../../kernel/iommu_groups/14");
        leases[0] = &lease;
        ledger = (Ledger){.leases = leases, .n_leases = 1, .host = host};
        lease.ledger = &ledger;
        if (world_read(&host, NULL, &ledger.world) != 0 || lease_record_new(&lease.record) < 0 ||
            lease_record_add_group(lease.record, 14, "0000:00/05.0") < 0 ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
                abort();
        lease.record->id = 7;
        lease.record->owner.uid = 1000;
        lease.record->state = LEASE_RELEASING; /* GetDescriptors has no descriptors to return */
        bus = (Bus){.ledger = &ledger};
        start_end(&bus.bus, ends[0], true, on_call);
        start_end(&client, ends[1], false, on_question);
}

static void end(void)
{
        sd_bus_close_unref(client);
        sd_bus_close_unref(bus.bus);
        lease_record_free(lease.record);
        world_free(ledger.world);
        tree_remove();
}

/* --- messages --------------------------------------------------------------------------------- */

static const char *text_of(Shape shape, char text[static ARGUMENT_TEXT_MAX + 2])
{
        size_t n = shape == SHAPE_LARGEST ? ARGUMENT_TEXT_MAX : ARGUMENT_TEXT_MAX + 1;

        if (shape == SHAPE_LONG)
                return long_text;
        if (shape != SHAPE_LARGEST && shape != SHAPE_ONE_LONGER && shape != SHAPE_CUT)
                return "x";
        memset(text, 'x', n);
        text[n] = '\0';
        if (shape == SHAPE_CUT)
                for (size_t i = 1; i + 1 < 100; i += 2)
                        memcpy(text + i, "\xc3\xa4", 2);
        if (shape == SHAPE_CUT)
                text[101] = '\0';
        return text;
}

static int append_texts(sd_bus_message *message, Shape shape)
{
        size_t n = shape == SHAPE_LARGEST    ? ARGUMENT_SELECTORS_MAX
                   : shape == SHAPE_ONE_MORE ? ARGUMENT_SELECTORS_MAX + 1
                   : shape == SHAPE_MANY     ? MANY
                                             : 1;
        char text[ARGUMENT_TEXT_MAX + 2];

        int r = sd_bus_message_open_container(message, 'a', "s");
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = sd_bus_message_append_basic(message, 's', text_of(shape, text));
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static int append_option(sd_bus_message *message, const char *key, unsigned depth)
{
        int r = sd_bus_message_open_container(message, 'e', "sv");

        if (r >= 0)
                r = sd_bus_message_append_basic(message, 's', key);
        for (unsigned i = 0; r >= 0 && i < depth; i++)
                r = sd_bus_message_open_container(message, 'v', i + 1 < depth ? "v" : "s");
        if (r >= 0)
                r = sd_bus_message_append_basic(message, 's', "x");
        for (unsigned i = 0; r >= 0 && i <= depth; i++)
                r = sd_bus_message_close_container(message);
        return r;
}

static int append_options(sd_bus_message *message, Shape shape)
{
        size_t n = shape == SHAPE_OPTIONS_MANY ? MANY : shape >= SHAPE_OPTION;

        int r = sd_bus_message_open_container(message, 'a', "{sv}");
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = append_option(message, shape == SHAPE_OPTION_LONG ? long_text : "nonsense",
                                  shape == SHAPE_OPTION_DEEP ? DEEP : 1);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static int append(sd_bus_message *message, const char *signature, Shape shape)
{
        char text[ARGUMENT_TEXT_MAX + 2];

        for (int r = 0; *signature; signature += strlen("as")) {
                if (strncmp(signature, "a{sv}", 5) == 0)
                        return append_options(message, shape);
                if (signature[0] == 's') {
                        r = sd_bus_message_append_basic(message, 's', text_of(shape, text));
                        signature--;
                } else {
                        r = append_texts(message, shape);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Sends a call, and runs both ends until it is answered. */
static void send_call(sd_bus_message *message)
{
        fakeanswers_n_done = fakeanswers_n_reads = n_answers = 0;
        error_name[0] = error_text[0] = '\0';
        CHECK(sd_bus_call_async(client, NULL, message, on_answer, NULL, UINT64_MAX) >= 0);
        for (int i = 0; n_answers == 0 && i < 100000; i++)
                CHECK(sd_bus_process(bus.bus, NULL) >= 0 && sd_bus_process(client, NULL) >= 0);
        CHECK_NUMBER(n_answers, 1);
}

static void ask(const char *path, const char *interface, const char *member, const char *signature,
                Shape shape)
{
        sd_bus_message *message = NULL;

        CHECK(sd_bus_message_new_method_call(client, &message, BUS_NAME, path, interface, member) >=
              0);
        CHECK(append(message, signature, shape) >= 0);
        send_call(message);
        sd_bus_message_unref(message);
        if (!CHECK(fakeanswers_n_reads <= READS_MAX))
                printf("# %s, shape %u: %u reads\n", member, shape, fakeanswers_n_reads);
}

static bool is_refused(const char *why)
{
        bool ok = strcmp(error_name, REFUSAL_BUS_PREFIX "Invalid") == 0 &&
                  fakeanswers_n_done == 0 && strstr(error_text, why);

        if (!ok)
                printf("# %s: %s, want %s\n", error_name, error_text, why);
        return ok;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_method(const char *path, const char *interface, const char *member,
                        const char *signature)
{
        bool has_texts = strncmp(signature, "as", 2) == 0, has_text = signature[0] == 's';

        printf("# %s(%s)\n", member, signature);
        for (Shape shape = SHAPE_PLAIN; shape < _SHAPE_N; shape++) {
                ask(path, interface, member, signature, shape);
                if ((has_texts && (shape == SHAPE_ONE_MORE || shape == SHAPE_MANY)))
                        CHECK(is_refused("more than 64"));
                else if ((has_texts || has_text) &&
                         (shape == SHAPE_ONE_LONGER || shape == SHAPE_LONG))
                        CHECK(is_refused("more than 256 bytes"));
                else if (shape == SHAPE_OPTION_LONG)
                        CHECK(is_refused(has_text && fakeanswers_n_reads == 1 ? "" : "256 bytes"));
                else if (shape >= SHAPE_OPTION && !has_text)
                        CHECK(is_refused("no such option"));
        }
}

static void test_every_method(void)
{
        begin();
        for (size_t f = 0; f < ARRAY_SIZE(faces); f++) {
                const sd_bus_vtable *vtable = f == 0   ? bus_manager_vtable
                                              : f == 1 ? bus_device_kind.vtable
                                              : f == 2 ? bus_group_kind.vtable
                                                       : bus_lease_kind.vtable;

                for (const sd_bus_vtable *entry = vtable; entry->type != _SD_BUS_VTABLE_END;
                     entry++)
                        if (entry->type == _SD_BUS_VTABLE_METHOD)
                                test_method(faces[f].path, faces[f].interface,
                                            entry->x.method.member, entry->x.method.signature);
        }
        printf("# the longest call took %.2f ms of processor time\n", longest_msec);
        end();
}

/* An Acquire with every option, each as long as it may be. */
static void test_all_options(void)
{
        sd_bus_message *message = NULL;

        begin();
        CHECK(sd_bus_message_new_method_call(client, &message, BUS_NAME, BUS_ROOT,
                                             BUS_IFACE_MANAGER, "Acquire") >= 0);
        CHECK(append_texts(message, SHAPE_LARGEST) >= 0);
        CHECK(sd_bus_message_open_container(message, 'a', "{sv}") >= 0);
        CHECK(sd_bus_message_append(message, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "uid", "u", 1, "mode",
                                    "s", "vfio", "lifetime", "s", "persistent", "wait-usec", "t",
                                    UINT64_MAX, "driver", "s", "vfio-pci", "memory", "t",
                                    UINT64_MAX, "force", "b", 1) >= 0);
        CHECK(sd_bus_message_open_container(message, 'e', "sv") >= 0 &&
              sd_bus_message_append_basic(message, 's', "modes") >= 0 &&
              sd_bus_message_open_container(message, 'v', "as") >= 0 &&
              sd_bus_message_open_container(message, 'a', "s") >= 0);
        for (int i = 0; i < ARGUMENT_MODES_MAX; i++)
                CHECK(sd_bus_message_append_basic(message, 's', "iommufd-unbound") >= 0);
        for (int i = 0; i < 4; i++)
                CHECK(sd_bus_message_close_container(message) >= 0);
        send_call(message);
        CHECK_STRING(error_text, "reached");
        CHECK(fakeanswers_n_reads <= READS_MAX);
        sd_bus_message_unref(message);
        end();
}

static void ask_option(const char *contents, const char *key, const char *again)
{
        sd_bus_message *message = NULL;

        CHECK(sd_bus_message_new_method_call(client, &message, BUS_NAME, BUS_ROOT,
                                             BUS_IFACE_MANAGER, "Acquire") >= 0);
        CHECK(sd_bus_message_append(message, "as", 1, "x") >= 0);
        CHECK(sd_bus_message_open_container(message, 'a', "{sv}") >= 0);
        const char *keys[] = {key, again, NULL};
        for (const char **each = keys; *each; each++) {
                CHECK(sd_bus_message_open_container(message, 'e', "sv") >= 0 &&
                      sd_bus_message_append_basic(message, 's', *each) >= 0 &&
                      sd_bus_message_open_container(message, 'v', contents) >= 0);
                if (contents[0] == 'a') {
                        CHECK(sd_bus_message_open_container(message, 'a', "s") >= 0);
                        for (int i = 0; i <= ARGUMENT_MODES_MAX; i++)
                                CHECK(sd_bus_message_append_basic(message, 's', "vfio") >= 0);
                        CHECK(sd_bus_message_close_container(message) >= 0);
                } else {
                        CHECK(sd_bus_message_append_basic(message, 's', long_text) >= 0);
                }
                for (int i = 0; i < 2; i++)
                        CHECK(sd_bus_message_close_container(message) >= 0);
        }
        CHECK(sd_bus_message_close_container(message) >= 0);
        send_call(message);
        CHECK(fakeanswers_n_reads <= READS_MAX);
        sd_bus_message_unref(message);
}

static void test_values_of_options(void)
{
        begin();
        long_text[ARGUMENT_TEXT_MAX + 1] = '\0';
        ask_option("s", "driver", NULL);
        CHECK(is_refused("driver: has more than 256 bytes"));
        ask_option("as", "modes", NULL);
        CHECK(is_refused("modes: more than 64"));
        ask_option("s", "memory", NULL);
        CHECK(is_refused("memory: must be an unsigned number, of type t"));
        long_text[4] = '\0';
        ask_option("s", "driver", "driver");
        CHECK(is_refused("driver: is given twice"));
        end();
}

static void test_texts_of_refusals(void)
{
        static const struct {
                const char *text, *mended;
        } rows[] = {
                {"", ""},
                {"plain", "plain"},
                {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
                {"cut \xc3", "cut ?"},
                {"cut \xf0\x9f\x98", "cut ???"},
                {"\xff\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80", "??????????"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char text[32];

                (void)snprintf(text, sizeof(text), "%s", rows[i].text);
                bus_mend_text(text);
                CHECK_STRING(text, rows[i].mended);
        }
}

int main(void)
{
        static const TapTest tests[] = {
                {"the largest message of every method, and the next", test_every_method},
                {"all options at once", test_all_options},
                {"values of options", test_values_of_options},
                {"a refusal is UTF-8", test_texts_of_refusals},
        };

        return tap_run(tests);
}
