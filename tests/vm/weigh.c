/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much of the daemon's time one client can have.
 *
 *      weigh large LEASE MIB  each method with the largest message that is legal, and with some
 *                             that are too large, of up to MIB megabytes (30: the bus lets 32
 *                             through); a line for each kind: how it was answered, how often
 *      weigh unread TIMES     TIMES calls that read or list; says "sent" when the bus has dealt
 *                             with all of them; reads the answers only when its standard input has
 *                             ended, and says who gave how many
 *      weigh latency TIMES    reads a property TIMES times, ten milliseconds apart; tells how long
 *                             that took: median, 99 of 100, the longest, and the wait for a first
 *                             call behind what others sent before, in microseconds
 *      weigh journal          fills the queue of the journal; says how many entries that took
 *      weigh spy              prints what everybody is told until its standard input ends
 *
 * To be run as a user without rights. It fails only if the daemon cannot be reached.
 */

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#define SERVICE "org.isolationd1"
#define ROOT "/org/isolationd1"
#define LARGE (30 << 20)
#define MANY_PER_MIB 10000
#define TIMES_MAX 10000
#define JOURNAL_MAX 100000
#define FIRST_USEC (100 * 1000000ULL)

static const struct {
        const char *interface, *member, *signature; /* before the options */
} methods[] = {
        {"Manager", "Acquire", "as"}, {"Manager", "Plan", "as"},       {"Manager", "Repair", "as"},
        {"Manager", "Resolve", "s"},  {"Manager", "Subscribe", ""},    {"Lease", "Release", ""},
        {"Lease", "Transfer", ""},    {"Lease", "GetDescriptors", ""}, {"Lease", "Revoke", ""},
        {"Lease", "TakeDevice", "s"}, {"Lease", "ExpelDevice", "s"},   {"Lease", "GetHolders", ""},
};

static char *large;

static sd_bus *connect_bus(void)
{
        sd_bus *bus;

        if (sd_bus_open_system(&bus) < 0)
                errx(1, "no bus");
        return bus;
}

static uint64_t now_usec(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int append_texts(sd_bus_message *message, size_t n, const char *text)
{
        int r = sd_bus_message_open_container(message, 'a', "s");

        for (; r >= 0 && n > 0; n--)
                r = sd_bus_message_append_basic(message, 's', text);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static int append_options(sd_bus_message *message, size_t n, const char *key)
{
        int r = sd_bus_message_open_container(message, 'a', "{sv}");

        for (; r >= 0 && n > 0; n--)
                r = sd_bus_message_append(message, "{sv}", key, "s", "x");
        return r < 0 ? r : sd_bus_message_close_container(message);
}

/* One kind of message for all methods: `n` texts of `size` bytes, `n_options` named by `key`. */
static void send_all(sd_bus **bus, const char *lease, const char *kind, size_t n, size_t size,
                     size_t n_options, const char *key)
{
        const char *text = large + LARGE - size;
        unsigned n_answered = 0, n_invalid = 0, n_lost = 0;

        for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
                sd_bus_error error = SD_BUS_ERROR_NULL;
                sd_bus_message *message = NULL, *reply = NULL;
                char interface[64];

                (void)snprintf(interface, sizeof(interface), SERVICE ".%s", methods[i].interface);
                int r = sd_bus_message_new_method_call(
                        *bus, &message, SERVICE, methods[i].interface[0] == 'M' ? ROOT : lease,
                        interface, methods[i].member);
                if (r >= 0 && methods[i].signature[0] == 'a')
                        r = append_texts(message, n, text);
                else if (r >= 0 && methods[i].signature[0] == 's')
                        r = sd_bus_message_append_basic(message, 's', text);
                if (r >= 0)
                        r = append_options(message, n_options, key);
                if (r < 0)
                        errx(1, "%s: %s", methods[i].member, strerror(-r));
                r = sd_bus_call(*bus, message, 20 * 1000000ULL, &error, &reply);
                n_answered += r >= 0 || (error.name && strstr(error.name, SERVICE));
                n_invalid += error.name && strcmp(error.name, SERVICE ".Error.Invalid") == 0;
                if (r < 0 && !(error.name && strstr(error.name, SERVICE))) {
                        n_lost++;
                        printf("%s, %s: %s\n", kind, methods[i].member,
                               error.name ? error.name : strerror(-r));
                }
                sd_bus_error_free(&error);
                sd_bus_message_unref(message);
                sd_bus_message_unref(reply);
                if (sd_bus_is_open(*bus) <= 0) {
                        sd_bus_unref(*bus);
                        *bus = connect_bus();
                }
        }
        printf("%s: %u answered, %u invalid, %u lost\n", kind, n_answered, n_invalid, n_lost);
}

static void send_large(const char *lease, size_t n_mib)
{
        size_t many = n_mib * MANY_PER_MIB, size = (n_mib << 20) - 1000;
        sd_bus *bus = connect_bus();

        send_all(&bus, lease, "legal", 64, 256, 0, NULL);
        send_all(&bus, lease, "one more", 65, 1, 1, "nonsense");
        send_all(&bus, lease, "one longer", 1, 257, 1, "nonsense");
        send_all(&bus, lease, "long key", 1, 1, 1, large + LARGE - 60000);
        send_all(&bus, lease, "many texts", many, 1, many, "nonsense");
        send_all(&bus, lease, "long text", 1, size, 1, "nonsense");
        send_all(&bus, lease, "long option", 1, 1, 1, large + LARGE - size);
        sd_bus_unref(bus);
}

/* Notes that the signal has come. */
static int on_sent(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        bool *is_sent = userdata;

        *is_sent |= sd_bus_message_is_signal(message, SERVICE ".Lab", "Sent") > 0;
        return 0;
}

/*
 * Waits until the bus daemon has dealt with all that `bus` sent, and reads nothing from `bus`: the
 * last message is a signal to another connection.
 */
static void await_sent(sd_bus *bus)
{
        sd_bus *witness = connect_bus();
        sd_bus_message *message = NULL;
        const char *name = NULL;
        bool is_sent = false;

        if (sd_bus_add_filter(witness, NULL, on_sent, &is_sent) < 0 ||
            sd_bus_get_unique_name(witness, &name) < 0 ||
            sd_bus_message_new_signal(bus, &message, "/", SERVICE ".Lab", "Sent") < 0 ||
            sd_bus_message_set_destination(message, name) < 0 ||
            sd_bus_send(bus, message, NULL) < 0 || sd_bus_flush(bus) < 0)
                errx(1, "cannot send the signal");
        while (!is_sent) {
                int r = sd_bus_process(witness, NULL);

                if (r < 0 || (r == 0 && sd_bus_wait(witness, FIRST_USEC) <= 0))
                        errx(1, "no signal");
        }
        sd_bus_message_unref(message);
        sd_bus_unref(witness);
}

typedef struct Answers {
        unsigned n_daemon, n_bus;
} Answers;

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Answers *answers = userdata;
        const char *sender = sd_bus_message_get_sender(message);

        if (sd_bus_message_is_signal(message, NULL, NULL))
                return 0;
        if (sender && strcmp(sender, "org.freedesktop.DBus") == 0)
                answers->n_bus++;
        else
                answers->n_daemon++;
        return 1;
}

/* Sends a call that wants an answer. */
static void send_call(sd_bus *bus, const char *interface, const char *member)
{
        sd_bus_message *message = NULL;
        uint64_t cookie; /* without one, sd-bus says in the call that it wants no answer */

        int r = sd_bus_message_new_method_call(bus, &message, SERVICE, ROOT, interface, member);
        if (r >= 0 && strcmp(member, "GetAll") == 0)
                r = sd_bus_message_append(message, "s", SERVICE ".Manager");
        if (r >= 0)
                r = sd_bus_send(bus, message, &cookie);
        if (r < 0)
                errx(1, "%s: %s", member, strerror(-r));
        sd_bus_message_unref(message);
}

static void leave_unread(unsigned times)
{
        static const char *const calls[][2] = {
                {"org.freedesktop.DBus.ObjectManager", "GetManagedObjects"},
                {"org.freedesktop.DBus.Properties", "GetAll"},
                {"org.freedesktop.DBus.Introspectable", "Introspect"},
        };
        sd_bus *bus = connect_bus();
        Answers answers = {.n_bus = 0};
        char byte;

        if (sd_bus_add_filter(bus, NULL, on_answer, &answers) < 0)
                errx(1, "cannot count the answers");
        for (unsigned i = 0; i < times; i++)
                send_call(bus, calls[i % 3][0], calls[i % 3][1]);
        await_sent(bus);
        printf("sent\n");
        (void)fflush(stdout);
        while (read(STDIN_FILENO, &byte, 1) > 0)
                continue;
        while (answers.n_daemon + answers.n_bus < times) {
                int r = sd_bus_process(bus, NULL);

                if (r < 0 || (r == 0 && sd_bus_wait(bus, FIRST_USEC) <= 0))
                        errx(1, "after %u answers there are no more",
                             answers.n_daemon + answers.n_bus);
        }
        printf("answers: %u of the daemon, %u of the bus\n", answers.n_daemon, answers.n_bus);
        sd_bus_unref(bus);
}

static int compare(const void *a, const void *b)
{
        const uint64_t *left = a, *right = b;

        return (*left > *right) - (*left < *right);
}

/* Waits until the daemon has come to this client, behind what others have sent before. */
static uint64_t await_turn(sd_bus *bus)
{
        sd_bus_message *message = NULL;
        uint64_t begin = now_usec();

        if (sd_bus_message_new_method_call(bus, &message, SERVICE, ROOT,
                                           "org.freedesktop.DBus.Peer", "Ping") < 0 ||
            sd_bus_call(bus, message, FIRST_USEC, NULL, NULL) < 0)
                errx(1, "no answer");
        sd_bus_message_unref(message);
        return now_usec() - begin;
}

static void measure(unsigned times)
{
        static uint64_t took[TIMES_MAX];
        sd_bus *bus = connect_bus();
        uint64_t first = await_turn(bus);

        for (unsigned i = 0; i < times && i < TIMES_MAX; i++) {
                sd_bus_error error = SD_BUS_ERROR_NULL;
                char *text = NULL;
                uint64_t begin = now_usec();

                if (sd_bus_get_property_string(bus, SERVICE, ROOT, SERVICE ".Manager", "Version",
                                               &error, &text) < 0)
                        errx(1, "Version: %s", error.message);
                took[i] = now_usec() - begin;
                free(text);
                (void)poll(NULL, 0, 10);
        }
        qsort(took, times, sizeof(*took), compare);
        printf("median %llu, p99 %llu, longest %llu, and the first %llu\n",
               (unsigned long long)took[times / 2], (unsigned long long)took[times * 99 / 100],
               (unsigned long long)took[times - 1], (unsigned long long)first);
        sd_bus_unref(bus);
}

static int on_signal(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        (void)sd_bus_message_dump(message, stdout, SD_BUS_MESSAGE_DUMP_WITH_HEADER);
        (void)fflush(stdout);
        return 0;
}

/* Listens to all there is, asks to be told the rest too, and lists all objects at the end. */
static void spy(void)
{
        sd_bus *bus = connect_bus();
        sd_bus_message *reply = NULL;
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

        if (sd_bus_add_match(bus, NULL, "type='signal',path_namespace='" ROOT "'", on_signal,
                             NULL) < 0 ||
            sd_bus_call_method(bus, SERVICE, ROOT, SERVICE ".Manager", "Subscribe", NULL, NULL,
                               "a{sv}", 0) < 0)
                errx(1, "cannot listen");
        printf("listens\n");
        (void)fflush(stdout);
        while (poll(&input, 1, 0) == 0) {
                int r = sd_bus_process(bus, NULL);

                if (r == 0)
                        r = sd_bus_wait(bus, 100000);
                if (r < 0 && r != -EINTR)
                        errx(1, "%s", strerror(-r));
        }
        if (sd_bus_call_method(bus, SERVICE, ROOT, "org.freedesktop.DBus.ObjectManager",
                               "GetManagedObjects", NULL, &reply, NULL) < 0)
                errx(1, "GetManagedObjects");
        (void)sd_bus_message_dump(reply, stdout, 0);
        sd_bus_message_unref(reply);
        sd_bus_unref(bus);
}

/* From many sockets: each one has room for some hundred entries only. */
static void fill_journal(void)
{
        const struct sockaddr_un journal = {.sun_family = AF_UNIX,
                                            .sun_path = "/run/systemd/journal/socket"};
        static const char entry[] = "MESSAGE=one of many\nPRIORITY=7\n";
        unsigned n = 0, n_before;

        do {
                int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

                n_before = n;
                while (n < JOURNAL_MAX &&
                       sendto(fd, entry, sizeof(entry) - 1, 0, (const struct sockaddr *)&journal,
                              sizeof(journal)) >= 0)
                        n++;
        } while (n > n_before && n < JOURNAL_MAX);
        if (n == JOURNAL_MAX || errno != EAGAIN)
                err(1, "after %u entries", n);
        printf("%u\n", n);
}

int main(int argc, char **argv)
{
        large = malloc(LARGE + 1);
        if (!large)
                err(1, "malloc");
        memset(large, 'x', LARGE);
        large[LARGE] = '\0';
        size_t n_mib = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
        if (n_mib > 0 && n_mib <= LARGE >> 20 && strcmp(argv[1], "large") == 0)
                send_large(argv[2], n_mib);
        else if (argc == 3 && strcmp(argv[1], "unread") == 0)
                leave_unread((unsigned)strtoul(argv[2], NULL, 10));
        else if (argc == 3 && strcmp(argv[1], "latency") == 0)
                measure((unsigned)strtoul(argv[2], NULL, 10));
        else if (argc == 2 && strcmp(argv[1], "journal") == 0)
                fill_journal();
        else if (argc == 2 && strcmp(argv[1], "spy") == 0)
                spy();
        else
                errx(2, "weigh large LEASE MIB | unread TIMES | latency TIMES | journal | spy");
        return 0;
}
