/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Workers that succeed, refuse, hang and die; the loop learns of each end once.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

#include "daemon/host/worker.h"
#include "tests/unit/tap.h"

typedef struct Heard {
        struct event_base *base;
        Worker *worker;
        size_t n_done;
        size_t n_overdue;
        int code;
        char message[128];
        VfioFds fds;
} Heard;

static void on_done(WorkerResult *result, void *userdata)
{
        Heard *heard = userdata;

        heard->n_done++;
        heard->code = result->code;
        (void)snprintf(heard->message, sizeof(heard->message), "%s", result->message);
        heard->fds = *result->fds;
        result->fds->n_items = 0;
}

static void on_overdue(void *userdata)
{
        Heard *heard = userdata;

        heard->n_overdue++;
        worker_kill(heard->worker);
}

/* Runs one job to its end; the loop ends when the worker has sent its last message. */
static Heard run(WorkerJob job, const void *context, const VfioFds *fds)
{
        Heard heard = {.base = event_base_new(), .code = -1};
        const WorkerHandler handler = {
                .done = on_done,
                .overdue = on_overdue,
                .userdata = &heard,
        };

        if (CHECK(worker_start(heard.base, job, context, fds, 1, &handler, &heard.worker) == 0))
                CHECK(event_base_dispatch(heard.base) >= 0);
        event_base_free(heard.base);
        CHECK_NUMBER(heard.n_done, 1);
        return heard;
}

static int job_open(const void *context, VfioFds *fds, char **ret_message)
{
        for (int i = 0; i < 3; i++) {
                VfioFd *item = &fds->items[fds->n_items++];
                int ends[2];

                if (pipe(ends) < 0)
                        return -errno;
                item->fd = ends[0];
                (void)snprintf(item->name, sizeof(item->name), "fd-%d", i);
                if (write(ends[1], &i, sizeof(i)) != sizeof(i))
                        return -EIO;
        }
        return 0;
}

static void test_fds_arrive(void)
{
        Heard heard = run(job_open, NULL, NULL);

        CHECK_NUMBER(heard.code, 0);
        CHECK_NUMBER(heard.n_overdue, 0);
        if (!CHECK(heard.fds.n_items == 3))
                return;
        for (int i = 0; i < 3; i++) {
                char name[8];
                int value = -1;

                (void)snprintf(name, sizeof(name), "fd-%d", i);
                CHECK_STRING(heard.fds.items[i].name, name);
                CHECK(read(heard.fds.items[i].fd, &value, sizeof(value)) == sizeof(value));
                CHECK_NUMBER(value, i);
                CHECK(fcntl(heard.fds.items[i].fd, F_GETFD) & FD_CLOEXEC);
        }
        vfio_fds_close(&heard.fds);
}

static int job_lose(const void *context, VfioFds *fds, char **ret_message)
{
        fds->items[fds->n_items++] = (VfioFd){.name = "container", .fd = -1};
        return 0;
}

/* An incomplete claim is no claim: the receiver must undo it, not use it. */
static void test_an_fd_that_does_not_arrive(void)
{
        Heard heard = run(job_lose, NULL, NULL);

        CHECK_NUMBER(heard.code, REFUSAL_STUCK);
        CHECK(strstr(heard.message, "lost"));
}

static int job_refuse(const void *context, VfioFds *fds, char **ret_message)
{
        return host_refuse(REFUSAL_NOT_VIABLE, ret_message, "%s says no", (const char *)context);
}

static void test_refusals_keep_their_words(void)
{
        Heard heard = run(job_refuse, "the kernel", NULL);

        CHECK_NUMBER(heard.code, REFUSAL_NOT_VIABLE);
        CHECK_STRING(heard.message, "the kernel says no");
        CHECK_NUMBER(heard.fds.n_items, 0);
}

static int job_hang(const void *context, VfioFds *fds, char **ret_message)
{
        while (pause() < 0)
                continue;
        return 0;
}

static void test_a_hanging_job_is_overdue_once(void)
{
        Heard heard = run(job_hang, NULL, NULL);

        CHECK_NUMBER(heard.n_overdue, 1);
        CHECK_NUMBER(heard.code, REFUSAL_STUCK);
        CHECK(heard.message[0]);
}

static int job_die(const void *context, VfioFds *fds, char **ret_message)
{
        (void)kill(getpid(), SIGKILL);
        return 0;
}

static void test_a_death_is_heard(void)
{
        Heard heard = run(job_die, NULL, NULL);

        CHECK_NUMBER(heard.code, REFUSAL_STUCK);
        CHECK_NUMBER(heard.n_overdue, 0);
}

/* Returns 0 if, below 64, only the given fd and the worker's own fds are open. */
static int job_count(const void *context, VfioFds *fds, char **ret_message)
{
        int n = 0;

        for (int fd = 3; fd < 64; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        if (fcntl(fds->items[0].fd, F_GETFD) < 0)
                return -EBADF;
        fds->n_items = 0;
        return n == 2 ? 0 : -EMFILE;
}

static void test_others_fds_are_closed(void)
{
        int mine = dup(0), given = dup(0), after = dup(0);
        VfioFds fds = {.n_items = 1, .items = {{.name = "given", .fd = given}}};
        Heard heard = run(job_count, NULL, &fds);

        CHECK_NUMBER(heard.code, 0);
        CHECK(fcntl(given, F_GETFD) >= 0);
        (void)close(mine);
        (void)close(given);
        (void)close(after);
}

int main(void)
{
        static const TapTest tests[] = {
                {"fds arrive under their names", test_fds_arrive},
                {"a file descriptor that does not arrive", test_an_fd_that_does_not_arrive},
                {"a refusal keeps its words", test_refusals_keep_their_words},
                {"a hanging job is overdue, once", test_a_hanging_job_is_overdue_once},
                {"a death is heard of", test_a_death_is_heard},
                {"a worker holds nobody else's fds", test_others_fds_are_closed},
        };

        return tap_run(tests);
}
