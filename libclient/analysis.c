/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a copy of a machine can be asked beyond its view: other partitions, how they differ, how
 * strong a group is, what keeps two devices apart. Computed when first asked for and kept, like
 * the view, until the next refresh.
 */

#include <errno.h>
#include <string.h>

#include "core/model/compare.h"
#include "core/model/explain.h"
#include "core/model/strength.h"
#include "libclient/host.h"
#include "libclient/tree.h"

struct Analysis {
        Arena arena;
        Partition *kernel;   /* computed */
        Partition *observed; /* without a group for what has no link */
        Partition *sound;
};

Analysis *analysis_free(Analysis *analysis)
{
        if (analysis) {
                partition_free(analysis->kernel);
                partition_free(analysis->observed);
                partition_free(analysis->sound);
                arena_deinit(&analysis->arena);
                free(analysis);
        }
        return NULL;
}

DEFINE_CLEANUP(Analysis *, analysis_free);

static int make_analysis(const Snapshot *snapshot, Analysis **ret_analysis)
{
        _cleanup_(analysis_freep) Analysis *analysis = calloc(1, sizeof(*analysis));
        int r;

        if (!analysis)
                return -ENOMEM;
        r = kernel_groups_compute(snapshot, &analysis->kernel);
        if (r == 0)
                r = observed_groups_compute(snapshot, analysis->kernel, &analysis->observed);
        if (r == 0)
                r = sound_groups_compute(snapshot, analysis->kernel, &analysis->sound);
        if (r < 0)
                return r;
        *ret_analysis = TAKE_PTR(analysis);
        return 0;
}

/* Returns 0 with host->analysis set, ISO_E_UNSUPPORTED or -ENOMEM. */
static int analyse(iso_host *host)
{
        if (!host->snapshot)
                return host_fail(host, ISO_E_UNSUPPORTED,
                                 "the daemon tells its groups, not how it would compare them: read "
                                 "/sys instead (isoctl --from /sys)");
        return host->analysis ? 0 : make_analysis(host->snapshot, &host->analysis);
}

static Tree tree_of(iso_host *host)
{
        return (Tree){
                .snapshot = host->snapshot,
                .computed = host->analysis->kernel,
                .observed = host->analysis->observed,
                .view = host->view,
                .arena = &host->analysis->arena,
        };
}

static bool is_covered(const PciDevice *device)
{
        return device->kernel_group >= 0 || device->iommu_kind != IOMMU_KIND_NONE;
}

static bool any_is_covered(const Snapshot *snapshot)
{
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (is_covered(&snapshot->devices[i]))
                        return true;
        return false;
}

static bool has_covered(const Snapshot *snapshot, const Group *group)
{
        for (size_t i = 0; i < group->n_members; i++)
                if (is_covered(&snapshot->devices[group->members[i]]))
                        return true;
        return false;
}

/* The kernel makes no group for what no IOMMU covers, unless nobody knows what is covered. */
static bool is_shown(iso_host *host, const Partition *partition, size_t group)
{
        return partition != host->analysis->kernel || !any_is_covered(host->snapshot) ||
               has_covered(host->snapshot, &partition->groups[group]);
}

static bool is_partition(const char *name)
{
        return strcmp(name, "kernel") == 0 || strcmp(name, "observed") == 0 ||
               strcmp(name, "sound") == 0;
}

static const Partition *find_partition(const Analysis *analysis, const char *name)
{
        if (strcmp(name, "kernel") == 0)
                return analysis->kernel;
        return strcmp(name, "observed") == 0 ? analysis->observed : analysis->sound;
}

int iso_host_partition(iso_host *host, const char *name, const iso_group **ret_groups,
                       size_t *ret_n)
{
        const Partition *partition;
        iso_group *groups;
        size_t n = 0;
        Tree tree;
        int r;

        if (!is_partition(name))
                return host_fail(host, ISO_E_INVALID,
                                 "there is no partition '%s', but kernel, observed and sound", name);
        if (host->bus && strcmp(name, "sound") != 0)
                return view_partition(host->view, strcmp(name, "kernel") == 0, ret_groups, ret_n);
        r = analyse(host);
        if (r != 0)
                return r;
        tree = tree_of(host);
        partition = find_partition(host->analysis, name);

        groups = arena_alloc(tree.arena, partition->n_groups + 1, sizeof(*groups));
        if (!groups)
                return -ENOMEM;
        for (size_t i = 0; i < partition->n_groups; i++) {
                if (!is_shown(host, partition, i))
                        continue;
                r = tree_fill_group(&tree, &partition->groups[i], &groups[n++]);
                if (r < 0)
                        return r;
        }
        if (n > 0)
                qsort(groups, n, sizeof(*groups), view_compare_groups);
        *ret_groups = groups;
        *ret_n = n;
        return 0;
}

/* NULL if memory is short. */
static const char *const *addresses_of(const Tree *tree, const size_t *devices, size_t n)
{
        const char **list = arena_alloc(tree->arena, n + 1, sizeof(*list));

        for (size_t i = 0; list && i < n; i++)
                list[i] = tree_address(tree, devices[i]);
        return list;
}

static int fill_mismatch(const Tree *tree, const Mismatch *mismatch, iso_mismatch *ret_mismatch)
{
        *ret_mismatch = (iso_mismatch){
                .device = tree_address(tree, mismatch->device),
                .observed = addresses_of(tree, mismatch->observed, mismatch->n_observed),
                .computed = addresses_of(tree, mismatch->computed, mismatch->n_computed),
                .cause = compare_cause_to_string(mismatch->cause),
                .text = arena_strdup(tree->arena, mismatch->text),
        };
        return ret_mismatch->observed && ret_mismatch->computed && ret_mismatch->text ? 0 : -ENOMEM;
}

static int fill_comparison(const Tree *tree, const Comparison *from, iso_comparison *ret)
{
        iso_mismatch *mismatches =
                arena_alloc(tree->arena, from->n_mismatches + 1, sizeof(*mismatches));
        const char **too_fine = arena_alloc(tree->arena, from->n_too_fine + 1, sizeof(*too_fine));

        if (!mismatches || !too_fine)
                return -ENOMEM;
        for (size_t i = 0; i < from->n_mismatches; i++) {
                int r = fill_mismatch(tree, &from->mismatches[i], &mismatches[i]);

                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < from->n_too_fine; i++) {
                too_fine[i] = arena_strdup(tree->arena,
                                           tree->observed->groups[from->too_fine[i]].id);
                if (!too_fine[i])
                        return -ENOMEM;
        }
        *ret = (iso_comparison){
                .n_devices = tree->snapshot->n_devices,
                .n_observed_groups = from->n_observed_groups,
                .mismatches = mismatches,
                .n_mismatches = from->n_mismatches,
                .too_fine = too_fine,
        };
        return 0;
}

int iso_host_compare(iso_host *host, const iso_comparison **ret)
{
        _cleanup_(comparison_freep) Comparison *comparison = NULL;
        iso_comparison *filled;
        Tree tree;
        int r;

        r = analyse(host);
        if (r != 0)
                return r;
        tree = tree_of(host);
        r = compare_partitions(host->snapshot, host->analysis->observed, host->analysis->kernel,
                               host->analysis->sound, &comparison);
        if (r < 0)
                return r;
        filled = arena_alloc(tree.arena, 1, sizeof(*filled));
        if (!filled)
                return -ENOMEM;
        r = fill_comparison(&tree, comparison, filled);
        if (r < 0)
                return r;
        *ret = filled;
        return 0;
}

static const char *tristate_to_text(Tristate value)
{
        switch (value) {
        case TRISTATE_YES:
                return "yes";
        case TRISTATE_NO:
                return "no";
        case TRISTATE_UNKNOWN:
                break;
        }
        return "unknown";
}

/* Index of a device of the view in the snapshot: they have the same order. */
static size_t index_of(const iso_host *host, const char *address)
{
        const iso_device *device = view_find_device(host->view, address);

        return device ? (size_t)(device - host->view->devices) : SNAPSHOT_NONE;
}

int iso_host_strength(iso_host *host, const iso_group *group, const iso_strength **ret,
                      size_t *ret_n)
{
        _cleanup_(strength_freep) Strength *strength = NULL;
        const Partition *partition;
        iso_strength *bits;
        size_t first;
        int r;

        r = analyse(host);
        if (r == 0)
                r = tree_read_traits(host);
        if (r != 0)
                return r;
        first = group->n_devices > 0 ? index_of(host, group->devices[0]) : SNAPSHOT_NONE;
        if (first == SNAPSHOT_NONE)
                return -EINVAL;
        partition = host->analysis->observed->group_of[first] != SNAPSHOT_NONE
                            ? host->analysis->observed
                            : host->analysis->kernel;
        r = strength_compute(host->snapshot, partition, partition->group_of[first],
                             host->analysis->sound, &strength);
        if (r < 0)
                return r;

        bits = arena_alloc(&host->analysis->arena, _STRENGTH_N, sizeof(*bits));
        for (size_t i = 0; bits && i < _STRENGTH_N; i++) {
                bits[i] = (iso_strength){
                        .bit = strength_bit_to_string((StrengthBit)i),
                        .value = tristate_to_text(strength->bits[i].value),
                        .text = arena_strdup(&host->analysis->arena, strength->bits[i].text),
                };
                if (!bits[i].text)
                        return -ENOMEM;
        }
        if (!bits)
                return -ENOMEM;
        *ret = bits;
        *ret_n = _STRENGTH_N;
        return 0;
}

int iso_host_separators(iso_host *host, const iso_device *a, const iso_device *b,
                        const iso_separator **ret)
{
        _cleanup_(explanation_freep) Explanation *explanation = NULL;
        size_t first, second;
        iso_separator *separators;
        Tree tree;
        int r;

        r = analyse(host);
        if (r != 0)
                return r;
        tree = tree_of(host);
        first = index_of(host, a->address);
        second = index_of(host, b->address);
        if (first == SNAPSHOT_NONE || second == SNAPSHOT_NONE)
                return -EINVAL;
        r = explain_pair(host->snapshot, host->analysis->kernel, first, second, &explanation);
        if (r < 0)
                return r;
        if (explanation->together)
                return host_fail(host, ISO_E_INVALID, "%s and %s are together by the kernel's rules",
                                 a->address, b->address);

        separators = arena_alloc(tree.arena, ARRAY_SIZE(explanation->separators),
                                 sizeof(*separators));
        if (!separators)
                return -ENOMEM;
        for (size_t i = 0; i < ARRAY_SIZE(explanation->separators); i++) {
                separators[i] = (iso_separator){
                        .port = tree_address(&tree, explanation->separators[i].port),
                        .text = arena_strdup(tree.arena, explanation->separators[i].text),
                };
                if (!separators[i].text)
                        return -ENOMEM;
        }
        *ret = separators;
        return 0;
}
