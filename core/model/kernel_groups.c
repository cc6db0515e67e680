/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The kernel's grouping, replayed device by device in probe order (kernel-facts 1.3).
 *
 * A device looks for a group that is already there, in four places: (A) its topological aliases,
 * the bridges under whose requester id the IOMMU may see it; (B) the ports above it, up to the
 * first from which the way to the root redirects everything; (C) functions of its bus that share a
 * requester id by a quirk; (D) functions of its slot that, like itself, lack ACS. The first group
 * found is its group, and the steps that led there are the reason. Otherwise it founds one.
 *
 * The kernel groups only what an IOMMU covers; here every device gets a group, so that uncovered
 * ones can be explained too. What the snapshot does not know keeps nothing apart: below a bridge
 * that is not in the snapshot all functions of the bus are together.
 *
 * What the kernel asks again for every device is computed once: ACS per function, the way to the
 * root per bridge, aliases per function. The searches stay within one bus, at most 256 functions.
 */

#include "core/model/groups.h"

#include "core/model/partition.h"
#include "core/model/quirks.h"

#include <errno.h>

/* Steps to a group by way of devices not grouped yet: reasons only if those end up there too. */
typedef struct Chain {
        size_t first; /* into the replay's chained steps */
        size_t n;
        Reason direct; /* otherwise: from the device to the group */
} Chain;

/* A VMD endpoint that is not in the snapshot: all that use its id are together. */
typedef struct LostEndpoint {
        Bdf bdf;
        size_t first; /* the first of them to be grouped, or SNAPSHOT_NONE */
} LostEndpoint;

typedef struct Replay {
        const Snapshot *snapshot;
        size_t *labels; /* group of each device, or SNAPSHOT_NONE */
        size_t n_labels;
        uint8_t *missing;  /* ACS bits each function lacks; 0: isolated */
        size_t *blame;     /* nearest function at or above that does not redirect, or NONE */
        size_t *bus_first; /* lowest index on the same bus */
        AliasMask *aliases;
        bool *bus_aliases; /* by bus_first: does any function there have aliases? */

        LostEndpoint *lost; /* sorted by address */
        size_t n_lost;

        AliasMask visited;  /* of the search going on */
        ReasonList steps;   /* of the search going on */
        ReasonList reasons; /* found */
        ReasonList chained; /* steps of all chains */
        Chain *chains;
        size_t n_chains, n_chains_allocated;
        int error; /* of the first allocation that failed */
} Replay;

static void replay_deinitp(Replay *replay)
{
        free(replay->labels);
        free(replay->missing);
        free(replay->blame);
        free(replay->bus_first);
        free(replay->aliases);
        free(replay->bus_aliases);
        free(replay->lost);
        free(replay->steps.reasons);
        free(replay->reasons.reasons);
        free(replay->chained.reasons);
        free(replay->chains);
}

static bool is_same_bus(const PciDevice *a, const PciDevice *b)
{
        return a->bdf.domain == b->bdf.domain && a->bdf.bus == b->bdf.bus;
}

static bool is_orphan(const PciDevice *device)
{
        return device->has_parent && device->parent == SNAPSHOT_NONE;
}

static bool is_behind_lost(const PciDevice *device)
{
        return device->has_real_dma && device->real_dma == SNAPSHOT_NONE;
}

static int lost_compare(const void *a, const void *b)
{
        const LostEndpoint *x = a, *y = b;

        return bdf_compare(x->bdf, y->bdf);
}

/* The endpoint `device` is behind, or NULL if that is in the snapshot or there is none. */
static LostEndpoint *lost_find(const Replay *replay, const PciDevice *device)
{
        LostEndpoint key = {.bdf = device->real_dma_bdf};

        if (!is_behind_lost(device))
                return NULL;
        return bsearch(&key, replay->lost, replay->n_lost, sizeof(key), lost_compare);
}

static int lost_prepare(Replay *replay)
{
        const Snapshot *snapshot = replay->snapshot;
        size_t n = 0;

        for (size_t i = 0; i < snapshot->n_devices; i++)
                n += is_behind_lost(&snapshot->devices[i]);
        if (n == 0)
                return 0;
        replay->lost = calloc(n, sizeof(*replay->lost));
        if (!replay->lost)
                return -ENOMEM;

        n = 0;
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (is_behind_lost(&snapshot->devices[i]))
                        replay->lost[n++] =
                                (LostEndpoint){snapshot->devices[i].real_dma_bdf, SNAPSHOT_NONE};
        qsort(replay->lost, n, sizeof(*replay->lost), lost_compare);
        for (size_t i = 0; i < n; i++)
                if (i == 0 || !bdf_equal(replay->lost[i].bdf, replay->lost[i - 1].bdf))
                        replay->lost[replay->n_lost++] = replay->lost[i];
        return 0;
}

static int replay_allocate(Replay *replay)
{
        size_t n = replay->snapshot->n_devices + 1;

        replay->labels = calloc(n, sizeof(*replay->labels));
        replay->missing = calloc(n, sizeof(*replay->missing));
        replay->blame = calloc(n, sizeof(*replay->blame));
        replay->bus_first = calloc(n, sizeof(*replay->bus_first));
        replay->aliases = calloc(n, sizeof(*replay->aliases));
        replay->bus_aliases = calloc(n, sizeof(*replay->bus_aliases));
        if (!replay->labels || !replay->missing || !replay->blame || !replay->bus_first ||
            !replay->aliases || !replay->bus_aliases)
                return -ENOMEM;
        return lost_prepare(replay);
}

/* What holds for a device whatever is grouped; bridges come before what is below them. */
static void replay_prepare(Replay *replay)
{
        const Snapshot *snapshot = replay->snapshot;
        const PciDevice *devices = snapshot->devices;

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                bool continues = i > 0 && is_same_bus(&devices[i - 1], &devices[i]);

                replay->labels[i] = SNAPSHOT_NONE;
                replay->bus_first[i] = continues ? replay->bus_first[i - 1] : i;
                if (quirk_alias_mask(&devices[i], &replay->aliases[i]) ||
                    devices[i].has_ivrs_alias || devices[i].real_dma != SNAPSHOT_NONE)
                        replay->bus_aliases[replay->bus_first[i]] = true;
                (void)acs_isolated(snapshot, i, &replay->missing[i]);
        }

        for (size_t k = 0; k < snapshot->n_devices; k++) {
                size_t i = snapshot->probe_order[k];

                if (replay->missing[i] != 0 || is_orphan(&devices[i]))
                        replay->blame[i] = i;
                else if (devices[i].parent != SNAPSHOT_NONE)
                        replay->blame[i] = replay->blame[devices[i].parent];
                else
                        replay->blame[i] = SNAPSHOT_NONE;
        }
}

/* Notes a step of the search; returns how many there were before, to take it back with. */
static size_t step_push(Replay *replay, ReasonRule rule, size_t a, size_t b, size_t at)
{
        Reason reason = {.rule = rule, .a = a, .b = b, .at = at};
        size_t n = replay->steps.n_reasons;
        int r;

        if (rule == REASON_UPSTREAM_ACS || rule == REASON_MULTIFUNCTION_ACS) {
                reason.missing = replay->missing[at];
                reason.acs = replay->snapshot->devices[at].facts.acs;
        }
        r = reason_list_add(&replay->steps, &reason);
        if (r < 0 && replay->error == 0)
                replay->error = r;
        return n;
}

static void step_pop(Replay *replay, size_t n)
{
        replay->steps.n_reasons = n;
}

/* Does the IOMMU see what is below this bridge under the bridge's own id? Unknown counts as yes. */
static bool bridge_aliases(const Snapshot *snapshot, const PciDevice *bridge)
{
        if (bridge->facts.pcie != TRISTATE_YES)
                return true;
        if (bridge->pcie_type == PCIE_TYPE_PCIE_TO_PCI)
                return !quirk_keeps_requester_ids(snapshot, bridge);
        return bridge->pcie_type == PCIE_TYPE_PCI_TO_PCIE;
}

/* (A) Moves *at to the last alias passed. */
static size_t search_topology(Replay *replay, size_t *at)
{
        const PciDevice *devices = replay->snapshot->devices;
        size_t real = devices[*at].real_dma;
        const LostEndpoint *lost = lost_find(replay, &devices[*at]);

        if (lost && lost->first != SNAPSHOT_NONE) {
                (void)step_push(replay, REASON_REAL_DMA_DEVICE, *at, lost->first, lost->first);
                return replay->labels[lost->first];
        }
        if (real != SNAPSHOT_NONE) {
                (void)step_push(replay, REASON_REAL_DMA_DEVICE, *at, real, real);
                *at = real;
                if (replay->labels[real] != SNAPSHOT_NONE)
                        return replay->labels[real];
        }

        for (size_t i = devices[*at].parent; i != SNAPSHOT_NONE; i = devices[i].parent) {
                if (quirk_is_translation_root(&devices[i]))
                        break;
                if (!bridge_aliases(replay->snapshot, &devices[i]))
                        continue;
                (void)step_push(replay, REASON_BRIDGE_ALIAS, *at, i, i);
                *at = i;
                if (replay->labels[i] != SNAPSHOT_NONE)
                        return replay->labels[i];
        }
        return SNAPSHOT_NONE;
}

/* (B) Moves *at to the last port passed. */
static size_t search_upstream(Replay *replay, size_t *at)
{
        const PciDevice *devices = replay->snapshot->devices;

        for (size_t i = devices[*at].parent; i != SNAPSHOT_NONE; i = devices[i].parent) {
                if (replay->blame[i] == SNAPSHOT_NONE)
                        break;
                (void)step_push(replay, REASON_UPSTREAM_ACS, *at, i, replay->blame[i]);
                *at = i;
                if (replay->labels[i] != SNAPSHOT_NONE)
                        return replay->labels[i];
        }
        return SNAPSHOT_NONE;
}

/* Do two functions of one bus share a requester id? If so, *ret_rule and *ret_at say by what. */
static bool is_alias(const Replay *replay, size_t a, size_t b, ReasonRule *ret_rule, size_t *ret_at)
{
        const PciDevice *devices = replay->snapshot->devices;

        if (devices[a].real_dma == b || devices[b].real_dma == a) {
                *ret_rule = REASON_REAL_DMA_DEVICE;
                *ret_at = devices[a].real_dma == b ? b : a;
                return true;
        }
        *ret_rule = REASON_DMA_ALIAS;
        *ret_at = alias_mask_has(&replay->aliases[a], devices[b].bdf.devfn) ? a : b;
        return *ret_at == a || alias_mask_has(&replay->aliases[b], devices[a].bdf.devfn);
}

static size_t search_slot(Replay *replay, size_t at);

/* (C) */
static size_t search_aliases(Replay *replay, size_t at)
{
        const PciDevice *devices = replay->snapshot->devices;

        if (alias_mask_has(&replay->visited, devices[at].bdf.devfn))
                return SNAPSHOT_NONE;
        alias_mask_add(&replay->visited, devices[at].bdf.devfn);
        if (replay->labels[at] != SNAPSHOT_NONE)
                return replay->labels[at];
        if (!replay->bus_aliases[replay->bus_first[at]])
                return SNAPSHOT_NONE;

        for (size_t i = replay->bus_first[at];
             i < replay->snapshot->n_devices && replay->bus_first[i] == replay->bus_first[at];
             i++) {
                size_t because, label, n;
                ReasonRule rule;

                if (i == at || !is_alias(replay, at, i, &rule, &because))
                        continue;
                n = step_push(replay, rule, at, i, because);
                label = search_aliases(replay, i);
                if (label == SNAPSHOT_NONE)
                        label = search_slot(replay, i);
                if (label != SNAPSHOT_NONE)
                        return label;
                step_pop(replay, n);
        }
        return SNAPSHOT_NONE;
}

/* (D) Only the function that starts must know itself one of several; ACS decides for the others. */
static size_t search_slot(Replay *replay, size_t at)
{
        const PciDevice *devices = replay->snapshot->devices;

        if (devices[at].multifunction == TRISTATE_NO || replay->missing[at] == 0)
                return SNAPSHOT_NONE;

        for (size_t i = replay->bus_first[at];
             i < replay->snapshot->n_devices && replay->bus_first[i] == replay->bus_first[at];
             i++) {
                size_t label, n;

                if (i == at || bdf_device(devices[i].bdf) != bdf_device(devices[at].bdf) ||
                    replay->missing[i] == 0)
                        continue;
                n = step_push(replay, REASON_MULTIFUNCTION_ACS, at, i, at);
                label = search_aliases(replay, i);
                if (label != SNAPSHOT_NONE)
                        return label;
                step_pop(replay, n);
        }
        return SNAPSHOT_NONE;
}

/* Below a bridge nobody knows: with whoever else is there. */
static size_t search_orphans(Replay *replay, size_t at)
{
        const PciDevice *devices = replay->snapshot->devices;

        if (!is_orphan(&devices[at]))
                return SNAPSHOT_NONE;

        for (size_t i = replay->bus_first[at];
             i < replay->snapshot->n_devices && replay->bus_first[i] == replay->bus_first[at];
             i++) {
                if (i == at || replay->labels[i] == SNAPSHOT_NONE || !is_orphan(&devices[i]) ||
                    !bdf_equal(devices[i].parent_bdf, devices[at].parent_bdf))
                        continue;
                (void)step_push(replay, REASON_UPSTREAM_ACS, at, i, at);
                return replay->labels[i];
        }
        return SNAPSHOT_NONE;
}

static size_t search(Replay *replay, size_t at)
{
        size_t label;

        replay->visited = (AliasMask){0};
        replay->steps.n_reasons = 0;

        label = search_topology(replay, &at);
        if (label == SNAPSHOT_NONE)
                label = search_upstream(replay, &at);
        if (label == SNAPSHOT_NONE)
                label = search_orphans(replay, at);
        if (label == SNAPSHOT_NONE)
                label = search_aliases(replay, at);
        if (label == SNAPSHOT_NONE)
                label = search_slot(replay, at);
        return label;
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
                .n = replay->steps.n_reasons,
                .direct = *direct,
        };

        for (size_t i = 0; i < replay->steps.n_reasons; i++) {
                int r = reason_list_add(&replay->chained, &replay->steps.reasons[i]);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* Puts one device into its group. */
static int replay_device(Replay *replay, size_t index)
{
        const PciDevice *device = &replay->snapshot->devices[index];
        LostEndpoint *lost = lost_find(replay, device);
        Reason reason;
        size_t label;

        /* A quirk's aliases are known beforehand, firmware's when the kernel comes to the device. */
        if (device->has_ivrs_alias)
                alias_mask_add(&replay->aliases[index], device->ivrs_alias_devfn);
        label = search(replay, index);
        if (replay->error < 0)
                return replay->error;
        if (lost && lost->first == SNAPSHOT_NONE)
                lost->first = index;
        if (label == SNAPSHOT_NONE) {
                replay->labels[index] = replay->n_labels++;
                return 0;
        }

        replay->labels[index] = label;
        reason = replay->steps.reasons[replay->steps.n_reasons - 1];
        reason.a = index;
        if (replay->steps.n_reasons == 1)
                return reason_list_add(&replay->reasons, &reason);
        return chain_add(replay, &reason);
}

/* Now that every device is somewhere: which chains hold? */
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

static int compute(const Snapshot *snapshot, bool covered_only, Partition **ret_partition)
{
        _cleanup_(replay_deinitp) Replay replay = {.snapshot = snapshot};
        int r = replay_allocate(&replay);

        if (r < 0)
                return r;
        replay_prepare(&replay);

        for (size_t k = 0; k < snapshot->n_devices; k++) {
                size_t i = snapshot->probe_order[k];

                if (covered_only && snapshot->devices[i].kernel_group < 0)
                        continue;
                r = replay_device(&replay, i);
                if (r < 0)
                        return r;
        }
        r = replay_settle_chains(&replay);
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
