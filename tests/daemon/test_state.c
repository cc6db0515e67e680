/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lease records as files: private, complete, never replaced by a record with less knowledge, and
 * set aside if they are not the daemon's.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/lease/record.h"
#include "daemon/lease/state.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

static LeaseRecord *make(void)
{
        LeaseRecord *record = NULL;

        CHECK(lease_record_new(&record) == 0);
        record->id = 7;
        record->state = LEASE_LEASED;
        record->mode = LEASE_MODE_IOMMUFD;
        CHECK(lease_record_add_group(record, 14, "0000:00/1c.4") == 0);
        return record;
}

static LeaseRecord *loaded;
static size_t n_loaded, n_rejected;

static int on_loaded(LeaseRecord *record, void *userdata)
{
        n_loaded++;
        lease_record_free(loaded);
        loaded = record;
        return 0;
}

static char last_reason[128], last_path[4200];

static void on_rejected(const char *path, const char *reason, void *userdata)
{
        n_rejected++;
        (void)snprintf(last_reason, sizeof(last_reason), "%s", reason);
        (void)snprintf(last_path, sizeof(last_path), "%s", path);
}

static void test_files(void)
{
        const LeaseStateVisitor visitor = {.loaded = on_loaded, .rejected = on_rejected};
        _cleanup_(lease_record_freep) LeaseRecord *record = make();
        char directory[4096], path[4200];
        struct stat st;

        (void)snprintf(directory, sizeof(directory), "%s/leases", tree_make());
        CHECK_NUMBER(lease_state_save(directory, record), -ENOENT);
        CHECK_NUMBER(lease_state_load(directory, &visitor), 0);
        CHECK_NUMBER(lease_state_save(directory, record), 0);
        (void)snprintf(path, sizeof(path), "%s/7.json", directory);
        CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
        tree_file("leases/8.json", "{\"version\":1,");
        tree_file("leases/.9.json.tmp", "half");
        CHECK_NUMBER(lease_state_load(directory, &visitor), 0);
        CHECK_NUMBER(n_loaded, 1);
        CHECK_NUMBER(n_rejected, 1);
        CHECK(loaded && loaded->id == 7);
        CHECK_NUMBER(lease_state_load(directory, &visitor), 0);
        CHECK_NUMBER(n_rejected, 1);

        /*
         * A missing record is written again; an existing one is not touched, whatever it contains.
         */
        CHECK_NUMBER(lease_state_restore(directory, record), 0);
        CHECK(unlink(path) == 0);
        CHECK_NUMBER(lease_state_restore(directory, record), LEASE_STATE_E_RESTORED);
        CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
        tree_file("leases/7.json", "more than is known here");
        CHECK_NUMBER(lease_state_restore(directory, record), 0);
        CHECK(stat(path, &st) == 0 && st.st_size == (off_t)strlen("more than is known here"));
        CHECK_NUMBER(lease_state_remove(directory, 7), 0);
        CHECK_NUMBER(lease_state_restore(directory, record), LEASE_STATE_E_RESTORED);

        /* A record under another lease's name would restore the wrong state later. */
        char wrong[4200];
        (void)snprintf(wrong, sizeof(wrong), "%s/3.json", directory);
        CHECK(rename(path, wrong) == 0);
        CHECK_NUMBER(lease_state_load(directory, &visitor), 0);
        CHECK_NUMBER(n_rejected, 2);
        CHECK_NUMBER(lease_state_remove(directory, 3), 0);
        loaded = lease_record_free(loaded);
        tree_remove();
}

/* Reads the directory: the record is set aside for that reason, and the other one is read. */
static void check_set_aside(const char *directory, const char *reason)
{
        const LeaseStateVisitor visitor = {.loaded = on_loaded, .rejected = on_rejected};
        struct stat st;

        n_loaded = n_rejected = 0;
        CHECK_NUMBER(lease_state_load(directory, &visitor), 0);
        CHECK_NUMBER(n_loaded, 1);
        CHECK_NUMBER(n_rejected, 1);
        CHECK_STRING(last_reason, reason);
        CHECK(lstat(last_path, &st) == 0);
}

/* A file that is no regular file of ours is not read or waited for, and other files are read. */
static void test_strange_files_are_set_aside(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make();
        char directory[4096], path[4200], other[4200];

        (void)snprintf(directory, sizeof(directory), "%s/leases", tree_make());
        CHECK(mkdir(directory, 0700) == 0);
        CHECK_NUMBER(lease_state_save(directory, record), 0);
        (void)snprintf(path, sizeof(path), "%s/5.json", directory);
        (void)snprintf(other, sizeof(other), "%s/7.json", directory);

        CHECK(symlink("7.json", path) == 0);
        check_set_aside(directory, "it is a link");
        CHECK(mkfifo(path, 0600) == 0);
        check_set_aside(directory, "it is not a regular file");
        CHECK(mkdir(path, 0700) == 0);
        check_set_aside(directory, "it is not a regular file");
        CHECK(strstr(last_path, "/5.json.rejected.2"));

        CHECK(mkdir(path, 0700) == 0 && rmdir(path) == 0);
        tree_file("leases/5.json", "{}");
        CHECK(chmod(path, 0666) == 0);
        check_set_aside(directory, "others may write it");
        tree_file("leases/5.json", "{\"version\": 99}");
        CHECK(chmod(path, 0600) == 0);
        check_set_aside(directory, "a newer version of isolationd has written it");
        tree_file("leases/5.json", "{\"version\": ");
        CHECK(chmod(path, 0600) == 0);
        check_set_aside(directory, "it is no lease record that this version can read");
        tree_file("leases/5.json", "{}");
        if (geteuid() == 0) {
                CHECK(chmod(path, 0600) == 0 && chown(path, 4711, 0) == 0);
                check_set_aside(directory, "it belongs to another user");
        } else {
                CHECK(chmod(path, 0) == 0);
                check_set_aside(directory, "it cannot be opened");
        }
        CHECK(lease_state_save(directory, record) == 0);
        loaded = lease_record_free(loaded);
        tree_remove();
}

/* A foreign file at the temporary name is not followed, waited for or written to. */
static void test_temporary_files(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make();
        char directory[4096], temporary[4200], path[4200], target[4200];
        struct stat st;

        (void)snprintf(directory, sizeof(directory), "%s/leases", tree_make());
        (void)snprintf(temporary, sizeof(temporary), "%s/.7.json.tmp", directory);
        (void)snprintf(path, sizeof(path), "%s/7.json", directory);
        (void)snprintf(target, sizeof(target), "%s/target", directory);
        CHECK(mkdir(directory, 0700) == 0);
        tree_file("leases/target", "untouched");
        for (unsigned i = 0; i < 4; i++) {
                CHECK(unlink(path) == 0 || errno == ENOENT);
                if (i == 0)
                        CHECK(symlink("target", temporary) == 0);
                else if (i == 1)
                        CHECK(mkfifo(temporary, 0600) == 0);
                else if (i == 2)
                        CHECK(link(target, temporary) == 0);
                else
                        tree_file("leases/.7.json.tmp", "half, and longer than what comes after");
                CHECK_NUMBER(lease_state_save(directory, record), 0);
                CHECK(lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1);
                CHECK(lstat(temporary, &st) < 0);
                _cleanup_(lease_record_freep) LeaseRecord *back = NULL;
                CHECK_NUMBER(lease_state_read(directory, 7, &back), 0);
        }
        CHECK(stat(target, &st) == 0 && st.st_size == (off_t)strlen("untouched"));
        tree_remove();
}

/* More entries than one read of a directory returns (glibc: 32 KiB). */
#define MANY 2000

static void on_rejected_one_more(const char *path, const char *reason, void *userdata)
{
        char name[64];

        (void)snprintf(name, sizeof(name), "leases/%zu.json", 1000000 + n_rejected++);
        tree_file(name, "{}");
}

/*
 * A file that appears during the read is not read as a record; neither is one that is saved again.
 */
static void test_each_file_is_read_once(void)
{
        const LeaseStateVisitor visitor = {.loaded = on_loaded, .rejected = on_rejected_one_more};
        char directory[4096], name[64];

        (void)snprintf(directory, sizeof(directory), "%s/leases", tree_make());
        for (size_t i = 0; i < MANY; i++) {
                (void)snprintf(name, sizeof(name), "leases/%zu.json", i);
                tree_file(name, "{}");
        }
        n_rejected = 0;
        CHECK_NUMBER(lease_state_load(directory, &visitor), 0);
        CHECK_NUMBER((long long)n_rejected, MANY);
        tree_remove();
}

int main(void)
{
        static const TapTest tests[] = {
                {"files are private, whole, and set aside if they are none", test_files},
                {"what is no file of ours is set aside", test_strange_files_are_set_aside},
                {"what is in the way of a file", test_temporary_files},
                {"each file is read once", test_each_file_is_read_once},
        };

        return tap_run(tests);
}
