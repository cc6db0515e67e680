/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The filter in front of sd-bus. It passes messages of the size that the daemon accepts unchanged,
 * with their descriptors. Of a larger message it passes the head. sd-bus behind it has to
 * understand what is left. The test counts the cost of a turn in bytes and in processor time, and
 * prints it.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/bus/access/gate.h"
#include "daemon/bus/call/call.h"
#include "tests/unit/tap.h"

#define LARGE (32 << 20)

static Gate *gate;
/* The daemon's end, which reads through the filter and is authenticated; and the bus's end. */
static sd_bus *server, *client;
static int gate_input, client_fd;
static unsigned n_calls, n_whole, n_fds, n_answers, n_errors;
static size_t n_last; /* bytes of the last text that arrived */
static double longest_msec;

static int on_call(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *text = "";
        int fd = -1;

        if (!sd_bus_message_is_method_call(message, "org.example", NULL))
                return 0;
        n_calls++;
        if (sd_bus_message_has_signature(message, "h") > 0) {
                struct stat st;

                n_fds += sd_bus_message_read_basic(message, 'h', &fd) > 0 && fstat(fd, &st) == 0;
                return sd_bus_reply_method_return(message, NULL);
        }
        int r = sd_bus_message_enter_container(message, 'a', "s");
        if (r > 0)
                r = sd_bus_message_read_basic(message, 's', &text);
        n_last = strlen(text);
        n_whole += r > 0;
        return r > 0 ? sd_bus_reply_method_return(message, NULL)
                     : sd_bus_reply_method_errorf(message, SD_BUS_ERROR_INVALID_ARGS, "nothing");
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        n_answers++;
        n_errors += sd_bus_message_is_method_error(reply, NULL);
        return 1;
}

static double processor_msec(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Runs one turn of the server's side and counts its cost. Returns whether the turn did anything. */
static bool turn_server(void)
{
        double begin = processor_msec();
        int r = gate_turn(gate);
        int s = sd_bus_process(server, NULL);

        double msec = processor_msec() - begin;
        longest_msec = msec > longest_msec ? msec : longest_msec;
        CHECK(r >= 0 && s >= 0);
        if (r < 0 || s < 0)
                printf("# gate %d, sd-bus %d\n", r, s);
        return r > 0 || s > 0;
}

static void turn(void)
{
        for (int idle = 0; idle < 4;) {
                int r = sd_bus_process(client, NULL);

                CHECK(r >= 0);
                idle = !turn_server() && r == 0 ? idle + 1 : 0;
        }
}

static void begin(void)
{
        int ends[2];

        n_calls = n_whole = n_fds = n_answers = n_errors = 0;
        longest_msec = 0;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0 ||
            gate_new(ends[0], &gate) < 0)
                abort();
        gate_input = gate_take_inner(gate);
        client_fd = ends[1];
        if (sd_bus_new(&server) < 0 || sd_bus_set_fd(server, gate_input, ends[0]) < 0 ||
            sd_bus_set_anonymous(server, 1) < 0 ||
            sd_bus_add_filter(server, NULL, on_call, NULL) < 0 || sd_bus_start(server) < 0 ||
            sd_bus_new(&client) < 0 || sd_bus_set_fd(client, ends[1], ends[1]) < 0 ||
            sd_bus_set_server(client, 1, (sd_id128_t){.bytes = {1}}) < 0 ||
            sd_bus_set_anonymous(client, 1) < 0 || sd_bus_start(client) < 0)
                abort();
        turn();
}

static void end(void)
{
        sd_bus_close_unref(client);
        sd_bus_close_unref(server);
        gate = gate_free(gate);
}

/* Sends `times` calls with a text of `n` bytes. */
static void call(size_t n, unsigned times)
{
        char *text = malloc(n + 1);

        if (!text)
                abort();
        memset(text, 'x', n);
        text[n] = '\0';
        for (unsigned i = 0; i < times; i++)
                CHECK(sd_bus_call_method_async(client, NULL, NULL, "/", "org.example", "Test",
                                               on_answer, NULL, "as", 1, text) >= 0);
        free(text);
        turn();
}

static void test_all_sizes(void)
{
        begin();
        for (size_t n = 0; n < 3000; n += 7)
                call(n, 1);
        for (size_t n = 3000; n < GATE_CALL_MAX - 256; n += 1999)
                call(n, 1);
        CHECK_NUMBER(n_whole, n_calls);
        CHECK_NUMBER(n_answers, n_calls);
        CHECK_NUMBER(n_errors, 0);
        call(100, 300);
        CHECK_NUMBER(n_answers, n_calls);
        CHECK_NUMBER(n_whole, n_calls);
        end();
}

/* The head arrives with an empty body. The message after it is complete. */
static void test_too_large(void)
{
        begin();
        call(GATE_CALL_MAX, 1);
        CHECK_NUMBER(n_calls, 1);
        CHECK_NUMBER(n_whole, 0);
        CHECK_NUMBER(n_errors, 1);
        call(20, 1);
        CHECK_NUMBER(n_whole, 1);
        CHECK_NUMBER(n_last, 20);
        call(1 << 20, 20);
        CHECK_NUMBER(n_errors, 21);
        call(20, 1);
        CHECK_NUMBER(n_whole, 2);
        end();
}

static void test_the_longest_turn(void)
{
        begin();
        call(LARGE, 1);
        CHECK_NUMBER(n_errors, 1);
        call(20, 1);
        CHECK_NUMBER(n_whole, 1);
        printf("# the longest turn with a message of %d MiB took %.2f ms of processor time\n",
               LARGE >> 20, longest_msec);
        end();
}

static void test_descriptors(void)
{
        begin();
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        for (int i = 0; i < 100; i++) {
                CHECK(sd_bus_call_method_async(client, NULL, NULL, "/", "org.example", "Test",
                                               on_answer, NULL, "h", fd) >= 0);
                CHECK(sd_bus_call_method_async(client, NULL, NULL, "/", "org.example", "Test",
                                               on_answer, NULL, "as", 1, "x") >= 0);
        }
        turn();
        CHECK_NUMBER(n_fds, 100);
        CHECK_NUMBER(n_whole, 100);
        (void)close(fd);
        end();
}

/* A message whose header alone is too large is dropped. */
static void test_a_large_header(void)
{
        static unsigned char junk[2 * GATE_CALL_MAX] = {'l', 1, 0, 1, 5, 0, 0, 0, 9};
        const size_t n_fields = sizeof(junk) - 16 - 5 - 3; /* the body has 5, at a multiple of 8 */
        size_t sent = 0;

        begin();
        for (size_t i = 0; i < 4; i++)
                junk[12 + i] = (unsigned char)(n_fields >> (8 * i));
        while (sent < sizeof(junk) - 3) {
                ssize_t n = write(client_fd, junk + sent, sizeof(junk) - 3 - sent);

                sent += n > 0 ? (size_t)n : 0;
                turn();
        }
        CHECK_NUMBER(n_calls, 0);
        call(20, 1);
        CHECK_NUMBER(n_whole, 1);
        end();
}

static void test_the_end(void)
{
        int r = 0;

        begin();
        sd_bus_flush_close_unref(client);
        client = NULL;
        for (int i = 0; r >= 0 && i < 100; i++) {
                CHECK(gate_turn(gate) >= 0);
                r = sd_bus_process(server, NULL);
        }
        CHECK_NUMBER(r, -ECONNRESET);
        end();
}

int main(void)
{
        static const TapTest tests[] = {
                {"messages of all sizes", test_all_sizes},
                {"messages that are too large", test_too_large},
                {"the longest turn", test_the_longest_turn},
                {"descriptors", test_descriptors},
                {"a large header", test_a_large_header},
                {"the end of the bus", test_the_end},
        };

        return tap_run(tests);
}
