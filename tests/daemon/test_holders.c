/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Holders on a /proc made of files, and on the real one: a child that has a file open is found,
 * named by its unit and killed. Another process is not killed.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "daemon/host/holders.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define STAT "(a) b) S %d 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0\n"

static char root[128], dev[160], proc[160];
static HostPaths host;

static void start(void)
{
        (void)snprintf(root, sizeof(root), "%s", tree_make());
        (void)snprintf(dev, sizeof(dev), "%s/dev", root);
        (void)snprintf(proc, sizeof(proc), "%s/proc", root);
        host = (HostPaths){.sysfs = root, .dev = dev, .proc = proc};
        tree_file("dev/vfio/7", "");
        tree_file("dev/vfio/8", "");
        tree_file("dev/vfio/devices/vfio3", "");
        tree_file("devices/pci0000:00/0000:00:05.0/vfio-dev/vfio3/dev", "511:3\n");
        tree_link("bus/pci/devices/0000:00:05.0", "../../../devices/pci0000:00/0000:00:05.0");
}

static void put_process(int pid, int parent, const char *cgroup)
{
        char path[64], text[256];

        (void)snprintf(path, sizeof(path), "proc/%d/stat", pid);
        (void)snprintf(text, sizeof(text), "%d " STAT, pid, parent, 100 + pid);
        tree_file(path, text);
        (void)snprintf(path, sizeof(path), "proc/%d/comm", pid);
        (void)snprintf(text, sizeof(text), "name %d\n", pid);
        tree_file(path, text);
        (void)snprintf(path, sizeof(path), "proc/%d/status", pid);
        tree_file(path, "Name:\tx\nUmask:\t0022\nUid:\t1000\t1000\t1000\t1000\n");
        (void)snprintf(path, sizeof(path), "proc/%d/cgroup", pid);
        tree_file(path, cgroup);
        (void)snprintf(path, sizeof(path), "proc/%d/fd/.keep", pid);
        tree_file(path, "");
}

static void put_fd(int pid, int fd, const char *target, const char *info)
{
        char path[64];

        (void)snprintf(path, sizeof(path), "proc/%d/fd/%d", pid, fd);
        tree_link(path, target);
        (void)snprintf(path, sizeof(path), "proc/%d/fdinfo/%d", pid, fd);
        tree_file(path, info);
}

static HolderList find(pid_t daemon)
{
        _cleanup_(holder_search_clear) HolderSearch search = {.daemon = daemon};
        HolderList list = {.items = NULL};
        Bdf bdf;

        CHECK(bdf_parse("0000:00:05.0", &bdf));
        CHECK_NUMBER(holder_search_add_group(&search, &host, 7), 0);
        CHECK_NUMBER(holder_search_add_group(&search, &host, 99), 0); /* has no node */
        CHECK_NUMBER(holder_search_add_device(&search, &host, bdf), 0);
        CHECK_NUMBER(search.n_nodes, 2);
        CHECK_NUMBER(holders_find(&host, &search, &list), 0);
        return list;
}

static void test_descriptors(void)
{
        static const char info[] = "pos:\t0\nvfio-device-syspath: /sys/devices/pci0000:00/%s\n";
        _cleanup_(holder_list_clear) HolderList list = {.items = NULL};
        char text[128];

        start();
        put_process(100, 1, "0::/system.slice/vm.service\n");
        put_fd(100, 5, "../../../dev/vfio/7", "pos:\t0\n");
        put_process(101, 1, "0::/user.slice/user@1000.service/app.slice/run-1.scope\n");
        put_fd(101, 5, "../../../dev/vfio/8", "pos:\t0\n"); /* another group */
        put_process(102, 1, "0::/user.slice/user@1000.service/app.slice/run-1.scope\n");
        put_fd(102, 5, "../../../dev/vfio/devices/vfio3", "pos:\t0\n");
        put_process(103, 1, "0::/\n");
        put_fd(103, 5, "anon_inode:[vfio-device]", "pos:\t0\n"); /* another process's */
        put_process(104, 1, "0::/\n");
        (void)snprintf(text, sizeof(text), info, "0000:00:05.0");
        put_fd(104, 5, "anon_inode:[vfio-device]", text);
        put_process(105, 1, "0::/\n");
        (void)snprintf(text, sizeof(text), info, "0000:00:06.0");
        put_fd(105, 5, "anon_inode:[vfio-device]", text);
        put_process(106, 42, "0::/\n"); /* the daemon's worker */
        put_fd(106, 5, "../../../dev/vfio/7", "pos:\t0\n");
        put_process(107, 1, "0::/\n");
        put_fd(107, 5, "anon_inode:[eventpoll]", "pos:\t0\n");
        put_process(1, 0, "0::/init.scope\n"); /* keeps the daemon's copies */
        put_fd(1, 5, "../../../dev/vfio/7", "pos:\t0\n");

        list = find(42);
        if (CHECK_NUMBER(list.n_items, 4)) {
                static const struct {
                        int pid;
                        bool certain;
                        const char *unit;
                } wanted[] = {
                        {100, true, "vm.service"},
                        {102, true, "run-1.scope"},
                        {103, false, ""},
                        {104, true, ""},
                };

                for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
                        CHECK_NUMBER(list.items[i].pid, wanted[i].pid);
                        CHECK_NUMBER(list.items[i].certain, wanted[i].certain);
                        CHECK_STRING(list.items[i].unit, wanted[i].unit);
                        CHECK_NUMBER(list.items[i].uid, 1000);
                        CHECK_NUMBER(list.items[i].start, 100 + wanted[i].pid);
                }
                CHECK_STRING(list.items[0].comm, "name 100");
        }
        tree_remove();
}

static void test_words(void)
{
        Holder holders[] = {
                {.pid = 7, .certain = true, .comm = "qemu", .unit = "vm.service"},
                {.pid = 8, .comm = "a b"},
                {.pid = 9, .certain = true, .comm = "c"},
                {.pid = 10, .certain = true, .comm = "d"},
                {.pid = 11, .certain = true, .comm = "e"},
        };
        _cleanup_(freep) char *none = holders_describe(&(HolderList){.items = NULL});
        _cleanup_(freep) char *two = holders_describe(&(HolderList){holders, 2});
        _cleanup_(freep) char *five = holders_describe(&(HolderList){holders, 5});

        CHECK_STRING(none, "nobody");
        CHECK_STRING(two, "7 qemu (vm.service), perhaps 8 a b");
        CHECK(five && strstr(five, ", 10 d and 1 more"));
}

static void test_there_and_back(void)
{
        Holder holders[] = {{.pid = 7, .comm = "a"}, {.pid = 8, .comm = "b"}};
        _cleanup_(holder_list_clear) HolderList list = {.items = NULL};
        _cleanup_(closep) int fd = holders_to_fd(&(HolderList){holders, 2});

        CHECK(fd >= 0);
        CHECK_NUMBER(holders_from_fd(fd, &list), 0);
        if (CHECK_NUMBER(list.n_items, 2))
                CHECK_STRING(list.items[1].comm, "b");
        CHECK_NUMBER(ftruncate(fd, 3), 0);
        CHECK_NUMBER(holders_from_fd(fd, &list), -EBADMSG);
}

/* A child of the test that has the file open, once it reports so. */
static pid_t spawn(const char *path)
{
        int ends[2];
        char ready;

        (void)fflush(stdout);
        if (pipe(ends) < 0)
                return -1;
        pid_t child = fork();
        if (child == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (open(path, O_RDONLY) < 0 || write(ends[1], "", 1) != 1)
                        _exit(1);
                for (;;)
                        (void)pause();
        }
        (void)close(ends[1]);
        CHECK(read(ends[0], &ready, 1) == 1);
        (void)close(ends[0]);
        return child;
}

static void test_killing(void)
{
        _cleanup_(holder_search_clear) HolderSearch search = {.daemon = 0};
        _cleanup_(holder_list_clear) HolderList list = {.items = NULL};
        char path[192];
        size_t n = 99;
        int status;

        start();
        host.proc = "/proc";
        (void)snprintf(path, sizeof(path), "%s/vfio/7", dev);
        pid_t child = spawn(path);
        CHECK(child > 0);
        CHECK_NUMBER(holder_search_add_group(&search, &host, 7), 0);
        CHECK_NUMBER(holders_find(&host, &search, &list), 0);
        if (CHECK_NUMBER(list.n_items, 1)) {
                CHECK_NUMBER(list.items[0].pid, child);
                CHECK(list.items[0].certain);
                CHECK_NUMBER(list.items[0].uid, getuid());
                /* As if that process had ended and another process had its number. */
                list.items[0].start--;
                CHECK_NUMBER(holders_kill(&host, &search, &list, &n), 0);
                CHECK_NUMBER(n, 0);
                list.items[0].start++;
                CHECK_NUMBER(holders_kill(&host, &search, &list, &n), 0);
                CHECK_NUMBER(n, 1);
                CHECK_NUMBER(waitpid(child, &status, 0), child);
                CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        }
        CHECK_NUMBER(holders_kill(&host, &search, &list, &n), 0);
        CHECK_NUMBER(n, 0);
        tree_remove();
}

/* As a user who may not inspect root's processes: what the user finds without a helper. */
static int look_as_nobody(const HostPaths *paths)
{
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
                _cleanup_(holder_search_clear) HolderSearch search = {.daemon = getpid()};
                _cleanup_(holder_list_clear) HolderList list = {.items = NULL};
                size_t n_killed = 0;

                if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
                        _exit(99);
                if (holder_search_add_group(&search, paths, 1234567) < 0)
                        _exit(98);
                int r = holders_look(paths, &search, true, &list, &n_killed);
                _exit(n_killed > 0 ? 97 : r < 0 ? -r : 100 + r);
        }
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
        return WEXITSTATUS(status);
}

/*
 * If a helper does not answer, holders that cannot be seen are an error. A caller that has no
 * helper counts them as none.
 */
static void test_unseen(void)
{
        HostPaths paths = HOST_PATHS_LIVE;

        CHECK_NUMBER(look_as_nobody(&paths), 100);
        paths.helpers = "/nonexistent";
        CHECK_NUMBER(look_as_nobody(&paths), 100 + HOLDERS_E_UNSEEN);
}

int main(void)
{
        static const TapTest tests[] = {
                {"who has what open", test_descriptors},
                {"in words", test_words},
                {"from the worker to the daemon", test_there_and_back},
                {"killed is who holds, and nobody else", test_killing},
                {"unseen without the helper", test_unseen},
        };

        return tap_run(tests);
}
