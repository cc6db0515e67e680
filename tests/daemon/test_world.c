/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A world read from a made tree, and the names by which its objects are found.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/model/refusal.h"
#include "daemon/machine/world.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define NIC "devices/pci0000:00/0000:00:05.0"
#define OTHER "devices/pci0000:00/0000:00:06.0"

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

/* Resolves; prints what was refused. Returns the result. */
static int resolve(const World *world, const Policy *policy, const char *selector,
                   size_t *ret_device, size_t *ret_group, char **ret_message)
{
        int r = world_resolve(world, &host, policy, selector, ret_device, ret_group, ret_message);

        CHECK((r != 0) == (*ret_message != NULL));
        return r;
}

static void test_selectors(void)
{
        static const char *const good[] = {
                "0000:00:05.0", "00:05.0",   "0000:00/05.0", "group:14",         "eno5",
                "00:05",        "8086:10d3", "0000:00:05",   "pci_0000_00_05_0",
        };
        static const char *const bad[] = {
                "",
                "0000:00:06.0",
                "group:",
                "group:15",
                "group:14x",
                "group:-1",
                "group:e",
                "../eno5",
                ".",
                "eno",
                "0000:00/05",
                "05.0",
                "00:05.0/",
                "00:05.8",
                "8086:10d4",
                "00:06",
                "0000:0000",
                "vfs:eno5",
                "vfs:",
                "slot:1",
                "serial:",
                "nics",
                "serial:00-00-00-00-00-00-00-00",
        };
        _cleanup_(world_freep) World *world = make(true);
        size_t device, group;

        for (size_t i = 0; world && i < ARRAY_SIZE(good); i++) {
                _cleanup_(freep) char *message = NULL;

                if (!CHECK_NUMBER(resolve(world, NULL, good[i], &device, &group, &message), 0))
                        printf("# %s names nothing\n", good[i]);
                CHECK_NUMBER(group, 0);
                /* The id of a group goes before that of its first device, which is the same. */
                bool is_group = strcmp(good[i], "group:14") == 0 || strchr(good[i], '/');
                CHECK(device == (is_group ? SNAPSHOT_NONE : 0));
        }
        for (size_t i = 0; world && i < ARRAY_SIZE(bad); i++) {
                _cleanup_(freep) char *message = NULL;

                if (!CHECK_NUMBER(resolve(world, NULL, bad[i], &device, &group, &message),
                                  REFUSAL_NOT_FOUND))
                        printf("# %s names something\n", bad[i]);
        }
        if (world)
                CHECK_STRING(snapshot_group_type(world->snapshot,
                                                 world->groups->groups[0].kernel_group), "DMA-FQ");
        tree_remove();
}

/* Two cards with the same ids, in two groups. */
static void test_several(void)
{
        static char alias[] = "nics", other[] = "others";
        PolicyRule rules[] = {
                {.alias = other, .match.vendor = {.is_set = true, .value = 0x8087}},
                {.alias = alias, .match.vendor = {.is_set = true, .value = 0x8086}},
        };
        const Policy policy = {.rules = rules, .n_rules = ARRAY_SIZE(rules)};
        static const char *const both[] = {"8086:10d3", "nics"};
        World *world = NULL;
        size_t device, group;
        bool marked[2];

        host = (HostPaths){.sysfs = tree_make(), .dev = "/nonexistent", .proc = "/nonexistent"};
        tree_device(NIC, 0x8086, 0x10d3, 0x020000);
        tree_config(NIC, 256, PCIE_TYPE_RC_ENDPOINT, 0);
        tree_device(OTHER, 0x8086, 0x10d3, 0x020000);
        tree_config(OTHER, 256, PCIE_TYPE_RC_ENDPOINT, 0);
        tree_file("kernel/iommu_groups/14/type", "DMA-FQ\n");
        tree_file("kernel/iommu_groups/15/type", "DMA-FQ\n");
        tree_link(NIC "/iommu_group", "../../../kernel/iommu_groups/14");
        tree_link(OTHER "/iommu_group", "../../../kernel/iommu_groups/15");
        CHECK_NUMBER(world_read(&host, NULL, &world), 0);
        for (size_t i = 0; world && i < ARRAY_SIZE(both); i++) {
                _cleanup_(freep) char *message = NULL;

                marked[0] = marked[1] = false;
                CHECK_NUMBER(world_select(world, &host, &policy, both[i], marked, &group), 2);
                CHECK(marked[0] && marked[1] && group == SNAPSHOT_NONE);
                CHECK_NUMBER(resolve(world, &policy, both[i], &device, &group, &message),
                             REFUSAL_INVALID);
                CHECK(message && strstr(message, "names 2 devices in several groups, name one: "
                                                 "0000:00:05.0 0000:00:06.0"));
        }
        if (world) {
                _cleanup_(freep) char *message = NULL;

                CHECK_NUMBER(resolve(world, &policy, "others", &device, &group, &message),
                             REFUSAL_NOT_FOUND);
        }
        world_free(world);
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
                {"selectors of several devices", test_several},
                {"strength", test_strength},
                {"without an IOMMU", test_without_an_iommu},
                {"without a PCI bus", test_no_pci},
                {"kernel releases", test_kernel_releases},
        };

        return tap_run(tests);
}
