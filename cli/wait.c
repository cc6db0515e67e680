/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Until groups can be leased: they are there, and nobody has them. Nothing is taken, so that
 * somebody else may be quicker; who wants to have them waits in the queue: acquire --wait.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/document.h"
#include "cli/text.h"

#define TIME_IS_UP "isoctl: the time is up, and not all groups can be leased\n"
#define TIME_IS_UP_JSON                                                                            \
        "{\"schema\":\"isolationd.error/1\",\"error\":\"Busy\",\"message\":\"the time is up, "     \
        "and not all groups can be leased\"}\n"

/* What the events are held against, and how it ended. */
typedef struct Wait {
        Invocation *invocation;
        int error; /* of libisolation, or 0 */
} Wait;

static int time_is_up_code;
static bool time_is_up_json;

static void on_time_is_up(int signal_number)
{
        ssize_t n = write(STDERR_FILENO, TIME_IS_UP, sizeof(TIME_IS_UP) - 1);

        if (time_is_up_json && n > 0)
                n = write(STDOUT_FILENO, TIME_IS_UP_JSON, sizeof(TIME_IS_UP_JSON) - 1);
        _exit(n > 0 ? time_is_up_code : EXIT_FAILED);
}

/* Ends isoctl when the time is up, wherever it is. */
static void set_clock(const Invocation *invocation)
{
        uint64_t usec = invocation->wait_usec;
        const struct itimerval timer = {
                .it_value = {.tv_sec = (time_t)(usec / 1000000),
                             .tv_usec = (suseconds_t)(usec % 1000000)},
        };

        if (usec == 0 || usec == ISO_WAIT_FOREVER)
                return;
        time_is_up_code = iso_error_exit_code(ISO_E_STUCK);
        time_is_up_json = invocation->json;
        (void)signal(SIGALRM, on_time_is_up);
        (void)setitimer(ITIMER_REAL, &timer, NULL);
}

/* Returns whether it is over: all can be leased, or wait->error says why nobody can tell. */
static int look(Wait *wait)
{
        Invocation *invocation = wait->invocation;

        wait->error = iso_host_refresh(invocation->host);
        for (size_t i = 0; wait->error == 0 && i < invocation->n_arguments; i++) {
                const iso_group *group = NULL;
                const iso_device *device;
                int r;

                r = iso_host_resolve(invocation->host, invocation->arguments[i], &device, &group);
                if (r == ISO_E_NOT_FOUND)
                        return false;
                if (r == 0 && (!group || (strcmp(group->state, "free") != 0 &&
                                          strcmp(group->state, "parked") != 0)))
                        return false;
                wait->error = r;
        }
        return true;
}

static int on_event(const iso_event *event, void *userdata)
{
        return look(userdata);
}

static int run_wait(Invocation *invocation)
{
        Wait wait = {.invocation = invocation};
        iso_host *watcher = NULL;
        json_object *document;
        int r;

        set_clock(invocation);
        r = iso_host_open_daemon(&watcher);
        if (r == 0)
                r = iso_monitor(watcher, on_event, &wait);
        (void)iso_host_free(watcher);
        r = r == 1 ? wait.error : r;
        if (r != 0)
                return fail_host(invocation, r);
        if (invocation->json) {
                document = json_document("wait");
                json_add_list(document, "selectors", invocation->arguments);
                json_print(document);
        }
        return EXIT_DONE;
}

const Verb verb_wait = {
        .name = "wait",
        .arguments = "SELECTOR...",
        .summary = "wait until groups can be leased",
        .help = "Returns when they are there and nobody has them. It takes nothing: who wants to\n"
                "have them waits in the queue, with acquire --wait.\n"
                "--wait=SECONDS   for that long at most (exit code 7)\n",
        .options = OPTION_WAIT,
        .min_arguments = 1,
        .max_arguments = ANY_NUMBER,
        .host = VERB_HOST_DAEMON,
        .run = run_wait,
};
