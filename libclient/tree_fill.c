/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Converts results of the model to the values of isolation.h. */

#include "libclient/tree.h"

#include <errno.h>
#include <string.h>

const char *tree_address(const Tree *tree, size_t index)
{
        return index < tree->view->n_devices ? tree->view->devices[index].address : "";
}

static const char *group_id_of(const Partition *partition, size_t index)
{
        size_t group = partition->group_of[index];

        return group == SNAPSHOT_NONE ? "" : partition->groups[group].id;
}

int tree_fill_device(const Tree *tree, const Partition *shown, const Partition *computed,
                     size_t index, iso_device *ret_device)
{
        const PciDevice *device = &tree->snapshot->devices[index];
        _cleanup_(freep) char *id = NULL;
        Arena *arena = tree->arena;
        char address[BDF_TEXT_SIZE], parent[BDF_TEXT_SIZE] = "";
        bool is_bridge = device->ids.class_code >> 16 == 0x06;
        const char *state = *device->sysfs.driver || is_bridge ? "host" : "free";

        id = snapshot_path(tree->snapshot, index);
        if (!id)
                return -ENOMEM;
        if (device->parent != SNAPSHOT_NONE)
                bdf_format(tree->snapshot->devices[device->parent].bdf, parent);

        *ret_device = (iso_device){
                .address = arena_strdup(arena, bdf_format(device->bdf, address)),
                .id = arena_strdup(arena, id),
                .parent = arena_strdup(arena, parent),
                .group = group_id_of(shown, index),
                .computed_group = group_id_of(computed, index),
                .kernel_group = device->kernel_group >= 0 ? device->kernel_group : -1,
                .group_unknown = device->kernel_group == KERNEL_GROUP_UNKNOWN,
                .vendor = device->ids.vendor,
                .device = device->ids.device,
                .class_code = device->ids.class_code,
                .driver = arena_strdup_printable(arena, device->sysfs.driver),
                .state = tree->snapshot->without_drivers ? "" : state,
                .iommu = arena_strdup_printable(arena, device->sysfs.iommu),
        };
        if (!ret_device->address || !ret_device->id || !ret_device->parent || !ret_device->driver ||
            !ret_device->iommu)
                return -ENOMEM;
        return 0;
}

int tree_fill_reason(const Tree *tree, const Reason *reason, iso_reason *ret_reason)
{
        static const struct {
                uint8_t bit;
                const char *name;
        } bits[] = {{ACS_SV, "SV"}, {ACS_RR, "RR"}, {ACS_CR, "CR"}, {ACS_UF, "UF"}};
        _cleanup_(freep) char *text = NULL;
        Arena *arena = tree->arena;
        const char **missing;
        size_t n = 0;

        text = reason_describe(tree->snapshot, reason);
        missing = arena_alloc(arena, ARRAY_SIZE(bits) + 1, sizeof(*missing));
        if (!text || !missing)
                return -ENOMEM;
        for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
                if (reason->missing & bits[i].bit)
                        missing[n++] = bits[i].name;

        *ret_reason = (iso_reason){
                .rule = reason_rule_to_string(reason->rule),
                .a = tree_address(tree, reason->a),
                .b = tree_address(tree, reason->b),
                .at = tree_address(tree, reason->at),
                .missing = missing,
                .text = arena_strdup(arena, text),
        };
        return ret_reason->text ? 0 : -ENOMEM;
}

int tree_fill_group(const Tree *tree, PartitionKind kind, const Group *group, iso_group *ret_group)
{
        static const unsigned assumptions[] = {SOUND_ASSUMES_ROOT_COMPLEX, SOUND_ASSUMES_SRIOV};
        Arena *arena = tree->arena;
        const char **devices, **assumes, *type;
        size_t n_assumes = 0;

        devices = arena_alloc(arena, group->n_members + 1, sizeof(*devices));
        type = arena_strdup_printable(arena,
                                      snapshot_group_type(tree->snapshot, group->kernel_group));
        assumes = arena_alloc(arena, ARRAY_SIZE(assumptions) + 1, sizeof(*assumes));
        if (!devices || !type || !assumes)
                return -ENOMEM;
        for (size_t i = 0; i < ARRAY_SIZE(assumptions); i++)
                if (group->assumes & assumptions[i])
                        assumes[n_assumes++] = sound_assumption_to_string(assumptions[i]);

        for (size_t i = 0; i < group->n_members; i++)
                devices[i] = tree_address(tree, group->members[i]);

        *ret_group = (iso_group){
                .id = group->id,
                .partition = partition_kind_to_string(kind),
                .kernel_group = group->kernel_group,
                .devices = devices,
                .n_devices = group->n_members,
                .type = type,
                .guard = "none",
                .guard_evidence = "",
                .state = "free",
                .assumes = assumes,
                .spoofable = group->spoofable,
        };
        return 0;
}
