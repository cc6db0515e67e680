/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From functions in any order to a machine: sorting, links, derived facts, stable paths. A forged
 * tree must not break any of them.
 */

#include "core/model/path.h"
#include "core/model/snapshot.h"
#include "tap.h"
#include "topology.h"

#define RP PCIE_TYPE_ROOT_PORT
#define EP PCIE_TYPE_ENDPOINT

static void check_path(const Snapshot *snapshot, const char *bdf, const char *want)
{
        _cleanup_(freep) char *path = snapshot_path(snapshot, topology_find(snapshot, bdf));

        CHECK_STRING(path, want);
}

static void test_order(void)
{
        static const Part parts[] = {
                {"02:00.0", "00:1d.0", .type = EP},
                {"00:1d.0", .type = RP},
                {"00:00.0", .type = PART_PCI},
                {"01:00.0", "05:00.0", .type = RP},
                {"05:00.0", .type = RP},
                {"00:1d.0", .type = EP},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        size_t *place = calloc(snapshot->n_devices, sizeof(*place));

        CHECK_NUMBER(snapshot->n_devices, 5);
        for (size_t i = 1; i < snapshot->n_devices; i++)
                CHECK(bdf_compare(snapshot->devices[i - 1].bdf, snapshot->devices[i].bdf) < 0);
        /* Of a repeated address the first function counts. */
        CHECK_NUMBER(snapshot->devices[topology_find(snapshot, "00:1d.0")].pcie_type, RP);

        for (size_t i = 0; i < snapshot->n_devices; i++)
                place[snapshot->probe_order[i]] = i;
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (snapshot->devices[i].parent != SNAPSHOT_NONE)
                        CHECK(place[snapshot->devices[i].parent] < place[i]);
        free(place);

        CHECK(snapshot_find(snapshot, (Bdf){0, 9, 0}) == SNAPSHOT_NONE);
}

static void test_multifunction(void)
{
        static const Part parts[] = {
                {"00:03.0", .type = EP},
                {"00:04.0", .type = EP, .multifunction = true},
                {"00:05.2", .type = EP},
                {"00:1c.0", .type = RP},
                {"01:00.0", "00:1c.0", .type = EP, .multifunction = true},
                {"01:00.4", "00:1c.0", .type = EP, .physfn = "01:00.0"},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));

        CHECK_NUMBER(snapshot->devices[0].multifunction, TRISTATE_NO);
        CHECK_NUMBER(snapshot->devices[1].multifunction, TRISTATE_YES);
        CHECK_NUMBER(snapshot->devices[2].multifunction, TRISTATE_YES);
        CHECK_NUMBER(snapshot->devices[5].multifunction, TRISTATE_NO);
}

/* Some switches have their upstream and downstream ports reversed. */
static void test_port_types(void)
{
        static const Part parts[] = {
                {"00:1c.0", .type = RP},
                {"01:00.0", "00:1c.0", .type = PCIE_TYPE_DOWNSTREAM},
                {"02:00.0", "01:00.0", .type = PCIE_TYPE_UPSTREAM},
                {"04:00.0", "03:00.0", .type = PCIE_TYPE_DOWNSTREAM},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));

        CHECK_NUMBER(snapshot->devices[1].pcie_type, PCIE_TYPE_UPSTREAM);
        CHECK_NUMBER(snapshot->devices[2].pcie_type, PCIE_TYPE_DOWNSTREAM);
        CHECK(!snapshot->devices[2].pcie_type_uncertain);
        CHECK(snapshot->devices[3].pcie_type_uncertain);
}

static void test_paths(void)
{
        static const Part parts[] = {
                {"00:0e.0", .type = EP},
                {"00:1c.4", .type = RP},
                {"02:00.0", "00:1c.4", .type = EP},
                {"02:10.0", "00:1c.4", .type = EP, .physfn = "02:00.0"},
                {"80:03.0", .type = RP},
                {"10000:e0:06.0", .type = RP, .real_dma = "00:0e.0"},
                {"10000:e1:00.0", "10000:e0:06.0", .type = EP, .real_dma = "00:0e.0"},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));

        check_path(snapshot, "00:1c.4", "0000:00/1c.4");
        check_path(snapshot, "02:00.0", "0000:00/1c.4/00.0");
        check_path(snapshot, "80:03.0", "0000:80/03.0");
        check_path(snapshot, "10000:e1:00.0", "0000:00/0e.0/06.0/00.0");
        snapshot->devices[topology_find(snapshot, "02:10.0")].place.vf_index = 3;
        CHECK_NUMBER(snapshot_finish(snapshot), 0);
        check_path(snapshot, "02:10.0", "0000:00/1c.4/00.0/vf3");
        CHECK(path_compare(snapshot, topology_find(snapshot, "00:1c.4"),
                           topology_find(snapshot, "02:00.0")) < 0);
}

/* Two functions never share a path, and a bus number is no part of one. */
static void test_paths_unique(void)
{
        static const Part parts[] = {
                {"00:1c.0", .type = RP},
                {"01:00.0", "00:1c.0", .type = EP},
                {"02:00.0", "00:1c.0", .type = EP},
                {"05:00.0", "04:00.0", .type = EP},
                {"06:00.0", "04:00.0", .type = EP},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));

        check_path(snapshot, "01:00.0", "0000:00/1c.0/00.0");
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                for (size_t k = 0; k < i; k++) {
                        _cleanup_(freep) char *a = snapshot_path(snapshot, i);
                        _cleanup_(freep) char *b = snapshot_path(snapshot, k);

                        CHECK(strcmp(a, b) != 0);
                        CHECK(path_compare(snapshot, i, k) == -path_compare(snapshot, k, i));
                        CHECK(path_compare(snapshot, i, k) != 0);
                }
        }
}

static void test_forged(void)
{
        static const Part parts[] = {
                {"01:00.0", "02:00.0", .type = RP},
                {"02:00.0", "03:00.0", .type = RP},
                {"03:00.0", "01:00.0", .type = RP},
                {"04:00.0", "04:00.0", .type = RP},
                {"05:00.0", "05:00.1", .type = EP},
                {"05:00.1", NULL, .type = EP, .physfn = "05:00.0"},
                {"06:00.0", NULL, .type = EP, .physfn = "06:00.0"},
                {"07:00.0", NULL, .type = EP, .real_dma = "08:00.0"},
                {"08:00.0", NULL, .type = EP, .real_dma = "07:00.0"},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                _cleanup_(freep) char *path = snapshot_path(snapshot, i);
                size_t n = 0;

                CHECK(path != NULL);
                for (size_t k = i; k != SNAPSHOT_NONE && n <= 9; k = snapshot->devices[k].parent)
                        n++;
                CHECK(n <= 9);
        }
}

static void test_empty(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;

        CHECK_NUMBER(snapshot_new(&snapshot), 0);
        CHECK(snapshot_find(snapshot, (Bdf){0}) == SNAPSHOT_NONE);
        CHECK_NUMBER(snapshot_finish(snapshot), 0);
        CHECK_NUMBER(snapshot->n_devices, 0);
        CHECK(snapshot_free(NULL) == NULL);
}

static void test_iommus(void)
{
        CHECK_NUMBER(iommu_kind_from_name(""), IOMMU_KIND_NONE);
        CHECK_NUMBER(iommu_kind_from_name("dmar0"), IOMMU_KIND_DMAR);
        CHECK_NUMBER(iommu_kind_from_name("ivhd1"), IOMMU_KIND_IVHD);
        CHECK_NUMBER(iommu_kind_from_name("smmu3.0x0000000009050000"), IOMMU_KIND_SMMU3);
        CHECK_NUMBER(iommu_kind_from_name("virtio3"), IOMMU_KIND_VIRTIO);
        CHECK_NUMBER(iommu_kind_from_name("iommu-phb0000"), IOMMU_KIND_OTHER);
        CHECK_STRING(iommu_kind_to_string(IOMMU_KIND_DMAR), "dmar");
}

/* A copy has all values of the original, and shares no memory with it. */
static void test_copy(void)
{
        static const Part parts[] = {
                {"00:1d.0", .type = RP, .kernel_group = 3},
                {"02:00.0", "00:1d.0", .type = EP},
        };
        Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        _cleanup_(snapshot_freep) Snapshot *copy = NULL, *empty = NULL, *none = NULL;

        snapshot->command_line = strdup("quiet");
        snapshot->slots = calloc(1, sizeof(*snapshot->slots));
        snapshot->kernel_groups = calloc(1, sizeof(*snapshot->kernel_groups));
        if (!snapshot->command_line || !snapshot->slots || !snapshot->kernel_groups)
                abort();
        snapshot->n_slots = snapshot->n_kernel_groups = 1;
        (void)snprintf(snapshot->slots[0].name, SNAPSHOT_SLOT_SIZE, "7");
        snapshot->kernel_groups[0].number = 2;
        snapshot->interrupt_remapping = TRISTATE_NO;
        CHECK_NUMBER(snapshot_copy(snapshot, &copy), 0);
        snapshot = snapshot_free(snapshot);

        CHECK(copy->finished);
        CHECK_NUMBER(topology_find(copy, "02:00.0"), 1);
        CHECK_NUMBER(copy->devices[1].parent, 0);
        CHECK_NUMBER(copy->probe_order[1], 1);
        CHECK_STRING(copy->command_line, "quiet");
        CHECK_STRING(copy->slots[0].name, "7");
        CHECK_NUMBER(copy->kernel_groups[0].number, 2);
        CHECK_NUMBER(copy->interrupt_remapping, TRISTATE_NO);
        CHECK_NUMBER(snapshot_add(copy, &(PciDevice){.bdf = {1, 0, 0}}), 0);
        CHECK_NUMBER(copy->n_devices, 3);

        CHECK_NUMBER(snapshot_new(&none), 0);
        CHECK_NUMBER(snapshot_copy(none, &empty), 0);
        CHECK_NUMBER(empty->n_devices, 0);
}

int main(void)
{
        static const TapTest tests[] = {
                {"sorted, bridges first", test_order},
                {"one function or several", test_multifunction},
                {"switch ends the wrong way round", test_port_types},
                {"stable paths", test_paths},
                {"paths are unique", test_paths_unique},
                {"forged trees", test_forged},
                {"no devices", test_empty},
                {"kinds of IOMMU", test_iommus},
                {"a copy", test_copy},
        };

        return tap_run(tests);
}
