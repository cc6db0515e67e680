/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * org.isolationd1.Lease: the groups and devices of a lease, its owner and its state.
 */

#include <string.h>

#include "daemon/bus/access/authorize.h"
#include "daemon/bus/call/paths.h"
#include "daemon/bus/call/reply.h"
#include "daemon/bus/objects/objects_internal.h"
#include "daemon/facts/guard_facts.h"
#include "daemon/lease/nodes.h"
#include "daemon/lifecycle/lifecycle.h"

static const Lease *lease_of(void *userdata)
{
        const BusView *view = userdata;

        return view->bus->ledger->leases[view->index];
}

static BUS_GETTER(get_number)
{
        const LeaseRecord *record = lease_of(userdata)->record;

        if (strcmp(property, "Since") == 0)
                return sd_bus_message_append(reply, "t", record->since_usec);
        return sd_bus_message_append(reply, "u",
                                     strcmp(property, "Id") == 0 ? record->id : record->owner.uid);
}

/*
 * The limit on locked memory that applies: in modes that the daemon sets up, that of each process.
 */
static const char *describe_accounting(LeaseMode mode)
{
        return mode == LEASE_MODE_GROUP_FD || mode == LEASE_MODE_PATH ? "owner" : "process";
}

static BUS_GETTER(get_text)
{
        const Lease *lease = lease_of(userdata);
        const LeaseRecord *record = lease->record;
        const char *text;

        if (strcmp(property, "Unit") == 0)
                text = record->owner.unit;
        else if (strcmp(property, "Rule") == 0)
                text = record->terms.rule;
        else if (strcmp(property, "Mode") == 0)
                text = lease_mode_to_string(record->mode);
        else if (strcmp(property, "AddressSpace") == 0)
                text = lease_mode_claims(record->mode) ? "one" : "owner";
        else if (strcmp(property, "Accounting") == 0)
                text = describe_accounting(record->mode);
        else if (strcmp(property, "Lifetime") == 0)
                text = lease_lifetime_to_string(record->lifetime);
        else if (strcmp(property, "Trouble") == 0)
                text = lease_trouble(lease);
        else if (strcmp(property, "RequiredGuard") == 0)
                text = guard_layer_to_string(record->terms.guard);
        else if (strcmp(property, "Guard") == 0)
                text = guard_layer_to_string(lease_guard(lease));
        else
                text = ledger_lease_state(lease);
        return sd_bus_message_append(reply, "s", text);
}

static BUS_GETTER(get_groups)
{
        const LeaseRecord *record = lease_of(userdata)->record;

        int r = sd_bus_message_open_container(reply, 'a', "o");
        for (size_t i = 0; r >= 0 && i < record->n_groups; i++)
                r = bus_append_path(reply, bus_path_group(record->groups[i].id));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static BUS_GETTER(get_devices)
{
        const LeaseRecord *record = lease_of(userdata)->record;
        LeaseRole role = strcmp(property, "Held") == 0 ? LEASE_ROLE_JOINER : LEASE_ROLE_TAKEN;
        char text[BDF_TEXT_SIZE];

        int r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; r >= 0 && i < record->n_devices; i++)
                if (record->devices[i].role == role && !record->devices[i].lost)
                        r = sd_bus_message_append(reply, "s",
                                                  bdf_format(record->devices[i].bdf, text));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static BUS_GETTER(get_nodes)
{
        const Lease *lease = lease_of(userdata);
        _cleanup_(nodes_clear) Nodes nodes = {.n_own = 0};

        int r = nodes_find(&lease->ledger->host, lease->record, &nodes);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; r >= 0 && i < nodes.paths.n_items; i++)
                r = sd_bus_message_append(reply, "s", nodes.paths.items[i]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static BUS_GETTER(get_faults)
{
        const LeaseRecord *record = lease_of(userdata)->record;
        char text[BDF_TEXT_SIZE];

        int r = sd_bus_message_open_container(reply, 'a', "(stt)");
        for (size_t i = 0; r >= 0 && i < record->n_devices; i++)
                if (record->devices[i].faults.n > 0)
                        r = sd_bus_message_append(
                                reply, "(stt)", bdf_format(record->devices[i].bdf, text),
                                record->devices[i].faults.n, record->devices[i].faults.address);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static BUS_GETTER(get_memory_warning)
{
        const char *text = lease_memory_warning(lease_of(userdata));

        return sd_bus_message_append(reply, "s", text ? text : "");
}

static size_t find(const Ledger *ledger, const char *path)
{
        const Lease *lease = bus_find_lease(ledger, path);

        for (size_t i = 0; lease && i < ledger->n_leases; i++)
                if (ledger->leases[i] == lease)
                        return i;
        return SNAPSHOT_NONE;
}

static bool next(const Ledger *ledger, size_t *index, char **ret_path)
{
        if (*index >= ledger->n_leases)
                return false;
        *ret_path = bus_path_lease(ledger->leases[*index]->record->id);
        return true;
}

static bool may_see(const Ledger *ledger, size_t index, uid_t uid)
{
        return bus_may_see_lease(ledger->leases[index], uid);
}

static const sd_bus_vtable lease_vtable[] = {
        SD_BUS_VTABLE_START(0),
        BUS_METHOD("Release", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a(ss)", resets)),
        BUS_METHOD("Transfer", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT),
        BUS_METHOD("GetDescriptors", SD_BUS_ARGS("a{sv}", options),
                   SD_BUS_RESULT("h", lease_fd, "a(sh)", fds)),
        BUS_METHOD("Revoke", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a(ss)", resets)),
        BUS_METHOD("TakeDevice", SD_BUS_ARGS("s", device, "a{sv}", options),
                   SD_BUS_RESULT("a(sh)", fds)),
        BUS_METHOD("ExpelDevice", SD_BUS_ARGS("s", device, "a{sv}", options), SD_BUS_NO_RESULT),
        BUS_METHOD("GetHolders", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a(uussb)", holders)),
        SD_BUS_PROPERTY("Id", "u", get_number, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("Groups", "ao", get_groups, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("Devices", "as", get_devices, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("Held", "as", get_devices, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("Uid", "u", get_number, 0, BUS_PRIVATE),
        SD_BUS_PROPERTY("Unit", "s", get_text, 0, BUS_PRIVATE),
        SD_BUS_PROPERTY("Mode", "s", get_text, 0, BUS_PRIVATE),
        SD_BUS_PROPERTY("AddressSpace", "s", get_text, 0, BUS_PRIVATE),
        SD_BUS_PROPERTY("Accounting", "s", get_text, 0, BUS_PRIVATE),
        SD_BUS_PROPERTY("Nodes", "as", get_nodes, 0, BUS_PRIVATE),
        SD_BUS_PROPERTY("Lifetime", "s", get_text, 0, BUS_PRIVATE),
        SD_BUS_PROPERTY("Guard", "s", get_text, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("RequiredGuard", "s", get_text, 0, BUS_PRIVATE),
        SD_BUS_PROPERTY("MemoryWarning", "s", get_memory_warning, 0, BUS_PRIVATE_SILENT),
        SD_BUS_PROPERTY("State", "s", get_text, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("Trouble", "s", get_text, 0, BUS_PRIVATE),
        SD_BUS_PROPERTY("Since", "t", get_number, 0, BUS_PRIVATE),
        SD_BUS_PROPERTY("Rule", "s", get_text, 0, BUS_PRIVATE),
        SD_BUS_PROPERTY("Faults", "a(stt)", get_faults, 0, BUS_PRIVATE_SILENT),
        SD_BUS_SIGNAL_WITH_ARGS("DeviceJoined", SD_BUS_ARGS("s", device, "a{sv}", details), 0),
        SD_BUS_SIGNAL_WITH_ARGS("DeviceLost", SD_BUS_ARGS("s", device, "a{sv}", details), 0),
        SD_BUS_SIGNAL_WITH_ARGS("DeviceReturned", SD_BUS_ARGS("s", device, "a{sv}", details), 0),
        SD_BUS_SIGNAL_WITH_ARGS("PfChanged", SD_BUS_ARGS("s", device, "a{sv}", details), 0),
        SD_BUS_SIGNAL_WITH_ARGS("GuardWeakened", SD_BUS_ARGS("s", guard, "a{sv}", details), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Fault", SD_BUS_ARGS("s", device, "a{sv}", details), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Revoked", SD_BUS_ARGS("u", grace_seconds, "a{sv}", details), 0),
        SD_BUS_SIGNAL_WITH_ARGS("SecondHolder", SD_BUS_ARGS("u", pid, "a{sv}", details), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Breached", SD_BUS_ARGS("s", device, "a{sv}", details), 0),
        SD_BUS_VTABLE_END,
};

const BusKind bus_lease_kind = {
        .prefix = BUS_ROOT "/lease",
        .interface = BUS_IFACE_LEASE,
        .vtable = lease_vtable,
        .find = find,
        .next = next,
        .may_see = may_see,
};
