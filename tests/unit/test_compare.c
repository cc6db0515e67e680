/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Differences and their causes: a topology, the kernel's groups of it, and why they differ from the
 * computed ones.
 */

#include "core/model/compare.h"
#include "tap.h"
#include "topology.h"

#define RP PCIE_TYPE_ROOT_PORT
#define UP PCIE_TYPE_UPSTREAM
#define DP PCIE_TYPE_DOWNSTREAM
#define EP PCIE_TYPE_ENDPOINT
#define ON PART_ACS_ON

static Comparison *compare(const Snapshot *snapshot)
{
        _cleanup_(partition_freep) Partition *kernel = NULL, *observed = NULL, *sound = NULL;
        Comparison *comparison = NULL;

        if (kernel_groups_compute(snapshot, &kernel) < 0 ||
            sound_groups_compute(snapshot, kernel, &sound) < 0 ||
            observed_groups_compute(snapshot, kernel, &observed) < 0 ||
            compare_partitions(snapshot, observed, kernel, sound, &comparison) < 0)
                abort();
        return comparison;
}

/* "01:00.0 order, 02:00.0 unknown" */
static char *causes(const Snapshot *snapshot, const Comparison *comparison)
{
        char *text = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&text, &n);

        if (!out)
                abort();
        for (size_t i = 0; i < comparison->n_mismatches; i++) {
                const Mismatch *mismatch = &comparison->mismatches[i];
                char bdf[BDF_TEXT_SIZE];

                CHECK(mismatch->text && mismatch->text[0]);
                fprintf(out, "%s%s %s", i > 0 ? ", " : "",
                        bdf_format(snapshot->devices[mismatch->device].bdf, bdf) + 5,
                        compare_cause_to_string(mismatch->cause));
        }
        if (fclose(out) != 0)
                abort();
        return text;
}

static void set_kind(Snapshot *snapshot, IommuKind kind)
{
        const char *name = kind == IOMMU_KIND_OTHER ? "iommu-phb0000" : "";

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                if (snapshot->devices[i].kernel_group < 0)
                        continue;
                snapshot->devices[i].sysfs.iommu_kind = kind;
                (void)snprintf(snapshot->devices[i].sysfs.iommu, SNAPSHOT_NAME_SIZE, "%s", name);
        }
}

static void expect(const Part *parts, size_t n_parts, const char *command_line, IommuKind kind,
                   const char *want)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, n_parts);
        _cleanup_(comparison_freep) Comparison *comparison = NULL;
        _cleanup_(freep) char *have = NULL;

        if (command_line)
                snapshot->command_line = strdup(command_line);
        set_kind(snapshot, kind);
        comparison = compare(snapshot);
        have = causes(snapshot, comparison);
        CHECK_STRING(have, want);
}

#define EXPECT(parts, line, kind, want) expect(parts, ARRAY_SIZE(parts), line, kind, want)

static void test_equal(void)
{
        static const Part parts[] = {
                {"00:00.0", .type = PART_PCI}, /* in no group, alone: nothing to say */
                {"00:1c.0", .type = RP, .acs = ON, .kernel_group = 8},
                {"01:00.0", "00:1c.0", .type = EP, .kernel_group = 3},
        };
        static const Part none[] = {
                {"00:1c.0", .type = RP},
                {"01:00.0", "00:1c.0", .type = EP},
        };

        EXPECT(parts, NULL, IOMMU_KIND_DMAR, "");
        EXPECT(none, NULL, IOMMU_KIND_DMAR, "");
}

static void test_override(void)
{
        static const Part parts[] = {
                {"00:1c.0", .type = RP, .vendor = 0xabcd, .device = 2, .kernel_group = 1},
                {"01:00.0", "00:1c.0", .type = EP, .kernel_group = 2},
        };
        static const Part nameless[] = {
                {"00:1c.0", .type = RP, .kernel_group = 1},
                {"01:00.0", "00:1c.0", .type = EP, .kernel_group = 2},
        };
        static const Part functions[] = {
                {"00:1c.0", .type = RP, .acs = ON, .kernel_group = 1},
                {"01:00.0", "00:1c.0", .type = EP, .vendor = 0xabcd, .device = 1,
                 .multifunction = true, .kernel_group = 2},
                {"01:00.1", "00:1c.0", .type = EP, .kernel_group = 3},
        };
        const char *both = "01:00.0 override-patch, 01:00.1 override-patch";

        EXPECT(parts, "quiet pcie_acs_override=downstream,multifunction", IOMMU_KIND_DMAR,
               "00:1c.0 override-patch, 01:00.0 override-patch");
        EXPECT(functions, "pcie_acs_override=multifunction", IOMMU_KIND_DMAR, both);
        EXPECT(functions, "pcie_acs_override=id:abcd:0001 x", IOMMU_KIND_DMAR, both);
        /* The token does not say so, or is no valid token: the result is the same without it. */
        EXPECT(parts, "pcie_acs_override=multifunction", IOMMU_KIND_DMAR,
               "00:1c.0 quirk-unknown, 01:00.0 quirk-unknown");
        EXPECT(parts, "xpcie_acs_override=downstream", IOMMU_KIND_DMAR,
               "00:1c.0 quirk-unknown, 01:00.0 quirk-unknown");
        /* Without ids no quirk applies. */
        EXPECT(nameless, NULL, IOMMU_KIND_DMAR, "00:1c.0 unreadable, 01:00.0 unreadable");
}

static void test_acs_changed(void)
{
        static const Part finer[] = {
                {"00:1c.0", .type = RP, .acs = PART_ACS_OFF, .kernel_group = 1},
                {"01:00.0", "00:1c.0", .type = EP, .kernel_group = 2},
        };
        static const Part coarser[] = {
                {"00:1c.0", .type = RP, .acs = ON, .kernel_group = 1},
                {"01:00.0", "00:1c.0", .type = EP, .kernel_group = 1},
        };

        EXPECT(finer, NULL, IOMMU_KIND_DMAR, "00:1c.0 acs-changed, 01:00.0 acs-changed");
        EXPECT(coarser, NULL, IOMMU_KIND_DMAR, "00:1c.0 acs-changed, 01:00.0 acs-changed");
        EXPECT(coarser, "pci=config_acs=xx00x1@0000:00:1c.0", IOMMU_KIND_DMAR,
               "00:1c.0 command-line, 01:00.0 command-line");
        EXPECT(finer, "pci=noaer,disable_acs_redir=0000:00:1c.0", IOMMU_KIND_DMAR,
               "00:1c.0 command-line, 01:00.0 command-line");
}

static void test_uncovered(void)
{
        static const Part parts[] = {
                {"00:03.0", .type = PART_PCI, .multifunction = true, .kernel_group = 1},
                {"00:03.1", .type = PART_PCI},
        };
        static const Part between[] = {
                {"00:1c.0", .type = RP},
                {"01:00.0", "00:1c.0", .type = EP, .kernel_group = 1},
                {"01:01.0", "00:1c.0", .type = EP, .kernel_group = 2},
        };

        EXPECT(parts, NULL, IOMMU_KIND_DMAR, "00:03.1 uncovered");
        EXPECT(between, NULL, IOMMU_KIND_DMAR,
               "00:1c.0 uncovered, 01:00.0 uncovered, 01:01.0 uncovered");
}

static void test_unreadable(void)
{
        static const Part parts[] = {
                {"00:1c.0", .type = PART_UNKNOWN, .kernel_group = 1},
                {"01:00.0", "00:1c.0", .type = EP, .kernel_group = 2},
        };

        EXPECT(parts, NULL, IOMMU_KIND_DMAR, "00:1c.0 unreadable, 01:00.0 unreadable");
        EXPECT(parts, "pcie_acs_override=downstream", IOMMU_KIND_DMAR,
               "00:1c.0 unreadable, 01:00.0 unreadable");
}

/* The function that knows it is one of several was added before the one that does not. */
static void test_order(void)
{
        static const Part parts[] = {
                {"00:03.0", .type = PART_PCI, .kernel_group = 2},
                {"00:03.1", .type = PART_PCI, .kernel_group = 1},
        };

        EXPECT(parts, NULL, IOMMU_KIND_DMAR, "00:03.0 order, 00:03.1 order");
}

static void test_alias(void)
{
        static const Part parts[] = {
                {"00:03.0", .type = EP, .kernel_group = 1},
                {"00:04.0", .type = EP, .kernel_group = 1},
        };

        EXPECT(parts, NULL, IOMMU_KIND_IVHD, "00:03.0 invisible-alias, 00:04.0 invisible-alias");
        EXPECT(parts, NULL, IOMMU_KIND_DMAR, "00:03.0 unknown, 00:04.0 unknown");
        EXPECT(parts, NULL, IOMMU_KIND_OTHER, "00:03.0 iommu-kind, 00:04.0 iommu-kind");
}

/* A firmware table that was read completely hides no alias. */
static void test_aliases_read(void)
{
        static const Part parts[] = {
                {"00:03.0", .type = EP, .kernel_group = 1},
                {"00:04.0", .type = EP, .kernel_group = 1},
        };
        static const struct {
                Tristate read;
                const char *want;
        } rows[] = {
                {TRISTATE_YES, "00:03.0 unknown, 00:04.0 unknown"},
                {TRISTATE_NO, "00:03.0 invisible-alias, 00:04.0 invisible-alias"},
                {TRISTATE_UNKNOWN, "00:03.0 invisible-alias, 00:04.0 invisible-alias"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(snapshot_freep) Snapshot *snapshot =
                        topology_build(parts, ARRAY_SIZE(parts));
                _cleanup_(comparison_freep) Comparison *comparison = NULL;
                _cleanup_(freep) char *have = NULL;

                snapshot->ivrs_read = rows[i].read;
                set_kind(snapshot, IOMMU_KIND_IVHD);
                comparison = compare(snapshot);
                have = causes(snapshot, comparison);
                CHECK_STRING(have, rows[i].want);
        }
}

/* The kernel's groups follow its rules, but do not give real isolation. */
static void test_too_fine(void)
{
        static const Part parts[] = {
                {"00:1c.0", .type = RP, .acs = ON, .kernel_group = 1},
                {"01:00.0", "00:1c.0", .type = UP, .kernel_group = 2},
                {"02:00.0", "01:00.0", .type = DP, .acs = ON, .kernel_group = 3},
                {"02:01.0", "01:00.0", .type = DP, .acs = ACS_SV | ACS_CR | ACS_UF,
                 .kernel_group = 4},
                {"03:00.0", "02:00.0", .type = EP, .kernel_group = 5},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        _cleanup_(comparison_freep) Comparison *comparison = compare(snapshot);

        CHECK_NUMBER(comparison->n_mismatches, 0);
        CHECK_NUMBER(comparison->n_observed_groups, 5);
        CHECK_NUMBER(comparison->n_too_fine, 3);
        CHECK_NUMBER(comparison->too_fine[0], 2);
}

static void test_members(void)
{
        static const Part parts[] = {
                {"00:03.0", .type = PART_PCI, .multifunction = true, .kernel_group = 1},
                {"00:03.1", .type = PART_PCI, .kernel_group = 2},
                {"00:04.0", .type = PART_PCI, .kernel_group = 2},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        _cleanup_(comparison_freep) Comparison *comparison = compare(snapshot);

        CHECK_NUMBER(comparison->n_mismatches, 3);
        CHECK_NUMBER(comparison->mismatches[1].n_observed, 2);
        CHECK_NUMBER(comparison->mismatches[1].observed[1], 2);
        CHECK_NUMBER(comparison->mismatches[1].n_computed, 2);
        CHECK_NUMBER(comparison->mismatches[1].computed[0], 0);
}

static void test_names(void)
{
        for (size_t i = 0; i < _COMPARE_N; i++)
                for (size_t j = 0; j < i; j++)
                        CHECK(strcmp(compare_cause_to_string((CompareCause)i),
                                     compare_cause_to_string((CompareCause)j)) != 0);
        CHECK_STRING(compare_cause_to_string(_COMPARE_N), "");
}

int main(void)
{
        static const TapTest tests[] = {
                {"equal", test_equal},
                {"an override patch", test_override},
                {"ACS control changed, or set at boot", test_acs_changed},
                {"devices that no IOMMU covers", test_uncovered},
                {"facts that could not be read", test_unreadable},
                {"order", test_order},
                {"aliases that only firmware knows, and other rules", test_alias},
                {"firmware's aliases, once they were read", test_aliases_read},
                {"equal and too fine", test_too_fine},
                {"members", test_members},
                {"names of causes", test_names},
        };

        return tap_run(tests);
}
