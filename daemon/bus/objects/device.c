/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * org.isolationd1.Device: one PCI function.
 */

#include <string.h>

#include "daemon/bus/call/paths.h"
#include "daemon/bus/call/reply.h"
#include "daemon/bus/objects/objects_internal.h"

static const PciDevice *device_of(void *userdata)
{
        const BusView *view = userdata;

        return &bus_view_world(view)->snapshot->devices[view->index];
}

static BUS_GETTER(get_text)
{
        const BusView *view = userdata;
        const World *world = bus_view_world(view);
        const PciDevice *device = device_of(userdata);
        size_t group = world->computed->group_of[view->index];
        char address[BDF_TEXT_SIZE];
        const char *text;

        if (strcmp(property, "Address") == 0)
                text = bdf_format(device->bdf, address);
        else if (strcmp(property, "Id") == 0)
                text = world->paths[view->index];
        else if (strcmp(property, "Parent") == 0)
                text = device->place.has_parent ? bdf_format(device->place.parent_bdf, address)
                                                : "";
        else if (strcmp(property, "ComputedGroup") == 0)
                text = group == SNAPSHOT_NONE ? "" : world->computed->groups[group].id;
        else if (strcmp(property, "Driver") == 0)
                text = device->sysfs.driver;
        else if (strcmp(property, "State") == 0)
                text = ledger_device_state(view->bus->ledger, view->index);
        else
                text = device->sysfs.iommu;
        return sd_bus_message_append(reply, "s", text);
}

static BUS_GETTER(get_group)
{
        const BusView *view = userdata;
        const Partition *groups = bus_view_world(view)->groups;
        size_t group = groups->group_of[view->index];

        if (group == SNAPSHOT_NONE)
                return sd_bus_message_append(reply, "o", "/");
        return bus_append_path(reply, bus_path_group(groups->groups[group].id));
}

static BUS_GETTER(get_number)
{
        const PciDevice *device = device_of(userdata);

        if (strcmp(property, "KernelGroup") == 0)
                return sd_bus_message_append(reply, "i", device->kernel_group);
        if (strcmp(property, "Class") == 0)
                return sd_bus_message_append(reply, "u", device->ids.class_code);
        return sd_bus_message_append(reply, "q",
                                     strcmp(property, "Vendor") == 0 ? device->ids.vendor
                                                                     : device->ids.device);
}

static bool next(const Ledger *ledger, size_t *index, char **ret_path)
{
        const Snapshot *snapshot = ledger->world->snapshot;

        if (*index >= snapshot->n_devices)
                return false;
        *ret_path = bus_path_device(snapshot->devices[*index].bdf);
        return true;
}

static const sd_bus_vtable device_vtable[] = {
        SD_BUS_VTABLE_START(0),
        BUS_METHOD("Reset", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a(ss)", resets)),
        SD_BUS_PROPERTY("Address", "s", get_text, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("Id", "s", get_text, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("Parent", "s", get_text, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("Group", "o", get_group, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("ComputedGroup", "s", get_text, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("KernelGroup", "i", get_number, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("Vendor", "q", get_number, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("Device", "q", get_number, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("Class", "u", get_number, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("Driver", "s", get_text, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("State", "s", get_text, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("Iommu", "s", get_text, 0, BUS_CHANGES),
        SD_BUS_VTABLE_END,
};

const BusKind bus_device_kind = {
        .prefix = BUS_ROOT "/device",
        .interface = BUS_IFACE_DEVICE,
        .vtable = device_vtable,
        .find = bus_find_device,
        .next = next,
};
