/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Questions about all partitions of a snapshot: how they differ, how strong a group is, what
 * separates two devices. The host keeps the answers, like the view, until the next refresh.
 */

#include <errno.h>
#include <string.h>

#include "core/model/compare.h"
#include "core/model/explain.h"
#include "core/model/strength.h"
#include "libclient/host.h"
#include "libclient/tree.h"

static Tree tree_of(iso_host *host)
{
        return (Tree){host->snapshot, host->view, &host->partitions->arena};
}

/* Computes all partitions. Returns 0, ISO_E_UNSUPPORTED or -ENOMEM. */
static int analyse(iso_host *host, const Partition *ret[static _PARTITION_N])
{
        if (!host->partitions)
                return host_fail_without_snapshot(host);
        for (PartitionKind kind = 0; kind < _PARTITION_N; kind++) {
                int r = partitions_get(host->partitions, kind, &ret[kind]);

                if (r < 0)
                        return r;
        }
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

static int fill_comparison(const Tree *tree, const Partition *observed, const Comparison *from,
                           iso_comparison *ret)
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
                too_fine[i] = arena_strdup(tree->arena, observed->groups[from->too_fine[i]].id);
                if (!too_fine[i])
                        return -ENOMEM;
        }
        *ret = (iso_comparison){
                .n_devices = tree->snapshot->n_devices,
                .n_observed_groups = from->n_observed_groups,
                .n_unread = from->n_unread,
                .n_unplaced = from->n_unplaced,
                .mismatches = mismatches,
                .n_mismatches = from->n_mismatches,
                .too_fine = too_fine,
        };
        return 0;
}

int iso_host_compare(iso_host *host, const iso_comparison **ret)
{
        _cleanup_(comparison_freep) Comparison *comparison = NULL;
        const Partition *made[_PARTITION_N];
        iso_comparison *filled;
        Tree tree;
        int r;

        r = analyse(host, made);
        if (r != 0)
                return r;
        tree = tree_of(host);
        r = compare_partitions(host->snapshot, made[PARTITION_OBSERVED], made[PARTITION_KERNEL],
                               made[PARTITION_SOUND], &comparison);
        if (r < 0)
                return r;
        filled = arena_alloc(tree.arena, 1, sizeof(*filled));
        if (!filled)
                return -ENOMEM;
        r = fill_comparison(&tree, made[PARTITION_OBSERVED], comparison, filled);
        if (r < 0)
                return r;
        *ret = filled;
        return 0;
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
        const Partition *made[_PARTITION_N], *partition;
        iso_strength *bits;
        size_t first;
        int r;

        if (host->bus)
                return daemon_strength(host, group, ret, ret_n);
        r = analyse(host, made);
        if (r == 0)
                r = tree_read_traits(host);
        if (r != 0)
                return r;
        first = group->n_devices > 0 ? index_of(host, group->devices[0]) : SNAPSHOT_NONE;
        if (first == SNAPSHOT_NONE)
                return -EINVAL;
        partition = made[PARTITION_OBSERVED];
        if (partition->group_of[first] == SNAPSHOT_NONE)
                partition = made[PARTITION_KERNEL];
        r = strength_compute(host->snapshot, partition, partition->group_of[first],
                             made[PARTITION_SOUND], &strength);
        if (r < 0)
                return r;

        bits = arena_alloc(&host->partitions->arena, _STRENGTH_N, sizeof(*bits));
        for (size_t i = 0; bits && i < _STRENGTH_N; i++) {
                bits[i] = (iso_strength){
                        .bit = strength_bit_to_string((StrengthBit)i),
                        .value = tristate_to_string(strength->bits[i].value),
                        .text = arena_strdup(&host->partitions->arena, strength->bits[i].text),
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
        const Partition *made[_PARTITION_N];
        size_t first, second;
        iso_separator *separators;
        Tree tree;
        int r;

        r = analyse(host, made);
        if (r != 0)
                return r;
        tree = tree_of(host);
        first = index_of(host, a->address);
        second = index_of(host, b->address);
        if (first == SNAPSHOT_NONE || second == SNAPSHOT_NONE)
                return -EINVAL;
        r = explain_pair(host->snapshot, made[PARTITION_KERNEL], first, second, &explanation);
        if (r < 0)
                return r;
        if (explanation->together)
                return host_fail(host, ISO_E_INVALID, "the kernel's rules join %s and %s",
                                 a->address, b->address);

        separators =
                arena_alloc(tree.arena, ARRAY_SIZE(explanation->separators), sizeof(*separators));
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
