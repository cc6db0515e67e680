/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The kernel's grouping, replayed device by device in probe order (kernel-facts 1.3).
 *
 * Each device joins the group that the search (group_search.c) finds, with the steps of the search
 * as reasons; without one it gets a new group.
 *
 * The kernel groups only devices that an IOMMU covers; here every device gets a group, so that
 * uncovered ones can be explained too. Unknown facts never separate: below a missing bridge, all
 * functions of the bus share a group.
 *
 * Facts that the kernel computes again for every device are computed once: ACS and aliases per
 * function, the path to the root per bridge.
 */

#include "core/model/groups.h"

#include "core/model/group_search.h"
#include "core/model/partition.h"
#include "core/model/quirks.h"

#include <errno.h>

/*
 * Steps to a group through devices without a group: they are reasons only if those devices join
 * the same group.
 */
typedef struct Chain {
        size_t first; /* into the replay's chained steps */
        size_t n;
        Reason direct; /* the alternative: from the device to the group */
} Chain;

typedef struct Replay {
        const Snapshot *snapshot;
        size_t *labels; /* group of each device, or SNAPSHOT_NONE */
        size_t n_labels;
        SearchFacts facts;
        LostEndpoint *lost; /* sorted by address */
        size_t n_lost;
        GroupSearch search;

        ReasonList reasons; /* found */
        ReasonList chained; /* steps of all chains */
        Chain *chains;
        size_t n_chains, n_chains_allocated;
} Replay;

static void replay_deinitp(Replay *replay)
{
        free(replay->labels);
        free(replay->facts.missing);
        free(replay->facts.blame);
        free(replay->facts.bus_first);
        free(replay->facts.aliases);
        free(replay->facts.bus_aliases);
        free(replay->lost);
        group_search_deinitp(&replay->search);
        free(replay->reasons.reasons);
        free(replay->chained.reasons);
        free(replay->chains);
}

static int lost_prepare(Replay *replay)
{
        const Snapshot *snapshot = replay->snapshot;
        size_t n = 0;

        if (!snapshot->has_lost)
                return 0;
        for (size_t i = 0; i < snapshot->n_devices; i++)
                n += search_is_behind_lost(&snapshot->devices[i]);
        replay->lost = calloc(n, sizeof(*replay->lost));
        if (!replay->lost)
                return -ENOMEM;

        n = 0;
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (search_is_behind_lost(&snapshot->devices[i]))
                        replay->lost[n++] = (LostEndpoint){snapshot->devices[i].place.real_dma_bdf,
                                                           SNAPSHOT_NONE};
        qsort(replay->lost, n, sizeof(*replay->lost), search_compare_lost);
        for (size_t i = 0; i < n; i++)
                if (i == 0 || !bdf_equal(replay->lost[i].bdf, replay->lost[i - 1].bdf))
                        replay->lost[replay->n_lost++] = replay->lost[i];
        return 0;
}

static int replay_allocate(Replay *replay)
{
        size_t n = replay->snapshot->n_devices + 1;

        replay->labels = calloc(n, sizeof(*replay->labels));
        replay->facts.missing = calloc(n, sizeof(*replay->facts.missing));
        replay->facts.blame = calloc(n, sizeof(*replay->facts.blame));
        replay->facts.bus_first = calloc(n, sizeof(*replay->facts.bus_first));
        replay->facts.bus_aliases = calloc(n, sizeof(*replay->facts.bus_aliases));
        if (!replay->labels || !replay->facts.missing || !replay->facts.blame ||
            !replay->facts.bus_first || !replay->facts.bus_aliases)
                return -ENOMEM;
        return lost_prepare(replay);
}

/* Few machines have aliases, so the array is allocated for the first one. */
static int note_aliases(Replay *replay, size_t i)
{
        const PciDevice *device = &replay->snapshot->devices[i];
        SearchFacts *facts = &replay->facts;
        AliasMask mask;
        bool by_quirk = quirk_alias_mask(device, &mask);

        if (!by_quirk && !device->place.has_ivrs_alias && device->real_dma == SNAPSHOT_NONE)
                return 0;
        facts->bus_aliases[facts->bus_first[i]] = true;
        if (!facts->aliases)
                facts->aliases = calloc(replay->snapshot->n_devices, sizeof(*facts->aliases));
        if (!facts->aliases)
                return -ENOMEM;
        facts->aliases[i] = mask;
        return 0;
}

/*
 * Computes facts that do not depend on groups, in one pass over the devices, because fetching them
 * dominates on a large machine. Until the end, `blame` of a function that redirects is its parent.
 */
static int replay_prepare(Replay *replay)
{
        const Snapshot *snapshot = replay->snapshot;
        const PciDevice *devices = snapshot->devices;
        SearchFacts *facts = &replay->facts;

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                bool continues = i > 0 && bdf_same_bus(devices[i - 1].bdf, devices[i].bdf);
                bool isolated = acs_isolated(snapshot, i, &facts->missing[i]);
                int r;

                snapshot_prefetch(snapshot, i + PREFETCH_AHEAD);
                replay->labels[i] = SNAPSHOT_NONE;
                facts->bus_first[i] = continues ? facts->bus_first[i - 1] : i;
                facts->blame[i] =
                        isolated && !device_is_orphan(&devices[i]) ? devices[i].parent : i;
                r = note_aliases(replay, i);
                if (r < 0)
                        return r;
        }

        /* Bridges precede the devices below them. */
        for (size_t k = 0; k < snapshot->n_devices; k++) {
                size_t i = snapshot->probe_order[k];

                if (facts->blame[i] != i && facts->blame[i] != SNAPSHOT_NONE)
                        facts->blame[i] = facts->blame[facts->blame[i]];
        }
        return 0;
}

static int chain_add(Replay *replay, const Reason *direct)
{
        if (replay->n_chains == replay->n_chains_allocated) {
                size_t n = replay->n_chains_allocated ? replay->n_chains_allocated * 2 : 16;
                Chain *chains = realloc(replay->chains, n * sizeof(*chains));

                if (!chains)
                        return -ENOMEM;
                replay->chains = chains;
                replay->n_chains_allocated = n;
        }
        replay->chains[replay->n_chains++] = (Chain){
                .first = replay->chained.n_reasons,
                .n = replay->search.steps.n_reasons,
                .direct = *direct,
        };

        for (size_t i = 0; i < replay->search.steps.n_reasons; i++) {
                int r = reason_list_add(&replay->chained, &replay->search.steps.reasons[i]);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* The missing endpoint of the device, or NULL. */
static LostEndpoint *find_lost(Replay *replay, const PciDevice *device)
{
        const LostEndpoint *lost = search_find_lost(replay->lost, replay->n_lost, device);

        return lost ? &replay->lost[lost - replay->lost] : NULL;
}

/* Puts one device into its group. */
static int replay_device(Replay *replay, size_t index)
{
        const PciDevice *device = &replay->snapshot->devices[index];
        LostEndpoint *lost = find_lost(replay, device);
        Reason reason;
        size_t label;

        /*
         * The aliases of quirks exist from the start, those of firmware when the kernel adds the
         * device.
         */
        if (device->place.has_ivrs_alias)
                alias_mask_add(&replay->facts.aliases[index], device->place.ivrs_alias_devfn);
        label = group_search(&replay->search, index);
        if (replay->search.error < 0)
                return replay->search.error;
        if (lost && lost->first == SNAPSHOT_NONE)
                lost->first = index;
        if (label == SNAPSHOT_NONE) {
                replay->labels[index] = replay->n_labels++;
                return 0;
        }

        replay->labels[index] = label;
        reason = replay->search.steps.reasons[replay->search.steps.n_reasons - 1];
        reason.a = (uint32_t)index;
        if (replay->search.steps.n_reasons == 1)
                return reason_list_add(&replay->reasons, &reason);
        return chain_add(replay, &reason);
}

/* After all devices are grouped: keeps the chains that hold. */
static int replay_settle_chains(Replay *replay)
{
        for (size_t c = 0; c < replay->n_chains; c++) {
                const Chain *chain = &replay->chains[c];
                const Reason *steps = &replay->chained.reasons[chain->first];
                bool holds = true;
                int r = 0;

                for (size_t i = 0; i < chain->n; i++)
                        if (replay->labels[steps[i].a] != replay->labels[steps[i].b] ||
                            replay->labels[steps[i].a] == SNAPSHOT_NONE)
                                holds = false;
                if (!holds)
                        r = reason_list_add(&replay->reasons, &chain->direct);
                for (size_t i = 0; holds && r == 0 && i < chain->n; i++)
                        r = reason_list_add(&replay->reasons, &steps[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Joins all grouped devices of the doubtful set (doubt.h). */
static int replay_join_doubtful(Replay *replay)
{
        const Snapshot *snapshot = replay->snapshot;
        _cleanup_(doubt_deinitp) Doubt doubt = {0};
        _cleanup_(freep) size_t *above = NULL;
        size_t first = SNAPSHOT_NONE;
        int r = doubt_find(snapshot, &doubt);

        if (r < 0 || !doubt.kernel)
                return r;
        above = calloc(replay->n_labels + 1, sizeof(*above));
        if (!above)
                return -ENOMEM;
        for (size_t i = 0; i < replay->n_labels; i++)
                above[i] = i;
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                Reason reason = {.rule = REASON_UNKNOWN_PARENT, .a = (uint32_t)i};
                size_t label = replay->labels[i], kept;

                if (!doubt.kernel[i] || label == SNAPSHOT_NONE)
                        continue;
                if (first == SNAPSHOT_NONE)
                        first = i;
                kept = partition_find(above, replay->labels[first]);
                if (partition_find(above, label) == kept)
                        continue;
                above[partition_find(above, label)] = kept;
                reason.b = (uint32_t)first;
                reason.at = (uint32_t)(device_shows_missing(&snapshot->devices[i]) ? i : doubt.orphan);
                r = reason_list_add(&replay->reasons, &reason);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (replay->labels[i] != SNAPSHOT_NONE)
                        replay->labels[i] = partition_find(above, replay->labels[i]);
        return 0;
}

static int compute(const Snapshot *snapshot, bool covered_only, Partition **ret_partition)
{
        _cleanup_(replay_deinitp) Replay replay = {.snapshot = snapshot};
        int r = replay_allocate(&replay);

        if (r < 0)
                return r;
        r = replay_prepare(&replay);
        if (r < 0)
                return r;
        replay.search = (GroupSearch){
                .snapshot = snapshot,
                .labels = replay.labels,
                .facts = &replay.facts,
                .lost = replay.lost,
                .n_lost = replay.n_lost,
        };

        for (size_t k = 0; k < snapshot->n_devices; k++) {
                size_t i = snapshot->probe_order[k];

                if (k + PREFETCH_AHEAD < snapshot->n_devices)
                        snapshot_prefetch(snapshot, snapshot->probe_order[k + PREFETCH_AHEAD]);
                if (covered_only && snapshot->devices[i].kernel_group < 0)
                        continue;
                r = replay_device(&replay, i);
                if (r < 0)
                        return r;
        }
        r = replay_settle_chains(&replay);
        if (r == 0)
                r = replay_join_doubtful(&replay);
        if (r < 0)
                return r;
        return partition_build(snapshot, replay.labels, replay.n_labels, &replay.reasons,
                               ret_partition);
}

int kernel_groups_compute(const Snapshot *snapshot, Partition **ret_partition)
{
        return compute(snapshot, false, ret_partition);
}

int kernel_groups_compute_covered(const Snapshot *snapshot, Partition **ret_partition)
{
        return compute(snapshot, true, ret_partition);
}

int kernel_groups_predict(const Snapshot *snapshot, size_t index, int32_t *ret_group,
                          Reason *ret_reason)
{
        _cleanup_(group_search_deinitp) GroupSearch search = {
                .snapshot = snapshot,
                .newcomer = index,
        };
        size_t label = group_search(&search, index);

        if (search.error < 0)
                return search.error;
        *ret_group = label == SNAPSHOT_NONE ? -1 : (int32_t)label;
        if (label != SNAPSHOT_NONE && ret_reason) {
                *ret_reason = search.steps.reasons[search.steps.n_reasons - 1];
                ret_reason->a = (uint32_t)index;
        }
        return 0;
}

int kernel_groups_predict_below(const Snapshot *snapshot, size_t port, int32_t *ret_group)
{
        _cleanup_(group_search_deinitp) GroupSearch search = {
                .snapshot = snapshot,
                .newcomer = SNAPSHOT_NONE,
        };
        size_t label = group_search_below(&search, port);

        if (search.error < 0)
                return search.error;
        *ret_group = label == SNAPSHOT_NONE ? -1 : (int32_t)label;
        return 0;
}
