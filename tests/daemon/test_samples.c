/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Records as each version of the daemon wrote them (tests/daemon/records). The current daemon reads
 * them and keeps their contents. A file there is never changed: upgraded hosts have such files.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/host/file.h"
#include "daemon/lease/json.h"
#include "daemon/lease/record.h"
#include "daemon/lease/state.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

static const char *samples;

static char *read_sample(const char *name)
{
        char path[PATH_MAX];
        char *text = calloc(1, 65536);

        (void)snprintf(path, sizeof(path), "%s/%s", samples, name);
        FILE *file = fopen(path, "r");
        if (!file || !text)
                abort();
        size_t n = fread(text, 1, 65535, file);
        (void)fclose(file);
        CHECK(n > 0 && n < 65535);
        return text;
}

/*
 * Whether `after` contains everything in `before`, except the version. `after` may have members
 * that a later version adds.
 */
static bool is_kept(const char *key, struct json_object *before, struct json_object *after)
{
        if (strcmp(key, "version") == 0 || strncmp(key, "later", strlen("later")) == 0)
                return true;
        if (json_object_is_type(before, json_type_object)) {
                json_object_object_foreach(before, name, value)
                {
                        struct json_object *its = NULL;

                        if (!json_object_object_get_ex(after, name, &its) &&
                            strncmp(name, "later", 5))
                                return false;
                        if (!is_kept(name, value, its))
                                return false;
                }
                return true;
        }
        if (json_object_is_type(before, json_type_array)) {
                size_t n = json_object_array_length(before);

                if (!json_object_is_type(after, json_type_array) ||
                    json_object_array_length(after) != n)
                        return false;
                for (size_t i = 0; i < n; i++)
                        if (!is_kept(key, json_object_array_get_idx(before, i),
                                     json_object_array_get_idx(after, i)))
                                return false;
                return true;
        }
        return json_object_equal(before, after);
}

static void check_sample(const char *name)
{
        _cleanup_(freep) char *text = read_sample(name), *again = NULL;
        _cleanup_(lease_record_freep) LeaseRecord *record = NULL;

        if (!CHECK(lease_record_from_json(text, &record) == 0)) {
                printf("# %s is not read\n", name);
                return;
        }
        CHECK(!lease_record_is_newer(text));
        CHECK_NUMBER(record->id, 7);
        CHECK_NUMBER(lease_record_to_json(record, &again), 0);
        _cleanup_(json_putp) struct json_object *before = json_tokener_parse(text);
        _cleanup_(json_putp) struct json_object *after = json_tokener_parse(again);
        if (!CHECK(before && after && is_kept("", before, after)))
                printf("# %s does not come back\n", name);
}

static int is_sample(const struct dirent *entry)
{
        size_t n = strlen(entry->d_name);

        return n > 5 && strcmp(entry->d_name + n - 5, ".json") == 0;
}

static void test_samples_are_read(void)
{
        struct dirent **entries;
        int n = scandir(samples, &entries, is_sample, alphasort);

        CHECK(n >= 15);
        for (int i = 0; i < n; i++) {
                check_sample(entries[i]->d_name);
                free(entries[i]);
        }
        if (n >= 0)
                free(entries);
}

/* The samples include each mode, in the version that is written now. */
static void test_every_mode_has_one(void)
{
        for (LeaseMode mode = LEASE_MODE_NONE + 1; mode < _LEASE_MODE_N; mode++) {
                _cleanup_(lease_record_freep) LeaseRecord *record = NULL;
                _cleanup_(freep) char *text = NULL;
                char name[64];

                (void)snprintf(name, sizeof(name), "v%u-%s.json", lease_record_version(),
                               lease_mode_to_string(mode));
                text = read_sample(name);
                CHECK(lease_record_from_json(text, &record) == 0 && record->mode == mode);
        }
}

/* A release restores the host's values, whichever version recorded them. */
static void test_what_the_host_had(void)
{
        const char *const names[] = {"v1-vfio.json", "v2-vfio.json", "v3-vfio.json", "v4-vfio.json",
                                     "v5-vfio.json"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                _cleanup_(freep) char *text = read_sample(names[i]);
                _cleanup_(lease_record_freep) LeaseRecord *record = NULL;
                Bdf bdf;

                CHECK(bdf_parse("0000:00:05.0", &bdf));
                if (!CHECK(lease_record_from_json(text, &record) == 0))
                        continue;
                const LeaseDevice *device = lease_record_find(record, bdf);
                CHECK(device && strcmp(device->before.driver, "edu") == 0);
                CHECK(device && device->role == LEASE_ROLE_TAKEN);
                CHECK_NUMBER(record->n_fd_names, 2);
                CHECK_NUMBER(record->n_changes, i > 0 ? 2 : 0);
        }
}

static unsigned n_loaded, n_rejected;
static char aside[PATH_MAX], why[128];

static int on_loaded(LeaseRecord *record, void *userdata)
{
        n_loaded++;
        (void)lease_record_free(record);
        return 0;
}

static void on_rejected(const char *path, const char *reason, void *userdata)
{
        n_rejected++;
        (void)snprintf(aside, sizeof(aside), "%s", path);
        (void)snprintf(why, sizeof(why), "%s", reason);
}

/* A daemon older than the record sets it aside whole, so that the newer daemon can use it again. */
static void test_a_later_version_is_kept(void)
{
        const LeaseStateVisitor visitor = {.loaded = on_loaded, .rejected = on_rejected};
        _cleanup_(freep) char *text = read_sample("newer/v6-vfio.json");
        char directory[PATH_MAX], found[65536] = "";
        _cleanup_(lease_record_freep) LeaseRecord *record = NULL;

        CHECK_NUMBER(lease_record_from_json(text, &record), -EBADMSG);
        CHECK(lease_record_is_newer(text));
        (void)snprintf(directory, sizeof(directory), "%s/leases", tree_make());
        CHECK(mkdir(directory, 0700) == 0);
        tree_file("leases/7.json", text);
        CHECK_NUMBER(lease_state_load(directory, &visitor), 0);
        CHECK_NUMBER(n_loaded, 0);
        CHECK_NUMBER(n_rejected, 1);
        CHECK_STRING(why, "a newer version of isolationd has written it");
        FILE *file = fopen(aside, "r");
        if (CHECK(file != NULL)) {
                CHECK(fread(found, 1, sizeof(found) - 1, file) > 0);
                (void)fclose(file);
        }
        CHECK_STRING(found, text);
        tree_remove();
}

/* The fields that an earlier daemon of the same version would ignore without harm. */
static void test_what_a_downgrade_loses(void)
{
        const struct {
                const char *name, *field;
        } cases[] = {
                {"v4-vfio.json", NULL},
                {"v5-vfio.json", NULL},
                {"v5-quarantined.json", "in_hand"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(freep) char *text = read_sample(cases[i].name);
                _cleanup_(lease_record_freep) LeaseRecord *record = NULL;

                if (!CHECK(lease_record_from_json(text, &record) == 0))
                        continue;
                const char *field = lease_record_first_optional(record);
                CHECK((field != NULL) == (cases[i].field != NULL));
                CHECK(!field || strcmp(field, cases[i].field) == 0);
                record->condition.in_hand = false;
                field = lease_record_first_optional(record);
                CHECK(!cases[i].field || (field && strcmp(field, "owed") == 0));
        }
}

int main(int argc, char **argv)
{
        static const TapTest tests[] = {
                {"samples of each version are read, and nothing of them is lost",
                 test_samples_are_read},
                {"every mode has a sample", test_every_mode_has_one},
                {"what the host had is known in each version", test_what_the_host_had},
                {"what a later version wrote is kept", test_a_later_version_is_kept},
                {"what a downgrade loses", test_what_a_downgrade_loses},
        };

        samples = argc > 1 ? argv[1] : "tests/daemon/records";
        return tap_run(tests);
}
