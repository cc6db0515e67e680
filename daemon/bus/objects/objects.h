/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The daemon's objects on the bus: their properties, signals and introspection.
 *
 * Objects are not kept: a path is looked up in the manager at each request. Every getter of a
 * property and every name of a method is in a vtable; what methods do is in methods/.
 */

#include "daemon/bus/call/call.h"

/*
 * Flags of a property that only users with a right see (BusKind.may_see). sd-bus puts its value
 * into no signal. With the first, PropertiesChanged lists the property as invalidated; with the
 * second, no signal mentions it.
 */
#define BUS_PRIVATE (SD_BUS_VTABLE_PROPERTY_EXPLICIT | SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION)
#define BUS_PRIVATE_SILENT SD_BUS_VTABLE_PROPERTY_EXPLICIT

/* One kind of objects below BUS_ROOT. */
typedef struct BusKind {
        const char *prefix; /* "/org/isolationd1/device" */
        const char *interface;
        const sd_bus_vtable *vtable;
        /* The index of the object at a path, or SNAPSHOT_NONE. */
        size_t (*find)(const Ledger *ledger, const char *path);
        /*
         * Sets *index to the first object from *index on, and *ret_path to its path, which the
         * caller frees and which is NULL if memory is short. Returns false if there is none.
         */
        bool (*next)(const Ledger *ledger, size_t *index, char **ret_path);
        /* Whether a user sees private properties of an object; NULL: there are none. */
        bool (*may_see)(const Ledger *ledger, size_t index, uid_t uid);
} BusKind;

/* All kinds. */
extern const BusKind *const bus_kinds[];
extern const size_t bus_n_kinds;

extern const sd_bus_vtable bus_manager_vtable[];
extern const BusKind bus_device_kind;
extern const BusKind bus_group_kind;
extern const BusKind bus_lease_kind;
extern const BusKind bus_iommu_kind;

/* Registers all objects with sd-bus. Returns 0 or -errno. */
_nodiscard_ int objects_publish(Bus *bus);

/* Makes this bus the observer of the manager: changes become signals. */
void bus_observe(Bus *bus);

/* The methods that D-Bus itself defines for objects. */
CallVerdict standard_get(MethodCall *call);
CallVerdict standard_get_all(MethodCall *call);
CallVerdict standard_get_managed_objects(MethodCall *call);
CallVerdict standard_introspect(MethodCall *call);
