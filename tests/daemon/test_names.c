/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The end of a name on the bus: the daemon accepts it when the bus says so, and not when the bus
 * fails to answer. The other end of a socket is the bus daemon, which answers as each test wants.
 */

#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/bus/names.h"
#include "tests/unit/tap.h"

#define NAME ":1.42"

void __wrap_names_forget(Ledger *ledger, const char *name);
bool __wrap_names_need(const Ledger *ledger, const char *name);

static struct event_base *base;
static Bus bus;
static sd_bus *driver;
static const char *failure; /* the error of GetNameOwner, NULL for no reply */
static unsigned n_asked, n_matches, n_forgotten;

void __wrap_names_forget(Ledger *ledger, const char *name)
{
        CHECK_STRING(name, NAME);
        n_forgotten++;
}

bool __wrap_names_need(const Ledger *ledger, const char *name)
{
        return true;
}

static int on_call(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        if (sd_bus_message_is_method_call(message, "org.freedesktop.DBus", "Hello"))
                return sd_bus_reply_method_return(message, "s", ":1.7");
        if (sd_bus_message_is_method_call(message, "org.freedesktop.DBus", "AddMatch")) {
                n_matches++;
                return sd_bus_reply_method_return(message, NULL);
        }
        if (!sd_bus_message_is_method_call(message, "org.freedesktop.DBus", "GetNameOwner"))
                return 0;
        n_asked++;
        return failure ? sd_bus_reply_method_errorf(message, failure, "as the test wants")
                       : sd_bus_reply_method_return(message, "s", NAME);
}

static void turn(void)
{
        for (int idle = 0; idle < 3;) {
                int r = sd_bus_process(bus.bus, NULL), s = sd_bus_process(driver, NULL);

                idle = r == 0 && s == 0 ? idle + 1 : 0;
                if (!CHECK(r >= 0 && s >= 0))
                        return;
        }
}

static void start_end(sd_bus **ret, int fd, bool is_server)
{
        if (sd_bus_new(ret) < 0 || sd_bus_set_fd(*ret, fd, fd) < 0 ||
            (is_server ? sd_bus_set_server(*ret, 1, (sd_id128_t){.bytes = {1}})
                       : sd_bus_set_bus_client(*ret, 1)) < 0 ||
            sd_bus_set_anonymous(*ret, 1) < 0 ||
            (is_server && sd_bus_add_filter(*ret, NULL, on_call, NULL) < 0) ||
            sd_bus_start(*ret) < 0)
                abort();
}

/* The bus reports that the name is gone. */
static void tell_end(void)
{
        _cleanup_(message_unrefp) sd_bus_message *message = NULL;

        CHECK(sd_bus_message_new_signal(driver, &message, "/org/freedesktop/DBus",
                                        "org.freedesktop.DBus", "NameOwnerChanged") >= 0 &&
              sd_bus_message_set_sender(message, "org.freedesktop.DBus") >= 0 &&
              sd_bus_message_append(message, "sss", NAME, NAME, "") >= 0 &&
              sd_bus_send(driver, message, NULL) >= 0);
        turn();
}

static void begin(const char *answer)
{
        int ends[2];

        n_asked = n_matches = n_forgotten = 0;
        failure = answer;
        base = event_base_new();
        bus = (Bus){.base = base};
        if (!base || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
                abort();
        start_end(&bus.bus, ends[0], false);
        start_end(&driver, ends[1], true);
        bus_names_watch(&bus, NAME);
        turn();
        CHECK_NUMBER(n_matches, 1);
        CHECK_NUMBER(n_asked, 1);
}

static void end(void)
{
        bus_names_free(bus.names);
        sd_bus_close_unref(driver);
        sd_bus_close_unref(bus.bus);
        event_base_free(base);
}

static void test_a_name_that_is_there(void)
{
        begin(NULL);
        CHECK_NUMBER(n_forgotten, 0);
        CHECK(bus.names);
        tell_end();
        CHECK_NUMBER(n_forgotten, 1);
        CHECK(!bus.names);
        end();
}

static void test_a_name_that_has_ended(void)
{
        begin(SD_BUS_ERROR_NAME_HAS_NO_OWNER);
        CHECK_NUMBER(n_forgotten, 1);
        CHECK(!bus.names);
        end();
}

/* The daemon forgets no name, and asks the bus again: the test waits for the timer. */
static void test_a_bus_that_does_not_say(void)
{
        static const char *const failures[] = {
                SD_BUS_ERROR_NO_REPLY,      SD_BUS_ERROR_TIMEOUT,   SD_BUS_ERROR_LIMITS_EXCEEDED,
                SD_BUS_ERROR_ACCESS_DENIED, SD_BUS_ERROR_NO_MEMORY, SD_BUS_ERROR_DISCONNECTED,
        };

        for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
                begin(failures[i]);
                CHECK_NUMBER(n_forgotten, 0);
                CHECK(bus.names);
                if (i == 0) {
                        failure = SD_BUS_ERROR_NAME_HAS_NO_OWNER;
                        CHECK(event_base_loop(base, EVLOOP_ONCE) >= 0);
                        turn();
                        CHECK_NUMBER(n_asked, 2);
                        CHECK_NUMBER(n_matches, 1);
                        CHECK_NUMBER(n_forgotten, 1);
                }
                end();
        }
}

/* While the daemon asks again, the signal still counts. */
static void test_an_end_in_between(void)
{
        begin(SD_BUS_ERROR_TIMEOUT);
        tell_end();
        CHECK_NUMBER(n_forgotten, 1);
        end();
}

int main(void)
{
        static const TapTest tests[] = {
                {"a name that is there", test_a_name_that_is_there},
                {"a name that has ended", test_a_name_that_has_ended},
                {"a bus that does not say", test_a_bus_that_does_not_say},
                {"an end in between", test_an_end_in_between},
        };

        return tap_run(tests);
}
