/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * org.isolationd1.Iommu: one IOMMU and the devices it covers.
 */

#include <string.h>

#include "daemon/bus/call/paths.h"
#include "daemon/bus/objects/objects_internal.h"

static const PciDevice *covered_device(void *userdata)
{
        const BusView *view = userdata;

        return &bus_view_world(view)->snapshot->devices[view->index];
}

static BUS_GETTER(get_name)
{
        return sd_bus_message_append(reply, "s", covered_device(userdata)->sysfs.iommu);
}

static BUS_GETTER(get_kind)
{
        return sd_bus_message_append(
                reply, "s", iommu_kind_to_string(covered_device(userdata)->sysfs.iommu_kind));
}

static BUS_GETTER(get_devices)
{
        const BusView *view = userdata;
        const Snapshot *snapshot = bus_view_world(view)->snapshot;
        char text[BDF_TEXT_SIZE];

        int r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; r >= 0 && i < snapshot->n_devices; i++)
                if (strcmp(snapshot->devices[i].sysfs.iommu,
                           covered_device(userdata)->sysfs.iommu) == 0)
                        r = sd_bus_message_append(reply, "s",
                                                  bdf_format(snapshot->devices[i].bdf, text));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Whether the device is the first that its IOMMU covers. */
static bool is_first(const Snapshot *snapshot, size_t device)
{
        bool seen = snapshot->devices[device].sysfs.iommu[0] == '\0';

        for (size_t i = 0; !seen && i < device; i++)
                seen = strcmp(snapshot->devices[device].sysfs.iommu,
                              snapshot->devices[i].sysfs.iommu) == 0;
        return !seen;
}

static bool next(const Ledger *ledger, size_t *index, char **ret_path)
{
        const Snapshot *snapshot = ledger->world->snapshot;

        while (*index < snapshot->n_devices && !is_first(snapshot, *index))
                ++*index;
        if (*index >= snapshot->n_devices)
                return false;
        *ret_path = bus_path_iommu(snapshot->devices[*index].sysfs.iommu);
        return true;
}

static const sd_bus_vtable iommu_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Name", "s", get_name, 0, 0),
        SD_BUS_PROPERTY("Kind", "s", get_kind, 0, 0),
        SD_BUS_PROPERTY("Devices", "as", get_devices, 0, 0),
        SD_BUS_VTABLE_END,
};

const BusKind bus_iommu_kind = {
        .prefix = BUS_ROOT "/iommu",
        .interface = BUS_IFACE_IOMMU,
        .vtable = iommu_vtable,
        .find = bus_find_iommu,
        .next = next,
};
