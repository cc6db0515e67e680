/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Fork, exec, wait. Signals are blocked and taken with sigwaitinfo(2), so that they interrupt
 * nothing.
 *
 * A child that outlives isoctl would keep the VFIO fds open, and the daemon could not return the
 * devices to the host. Therefore the kernel kills the child when isoctl dies (PR_SET_PDEATHSIG).
 */

#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void waited_signals(sigset_t *set)
{
        (void)sigemptyset(set);
        (void)sigaddset(set, SIGCHLD);
        (void)sigaddset(set, SIGHUP);
        (void)sigaddset(set, SIGINT);
        (void)sigaddset(set, SIGQUIT);
        (void)sigaddset(set, SIGTERM);
}

/* In the child: executes the command, or returns the errno of the failure. */
static int become(char *const *command, const int *fds, size_t n_fds, pid_t parent,
                  const sigset_t *mask)
{
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                return errno;
        if (getppid() != parent) /* the parent died before prctl() */
                return ESRCH;
        for (size_t i = 0; i < n_fds; i++)
                if (fcntl(fds[i], F_SETFD, 0) < 0)
                        return errno;
        if (sigprocmask(SIG_SETMASK, mask, NULL) < 0)
                return errno;
        (void)execvp(command[0], command);
        return errno;
}

/* Reads nothing if the command runs: its exec closes the other end. */
static int read_exec_error(int fd)
{
        ssize_t n;
        int error;

        do
                n = read(fd, &error, sizeof(error));
        while (n < 0 && errno == EINTR);
        return n == (ssize_t)sizeof(error) ? error : 0;
}

/*
 * The child receives a terminal's signals itself, but not a signal that a process sends to isoctl.
 */
static void pass_on(pid_t child, const siginfo_t *signal)
{
        if (signal->si_code != SI_KERNEL)
                (void)kill(child, signal->si_signo);
}

static int wait_for_end(pid_t child, const sigset_t *signals, int *ret_code)
{
        for (;;) {
                siginfo_t signal;
                int status;
                pid_t pid;

                if (sigwaitinfo(signals, &signal) < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (signal.si_signo != SIGCHLD) {
                        pass_on(child, &signal);
                        continue;
                }
                pid = waitpid(child, &status, WNOHANG);
                if (pid < 0)
                        return -errno;
                if (pid == 0) /* stopped or continued, or not our child */
                        continue;
                *ret_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
                return 0;
        }
}

/* A signal that arrives after the child has ended needs no forwarding: drop it. */
static void drop_pending(const sigset_t *signals)
{
        static const struct timespec now = {0};

        while (sigtimedwait(signals, NULL, &now) > 0)
                ;
}

static int spawn(char *const *command, const int *fds, size_t n_fds, const sigset_t *mask,
                 pid_t *ret_child, int *ret_error)
{
        pid_t parent = getpid(), child;
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        child = fork();
        if (child == 0) {
                int error = become(command, fds, n_fds, parent, mask);

                (void)!write(ends[1], &error, sizeof(error));
                _exit(127);
        }
        (void)close(ends[1]);
        for (size_t i = 0; i < n_fds; i++)
                (void)close(fds[i]);
        if (child < 0) {
                int error = errno;

                (void)close(ends[0]);
                return -error;
        }
        *ret_error = read_exec_error(ends[0]);
        (void)close(ends[0]);
        *ret_child = child;
        return 0;
}

int child_run(char *const *command, const int *fds, size_t n_fds, int *ret_code, int *ret_error)
{
        const struct sigaction by_default = {.sa_handler = SIG_DFL};
        sigset_t signals, before;
        int code = 0, error = 0, r;
        pid_t child = -1;

        /*
         * If the parent process left SIGCHLD ignored, the kernel would reap the child without its
         * status.
         */
        if (sigaction(SIGCHLD, &by_default, NULL) < 0)
                return -errno;
        waited_signals(&signals);
        if (sigprocmask(SIG_BLOCK, &signals, &before) < 0)
                return -errno;

        r = spawn(command, fds, n_fds, &before, &child, &error);
        if (r == 0)
                r = wait_for_end(child, &signals, &code);
        drop_pending(&signals);
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
        if (r < 0)
                return r;

        if (error != 0)
                code = error == ENOENT ? 127 : 126;
        *ret_code = code;
        *ret_error = error;
        return 0;
}
