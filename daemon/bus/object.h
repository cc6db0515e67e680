/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the object files share: the bus, the views that getters are given, paths and replies.
 */

#include <systemd/sd-bus.h>

#include "daemon/bus/bus.h"

#define BUS_IFACE_MANAGER BUS_NAME ".Manager"
#define BUS_IFACE_DEVICE BUS_NAME ".Device"
#define BUS_IFACE_GROUP BUS_NAME ".Group"
#define BUS_IFACE_LEASE BUS_NAME ".Lease"
#define BUS_IFACE_IOMMU BUS_NAME ".Iommu"

/*
 * What sd-bus hands to getters and methods: the object it just asked the finder for. sd-bus reads an
 * object before it asks for the next, so one view per interface is enough.
 */
typedef struct BusView {
        Bus *bus;
        size_t index; /* device, group or lease; for an IOMMU a device it covers */
} BusView;

struct Bus {
        Ledger *ledger;
        struct event_base *base;
        sd_bus *bus;
        struct Gate *gate; /* what comes from the bus goes through it: daemon/bus/gate.h */
        int input, output; /* sockets of `bus`, borrowed */
        struct event *io;  /* to read, to write, and for the gate */
        struct event *out;
        struct event *gate_io;
        struct event *timer;
        BusView root_view;
        BusView device_view;
        BusView group_view;
        BusView lease_view;
        BusView iommu_view;
        uint64_t n_told;          /* changes of objects that signals have told of */
        struct MethodCall *calls; /* that are not answered yet */
        struct Pace *pace;        /* of what its users ask: daemon/bus/pace.h */
        struct Pace *looks;       /* of what they have looked up */
        struct Pace *reads;       /* of single objects */
        struct Pace *lists;       /* of all objects at once */
        struct Subscriber *subscribers; /* daemon/bus/subscribers.h */
        struct BusNames *names; /* watched for their end: daemon/bus/names.h */
};

static inline const World *bus_view_world(const BusView *view)
{
        return view->bus->ledger->world;
}

/*
 * Flags of a property that only those see who have a right to (BusKind.may_see). sd-bus does not put
 * its value into any signal; a signal only says that it may be another one by now. The second is for a
 * property of which no signal tells at all.
 */
#define BUS_PRIVATE (SD_BUS_VTABLE_PROPERTY_EXPLICIT | SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION)
#define BUS_PRIVATE_SILENT SD_BUS_VTABLE_PROPERTY_EXPLICIT

/* One object kind below BUS_ROOT. */
typedef struct BusKind {
        const char *prefix; /* "/org/isolationd1/device" */
        const char *interface;
        const sd_bus_vtable *vtable;
        sd_bus_object_find_t find; /* userdata is the Bus */
        /*
         * Object number `index` of the kind: its view, and its path, which is the caller's and NULL if
         * memory is short. Returns false past the last one.
         */
        bool (*at)(Bus *bus, size_t index, BusView *ret_view, char **ret_path);
        /* Whether a user sees private properties of the object; NULL: there are none. */
        bool (*may_see)(const BusView *view, uid_t uid);
} BusKind;

/* All kinds. */
extern const BusKind *const bus_kinds[];
extern const size_t bus_n_kinds;

extern const sd_bus_vtable bus_manager_vtable[];
extern const BusKind bus_device_kind;
extern const BusKind bus_group_kind;
extern const BusKind bus_lease_kind;
extern const BusKind bus_iommu_kind;

static inline void slot_unrefp(sd_bus_slot **slot)
{
        (void)sd_bus_slot_unref(*slot);
}

static inline void message_unrefp(sd_bus_message **message)
{
        (void)sd_bus_message_unref(*message);
}

/* Whether a user has a right to know more of a lease than its groups and its state. */
bool bus_may_see_lease(const Lease *lease, uid_t uid);

/* Object paths; strings the caller frees, or NULL if memory is short. */
char *bus_path_device(Bdf bdf);
char *bus_path_group(const char *id);
char *bus_path_lease(uint32_t id);
char *bus_path_iommu(const char *name);

/* Appends a path as `o` and frees it; NULL gives -ENOMEM. */
_nodiscard_ int bus_append_path(sd_bus_message *reply, char *path);

/* Index of what a path of that kind names, or SNAPSHOT_NONE. */
size_t bus_find_device(const Ledger *ledger, const char *path);
size_t bus_find_group(const Ledger *ledger, const char *path);
Lease *bus_find_lease(const Ledger *ledger, const char *path);
size_t bus_find_iommu(const Ledger *ledger, const char *path);

/* Appends addresses of devices, as `as`. */
_nodiscard_ int bus_append_addresses(sd_bus_message *reply, const Snapshot *snapshot,
                                     const size_t *devices, size_t n_devices);

/*
 * Replaces by `?` what is not UTF-8. The bus refuses such a text, and a text that was cut to a length
 * may end within a character.
 */
void bus_mend_text(char *text);

/* Answers a call with the bus error of a manager's answer (code must not be 0). */
void bus_reply_failure(sd_bus_message *call, const LeaseAnswer *answer);

/* Answers a call with one refusal. */
void bus_reply_refusal(sd_bus_message *call, Refusal refusal, const char *format, ...)
        _printf_(3, 4);
