/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Many clients that want few groups, and die at any moment.
 *
 * Each has its own connection to the bus and asks for one or two groups, most of them waiting. Who
 * has a group takes a lock of its own for it: if somebody else still has that, two have the group.
 * Who waits draws a number for each of its groups at the moment when the daemon has its request,
 * and writes it down when it is served: the numbers of a group must come up in order, those of the
 * dead left out. Who waits has a ticket, and asks again with it if the daemon ends before it answers;
 * who does not wait counts as unanswered then.
 *
 * crowd SECONDS CLIENTS SELECTOR... ends when the time is up, or at SIGTERM, with a line of figures,
 * and 1 if anything was violated.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#define SERVICE "org.isolationd1"
#define GROUPS_MAX 16
#define CLIENTS_MAX 256
#define LOG_MAX (1 << 20)
#define HOLD_MSEC_MAX 100
#define DEATH_MSEC 150

typedef struct Entry {
        uint32_t group;
        uint32_t number;
} Entry;

/* Shared by all. */
typedef struct Board {
        unsigned grants, refused, waits, again, unanswered, violations, failures;
        unsigned n_log;
        uint32_t drawn[GROUPS_MAX];
        Entry log[LOG_MAX];
} Board;

typedef struct Client {
        sd_bus *bus;
        uint64_t random;
        int owner_fds[GROUPS_MAX]; /* below all others: a dying process closes them first */
        int draw_fds[GROUPS_MAX];
        bool answered, cut_off; /* the daemon ended before it answered */
        int lease_fd;
        char *path;
        unsigned groups; /* wanted, a bit each */
        bool waits;
        char ticket[17];
        uint32_t numbers[GROUPS_MAX]; /* drawn for this request */
} Client;

static Board *board;
static const char *const *selectors;
static unsigned n_groups;
static volatile sig_atomic_t is_over;
static char directory[] = "/tmp/crowd-XXXXXX";

static uint64_t now_msec(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static unsigned draw(Client *client, unsigned n)
{
        client->random ^= client->random >> 12;
        client->random ^= client->random << 25;
        client->random ^= client->random >> 27;
        return (unsigned)((client->random * 0x2545f4914f6cdd1dULL) >> 33) % n;
}

static void must(bool ok, const char *what)
{
        if (ok)
                return;
        fprintf(stderr, "crowd: %s: %s (errno %d)\n", what, strerror(errno), errno);
        exit(1);
}

/* The same for what returns -errno. */
static void must_do(int r, const char *what)
{
        if (r >= 0)
                return;
        errno = -r;
        must(false, what);
}

static int open_file(const char *kind, unsigned group)
{
        char path[64];

        (void)snprintf(path, sizeof(path), "%s/%s.%u", directory, kind, group);
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        must(fd >= 0, path);
        return fd;
}

static void count(unsigned *counter)
{
        __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Client *client = userdata;
        const char *path;
        int fd;

        client->answered = true;
        client->lease_fd = -1;
        if (sd_bus_message_is_method_error(reply, SERVICE ".Error.Busy"))
                return 0;
        if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NO_REPLY)) {
                /* Of the daemon's, or of the connection's end: nobody is asked again over that. */
                if (sd_bus_is_open(client->bus) <= 0) {
                        errno = ECONNRESET;
                        must(false, "the bus, before the answer");
                }
                client->cut_off = true;
                return 0;
        }
        if (sd_bus_message_is_method_error(reply, NULL) ||
            sd_bus_message_read(reply, "oh", &path, &fd) < 0) {
                const sd_bus_error *why = sd_bus_message_get_error(reply);

                fprintf(stderr, "crowd: %s: %s\n", why ? why->name : "?", why ? why->message : "?");
                count(&board->failures);
                return 0;
        }
        client->lease_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        client->path = strdup(path);
        must(client->lease_fd >= 0 && client->path, "a lease");
        return 0;
}

static void ask(Client *client)
{
        sd_bus_message *message = NULL;

        int r = sd_bus_message_new_method_call(client->bus, &message, SERVICE, "/org/isolationd1",
                                               SERVICE ".Manager", "Acquire");
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'a', "s");
        for (unsigned g = 0; r >= 0 && g < n_groups; g++)
                if (client->groups & 1U << g)
                        r = sd_bus_message_append(message, "s", selectors[g]);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        if (r >= 0)
                r = client->waits ? sd_bus_message_append(message, "a{sv}", 2, "wait-usec", "t",
                                                          UINT64_MAX, "ticket", "s", client->ticket)
                                  : sd_bus_message_append(message, "a{sv}", 0);
        must_do(r, "a request");
        client->answered = client->cut_off = false;
        must_do(sd_bus_call_async(client->bus, NULL, message, on_answer, client, UINT64_MAX),
                "Acquire");
        sd_bus_message_unref(message);
}

static void await_answer(Client *client)
{
        while (!client->answered) {
                int r = sd_bus_process(client->bus, NULL);
                must_do(r, "the bus");
                if (r == 0 && !client->answered)
                        must_do(sd_bus_wait(client->bus, UINT64_MAX), "the bus");
        }
}

/*
 * Whether the daemon has done what it was asked before: it asks who calls in the order of the calls, so
 * that a request for nothing is refused after that.
 */
static bool is_heard(Client *client)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;

        int r = sd_bus_call_method(client->bus, SERVICE, "/org/isolationd1", SERVICE ".Manager",
                                   "Acquire", &error, NULL, "asa{sv}", 0, 0);
        must(r < 0, "a request for nothing");
        bool heard = !sd_bus_error_has_name(&error, SD_BUS_ERROR_NO_REPLY);
        sd_bus_error_free(&error);
        return heard;
}

/* Asks until a daemon has the request. */
static void ask_heard(Client *client)
{
        for (ask(client); !is_heard(client); ask(client)) {
                await_answer(client);
                if (!client->cut_off)
                        return; /* that came with its last breath */
        }
}

/* Sends it, and draws a number for each group while nobody else can. */
static void send_request(Client *client)
{
        if (!client->waits)
                return ask(client);
        for (unsigned g = 0; g < n_groups; g++)
                if (client->groups & 1U << g)
                        must(flock(client->draw_fds[g], LOCK_EX) == 0, "flock");
        ask_heard(client);
        for (unsigned g = n_groups; g-- > 0;)
                if (client->groups & 1U << g) {
                        client->numbers[g] = ++board->drawn[g];
                        must(flock(client->draw_fds[g], LOCK_UN) == 0, "flock");
                }
}

/* It has the groups: nobody else may. */
static void own(Client *client)
{
        for (unsigned g = 0; g < n_groups; g++) {
                if (!(client->groups & 1U << g))
                        continue;
                if (flock(client->owner_fds[g], LOCK_EX | LOCK_NB) < 0)
                        count(&board->violations);
                if (!client->waits)
                        continue;
                unsigned at = __atomic_fetch_add(&board->n_log, 1, __ATOMIC_SEQ_CST);
                if (at < LOG_MAX)
                        board->log[at] = (Entry){.group = g, .number = client->numbers[g]};
        }
        count(&board->grants);
        (void)poll(NULL, 0, (int)draw(client, HOLD_MSEC_MAX));
        for (unsigned g = 0; g < n_groups; g++)
                if (client->groups & 1U << g)
                        (void)flock(client->owner_fds[g], LOCK_UN);
}

static void let_go(Client *client)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;

        /* Asked for, or by letting go of the fd: both must do. */
        if (draw(client, 2))
                (void)sd_bus_call_method(client->bus, SERVICE, client->path, SERVICE ".Lease",
                                         "Release", &error, NULL, "a{sv}", 0);
        sd_bus_error_free(&error);
        (void)close(client->lease_fd);
        free(client->path);
        client->path = NULL;
}

static void visit(Client *client)
{
        client->groups = 1U << draw(client, n_groups);
        client->waits = draw(client, 4) != 0;
        (void)snprintf(client->ticket, sizeof(client->ticket), "%08x%08x", (unsigned)getpid(),
                       draw(client, UINT32_MAX));
        if (draw(client, 4) == 0)
                client->groups |= 1U << draw(client, n_groups);
        send_request(client);
        if (client->waits)
                count(&board->waits);
        for (await_answer(client); client->cut_off && client->waits; await_answer(client)) {
                count(&board->again);
                ask(client);
        }
        if (client->cut_off)
                count(&board->unanswered);
        if (client->lease_fd < 0) {
                count(&board->refused);
                (void)poll(NULL, 0, (int)draw(client, HOLD_MSEC_MAX));
                return;
        }
        own(client);
        let_go(client);
}

/*
 * Connects, and lets the bus know who it is before it waits for anybody: the bus closes a
 * connection that has not said so within half a minute, and waits for sixty-four of them at a time.
 */
static void connect_to_bus(Client *client)
{
        const char *name;

        must_do(sd_bus_open_system(&client->bus), "the bus");
        must_do(sd_bus_get_unique_name(client->bus, &name), "a name on the bus");
}

static pid_t spawn(uint64_t seed, uint64_t until)
{
        pid_t child = fork();

        must(child >= 0, "fork");
        if (child > 0)
                return child;
        Client client = {.random = seed * 0x9e3779b97f4a7c15ULL + 1};
        for (unsigned g = 0; g < n_groups; g++)
                client.owner_fds[g] = open_file("owner", g);
        for (unsigned g = 0; g < n_groups; g++)
                client.draw_fds[g] = open_file("draw", g);
        connect_to_bus(&client);
        while (now_msec() < until)
                visit(&client);
        sd_bus_flush_close_unref(client.bus);
        exit(0);
}

static unsigned count_overtaken(void)
{
        uint32_t last[GROUPS_MAX] = {0};
        unsigned n = 0;

        for (unsigned i = 0; i < board->n_log && i < LOG_MAX; i++) {
                const Entry *entry = &board->log[i];

                n += entry->number <= last[entry->group];
                last[entry->group] = entry->number;
        }
        return n;
}

static void on_term(int number)
{
        is_over = 1;
}

/* Lets them come and go until the time is up. Returns how many were killed. */
static unsigned run(unsigned n_clients, unsigned seconds)
{
        uint64_t until = now_msec() + seconds * 1000ULL, seed = 0;
        Client parent = {.random = 4711};
        pid_t children[CLIENTS_MAX];
        unsigned n_killed = 0;

        for (unsigned i = 0; i < n_clients; i++)
                children[i] = spawn(++seed, until);
        while (!is_over && now_msec() < until) {
                unsigned i = draw(&parent, n_clients);
                int status;

                (void)poll(NULL, 0, DEATH_MSEC);
                (void)kill(children[i], SIGKILL);
                must(waitpid(children[i], &status, 0) == children[i], "waitpid");
                n_killed += WIFSIGNALED(status);
                if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
                        board->failures++;
                children[i] = spawn(++seed, until);
        }
        /* Whoever still waits dies waiting. */
        for (unsigned i = 0; i < n_clients; i++) {
                int status;

                (void)kill(children[i], SIGKILL);
                must(waitpid(children[i], &status, 0) == children[i], "waitpid");
                n_killed += WIFSIGNALED(status);
                board->failures += WIFEXITED(status) && WEXITSTATUS(status) != 0;
        }
        return n_killed;
}

int main(int argc, char **argv)
{
        unsigned seconds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
        unsigned n_clients = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;

        if (argc < 4 || argc - 3 > GROUPS_MAX || n_clients < 1 || n_clients > CLIENTS_MAX) {
                fprintf(stderr, "crowd SECONDS CLIENTS SELECTOR...\n");
                return 2;
        }
        selectors = (const char *const *)argv + 3;
        n_groups = (unsigned)(argc - 3);
        board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                     0);
        (void)signal(SIGTERM, on_term);
        must(board != MAP_FAILED && mkdtemp(directory), "a place to meet");
        uint64_t begin = now_msec();
        unsigned n_killed = run(n_clients, seconds);
        unsigned took = (unsigned)((now_msec() - begin) / 1000);
        unsigned n_overtaken = count_overtaken();
        printf("%s clients, %u groups, %u s: %u leases, %u waits, %u asked again, %u refused, "
               "%u killed; %u groups with two owners, %u overtaken, %u unanswered, %u failures\n",
               argv[2], n_groups, took, board->grants, board->waits, board->again,
               board->refused, n_killed, board->violations, n_overtaken, board->unanswered,
               board->failures);
        return board->violations + n_overtaken + board->failures > 0 || board->grants == 0;
}
