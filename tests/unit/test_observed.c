/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The kernel's links as a partition, with reasons where the rules give them.
 */

#include "core/model/groups.h"
#include "tap.h"
#include "topology.h"

static const Part parts[] = {
        {"00:00.0", .type = PART_PCI, .kernel_group = 1},
        {"00:1c.0", .type = PCIE_TYPE_ROOT_PORT, .kernel_group = 8},
        {"01:00.0", "00:1c.0", .type = PCIE_TYPE_ENDPOINT, .kernel_group = 8},
        {"01:00.1", "00:1c.0", .type = PCIE_TYPE_ENDPOINT, .kernel_group = 8},
        {"00:1d.0", .type = PCIE_TYPE_ROOT_PORT, .acs = PART_ACS_ON, .kernel_group = 2000000000},
        {"02:00.0", "00:1d.0", .type = PCIE_TYPE_ENDPOINT, .kernel_group = 8},
        {"00:1f.0", .type = PART_PCI},
        {"00:1f.1", .type = PART_PCI, .kernel_group = 3},
};

static void test_explained(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        _cleanup_(partition_freep) Partition *computed = NULL, *observed = NULL;
        _cleanup_(freep) char *text = NULL, *rules = NULL;
        const Group *group;

        CHECK_NUMBER(kernel_groups_compute(snapshot, &computed), 0);
        CHECK_NUMBER(observed_groups_compute(snapshot, computed, &observed), 0);
        text = topology_text(snapshot, observed);
        CHECK_STRING(text, "00:00.0 | 00:1c.0 01:00.0 01:00.1 02:00.0 | 00:1d.0 | 00:1f.1");
        rules = topology_rules(snapshot, observed, "02:00.0");
        CHECK_STRING(rules, "upstream-acs upstream-acs observed");
        CHECK(topology_reasons_connect(observed));
        CHECK(observed->group_of[topology_find(snapshot, "00:1f.0")] == SNAPSHOT_NONE);

        group = &observed->groups[observed->group_of[topology_find(snapshot, "02:00.0")]];
        CHECK_NUMBER(group->kernel_group, 7);
        CHECK_STRING(group->id, "0000:00/1c.0");

        /* No computed group shares a number where the kernel has two groups or none. */
        group = &computed->groups[computed->group_of[topology_find(snapshot, "00:1f.1")]];
        CHECK_NUMBER(group->kernel_group, -1);
}

static void test_unexplained(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        _cleanup_(partition_freep) Partition *observed = NULL;
        _cleanup_(freep) char *rules = NULL;

        CHECK_NUMBER(observed_groups_compute(snapshot, NULL, &observed), 0);
        rules = topology_rules(snapshot, observed, "02:00.0");
        CHECK_STRING(rules, "observed observed observed");
        CHECK(topology_reasons_connect(observed));
}

static void test_none(void)
{
        static const Part bare[] = {{"00:00.0", .type = PART_PCI}};
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(bare, 1);
        _cleanup_(partition_freep) Partition *observed = NULL;

        CHECK_NUMBER(observed_groups_compute(snapshot, NULL, &observed), 0);
        CHECK_NUMBER(observed->n_groups, 0);
        CHECK_NUMBER(observed->n_devices, 1);
        CHECK(observed->group_of[0] == SNAPSHOT_NONE);
}

int main(void)
{
        static const TapTest tests[] = {
                {"links, explained by the rules", test_explained},
                {"links alone", test_unexplained},
                {"no links", test_none},
        };

        return tap_run(tests);
}
