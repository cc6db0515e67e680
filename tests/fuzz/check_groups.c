/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Partitions cover every device, ids are unique, and every reason has a sentence.
 */

#include "check_groups.h"

#include "core/model/groups.h"
#include "fuzz.h"
#include "topology.h"

#include <string.h>

static int compare_strings(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void check_ids(const Partition *partition)
{
        _cleanup_(freep) const char **ids = calloc(partition->n_groups + 1, sizeof(*ids));

        MUST(ids);
        for (size_t i = 0; i < partition->n_groups; i++)
                ids[i] = partition->groups[i].id;
        qsort(ids, partition->n_groups, sizeof(*ids), compare_strings);
        for (size_t i = 1; i < partition->n_groups; i++)
                MUST(strcmp(ids[i - 1], ids[i]) != 0);
}

static void check_reasons(const Snapshot *snapshot, const Partition *partition)
{
        MUST(topology_reasons_connect(partition));
        for (size_t g = 0; g < partition->n_groups; g++) {
                const Group *group = &partition->groups[g];

                MUST(group->n_reasons >= group->n_members - 1);
                for (size_t i = 0; i < group->n_reasons; i++) {
                        _cleanup_(freep) char *text = reason_describe(snapshot, &group->reasons[i]);

                        MUST(text && text[0]);
                        MUST(group->reasons[i].at < snapshot->n_devices);
                }
        }
}

void check_groups(const Snapshot *snapshot)
{
        _cleanup_(partition_freep) Partition *computed = NULL, *observed = NULL;

        MUST(kernel_groups_compute(snapshot, &computed) == 0);
        MUST(observed_groups_compute(snapshot, computed, &observed) == 0);
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                MUST(computed->group_of[i] < computed->n_groups);
                MUST((observed->group_of[i] == SNAPSHOT_NONE) ==
                     (snapshot->devices[i].kernel_group < 0));
        }
        check_ids(computed);
        check_ids(observed);
        check_reasons(snapshot, computed);
        check_reasons(snapshot, observed);
}
