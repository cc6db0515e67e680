/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The daemon's privileged helpers: the program is started as the service manager starts it and
 * asked over its socket. Also a guard process that receives its orders over a socket. Argument: the
 * program.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "daemon/guard/gate.h"
#include "daemon/guard/watch.h"
#include "daemon/host/exclusive.h"
#include "daemon/host/holders.h"
#include "daemon/host/iommu_group.h"
#include "daemon/host/memlock.h"
#include "daemon/host/packet.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define FIRST_PASSED 3 /* sd_listen_fds(3) */

static const char *program;
static char directory[128];

/* Like the service manager: creates the socket first and passes it on. */
static pid_t start_helper(const char *role)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char own[16];

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/%.16s", directory, role);
        _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (!CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                   listen(fd, 8) == 0))
                return -1;
        (void)fflush(stdout);
        pid_t child = fork();
        if (child != 0)
                return child;
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)snprintf(own, sizeof(own), "%d", getpid());
        if (fd == FIRST_PASSED ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, FIRST_PASSED) < 0)
                _exit(1);
        (void)setenv("LISTEN_PID", own, 1);
        (void)setenv("LISTEN_FDS", "1", 1);
        (void)execl(program, program, role, NULL);
        _exit(1);
}

static void end(pid_t child)
{
        (void)kill(child, SIGKILL);
        CHECK_NUMBER(waitpid(child, NULL, 0), child);
}

static HostPaths with_helpers(void)
{
        HostPaths host = HOST_PATHS_LIVE;

        (void)snprintf(directory, sizeof(directory), "%s", tree_make());
        host.helpers = directory;
        return host;
}

static void test_looking(void)
{
        _cleanup_(holder_search_clear) HolderSearch search = {.daemon = 0};
        _cleanup_(holder_list_clear) HolderList list = {.items = NULL}, each = {.items = NULL};
        _cleanup_(holder_list_clear) HolderList killed = {.items = NULL};
        const HostPaths host = with_helpers();
        HolderNode node;
        char path[192], ready;
        int ends[2], status;
        size_t n = 99;

        tree_file("held", "");
        (void)snprintf(path, sizeof(path), "%s/held", directory);
        pid_t helper = start_helper("look");
        (void)fflush(stdout);
        CHECK(pipe2(ends, O_CLOEXEC) == 0);
        pid_t child = fork();
        if (child == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (open(path, O_RDONLY) < 0 || write(ends[1], "", 1) != 1)
                        _exit(1);
                for (;;)
                        (void)pause();
        }
        CHECK(read(ends[0], &ready, 1) == 1);
        CHECK(holder_node_look(AT_FDCWD, path, 0, &node));
        CHECK_NUMBER(holder_search_add_node(&search, &node), 0);
        CHECK_NUMBER(holders_look(&host, &search, false, &list, &n), 0);
        CHECK_NUMBER(n, 0);
        if (CHECK_NUMBER(list.n_items, 1))
                CHECK_NUMBER(list.items[0].pid, child);
        /* The daemon's own children are left out, except where every process counts. */
        search.daemon = getpid();
        holder_list_clear(&list);
        CHECK_NUMBER(holders_look(&host, &search, false, &list, &n), 0);
        CHECK_NUMBER(list.n_items, 0);
        search.each = true;
        CHECK_NUMBER(holders_look(&host, &search, false, &each, &n), 0);
        CHECK_NUMBER(each.n_items, 1);
        search = (HolderSearch){.nodes = search.nodes, .n_nodes = 1};
        CHECK_NUMBER(holders_look(&host, &search, true, &killed, &n), 0);
        CHECK_NUMBER(n, 1);
        CHECK_NUMBER(waitpid(child, &status, 0), child);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        (void)close(ends[0]);
        (void)close(ends[1]);
        end(helper);
        tree_remove();
}

static int ask(const HostPaths *host, HelperRole role, HelperTask task, int fd)
{
        HelperRequest request = {.task = task, .group = INT32_MAX, .text = "DMA"};
        HelperReply reply;
        int no_fd;

        int r = helper_ask(host, role, &request, fd, &reply, &no_fd);
        CHECK_NUMBER(no_fd, -1);
        return r < 0 ? r : r > 0 ? 1000 + r : reply.code;
}

static void test_refusals(void)
{
        const HostPaths host = with_helpers(), nobody = HOST_PATHS_LIVE;
        _cleanup_(closep) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        _cleanup_(closep) int none = packet_memory_make("search", "short", 5);
        char *message = NULL;

        /* A caller without helpers, or whose helpers do not listen, does the work itself. */
        CHECK_NUMBER(ask(&nobody, HELPER_SET, HELPER_SET_TYPE, -1), 1000 + HELPER_NONE);
        CHECK_NUMBER(ask(&host, HELPER_SET, HELPER_SET_TYPE, -1), 1000 + HELPER_NONE);
        CHECK_NUMBER(iommu_group_write_type(&host, INT32_MAX, "DMA", &message), -ENOENT);

        pid_t set = start_helper("set"), look = start_helper("look");
        CHECK_NUMBER(ask(&host, HELPER_SET, HELPER_SET_TYPE, -1), -ENOENT);
        CHECK_NUMBER(iommu_group_write_type(&host, INT32_MAX, "DMA", &message), -ENOENT);
        CHECK_NUMBER(ask(&host, HELPER_SET, HELPER_COUNT_BY_PROCESS, null), -ENOTTY);
        CHECK_NUMBER(ask(&host, HELPER_SET, HELPER_COUNT_BY_PROCESS, -1), -EBADMSG);
        CHECK_NUMBER(ask(&host, HELPER_SET, HELPER_FIND, none), -EPERM);
        CHECK_NUMBER(ask(&host, HELPER_SET, _HELPER_TASK_N, -1), -EPROTO);
        CHECK_NUMBER(ask(&host, HELPER_LOOK, HELPER_FIND, none), -EBADMSG);
        CHECK_NUMBER(ask(&host, HELPER_LOOK, HELPER_KILL, null), -EBADMSG);
        CHECK_NUMBER(ask(&host, HELPER_LOOK, HELPER_SET_TYPE, -1), -EPERM);
        CHECK_NUMBER(ask(&host, HELPER_SET, HELPER_EXCLUSIVE, null), -EPERM);
        CHECK_NUMBER(ask(&host, HELPER_LOOK, HELPER_EXCLUSIVE, -1), -EBADMSG);
        CHECK_NUMBER(ask(&host, HELPER_LOOK, HELPER_EXCLUSIVE, null), -ENOTBLK);
        CHECK_NUMBER(ask(&host, HELPER_LOOK, HELPER_EXCLUSIVE, none), -ENOTBLK);

        /* Half a request, or a client that disconnects, blocks no other client. */
        _cleanup_(closep) int silent = helper_connect(&host, HELPER_LOOK, 0);
        _cleanup_(closep) int half = helper_connect(&host, HELPER_LOOK, 0);
        CHECK(silent >= 0 && send(half, "x", 1, MSG_NOSIGNAL) == 1);
        CHECK_NUMBER(ask(&host, HELPER_LOOK, HELPER_FIND, none), -EBADMSG);
        end(set);
        end(look);
        CHECK(!message);
        tree_remove();
}

/*
 * The memory that a child may lock, by the child's pidfd; a pid or another descriptor is refused.
 */
static void test_memlock(void)
{
        HostPaths host = with_helpers();
        const rlim_t soft = 16384, hard = 65536;
        const struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
        const MemlockPair before = {.soft = soft, .hard = hard},
                          after = {.soft = hard, .hard = hard};
        MemlockProcess process;
        MemlockPair limits;
        struct rlimit now;

        host.proc = "/proc";
        (void)fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void)pause();
                _exit(0);
        }
        CHECK(prlimit(child, RLIMIT_MEMLOCK, &limit, NULL) == 0);
        pid_t helper = start_helper("set");
        CHECK(memlock_look(&host, child, getuid(), &process, &limits) >= 0);
        CHECK_NUMBER(memlock_change(&host, &process, &before, &after), 0);
        CHECK(prlimit(child, RLIMIT_MEMLOCK, NULL, &now) == 0 && now.rlim_cur == hard);
        CHECK_NUMBER(memlock_change(&host, &process, &before, &limits), -ESTALE);
        CHECK_NUMBER(memlock_change(&host, &process, &after, &before), 0);
        CHECK(prlimit(child, RLIMIT_MEMLOCK, NULL, &now) == 0 && now.rlim_cur == soft);
        _cleanup_(closep) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        CHECK_NUMBER(ask(&host, HELPER_SET, HELPER_SET_MEMLOCK, null), -ESRCH);
        CHECK_NUMBER(ask(&host, HELPER_SET, HELPER_SET_MEMLOCK, -1), -EBADMSG);
        (void)kill(child, SIGKILL);
        CHECK_NUMBER(waitpid(child, NULL, 0), child);
        end(helper);
        tree_remove();
}

/* Only a block device of that number is opened; another file in its place is refused. */
static void look_at_nodes(const HostPaths *host, const char *place)
{
        const dev_t nobodys = makedev(4095, 7); /* no driver has that number */
        char path[192];

        CHECK_NUMBER(exclusive_look(host, "missing", nobodys), 0);
        CHECK_NUMBER(exclusive_look(host, "file", nobodys), -ENOTBLK);
        CHECK_NUMBER(exclusive_look(host, "pipe", nobodys), -ENOTBLK);
        CHECK_NUMBER(exclusive_look(host, "link", nobodys), -ENOTBLK);
        (void)snprintf(path, sizeof(path), "%s/cciss/%s", directory, place);
        if (mknod(path, S_IFBLK | 0600, nobodys) < 0)
                return; /* only root can do that */
        (void)snprintf(path, sizeof(path), "cciss!%s", place);
        CHECK_NUMBER(exclusive_look(host, path, nobodys), 0);
        CHECK_NUMBER(exclusive_look(host, path, nobodys + 1), -ESTALE);
}

static void test_exclusive(void)
{
        HostPaths host = with_helpers(), alone = HOST_PATHS_LIVE;

        tree_file("file", "");
        tree_fifo("pipe");
        tree_link("link", "file");
        tree_file("cciss/.keep", "");
        host.dev = alone.dev = directory;
        look_at_nodes(&alone, "c0d0");
        pid_t helper = start_helper("look");
        look_at_nodes(&host, "c0d1");
        end(helper);
        tree_remove();
}

/* A guard process whose orders come over a socket. */
static pid_t start_watch(const HostPaths *host, const int sockets[static 2])
{
        (void)fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void)close(sockets[0]);
                watch_serve(host, sockets[1]);
        }
        return child;
}

static void test_orders(void)
{
        const HostPaths helpers = with_helpers();
        const HostPaths host = {.sysfs = directory, .proc = directory, .helpers = helpers.helpers};
        char *texts[] = {(char[]){"/devices/a"}, (char[]){"/devices/b"}};
        const GuardOrders orders = {
                .host = host, .places = {.items = texts, .n_items = 2}, .gate = true};
        GuardReport report = {.code = 0};
        int sockets[2], status;
        bool open = false;

        tree_file("bus/pci/drivers_autoprobe", "1\n");
        CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0);
        CHECK_NUMBER(watch_order(&orders, sockets[0]), 0);
        pid_t child = start_watch(&host, sockets);
        (void)close(sockets[1]);
        CHECK(recv(sockets[0], &report, sizeof(report), 0) == sizeof(report));
        CHECK_NUMBER(report.kind, GUARD_REPORT_READY);
        CHECK_NUMBER(gate_read(&host, &open), 0);
        CHECK(!open);
        (void)close(sockets[0]);
        CHECK_NUMBER(waitpid(child, &status, 0), child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        tree_remove();
}

/* The descriptors that the next daemon has opened stay open. */
static void test_orders_of_the_dead(void)
{
        const HostPaths helpers = with_helpers();
        const HostPaths host = {.sysfs = directory, .proc = directory, .helpers = helpers.helpers};
        const GuardOrders orders = {.host = host, .gate = true};
        int sockets[2], status;
        bool open = false;

        tree_file("bus/pci/drivers_autoprobe", "1\n");
        CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0);
        CHECK_NUMBER(watch_order(&orders, sockets[0]), 0);
        CHECK(shutdown(sockets[0], SHUT_RDWR) == 0);
        pid_t child = start_watch(&host, sockets);
        CHECK_NUMBER(waitpid(child, &status, 0), child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
        CHECK_NUMBER(gate_read(&host, &open), 0);
        CHECK(open);
        (void)close(sockets[0]);
        (void)close(sockets[1]);
        tree_remove();
}

int main(int argc, char **argv)
{
        static const TapTest tests[] = {
                {"who has what open", test_looking},
                {"requests that no helper serves, and broken ones", test_refusals},
                {"who has a disk for exclusive use", test_exclusive},
                {"what a process may lock", test_memlock},
                {"a guard process's orders", test_orders},
                {"orders of a daemon that has gone", test_orders_of_the_dead},
        };

        program = argc == 2 ? argv[1] : "";
        return tap_run(tests);
}
