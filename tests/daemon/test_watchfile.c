/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The watch file of the guard process: a written file is read back, and no other text is accepted.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/guard/watchfile.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define PLACE "/devices/pci0000:00/0000:??:02.1/0000:??:??.?"

static void test_round_trip(void)
{
        static const WatchFunction some[] = {
                {{.bus = 3}, 17},
                {{.bus = 1, .devfn = 0x11}, UINT64_MAX},
                {{.domain = 0x10000}, 0},
        };
        _cleanup_(watchfile_freep) WatchFile *file = calloc(1, sizeof(*file));
        _cleanup_(watchfile_freep) WatchFile *read = NULL;
        WatchFile *none = NULL;
        const char *directory = tree_make();

        CHECK_NUMBER(watchfile_load(directory, &none), 0);
        CHECK(!none);
        file->gate_shut = true;
        CHECK_NUMBER(places_add(&file->places, PLACE), 0);
        for (size_t i = 0; i < ARRAY_SIZE(some); i++) {
                CHECK_NUMBER(watchfile_add(file, &some[i]), 0);
                CHECK_NUMBER(watchfile_add(file, &some[i]), 0);
        }
        CHECK_NUMBER(watchfile_save(directory, file), 0);
        CHECK_NUMBER(watchfile_load(directory, &read), 0);
        CHECK(read && read->gate_shut && read->n_known == ARRAY_SIZE(some) &&
              places_equal(&read->places, &file->places));
        for (size_t i = 0; read && i < ARRAY_SIZE(some); i++)
                CHECK(watchfile_knows(read, &some[i]));
        if (read)
                watchfile_drop(read, some[1].bdf);
        CHECK(read && !watchfile_knows(read, &some[1]) && watchfile_knows(read, &some[0]));
        /* A new device at the address of a known one is unknown until it replaces the known one. */
        const WatchFunction again = {some[0].bdf, 18};
        CHECK(!watchfile_knows(file, &again));
        CHECK_NUMBER(watchfile_add(file, &again), 0);
        CHECK(watchfile_knows(file, &again) && !watchfile_knows(file, &some[0]));
        CHECK_NUMBER(file->n_known, ARRAY_SIZE(some));
        CHECK_NUMBER(watchfile_remove(directory), 0);
        CHECK_NUMBER(watchfile_remove(directory), 0);
        CHECK_NUMBER(watchfile_load(directory, &none), 0);
        CHECK(!none);
        tree_remove();
}

static void test_refused(void)
{
        static const char *const texts[] = {
                "",
                "isolationd guard process 1\n",
                "isolationd guard process 2\ngate shut\nend\n",
                "isolationd guard process 1\ngate shut\n",
                "isolationd guard process 1\ngate ajar\nend\n",
                "isolationd guard process 1\ngate shut\n0000:00:00.0 1\n",
                "isolationd guard process 1\ngate shut\n0000:00:00.0 1end\n",
                "isolationd guard process 1\ngate shut\n0000:00:00.0\nend\n",
                "isolationd guard process 1\ngate shut\n0000:00:00.0 -1\nend\n",
                "isolationd guard process 1\ngate shut\n0000:00:00.0 \nend\n",
                "isolationd guard process 1\ngate shut\nnothing\nend\n",
                "isolationd guard process 1\ngate shut\nend\nmore",
                "isolationd guard process 1\ngate open\nplace /devices",
                "isolationd guard process 1\ngate open\n0000:00:00.0 1\nplace /devices\nend\n",
        };
        const char *directory = tree_make();

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                WatchFile *file = NULL;

                tree_file("guard-process", texts[i]);
                CHECK_NUMBER(watchfile_load(directory, &file), -EBADMSG);
                CHECK(!file);
        }
        tree_remove();
}

int main(void)
{
        static const TapTest tests[] = {
                {"what is written is read", test_round_trip},
                {"what is no whole file is refused", test_refused},
        };

        return tap_run(tests);
}
