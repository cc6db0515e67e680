/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Finds the parents of functions by bus numbers.
 *
 * A bridge leads to the buses from its secondary to its subordinate one, and a function on its
 * secondary bus is below it. If a function is on another bus of that range, the text lacks a
 * bridge in between. A bus that no bridge leads to is a root bus only if the text shows it; else
 * the text lacks the bridge above its functions.
 */

#include <errno.h>

#include "core/probe/lspci_entry.h"
#include "core/probe/snapshot_extras.h"

#define CLASS_HOST_BRIDGE 0x0600
#define CLASS_PERFORMANCE_COUNTERS 0x1101
#define BUSES 256
#define VF_STEPS_MAX                                                                               \
        ((size_t)1 << 22) /* largest number for one text; a real machine has some thousands */

/* The functions of one domain. */
typedef struct Domain {
        LspciEntry *entries;
        size_t n;
        size_t covers[BUSES]; /* innermost bridge that leads to a bus, or SNAPSHOT_NONE */
        bool doubtful[BUSES]; /* another bridge also leads to it */
        bool roots[BUSES];    /* it has a function that only exists on a root bus */
} Domain;

size_t lspci_lower_bound(const LspciEntry *entries, size_t n_entries, Bdf bdf)
{
        size_t low = 0, high = n_entries;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (bdf_compare(entries[middle].device.bdf, bdf) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static size_t find_entry(const LspciEntry *entries, size_t n_entries, Bdf bdf)
{
        size_t index = lspci_lower_bound(entries, n_entries, bdf);

        return index < n_entries && bdf_equal(entries[index].device.bdf, bdf) ? index
                                                                              : SNAPSHOT_NONE;
}

/* PCIe 9.2.1.2: a VF's routing id is its PF's, plus offset, plus stride for each VF before it. */
static void mark_vfs(LspciEntry *entries, size_t n_entries)
{
        size_t n_steps = 0;

        for (size_t i = 0; i < n_entries; i++) {
                const LspciVfs *vfs = &entries[i].vfs;
                const Bdf physfn = entries[i].device.bdf;
                uint64_t id = ((uint64_t)physfn.bus << 8 | physfn.devfn) + vfs->offset;

                if (!vfs->known || vfs->offset == 0)
                        continue;
                for (uint32_t n = 0; n < vfs->n && id <= 0xffff; n++, id += vfs->stride) {
                        size_t at =
                                find_entry(entries, n_entries,
                                           (Bdf){physfn.domain, (uint8_t)(id >> 8), (uint8_t)id});

                        if (++n_steps > VF_STEPS_MAX || (n > 0 && vfs->stride == 0))
                                break;
                        if (at == SNAPSHOT_NONE || entries[at].device.place.is_vf)
                                continue;
                        entries[at].device.place.is_vf = true;
                        entries[at].device.place.vf_index = n;
                        entries[at].device.place.physfn_bdf = physfn;
                }
        }
}

/*
 * lspci's words do not show the multi-function bit, but other functions of the slot do. That there
 * are none is known only in a complete domain, which begins with the first function of a root bus
 * and lacks no bridge.
 */
static void mark_multifunction(LspciEntry *entries, size_t n_entries)
{
        bool is_whole = !entries[0].device.place.has_parent && entries[0].device.bdf.devfn == 0;
        size_t first, end;

        for (size_t i = 0; i < n_entries; i++)
                is_whole &= !entries[i].device.place.has_parent ||
                            !bdf_equal(entries[i].device.place.parent_bdf, entries[i].device.bdf);

        for (first = 0; first < n_entries; first = end) {
                const Bdf bdf = entries[first].device.bdf;
                size_t n = 0;

                for (end = first; end < n_entries; end++) {
                        const Bdf other = entries[end].device.bdf;

                        if (other.domain != bdf.domain || other.bus != bdf.bus ||
                            bdf_device(other) != bdf_device(bdf))
                                break;
                        n += !entries[end].device.place.is_vf;
                }
                for (size_t i = first; i < end; i++) {
                        PciFacts *facts = &entries[i].device.facts;

                        if (!entries[i].has_header)
                                facts->multifunction_bit = n > 1      ? TRISTATE_YES
                                                           : is_whole ? TRISTATE_NO
                                                                      : TRISTATE_UNKNOWN;
                        else if (n == 1 && !is_whole && facts->multifunction_bit == TRISTATE_YES)
                                facts->multifunction_bit =
                                        TRISTATE_UNKNOWN; /* the others may be missing */
                }
        }
}

/*
 * Parts of a root complex: by PCI Express type, or host bridges and the counters of Intel
 * processors, which have no such type. They never exist below a bridge.
 */
static bool is_on_root_bus(const PciDevice *device)
{
        const PciFacts *facts = &device->facts;
        unsigned class = device->ids.class_code >> 8;

        if (facts->pcie == TRISTATE_YES)
                return facts->pcie_type == PCIE_TYPE_ROOT_PORT ||
                       facts->pcie_type == PCIE_TYPE_RC_ENDPOINT ||
                       facts->pcie_type == PCIE_TYPE_RC_EVENT_COLLECTOR;
        return class == CLASS_HOST_BRIDGE ||
               (class == CLASS_PERFORMANCE_COUNTERS && device->ids.vendor == 0x8086);
}

/* A bridge leads downwards: ignore its bus numbers if they lead to itself. */
static void cover_buses(Domain *domain, size_t index)
{
        const PciDevice *bridge = &domain->entries[index].device;
        const PciFacts *facts = &bridge->facts;

        if (facts->buses_known != TRISTATE_YES || facts->secondary_bus <= bridge->bdf.bus ||
            facts->subordinate_bus < facts->secondary_bus)
                return;
        for (unsigned bus = facts->secondary_bus; bus <= facts->subordinate_bus; bus++) {
                size_t other = domain->covers[bus];
                unsigned there = other == SNAPSHOT_NONE
                                         ? 0
                                         : domain->entries[other].device.facts.secondary_bus;

                if (there < facts->secondary_bus) {
                        domain->covers[bus] = index;
                        domain->doubtful[bus] = false;
                } else if (there == facts->secondary_bus) {
                        domain->doubtful[bus] = true;
                }
        }
}

static void domain_prepare(Domain *domain)
{
        for (size_t bus = 0; bus < BUSES; bus++) {
                domain->covers[bus] = SNAPSHOT_NONE;
                domain->doubtful[bus] = domain->roots[bus] = false;
        }
        for (size_t i = 0; i < domain->n; i++) {
                const PciDevice *device = &domain->entries[i].device;

                domain->roots[device->bdf.bus] |=
                        domain->entries[i].is_on_root || is_on_root_bus(device);
                cover_buses(domain, i);
        }
}

/* A free address on the bus, or else this function's own. */
static Bdf unknown_endpoint(const Domain *domain, Bdf bdf)
{
        for (unsigned devfn = BUSES; devfn-- > 0;) {
                Bdf free = {bdf.domain, bdf.bus, (uint8_t)devfn};

                if (find_entry(domain->entries, domain->n, free) == SNAPSHOT_NONE)
                        return free;
        }
        return bdf;
}

/*
 * Does the text show that this bus, which no bridge leads to, is a root bus? No bridge leads to
 * bus 0. In a VMD's domain the answer does not matter, because all functions share one requester
 * id.
 */
static bool is_root_bus(const Domain *domain, const PciDevice *device)
{
        return device->bdf.bus == 0 || domain->roots[device->bdf.bus] ||
               device->bdf.domain >= VMD_DOMAIN_FIRST;
}

static void place_device(const Domain *domain, PciDevice *device)
{
        size_t bridge = domain->covers[device->bdf.bus];
        const PciDevice *above;

        device->place.has_parent = true;
        if (bridge == SNAPSHOT_NONE && is_root_bus(domain, device)) {
                device->place.has_parent = false;
                return;
        }
        device->place.parent_bdf = device->bdf; /* means unknown */
        if (bridge == SNAPSHOT_NONE || domain->doubtful[device->bdf.bus])
                return;
        above = &domain->entries[bridge].device;
        if (above->facts.secondary_bus == device->bdf.bus)
                device->place.parent_bdf = above->bdf;
}

/* As in the kernel, a VF is below its PF's bridge, on whatever bus it is. */
static void place_vf(const Domain *domain, PciDevice *device)
{
        size_t at = find_entry(domain->entries, domain->n, device->place.physfn_bdf);
        const PciDevice *physfn = at == SNAPSHOT_NONE ? device : &domain->entries[at].device;

        device->place.has_parent = true;
        device->place.parent_bdf = device->bdf;
        if (physfn->place.is_vf ||
            (physfn->place.has_parent && bdf_equal(physfn->place.parent_bdf, physfn->bdf)))
                return;
        device->place.has_parent = physfn->place.has_parent;
        device->place.parent_bdf = physfn->place.parent_bdf;
}

/* Climbs to the root bus. The loop ends, because bus numbers become smaller. */
static void find_root(const Domain *domain, PciDevice *device)
{
        const PciDevice *at = device;

        while (at->place.has_parent) {
                size_t above = find_entry(domain->entries, domain->n, at->place.parent_bdf);

                if (above == SNAPSHOT_NONE || domain->entries[above].device.bdf.bus >= at->bdf.bus)
                        break;
                at = &domain->entries[above].device;
        }
        device->place.root_domain = device->bdf.domain;
        device->place.root_bus = at->bdf.bus;
}

/*
 * A VMD's functions are in a domain of their own and use its requester id. The text shows the
 * endpoint of a domain only if there is one VMD and one such domain, or through groups. Otherwise
 * all functions of the domain share the id of an unknown endpoint.
 */
static void place_vmd(Domain *domain, const PciDevice *endpoint)
{
        if (domain->entries[0].device.bdf.domain < VMD_DOMAIN_FIRST)
                return;
        for (size_t i = 0; i < domain->n; i++) {
                PciDevice *device = &domain->entries[i].device;

                device->place.has_real_dma = true;
                device->place.real_dma_bdf =
                        endpoint ? endpoint->bdf
                                 : unknown_endpoint(domain, domain->entries[0].device.bdf);
        }
}

/*
 * Finds the endpoint of a domain if the text has several: the kernel puts the functions of a
 * domain and its endpoint into one group.
 */
static const PciDevice *find_vmd_by_group(const LspciEntry *entries, size_t n_entries,
                                          const Domain *domain)
{
        const PciDevice *found = NULL;

        for (size_t i = 0; i < n_entries; i++) {
                const PciDevice *device = &entries[i].device;

                if (!entries[i].is_vmd || device->kernel_group < 0)
                        continue;
                for (size_t k = 0; k < domain->n; k++)
                        if (domain->entries[k].device.kernel_group == device->kernel_group) {
                                if (found && found != device)
                                        return NULL;
                                found = device;
                        }
        }
        return found;
}

static const PciDevice *find_vmd(const LspciEntry *entries, size_t n_entries)
{
        const PciDevice *found = NULL;
        uint32_t domain = 0;

        for (size_t i = 0; i < n_entries; i++) {
                if (entries[i].is_vmd) {
                        if (found)
                                return NULL;
                        found = &entries[i].device;
                }
                if (entries[i].device.bdf.domain < VMD_DOMAIN_FIRST)
                        continue;
                if (domain != 0 && domain != entries[i].device.bdf.domain)
                        return NULL;
                domain = entries[i].device.bdf.domain;
        }
        return found;
}

static void domain_place(Domain *domain, const LspciEntry *entries, size_t n_entries,
                         const PciDevice *vmd)
{
        if (!vmd && domain->entries[0].device.bdf.domain >= VMD_DOMAIN_FIRST)
                vmd = find_vmd_by_group(entries, n_entries, domain);
        domain_prepare(domain);
        for (size_t i = 0; i < domain->n; i++)
                if (!domain->entries[i].device.place.is_vf)
                        place_device(domain, &domain->entries[i].device);
        for (size_t i = 0; i < domain->n; i++)
                if (domain->entries[i].device.place.is_vf)
                        place_vf(domain, &domain->entries[i].device);
        for (size_t i = 0; i < domain->n; i++)
                find_root(domain, &domain->entries[i].device);
        mark_multifunction(domain->entries, domain->n);
        place_vmd(domain, vmd);
}

int lspci_place(LspciEntry *entries, size_t n_entries)
{
        _cleanup_(freep) Domain *domain = calloc(1, sizeof(*domain));
        const PciDevice *vmd = find_vmd(entries, n_entries);
        size_t end;

        if (!domain)
                return -ENOMEM;
        mark_vfs(entries, n_entries);
        for (size_t first = 0; first < n_entries; first = end) {
                for (end = first; end < n_entries && entries[end].device.bdf.domain ==
                                                             entries[first].device.bdf.domain;
                     end++)
                        ;
                domain->entries = &entries[first];
                domain->n = end - first;
                domain_place(domain, entries, n_entries, vmd);
        }
        return 0;
}
