/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Converts tables of parts to snapshots, and partitions to text.
 */

#include "topology.h"

#include <stdio.h>
#include <string.h>

static Bdf parse(const char *text)
{
        Bdf bdf;

        if (!bdf_parse(text, &bdf)) {
                fprintf(stderr, "%s is no address\n", text);
                abort();
        }
        return bdf;
}

static void fill_facts(PciDevice *device, const Part *part)
{
        PciFacts *facts = &device->facts;

        facts->present = TRISTATE_YES;
        facts->header_known = TRISTATE_YES;
        facts->multifunction_bit = tristate_from_bool(part->multifunction);
        facts->caps.ari = TRISTATE_NO;
        facts->header_type =
                part->type >= PCIE_TYPE_ROOT_PORT && part->type <= PCIE_TYPE_PCI_TO_PCIE;
        if (part->type == PART_UNKNOWN)
                return;
        facts->pcie = tristate_from_bool(part->type != PART_PCI);
        facts->pcie_type = part->type == PART_PCI ? 0 : (uint8_t)part->type;
        if (part->acs == PART_ACS_UNKNOWN)
                return;
        facts->acs.present = tristate_from_bool(part->acs != 0);
        if (part->acs != 0) {
                facts->acs.offset = 0x100;
                facts->acs.cap = PART_ACS_ON;
                facts->acs.ctrl = (uint16_t)(part->acs & 0xff);
        }
}

Snapshot *topology_build(const Part *parts, size_t n_parts)
{
        Snapshot *snapshot;

        if (snapshot_new(&snapshot) < 0)
                abort();
        for (size_t i = 0; i < n_parts; i++) {
                const Part *part = &parts[i];
                PciDevice device = {
                        .bdf = parse(part->bdf),
                        .ids.vendor = part->vendor,
                        .ids.device = part->device,
                        .kernel_group = part->kernel_group - 1,
                };

                device.place.root_domain = device.bdf.domain;
                if (part->above) {
                        device.place.has_parent = true;
                        device.place.parent_bdf = parse(part->above);
                } else {
                        device.place.root_bus = device.bdf.bus;
                }
                if (part->physfn) {
                        device.place.is_vf = true;
                        device.place.physfn_bdf = parse(part->physfn);
                        device.place.vf_index = VF_INDEX_NONE;
                }
                if (part->real_dma) {
                        device.place.has_real_dma = true;
                        device.place.real_dma_bdf = parse(part->real_dma);
                }
                fill_facts(&device, part);
                if (snapshot_add(snapshot, &device) < 0)
                        abort();
        }
        if (snapshot_finish(snapshot) < 0)
                abort();
        return snapshot;
}

size_t topology_find(const Snapshot *snapshot, const char *bdf)
{
        size_t index = snapshot_find(snapshot, parse(bdf));

        if (index == SNAPSHOT_NONE) {
                fprintf(stderr, "%s is not in the topology\n", bdf);
                abort();
        }
        return index;
}

char *topology_text(const Snapshot *snapshot, const Partition *partition)
{
        char *text = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&text, &n);

        if (!out)
                abort();
        for (size_t g = 0; g < partition->n_groups; g++) {
                const Group *group = &partition->groups[g];

                for (size_t i = 0; i < group->n_members; i++) {
                        char bdf[BDF_TEXT_SIZE];
                        const char *full;

                        full = bdf_format(snapshot->devices[group->members[i]].bdf, bdf);
                        fprintf(out, "%s%s",
                                i > 0   ? " "
                                : g > 0 ? " | "
                                        : "",
                                strncmp(full, "0000:", 5) == 0 ? full + 5 : full);
                }
        }
        if (fclose(out) != 0)
                abort();
        return text;
}

char *topology_rules(const Snapshot *snapshot, const Partition *partition, const char *bdf)
{
        const Group *group = &partition->groups[partition->group_of[topology_find(snapshot, bdf)]];
        char *text = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&text, &n);

        if (!out)
                abort();
        for (size_t i = 0; i < group->n_reasons; i++)
                fprintf(out, "%s%s", i > 0 ? " " : "",
                        reason_rule_to_string(group->reasons[i].rule));
        if (fclose(out) != 0)
                abort();
        return text;
}

/* Follows the reasons from the first member until no device is added. */
static bool group_connects(const Partition *partition, size_t g)
{
        const Group *group = &partition->groups[g];
        bool *reached = calloc(partition->n_devices, sizeof(*reached));
        size_t n_reached = 1;
        bool grew = true, ok = true;

        if (!reached)
                abort();
        reached[group->members[0]] = true;
        while (grew) {
                grew = false;
                for (size_t i = 0; i < group->n_reasons; i++) {
                        const Reason *reason = &group->reasons[i];

                        if (partition->group_of[reason->a] != g ||
                            partition->group_of[reason->b] != g)
                                ok = false;
                        if (reached[reason->a] == reached[reason->b])
                                continue;
                        reached[reason->a] = reached[reason->b] = grew = true;
                        n_reached++;
                }
        }
        free(reached);
        return ok && n_reached == group->n_members;
}

bool topology_reasons_connect(const Partition *partition)
{
        size_t n = 0;

        for (size_t g = 0; g < partition->n_groups; g++) {
                const Group *group = &partition->groups[g];

                for (size_t i = 0; i < group->n_members; i++)
                        if (partition->group_of[group->members[i]] != g ||
                            (i > 0 && group->members[i - 1] >= group->members[i]))
                                return false;
                n += group->n_members;
                if (!group_connects(partition, g))
                        return false;
        }
        for (size_t i = 0; i < partition->n_devices; i++)
                n -= partition->group_of[i] != SNAPSHOT_NONE;
        return n == 0;
}

bool topology_facts_equal(const PciFacts *a, const PciFacts *b)
{
        return a->present == b->present && a->header_known == b->header_known &&
               a->header_type == b->header_type && a->multifunction_bit == b->multifunction_bit &&
               a->pcie == b->pcie && a->pcie_type == b->pcie_type &&
               a->caps.hotplug_slot == b->caps.hotplug_slot && a->acs.present == b->acs.present &&
               a->acs.offset == b->acs.offset && a->acs.cap == b->acs.cap &&
               a->acs.ctrl == b->acs.ctrl && a->acs.dword4 == b->acs.dword4 &&
               a->acs.dword8 == b->acs.dword8 && a->acs.dword8_unread == b->acs.dword8_unread &&
               a->caps.sriov == b->caps.sriov && a->caps.ari == b->caps.ari &&
               a->caps.ats == b->caps.ats && a->caps.ats_enabled == b->caps.ats_enabled &&
               a->caps.pri == b->caps.pri && a->caps.pasid == b->caps.pasid &&
               a->caps.flr == b->caps.flr && a->serial == b->serial &&
               a->serial_number == b->serial_number && a->buses_known == b->buses_known &&
               a->secondary_bus == b->secondary_bus && a->subordinate_bus == b->subordinate_bus &&
               a->pch_redirect == b->pch_redirect && a->redirect_inferred == b->redirect_inferred;
}

const char *topology_above(const Snapshot *snapshot, const char *bdf)
{
        static char text[BDF_TEXT_SIZE];
        const PciDevice *device = &snapshot->devices[topology_find(snapshot, bdf)];

        if (!device->place.has_parent)
                return "root";
        if (device->parent == SNAPSHOT_NONE)
                return "?";
        return bdf_format(snapshot->devices[device->parent].bdf, text);
}
