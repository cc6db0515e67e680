/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Roles of ports, the ports that check requester ids, and the assumptions about a group.
 *
 * A role is certain, possible or excluded. A possible role suffices for an edge that joins; a port
 * that ends an edge, because it checks ids, must be certain.
 */

#include "core/model/sound_notes.h"

#include "core/model/quirks.h"

#include <errno.h>

/* Can the function be a bridge by its header? Bridges have their own type (7.5.1.3). */
static bool may_be_bridge(const PciDevice *device)
{
        return device->facts.header_known != TRISTATE_YES || device->facts.header_type != 0;
}

static bool is_type(const PciDevice *device, PcieType type)
{
        return device->facts.pcie == TRISTATE_YES && !device->pcie_type_uncertain &&
               device->pcie_type == type;
}

bool port_is_link(const PciDevice *device)
{
        return device->facts.pcie == TRISTATE_YES &&
               (device->pcie_type_uncertain || device->pcie_type == PCIE_TYPE_ROOT_PORT ||
                device->pcie_type == PCIE_TYPE_DOWNSTREAM ||
                device->pcie_type == PCIE_TYPE_PCI_TO_PCIE);
}

bool port_is_upstream(const PciDevice *device)
{
        return device->facts.pcie == TRISTATE_YES &&
               (device->pcie_type_uncertain || device->pcie_type == PCIE_TYPE_UPSTREAM);
}

bool port_may_be_root(const Snapshot *snapshot, size_t index)
{
        const PciDevice *device = &snapshot->devices[index];

        if (device->facts.pcie == TRISTATE_UNKNOWN)
                return may_be_bridge(device);
        return is_type(device, PCIE_TYPE_ROOT_PORT);
}

bool port_may_be_downstream(const Snapshot *snapshot, size_t index)
{
        const PciDevice *device = &snapshot->devices[index], *parent;

        if (device->facts.pcie == TRISTATE_NO)
                return false;
        if (device->facts.pcie == TRISTATE_YES)
                return device->pcie_type_uncertain || device->pcie_type == PCIE_TYPE_DOWNSTREAM;

        /*
         * Below a link there is no downstream port, regardless of its reported type (kernel-facts
         * 1.1).
         */
        if (!may_be_bridge(device) || device->parent == SNAPSHOT_NONE)
                return may_be_bridge(device);
        parent = &snapshot->devices[device->parent];
        return parent->pcie_type_uncertain || !port_is_link(parent);
}

/*
 * A quirk row that only overrides ACS does not join functions: without ACS they do not reach each
 * other.
 */
bool function_may_talk(const Snapshot *snapshot, size_t index)
{
        const PciFacts *facts = &snapshot->devices[index].facts;

        if (facts->acs.present == TRISTATE_NO || quirk_acs(snapshot, index, NULL) == QUIRK_ISOLATED)
                return false;
        return facts->acs.present == TRISTATE_UNKNOWN || facts->pcie != TRISTATE_YES ||
               facts->acs.cap & ~facts->acs.ctrl & ACS_RR;
}

static bool is_port(const PciDevice *device)
{
        return is_type(device, PCIE_TYPE_ROOT_PORT) || is_type(device, PCIE_TYPE_DOWNSTREAM);
}

int source_checks_find(const Snapshot *snapshot, const uint8_t *missing, SourceCheck **ret_checks)
{
        SourceCheck *checks = calloc(snapshot->n_devices + 1, sizeof(*checks));

        if (!checks)
                return -ENOMEM;

        for (size_t k = 0; k < snapshot->n_devices; k++) {
                size_t i = snapshot->probe_order[k];
                const PciDevice *device = &snapshot->devices[i];
                SourceCheck *check = &checks[i];

                *check = device->parent != SNAPSHOT_NONE
                                 ? checks[device->parent]
                                 : (SourceCheck){SNAPSHOT_NONE, SNAPSHOT_NONE, SNAPSHOT_NONE};
                if (!port_may_be_root(snapshot, i) && !port_may_be_downstream(snapshot, i))
                        continue;
                if (check->top == SNAPSHOT_NONE)
                        check->top = i;
                if (missing[i] & ACS_SV)
                        check->lacking = i;
                else if (is_port(device))
                        *check = (SourceCheck){SNAPSHOT_NONE, i, check->top};
        }

        *ret_checks = checks;
        return 0;
}

/* Functions on root buses in different slots: only the root complex separates them. */
static bool has_several_slots(const Snapshot *snapshot)
{
        const PciDevice *first = NULL;

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];

                if (device->place.has_parent || device->place.has_real_dma)
                        continue;
                if (!first)
                        first = device;
                if (first->bdf.domain != device->bdf.domain || first->bdf.bus != device->bdf.bus ||
                    bdf_device(first->bdf) != bdf_device(device->bdf))
                        return true;
        }
        return false;
}

int sound_notes_fill(const Snapshot *snapshot, const uint8_t *missing, Partition *partition)
{
        _cleanup_(freep) SourceCheck *checks = NULL;
        bool several = has_several_slots(snapshot);
        int r = source_checks_find(snapshot, missing, &checks);

        if (r < 0)
                return r;
        for (size_t g = 0; several && g < partition->n_groups; g++)
                if (partition->groups[g].n_members < snapshot->n_devices)
                        partition->groups[g].assumes |= SOUND_ASSUMES_ROOT_COMPLEX;

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];
                Group *group = &partition->groups[partition->group_of[i]];

                if (device->parent != SNAPSHOT_NONE &&
                    checks[device->parent].top != SNAPSHOT_NONE &&
                    checks[device->parent].checking == SNAPSHOT_NONE)
                        group->spoofable = true;
                if (device->physfn == SNAPSHOT_NONE ||
                    partition->group_of[device->physfn] == partition->group_of[i])
                        continue;
                if (snapshot->devices[device->physfn].facts.acs.present == TRISTATE_NO &&
                    missing[device->physfn] & ACS_RR) {
                        group->assumes |= SOUND_ASSUMES_SRIOV;
                        partition->groups[partition->group_of[device->physfn]].assumes |=
                                SOUND_ASSUMES_SRIOV;
                }
        }
        return 0;
}

const char *sound_assumption_to_string(unsigned bit)
{
        if (bit == SOUND_ASSUMES_ROOT_COMPLEX)
                return "root-complex";
        return bit == SOUND_ASSUMES_SRIOV ? "sriov" : "";
}
