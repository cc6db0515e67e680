/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * org.isolationd1.Group: an isolation group in force, why its members are together and how strong
 * it is.
 */

#include <errno.h>
#include <string.h>

#include "daemon/bus/access/authorize.h"
#include "daemon/bus/call/paths.h"
#include "daemon/bus/call/reply.h"
#include "daemon/bus/objects/objects_internal.h"
#include "daemon/facts/guard_facts.h"
#include "daemon/guard_process/evidence.h"
#include "daemon/queue/queue.h"

static const Group *group_of(void *userdata)
{
        const BusView *view = userdata;

        return &bus_view_world(view)->groups->groups[view->index];
}

static BUS_GETTER(get_text)
{
        const BusView *view = userdata;
        const Ledger *ledger = view->bus->ledger;
        const char *text;

        if (strcmp(property, "Id") == 0)
                text = group_of(userdata)->id;
        else if (strcmp(property, "Type") == 0)
                text = snapshot_group_type(ledger->world->snapshot,
                                           group_of(userdata)->kernel_group);
        else if (strcmp(property, "Guard") == 0)
                text = guard_layer_to_string(ledger_group_guard(ledger, view->index));
        else
                text = ledger_group_state(ledger, view->index);
        return sd_bus_message_append(reply, "s", text);
}

static BUS_GETTER(get_guard_text)
{
        const BusView *view = userdata;
        _cleanup_(freep) char *text = guard_evidence(view->bus->ledger, view->index);

        return text ? sd_bus_message_append(reply, "s", text) : -ENOMEM;
}

static BUS_GETTER(get_kernel_group)
{
        return sd_bus_message_append(reply, "i", group_of(userdata)->kernel_group);
}

static BUS_GETTER(get_devices)
{
        const BusView *view = userdata;
        const Group *group = group_of(userdata);

        return bus_append_addresses(reply, bus_view_world(view)->snapshot, group->members,
                                    group->n_members);
}

/* The four ACS bits that decide about isolation, PCIe Base Specification 7.7.11.2. */
static int append_missing(sd_bus_message *reply, uint8_t missing)
{
        static const struct {
                uint8_t bit;
                const char *name;
        } bits[] = {{ACS_SV, "SV"}, {ACS_RR, "RR"}, {ACS_CR, "CR"}, {ACS_UF, "UF"}};

        int r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(bits); i++)
                if (missing & bits[i].bit)
                        r = sd_bus_message_append(reply, "s", bits[i].name);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_reason(sd_bus_message *reply, const Snapshot *snapshot, const Reason *reason)
{
        const size_t ends[] = {reason->a, reason->b, reason->at};
        _cleanup_(freep) char *sentence = reason_describe(snapshot, reason);
        char text[BDF_TEXT_SIZE];
        if (!sentence)
                return -ENOMEM;

        int r = sd_bus_message_open_container(reply, 'r', "ssssass");
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", reason_rule_to_string(reason->rule));
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(ends); i++)
                r = sd_bus_message_append(reply, "s",
                                          bdf_format(snapshot->devices[ends[i]].bdf, text));
        if (r >= 0)
                r = append_missing(reply, reason->missing);
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", sentence);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static BUS_GETTER(get_reasons)
{
        const BusView *view = userdata;
        const Group *group = group_of(userdata);

        int r = sd_bus_message_open_container(reply, 'a', "(ssssass)");
        for (size_t i = 0; r >= 0 && i < group->n_reasons; i++)
                r = append_reason(reply, bus_view_world(view)->snapshot, &group->reasons[i]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static BUS_GETTER(get_lease)
{
        const BusView *view = userdata;
        const Lease *lease = ledger_lease_of_group(view->bus->ledger, view->index);

        if (!lease)
                return sd_bus_message_append(reply, "o", "/");
        return bus_append_path(reply, bus_path_lease(lease->record->id));
}

static BUS_GETTER(get_waiters)
{
        const BusView *view = userdata;
        size_t n = queue_count(view->bus->ledger, group_of(userdata)->kernel_group);

        return sd_bus_message_append(reply, "u", (uint32_t)n);
}

static bool next(const Ledger *ledger, size_t *index, char **ret_path)
{
        const Partition *groups = ledger->world->groups;

        if (*index >= groups->n_groups)
                return false;
        *ret_path = bus_path_group(groups->groups[*index].id);
        return true;
}

/* Private, because the state of the guard shows what the owner of the lease does. */
static bool may_see(const Ledger *ledger, size_t index, uid_t uid)
{
        const Lease *lease = ledger_lease_of_group(ledger, index);

        return !lease || bus_may_see_lease(lease, uid);
}

static const sd_bus_vtable group_vtable[] = {
        SD_BUS_VTABLE_START(0),
        BUS_METHOD("GetStrength", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a(sss)", bits)),
        BUS_METHOD("GetHolders", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a(uussb)", holders)),
        BUS_METHOD("SetType", SD_BUS_ARGS("s", type, "a{sv}", options), SD_BUS_NO_RESULT),
        BUS_METHOD("GetReservedRegions", SD_BUS_ARGS("a{sv}", options),
                   SD_BUS_RESULT("a(tts)", regions)),
        SD_BUS_PROPERTY("Id", "s", get_text, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("KernelGroup", "i", get_kernel_group, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("Devices", "as", get_devices, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("Reasons", "a(ssssass)", get_reasons, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("Type", "s", get_text, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("Guard", "s", get_text, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("GuardEvidence", "s", get_guard_text, 0, BUS_PRIVATE),
        SD_BUS_PROPERTY("State", "s", get_text, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("Waiters", "u", get_waiters, 0, 0),
        SD_BUS_PROPERTY("Lease", "o", get_lease, 0, BUS_CHANGES),
        SD_BUS_VTABLE_END,
};

const BusKind bus_group_kind = {
        .prefix = BUS_ROOT "/group",
        .interface = BUS_IFACE_GROUP,
        .vtable = group_vtable,
        .find = bus_find_group,
        .next = next,
        .may_see = may_see,
};
