/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The lists of the keys that the readers know; a test compares them with written snapshots. */

#include "core/probe/snapshot_keys.h"

#include <string.h>

static const char *const document_keys[] = {
        "schema",    "kernel_release", "command_line",        "devices", "groups", "slots",
        "ivrs_read", "ivrs",           "interrupt_remapping", NULL,
};

static const char *const device_keys[] = {
        "address",
        "vendor",
        "device",
        "subsystem_vendor",
        "subsystem_device",
        "class",
        "group_unknown",
        "parent",
        "root_bus",
        "vf",
        "real_dma",
        "ivrs_alias",
        "group",
        "iommu",
        "iommu_kind",
        "driver",
        "removable",
        "resettable",
        "numa_node",
        "facts",
        NULL,
};

static const char *const facts_keys[] = {
        "present", "header",       "pcie",         "acs",
        "serial",  "buses",        "sriov",        "ari",
        "ats",     "ats_enabled",  "pri",          "pasid",
        "flr",     "hotplug_slot", "pch_redirect", "redirect_inferred",
        NULL,
};

static const char *const group_keys[] = {"number", "type", "direct", NULL};
static const char *const slot_keys[] = {"name", "address", NULL};

static const char *const *const lists[_SNAPSHOT_OBJECT_N] = {
        [SNAPSHOT_OBJECT_DOCUMENT] = document_keys, [SNAPSHOT_OBJECT_DEVICE] = device_keys,
        [SNAPSHOT_OBJECT_FACTS] = facts_keys,       [SNAPSHOT_OBJECT_GROUP] = group_keys,
        [SNAPSHOT_OBJECT_SLOT] = slot_keys,
};

bool snapshot_key_is_known(SnapshotObject kind, const char *key)
{
        for (size_t i = 0; lists[kind][i]; i++)
                if (strcmp(lists[kind][i], key) == 0)
                        return true;
        return false;
}

const char *snapshot_find_unknown_key(SnapshotObject kind, json_object *object)
{
        if (!json_object_is_type(object, json_type_object))
                return NULL;
        json_object_object_foreach(object, key, value)
        {
                const char *unknown = NULL;

                if (!snapshot_key_is_known(kind, key))
                        return key;
                if (kind == SNAPSHOT_OBJECT_DEVICE && strcmp(key, "facts") == 0)
                        unknown = snapshot_find_unknown_key(SNAPSHOT_OBJECT_FACTS, value);
                if (unknown)
                        return unknown;
        }
        return NULL;
}
