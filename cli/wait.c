/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Waits until groups exist and are unleased. It acquires nothing, so another user may lease them
 * first; to get them, use the queue: acquire --wait.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/document.h"
#include "cli/text.h"

#define TIMEOUT "timeout: not all groups can be leased"
#define TIMEOUT_LINE "isoctl: " TIMEOUT "\n"
#define TIMEOUT_JSON                                                                               \
        "{\"schema\":\"isolationd.error/1\",\"error\":\"Busy\",\"message\":\"" TIMEOUT "\"}\n"

/* The selectors to wait for, and the result. */
typedef struct Wait {
        Invocation *invocation;
        int error; /* of libisolation, or 0 */
} Wait;

static int timeout_code;
static bool timeout_json;

static void on_timeout(int signal_number)
{
        ssize_t n = write(STDERR_FILENO, TIMEOUT_LINE, sizeof(TIMEOUT_LINE) - 1);

        if (timeout_json && n > 0)
                n = write(STDOUT_FILENO, TIMEOUT_JSON, sizeof(TIMEOUT_JSON) - 1);
        _exit(n > 0 ? timeout_code : EXIT_FAILED);
}

/* Exits isoctl at the timeout, from wherever it runs. */
static void set_clock(const Invocation *invocation)
{
        uint64_t usec = invocation->wait_usec;
        const struct itimerval timer = {
                .it_value = {.tv_sec = (time_t)(usec / 1000000),
                             .tv_usec = (suseconds_t)(usec % 1000000)},
        };

        if (usec == 0 || usec == ISO_WAIT_FOREVER)
                return;
        timeout_code = iso_error_exit_code(ISO_E_STUCK);
        timeout_json = invocation->json;
        (void)signal(SIGALRM, on_timeout);
        (void)setitimer(ITIMER_REAL, &timer, NULL);
}

/* Returns whether the wait is over: all groups can be leased, or wait->error is set. */
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
        .help = "Returns when the groups exist and are unleased. It acquires nothing: to get\n"
                "them, wait in the queue with acquire --wait.\n"
                "--wait=SECONDS   the longest wait, in seconds (exit code 7)\n",
        .options = OPTION_WAIT,
        .min_arguments = 1,
        .max_arguments = ANY_NUMBER,
        .host = VERB_HOST_DAEMON,
        .run = run_wait,
};
