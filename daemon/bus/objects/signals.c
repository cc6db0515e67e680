/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Each call of the observer sends one signal. A signal that cannot be sent is logged and dropped:
 * clients can read the state at any time.
 */

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/bus/access/subscribers.h"
#include "daemon/bus/call/paths.h"
#include "daemon/bus/objects/objects.h"

static void check(int r, const char *signal, const char *path)
{
        if (r < 0)
                log_warning("%s: cannot send signal %s: %s", path, signal, strerror(-r));
}

/* Sends the signal for a change of one object. `properties` (NULL-terminated) may have changed. */
static void tell(Bus *bus, Change change, char *path, const char *interface, char **properties)
{
        _cleanup_(freep) char *owned = path;

        bus->n_signals++;
        if (!owned)
                return check(-ENOMEM, "PropertiesChanged", interface);
        switch (change) {
        case CHANGE_ADDED:
                return check(sd_bus_emit_interfaces_added(bus->bus, owned, interface, NULL),
                             "InterfacesAdded", owned);
        case CHANGE_REMOVED:
                return check(sd_bus_emit_interfaces_removed(bus->bus, owned, interface, NULL),
                             "InterfacesRemoved", owned);
        case CHANGE_CHANGED:
                return check(
                        sd_bus_emit_properties_changed_strv(bus->bus, owned, interface, properties),
                        "PropertiesChanged", owned);
        }
}

/* sd-bus takes lists of names as char ** and does not write to them. */
#define NAMES(...)                                                                                 \
        (char **)(const char *const[])                                                             \
        {                                                                                          \
                __VA_ARGS__, NULL                                                                  \
        }

static void on_device(Change change, const char *address, void *userdata)
{
        Bdf bdf;

        if (bdf_parse(address, &bdf))
                tell(userdata, change, bus_path_device(bdf), BUS_IFACE_DEVICE,
                     NAMES("Driver", "State", "Group", "KernelGroup", "ComputedGroup"));
}

static void on_group(Change change, const char *id, void *userdata)
{
        tell(userdata, change, bus_path_group(id), BUS_IFACE_GROUP,
             NAMES("Devices", "Reasons", "KernelGroup", "Type", "Guard", "GuardEvidence", "State",
                   "Lease"));
}

static void on_lease(Change change, uint32_t id, void *userdata)
{
        tell(userdata, change, bus_path_lease(id), BUS_IFACE_LEASE,
             NAMES("Devices", "Held", "Uid", "Unit", "Mode", "AddressSpace", "Accounting", "Nodes",
                   "Guard", "State", "Trouble"));
}

/* Sends a signal of a lease to everybody; `types` and the values as for sd_bus_emit_signal(). */
static void emit(Bus *bus, const Lease *lease, const char *member, const char *types, ...)
{
        _cleanup_(freep) char *path = bus_path_lease(lease->record->id);
        int r = -ENOMEM;
        va_list values;

        va_start(values, types);
        if (path)
                r = sd_bus_emit_signalv(bus->bus, path, BUS_IFACE_LEASE, member, types, values);
        va_end(values);
        check(r, member, path ? path : "a lease");
}

static void on_joined(const Lease *lease, Bdf bdf, bool in_address_space, void *userdata)
{
        char text[BDF_TEXT_SIZE];

        emit(userdata, lease, "DeviceJoined", "sa{sv}", bdf_format(bdf, text), 1,
             "in-owner-address-space", "b", (int)in_address_space);
}

static void on_lost(const Lease *lease, Bdf bdf, const char *cause, void *userdata)
{
        char text[BDF_TEXT_SIZE];

        emit(userdata, lease, "DeviceLost", "sa{sv}", bdf_format(bdf, text), 1, "cause", "s",
             cause);
}

static void on_pf_changed(const Lease *lease, Bdf pf, const char *cause, void *userdata)
{
        char text[BDF_TEXT_SIZE];

        emit(userdata, lease, "PfChanged", "sa{sv}", bdf_format(pf, text), 1, "cause", "s", cause);
}

static void on_returned(const Lease *lease, Bdf bdf, const char *difference, bool taken,
                        void *userdata)
{
        char text[BDF_TEXT_SIZE];

        emit(userdata, lease, "DeviceReturned", "sa{sv}", bdf_format(bdf, text), 3, "same", "b",
             (int)!difference[0], "difference", "s", difference, "taken", "b", (int)taken);
}

static void on_weakened(const Lease *lease, GuardLayer layer, void *userdata)
{
        emit(userdata, lease, "GuardWeakened", "sa{sv}", guard_layer_to_string(layer), 1,
             "required", "s", guard_layer_to_string(lease->record->terms.guard));
}

static void on_breached(const Lease *lease, Bdf bdf, const char *driver, GuardLayer layer,
                        void *userdata)
{
        char text[BDF_TEXT_SIZE];

        emit(userdata, lease, "Breached", "sa{sv}", bdf_format(bdf, text), 2, "driver", "s", driver,
             "guard", "s", guard_layer_to_string(layer));
}

static void on_fault(const Lease *lease, const LeaseDevice *device, const IommuFault *fault,
                     void *userdata)
{
        char text[BDF_TEXT_SIZE];

        check(subscribers_tell(userdata, lease, "Fault", "sa{sv}", bdf_format(fault->bdf, text), 3,
                               "access", "s", fault_access_to_string(fault->access), "address", "t",
                               device->faults.address, "count", "t", device->faults.n),
              "Fault", "a lease");
}

static void on_needs_name(const char *name, void *userdata)
{
        Bus *bus = userdata;

        bus->watch_name(bus, name);
}

static void on_second_holder(const Lease *lease, const Holder *holder, void *userdata)
{
        check(subscribers_tell(userdata, lease, "SecondHolder", "ua{sv}", (uint32_t)holder->pid, 3,
                               "comm", "s", holder->comm, "unit", "s", holder->unit, "uid", "u",
                               holder->uid),
              "SecondHolder", "a lease");
}

static void on_revoked(const Lease *lease, unsigned grace_seconds, void *userdata)
{
        check(subscribers_tell(userdata, lease, "Revoked", "ua{sv}", (uint32_t)grace_seconds, 1,
                               "kill", "b", (int)lease->record->revocation.kill),
              "Revoked", "a lease");
}

static void on_policy(void *userdata)
{
        tell(userdata, CHANGE_CHANGED, strdup(BUS_ROOT), BUS_IFACE_MANAGER, NAMES("PolicyError"));
}

void bus_observe(Bus *bus)
{
        const LedgerObserver observer = {
                .device = on_device,
                .group = on_group,
                .lease = on_lease,
                .joined = on_joined,
                .lost = on_lost,
                .returned = on_returned,
                .pf_changed = on_pf_changed,
                .weakened = on_weakened,
                .breached = on_breached,
                .needs_name = on_needs_name,
                .fault = on_fault,
                .revoked = on_revoked,
                .policy = on_policy,
                .second_holder = on_second_holder,
                .userdata = bus,
        };

        ledger_observe(bus->ledger, &observer);
}
