/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A device searches for an existing group in four places (kernel-facts 1.3): (A) its topological
 * aliases, the bridges whose requester id the IOMMU may see for it; (B) the ports above it, up to
 * the first with a path to the root that redirects all requests; (C) functions of its bus that
 * share a requester id by a quirk; (D) functions of its slot that, like itself, lack ACS.
 *
 * The searches only visit the path to the root and one bus, at most 256 functions.
 */

#include "core/model/group_search.h"

/* --- what holds whatever is grouped ----------------------------------------------------------- */

static size_t label_of(const GroupSearch *search, size_t i)
{
        if (search->labels)
                return search->labels[i];
        return i != search->newcomer && search->snapshot->devices[i].kernel_group >= 0
                       ? (size_t)search->snapshot->devices[i].kernel_group
                       : SNAPSHOT_NONE;
}

static uint8_t missing_of(const GroupSearch *search, size_t i)
{
        uint8_t missing;

        if (search->facts)
                return search->facts->missing[i];
        (void)acs_isolated(search->snapshot, i, &missing);
        return missing;
}

static size_t blame_of(const GroupSearch *search, size_t i)
{
        const PciDevice *devices = search->snapshot->devices;

        if (search->facts)
                return search->facts->blame[i];
        while (i != SNAPSHOT_NONE && missing_of(search, i) == 0 && !device_is_orphan(&devices[i]))
                i = devices[i].parent;
        return i;
}

/* Is there a function `i`, and is it on the bus of `at`? */
static bool is_on_bus(const GroupSearch *search, size_t i, size_t at)
{
        const PciDevice *devices = search->snapshot->devices;

        return i < search->snapshot->n_devices && bdf_same_bus(devices[i].bdf, devices[at].bdf);
}

static size_t bus_first(const GroupSearch *search, size_t at)
{
        size_t i = at;

        if (search->facts)
                return search->facts->bus_first[at];
        while (i > 0 && is_on_bus(search, i - 1, at))
                i--;
        return i;
}

static bool bus_has_aliases(const GroupSearch *search, size_t at)
{
        return !search->facts || search->facts->bus_aliases[search->facts->bus_first[at]];
}

/* Does `a` use the requester id of `b`, which is on the same bus? */
static bool sends_as(const GroupSearch *search, size_t a, size_t b)
{
        const PciDevice *devices = search->snapshot->devices;
        AliasMask mask;

        if (search->facts)
                return search->facts->aliases &&
                       alias_mask_has(&search->facts->aliases[a], devices[b].bdf.devfn);
        return known_alias_mask(&devices[a], &mask) && alias_mask_has(&mask, devices[b].bdf.devfn);
}

int search_compare_lost(const void *a, const void *b)
{
        const LostEndpoint *x = a, *y = b;

        return bdf_compare(x->bdf, y->bdf);
}

const LostEndpoint *search_find_lost(const LostEndpoint *lost, size_t n_lost,
                                     const PciDevice *device)
{
        LostEndpoint key = {.bdf = device->place.real_dma_bdf};

        if (n_lost == 0 || !search_is_behind_lost(device))
                return NULL;
        return bsearch(&key, lost, n_lost, sizeof(key), search_compare_lost);
}

/* The first grouped device behind the same missing VMD endpoint, or SNAPSHOT_NONE. */
static size_t first_behind_lost(const GroupSearch *search, const PciDevice *device)
{
        const PciDevice *devices = search->snapshot->devices;
        const LostEndpoint *lost;

        if (!search_is_behind_lost(device))
                return SNAPSHOT_NONE;
        if (search->facts) {
                lost = search_find_lost(search->lost, search->n_lost, device);
                return lost ? lost->first : SNAPSHOT_NONE;
        }
        for (size_t i = 0; i < search->snapshot->n_devices; i++)
                if (search_is_behind_lost(&devices[i]) &&
                    bdf_equal(devices[i].place.real_dma_bdf, device->place.real_dma_bdf) &&
                    label_of(search, i) != SNAPSHOT_NONE)
                        return i;
        return SNAPSHOT_NONE;
}

/* --- the search ------------------------------------------------------------------------------- */

/* Adds a step of the search; returns the earlier number of steps, for undoing it. */
static size_t step_push(GroupSearch *search, ReasonRule rule, size_t a, size_t b, size_t at)
{
        Reason reason = {.rule = rule, .a = (uint32_t)a, .b = (uint32_t)b, .at = (uint32_t)at};
        size_t n = search->steps.n_reasons;
        int r;

        if (rule == REASON_UPSTREAM_ACS || rule == REASON_MULTIFUNCTION_ACS) {
                reason.missing = missing_of(search, at);
                reason.acs = search->snapshot->devices[at].facts.acs.present;
        }
        r = reason_list_add(&search->steps, &reason);
        if (r < 0 && search->error == 0)
                search->error = r;
        return n;
}

static void step_pop(GroupSearch *search, size_t n)
{
        search->steps.n_reasons = n;
}

/* Does the IOMMU see the bridge's own id for devices below it? Unknown counts as yes. */
static bool bridge_aliases(const Snapshot *snapshot, const PciDevice *bridge)
{
        if (bridge->facts.pcie != TRISTATE_YES)
                return true;
        if (bridge->pcie_type == PCIE_TYPE_PCIE_TO_PCI)
                return !quirk_keeps_requester_ids(snapshot, bridge);
        return bridge->pcie_type == PCIE_TYPE_PCI_TO_PCIE;
}

/* The bridges from `first` up. Moves *at to the last one that aliases. */
static size_t search_bridges(GroupSearch *search, size_t first, size_t *at)
{
        const PciDevice *devices = search->snapshot->devices;

        for (size_t i = first; i != SNAPSHOT_NONE; i = devices[i].parent) {
                if (quirk_is_translation_root(&devices[i]))
                        break;
                if (!bridge_aliases(search->snapshot, &devices[i]))
                        continue;
                (void)step_push(search, REASON_BRIDGE_ALIAS, *at, i, i);
                *at = i;
                if (label_of(search, i) != SNAPSHOT_NONE)
                        return label_of(search, i);
        }
        return SNAPSHOT_NONE;
}

/* Follows `of` to the VMD endpoint whose id it uses. Moves *at there. */
static size_t search_real_dma(GroupSearch *search, size_t of, size_t *at)
{
        const PciDevice *devices = search->snapshot->devices;
        size_t real = devices[of].real_dma;
        size_t lost = first_behind_lost(search, &devices[of]);

        if (lost != SNAPSHOT_NONE) {
                (void)step_push(search, REASON_REAL_DMA_DEVICE, *at, lost, lost);
                return label_of(search, lost);
        }
        if (real == SNAPSHOT_NONE)
                return SNAPSHOT_NONE;
        (void)step_push(search, REASON_REAL_DMA_DEVICE, *at, real, real);
        *at = real;
        return label_of(search, real);
}

/* (A) Moves *at to the last alias passed. */
static size_t search_topology(GroupSearch *search, size_t *at)
{
        size_t label = search_real_dma(search, *at, at);

        if (label != SNAPSHOT_NONE)
                return label;
        return search_bridges(search, search->snapshot->devices[*at].parent, at);
}

/* (B) The ports from `first` up. Moves *at to the last one passed. */
static size_t search_upstream(GroupSearch *search, size_t first, size_t *at)
{
        const PciDevice *devices = search->snapshot->devices;

        for (size_t i = first; i != SNAPSHOT_NONE; i = devices[i].parent) {
                if (blame_of(search, i) == SNAPSHOT_NONE)
                        break;
                (void)step_push(search, REASON_UPSTREAM_ACS, *at, i, blame_of(search, i));
                *at = i;
                if (label_of(search, i) != SNAPSHOT_NONE)
                        return label_of(search, i);
        }
        return SNAPSHOT_NONE;
}

/* Do two functions of one bus share a requester id? If so, *ret_rule and *ret_at give the cause. */
static bool is_alias(const GroupSearch *search, size_t a, size_t b, ReasonRule *ret_rule,
                     size_t *ret_at)
{
        const PciDevice *devices = search->snapshot->devices;

        if (devices[a].real_dma == b || devices[b].real_dma == a) {
                *ret_rule = REASON_REAL_DMA_DEVICE;
                *ret_at = devices[a].real_dma == b ? b : a;
                return true;
        }
        *ret_rule = REASON_DMA_ALIAS;
        *ret_at = sends_as(search, a, b) ? a : b;
        return *ret_at == a || sends_as(search, b, a);
}

static size_t search_slot(GroupSearch *search, size_t at);

/* (C) */
static size_t search_aliases(GroupSearch *search, size_t at)
{
        const PciDevice *devices = search->snapshot->devices;

        if (alias_mask_has(&search->visited, devices[at].bdf.devfn))
                return SNAPSHOT_NONE;
        alias_mask_add(&search->visited, devices[at].bdf.devfn);
        if (label_of(search, at) != SNAPSHOT_NONE)
                return label_of(search, at);
        if (!bus_has_aliases(search, at))
                return SNAPSHOT_NONE;

        for (size_t i = bus_first(search, at); is_on_bus(search, i, at); i++) {
                size_t because, label, n;
                ReasonRule rule;

                if (i == at || !is_alias(search, at, i, &rule, &because))
                        continue;
                n = step_push(search, rule, at, i, because);
                label = search_aliases(search, i);
                if (label == SNAPSHOT_NONE)
                        label = search_slot(search, i);
                if (label != SNAPSHOT_NONE)
                        return label;
                step_pop(search, n);
        }
        return SNAPSHOT_NONE;
}

/* (D) Only the starting function must be marked as multi-function; ACS decides for the others. */
static size_t search_slot(GroupSearch *search, size_t at)
{
        const PciDevice *devices = search->snapshot->devices;

        if (devices[at].multifunction == TRISTATE_NO || missing_of(search, at) == 0)
                return SNAPSHOT_NONE;

        for (size_t i = bus_first(search, at); is_on_bus(search, i, at); i++) {
                size_t label, n;

                if (i == at || bdf_device(devices[i].bdf) != bdf_device(devices[at].bdf) ||
                    missing_of(search, i) == 0)
                        continue;
                n = step_push(search, REASON_MULTIFUNCTION_ACS, at, i, at);
                label = search_aliases(search, i);
                if (label != SNAPSHOT_NONE)
                        return label;
                step_pop(search, n);
        }
        return SNAPSHOT_NONE;
}

/*
 * Below a missing bridge: joins the other devices there. The replay instead joins the whole
 * doubtful set at its end (doubt.h).
 */
static size_t search_orphans(GroupSearch *search, size_t at)
{
        const PciDevice *devices = search->snapshot->devices;

        if (search->facts || !device_is_orphan(&devices[at]))
                return SNAPSHOT_NONE;

        for (size_t i = bus_first(search, at); is_on_bus(search, i, at); i++) {
                if (i == at || label_of(search, i) == SNAPSHOT_NONE ||
                    !device_is_orphan(&devices[i]) ||
                    !bdf_equal(devices[i].place.parent_bdf, devices[at].place.parent_bdf))
                        continue;
                (void)step_push(search, REASON_UNKNOWN_PARENT, at, i, at);
                return label_of(search, i);
        }
        return SNAPSHOT_NONE;
}

/* The remaining places if no function above has a group. */
static size_t search_beside(GroupSearch *search, size_t at)
{
        size_t label = search_orphans(search, at);

        if (label == SNAPSHOT_NONE)
                label = search_aliases(search, at);
        if (label == SNAPSHOT_NONE)
                label = search_slot(search, at);
        return label;
}

size_t group_search(GroupSearch *search, size_t at)
{
        size_t label;

        search->visited = (AliasMask){0};
        search->steps.n_reasons = 0;

        label = search_topology(search, &at);
        if (label == SNAPSHOT_NONE)
                label = search_upstream(search, search->snapshot->devices[at].parent, &at);
        return label != SNAPSHOT_NONE ? label : search_beside(search, at);
}

size_t group_search_below(GroupSearch *search, size_t port)
{
        const PciDevice *devices = search->snapshot->devices;
        size_t at = port, label;

        search->visited = (AliasMask){0};
        search->steps.n_reasons = 0;

        label = search_real_dma(search, port, &at);
        if (label == SNAPSHOT_NONE)
                label = search_bridges(search, at == port ? port : devices[at].parent, &at);
        if (label == SNAPSHOT_NONE)
                label = search_upstream(search,
                                        search->steps.n_reasons > 0 ? devices[at].parent : port,
                                        &at);
        if (label == SNAPSHOT_NONE && search->steps.n_reasons > 0)
                label = search_beside(search, at);
        return label;
}
