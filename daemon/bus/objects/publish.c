/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The list of all kinds of objects, and how sd-bus finds an object of them. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/array.h"
#include "daemon/base/texts.h"
#include "daemon/bus/objects/objects.h"

const BusKind *const bus_kinds[] = {
        &bus_device_kind,
        &bus_group_kind,
        &bus_lease_kind,
        &bus_iommu_kind,
};
const size_t bus_n_kinds = ARRAY_SIZE(bus_kinds);

static int enumerate(sd_bus *sd, const char *prefix, void *userdata, char ***ret_nodes,
                     sd_bus_error *error)
{
        _cleanup_(text_list_clear) TextList paths = {.items = NULL};
        const Bus *bus = userdata;
        char *path;
        int r = 0;

        for (size_t i = 0; r == 0 && i < bus_n_kinds; i++)
                for (size_t k = 0; r == 0 && bus_kinds[i]->next(bus->ledger, &k, &path); k++)
                        r = text_list_add(&paths, path);
        if (r == 0 && !ARRAY_GROW(paths.items, paths.n_items))
                r = -ENOMEM;
        if (r < 0)
                return r;
        paths.items[paths.n_items] = NULL;
        *ret_nodes = paths.items;
        paths = (TextList){.items = NULL};
        return 0;
}

static int find(sd_bus *sd, const char *path, const char *interface, void *userdata,
                void **ret_found, sd_bus_error *error)
{
        Bus *bus = userdata;

        for (size_t i = 0; i < bus_n_kinds; i++) {
                size_t index = strcmp(bus_kinds[i]->interface, interface) == 0
                                       ? bus_kinds[i]->find(bus->ledger, path)
                                       : SNAPSHOT_NONE;
                if (index == SNAPSHOT_NONE)
                        continue;
                bus->found = (BusView){.bus = bus, .index = index};
                *ret_found = &bus->found;
                return 1;
        }
        return 0;
}

int objects_publish(Bus *bus)
{
        bus->root_view = (BusView){.bus = bus};
        int r = sd_bus_add_object_manager(bus->bus, NULL, BUS_ROOT);
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus->bus, NULL, BUS_ROOT, BUS_IFACE_MANAGER,
                                             bus_manager_vtable, &bus->root_view);
        if (r >= 0)
                r = sd_bus_add_node_enumerator(bus->bus, NULL, BUS_ROOT, enumerate, bus);
        for (size_t i = 0; r >= 0 && i < bus_n_kinds; i++)
                r = sd_bus_add_fallback_vtable(bus->bus, NULL, bus_kinds[i]->prefix,
                                               bus_kinds[i]->interface, bus_kinds[i]->vtable, find,
                                               bus);
        return r < 0 ? r : 0;
}
