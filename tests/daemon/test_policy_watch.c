/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Policy directories that change, appear and disappear, below a directory of the test. inotify has
 * queued its events when a call returns, so one turn of the loop without waiting sees all of them.
 */

#include "daemon/machine/policy_watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/probe/cleanup.h"
#include "tests/unit/tap.h"

static char root[] = "/tmp/isolationd-watch-XXXXXX";
static char paths[3][128];
static const char *const directories[] = {paths[0], paths[1], paths[2], NULL};

static struct event_base *base;
static PolicyWatch *watch;
static unsigned n_changes;

static void on_changed(void *userdata)
{
        n_changes++;
}

static unsigned count_changes(void)
{
        n_changes = 0;
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
        return n_changes;
}

static const char *at(const char *name)
{
        static char path[256];

        (void)snprintf(path, sizeof(path), "%s/%s", root, name);
        return path;
}

static int create(const char *name)
{
        int fd = open(at(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        CHECK(fd >= 0);
        return fd;
}

static void write_file(const char *name)
{
        _cleanup_(closep) int fd = create(name);

        CHECK(write(fd, "{}", 2) == 2);
}

static void start(void)
{
        CHECK(mkdtemp(root) != NULL);
        (void)snprintf(paths[0], sizeof(paths[0]), "%s/etc/isolationd/policy.d", root);
        (void)snprintf(paths[1], sizeof(paths[1]), "%s/run/policy.d", root);
        (void)snprintf(paths[2], sizeof(paths[2]), "%s/lib", root);
        CHECK(mkdir(at("lib"), 0700) == 0 && mkdir(at("run"), 0700) == 0);
        base = event_base_new();
        CHECK(base && policy_watch_new(base, directories, on_changed, NULL, &watch) == 0);
        CHECK_NUMBER(count_changes(), 0);
}

/* Reported when the file is complete, and once for all changes that happened together. */
static void test_files(void)
{
        {
                _cleanup_(closep) int fd = create("lib/a.json");

                CHECK(write(fd, "{", 1) == 1);
                CHECK_NUMBER(count_changes(), 0);
        }
        CHECK_NUMBER(count_changes(), 1);
        write_file("lib/b.json");
        write_file("lib/a.json");
        CHECK_NUMBER(count_changes(), 1);

        write_file("lib/.a.json.swp");
        write_file("lib/a.json~");
        CHECK_NUMBER(count_changes(), 0);

        CHECK(symlink("/dev/null", at("lib/c.json")) == 0);
        CHECK_NUMBER(count_changes(), 1);
        CHECK(unlink(at("lib/c.json")) == 0);
        CHECK_NUMBER(count_changes(), 1);
}

/* As editors and package managers do it: a new file is renamed over the old one. */
static void test_moved(void)
{
        char from[256];

        write_file("lib/.new");
        (void)snprintf(from, sizeof(from), "%s", at("lib/.new"));
        CHECK_NUMBER(count_changes(), 0);
        CHECK(rename(from, at("lib/b.json")) == 0);
        CHECK_NUMBER(count_changes(), 1);
        (void)snprintf(from, sizeof(from), "%s", at("lib/b.json"));
        CHECK(rename(from, at("lib/b.off")) == 0);
        CHECK_NUMBER(count_changes(), 1);
        (void)snprintf(from, sizeof(from), "%s", at("lib/b.off"));
        CHECK(link(from, at("lib/d.json")) == 0);
        CHECK_NUMBER(count_changes(), 1);
}

/* The users who may write a file, or the directory, decide whether its rules count. */
static void test_modes(void)
{
        CHECK(chmod(at("lib/d.json"), 0666) == 0);
        CHECK_NUMBER(count_changes(), 1);
        CHECK(chmod(at("lib/b.off"), 0644) == 0);
        CHECK_NUMBER(count_changes(), 0);
        CHECK(chmod(at("lib"), 0777) == 0 && chmod(at("lib"), 0700) == 0);
        CHECK_NUMBER(count_changes(), 1);
}

/* Directories that do not exist when the watch begins; files appear before the watch sees them. */
static void test_directories_come(void)
{
        CHECK(mkdir(at("etc"), 0700) == 0);
        CHECK_NUMBER(count_changes(), 0);
        CHECK(mkdir(at("etc/other"), 0700) == 0);
        CHECK(mkdir(at("etc/isolationd"), 0700) == 0);
        CHECK_NUMBER(count_changes(), 0);
        CHECK(mkdir(paths[0], 0700) == 0);
        write_file("etc/isolationd/policy.d/a.json");
        CHECK_NUMBER(count_changes(), 1);
        write_file("etc/isolationd/policy.d/a.json");
        CHECK_NUMBER(count_changes(), 1);

        write_file("run/queue.json");
        CHECK_NUMBER(count_changes(), 0);
        CHECK(mkdir(paths[1], 0700) == 0);
        CHECK_NUMBER(count_changes(), 1);
}

/* A directory that disappears takes its files along, and may come back, with all its parents. */
static void test_directories_go(void)
{
        CHECK(unlink(at("etc/isolationd/policy.d/a.json")) == 0);
        CHECK_NUMBER(count_changes(), 1);
        CHECK(rmdir(paths[0]) == 0);
        CHECK_NUMBER(count_changes(), 1);
        CHECK(rmdir(at("etc/isolationd")) == 0 && rmdir(at("etc/other")) == 0 &&
              rmdir(at("etc")) == 0);
        CHECK_NUMBER(count_changes(), 0);
        CHECK(mkdir(at("etc"), 0700) == 0 && mkdir(at("etc/isolationd"), 0700) == 0 &&
              mkdir(paths[0], 0700) == 0);
        CHECK_NUMBER(count_changes(), 1);
        write_file("etc/isolationd/policy.d/b.json");
        CHECK_NUMBER(count_changes(), 1);

        char moved[256];
        (void)snprintf(moved, sizeof(moved), "%s", at("elsewhere"));
        CHECK(rename(paths[0], moved) == 0);
        CHECK_NUMBER(count_changes(), 1);
        CHECK(rename(moved, paths[0]) == 0);
        CHECK_NUMBER(count_changes(), 1);
}

static void stop(void)
{
        static const char *const names[] = {
                "etc/isolationd/policy.d/b.json",
                "etc/isolationd/policy.d",
                "etc/isolationd",
                "etc",
                "run/policy.d",
                "run/queue.json",
                "run",
                "lib/a.json",
                "lib/d.json",
                "lib/b.off",
                "lib/.a.json.swp",
                "lib/a.json~",
                "lib",
        };

        watch = policy_watch_free(watch);
        event_base_free(base);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (!CHECK(remove(at(names[i])) == 0))
                        printf("# %s\n", names[i]);
        CHECK(rmdir(root) == 0);
}

int main(void)
{
        static const TapTest tests[] = {
                {"nothing happens", start},
                {"files", test_files},
                {"files that are moved and linked", test_moved},
                {"files and directories that others may write", test_modes},
                {"directories come", test_directories_come},
                {"directories go and come again", test_directories_go},
                {"nothing is left", stop},
        };

        return tap_run(tests);
}
