/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A world read from a made tree, and the names by which its objects are found.
 */

#include <errno.h>
#include <stdio.h>

#include "daemon/machine/world.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define NIC "devices/pci0000:00/0000:00:05.0"

static HostPaths host;

static World *make(bool with_group)
{
        World *world = NULL;

        host = (HostPaths){.sysfs = tree_make(), .dev = "/nonexistent", .proc = "/nonexistent"};
        tree_device(NIC, 0x8086, 0x10d3, 0x020000);
        tree_config(NIC, 256, PCIE_TYPE_RC_ENDPOINT, 0);
        tree_link("class/net/eno5", "../../" NIC "/net/eno5");
        tree_file("kernel/iommu_groups/14/type", "DMA-FQ\n");
        if (with_group)
                tree_link(NIC "/iommu_group", "../../../kernel/iommu_groups/14");
        CHECK_NUMBER(world_read(&host, NULL, &world), 0);
        return world;
}

static void test_selectors(void)
{
        static const char *const good[] = {"0000:00:05.0", "00:05.0", "0000:00/05.0", "group:14",
                                           "eno5"};
        static const char *const bad[] = {
                "",         "0000:00:06.0", "group:", "group:15", "group:14x", "group:-1",
                "group:e",  "../eno5",      ".",      "eno",      "0000:00/05", "05.0",
                "00:05.0/", "00:05.8",
        };
        _cleanup_(world_freep) World *world = make(true);
        size_t device, group;

        for (size_t i = 0; world && i < ARRAY_SIZE(good); i++) {
                if (!CHECK(world_resolve(world, &host, good[i], &device, &group)))
                        printf("# %s names nothing\n", good[i]);
                CHECK_NUMBER(group, 0);
        }
        for (size_t i = 0; world && i < ARRAY_SIZE(bad); i++)
                if (!CHECK(!world_resolve(world, &host, bad[i], &device, &group)))
                        printf("# %s names something\n", bad[i]);
        if (world)
                CHECK_STRING(snapshot_group_type(world->snapshot,
                                                 world->groups->groups[0].kernel_group), "DMA-FQ");
        tree_remove();
}

static Tristate bit_of(World *world, StrengthBit bit)
{
        _cleanup_(strength_freep) Strength *strength = NULL;

        CHECK_NUMBER(world_strength(world, &host, 0, &strength), 0);
        return strength ? strength->bits[bit].value : TRISTATE_UNKNOWN;
}

/* Read in full on the first request, and then kept with the world. */
static void test_strength(void)
{
        _cleanup_(world_freep) World *world = make(true), *next = NULL;
        _cleanup_(strength_freep) Strength *strength = NULL;

        if (!world)
                return;
        tree_file(NIC "/reset_method", "\n");
        CHECK_NUMBER(bit_of(world, STRENGTH_RESETTABLE), TRISTATE_NO);
        tree_file(NIC "/reset_method", "flr\n");
        CHECK_NUMBER(bit_of(world, STRENGTH_RESETTABLE), TRISTATE_NO);
        CHECK_NUMBER(world_read(&host, world, &next), 0);
        if (next)
                CHECK_NUMBER(bit_of(next, STRENGTH_RESETTABLE), TRISTATE_YES);

        /* Another device has appeared in the group since this world was read. */
        world_free(world->fresh);
        world->fresh = NULL;
        tree_device("devices/pci0000:00/0000:00:05.1", 0x8086, 0x10d3, 0x020000);
        tree_link("devices/pci0000:00/0000:00:05.1/iommu_group", "../../../kernel/iommu_groups/14");
        CHECK_NUMBER(world_strength(world, &host, 0, &strength), REFUSAL_CHANGED);
        tree_remove();
}

static void test_without_an_iommu(void)
{
        _cleanup_(world_freep) World *world = make(false);

        if (CHECK(world)) {
                CHECK(!world->has_kernel_groups);
                CHECK_NUMBER(world->groups->n_groups, 1);
                CHECK_NUMBER(world->groups->groups[0].kernel_group, -1);
                CHECK_STRING(snapshot_group_type(world->snapshot,
                                                 world->groups->groups[0].kernel_group), "");
                (void)snprintf(world->snapshot->kernel_release,
                               sizeof(world->snapshot->kernel_release), "6.1.0-1-amd64");
                _cleanup_(freep) char *text = NULL;
                CHECK_NUMBER(world_obstacle(world, &text), 0);
                CHECK(text && strstr(text, "intel_iommu=on"));
        }
        tree_remove();
}

static void test_no_pci(void)
{
        World *world = NULL;
        char path[4200];

        (void)snprintf(path, sizeof(path), "%s/bus", tree_make());
        host = (HostPaths){.sysfs = path, .dev = "/nonexistent", .proc = "/nonexistent"};
        CHECK_NUMBER(world_read(&host, NULL, &world), REFUSAL_UNSUPPORTED);
        host.sysfs = "/nonexistent";
        CHECK_NUMBER(world_read(&host, NULL, &world), -ENOENT);
        CHECK(!world);
        tree_remove();
}

static void test_kernel_releases(void)
{
        CHECK(world_kernel_at_least("5.19.0", 5, 19));
        CHECK(world_kernel_at_least("6.1.0-40-amd64", 5, 19));
        CHECK(world_kernel_at_least("6.12", 6, 12));
        CHECK(!world_kernel_at_least("5.10.0", 5, 19));
        CHECK(!world_kernel_at_least("5.9.99", 5, 19));
        CHECK(!world_kernel_at_least("2.6.60", 5, 19));
        CHECK(!world_kernel_at_least("", 5, 19));
        CHECK(!world_kernel_at_least("next", 5, 19));
        CHECK(!world_kernel_at_least("6", 5, 19));
}

int main(void)
{
        static const TapTest tests[] = {
                {"selectors, good and bad", test_selectors},
                {"strength", test_strength},
                {"without an IOMMU", test_without_an_iommu},
                {"without a PCI bus", test_no_pci},
                {"kernel releases", test_kernel_releases},
        };

        return tap_run(tests);
}
