/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Makes sentences from the facts of a group. */

#include "daemon/guard_process/evidence.h"

#include <stdio.h>
#include <string.h>

#include "core/model/text.h"
#include "daemon/facts/guard_facts.h"
#include "daemon/guard/slot.h"
#include "daemon/guard_process/controller.h"

/* What only the layer "owned" prevents. */
#define BY_HAND                                                                                    \
        "; root can unbind a device or bind another driver to it in sysfs at any time; "           \
        "isolationd "                                                                              \
        "undoes that when the kernel sends the event"

/* Says why the kernel is not known to guard the group. */
static const char *describe_cause(const Lease *lease)
{
        switch (lease->record->mode) {
        case LEASE_MODE_IOMMUFD_UNBOUND:
                return "its owner has bound none of its devices that VFIO drives";
        case LEASE_MODE_GROUP_FD:
                return "isolationd does not know whether its owner has claimed it: it cannot see a "
                       "container that the kernel may make of an iommufd";
        case LEASE_MODE_PATH:
                return "its owner claims it by opening its node, which isolationd cannot see";
        case LEASE_MODE_NONE:
        case LEASE_MODE_VFIO:
        case LEASE_MODE_IOMMUFD:
        case _LEASE_MODE_N:
                break;
        }
        return "no member is driven by VFIO any more, so the kernel's claim has ended";
}

static const char *describe_owned(const GuardFacts *facts)
{
        if (facts->lent)
                return "its owner's container has the claim on the group's DMA, so the kernel "
                       "refuses every host driver as long as the owner keeps the group in it; "
                       "slots that lead into the group are shut too, where that is possible";
        return "isolationd keeps the claim on the group's DMA, so the kernel refuses every host "
               "driver, for devices that join too";
}

/* Says which layer guards the group instead; begins with "; ". */
static const char *describe_layer(GuardLayer layer, const GuardFacts *facts)
{
        switch (layer) {
        case GUARD_SEALED:
                if (facts->n_slots == 0)
                        return "; no slot that takes cards while the machine runs leads into the "
                               "group; isolationd blocks a device that a rescan by hand adds, when "
                               "the kernel sends the event";
                return "; pciehp is unbound from every slot that leads into the group, so the "
                       "kernel does not see a card that is plugged in before the lease ends, not "
                       "even the card that was pulled; isolationd blocks a device that a rescan by "
                       "hand adds, when the kernel sends the event";
        case GUARD_REACTIVE:
                return "; not every slot into the group can be shut; isolationd blocks a device "
                       "that joins when the kernel sends the event, which may be too late";
        case GUARD_GATED:
                return "; not every slot into the group can be shut; drivers_autoprobe of the PCI "
                       "bus is 0: isolationd blocks devices that join, and lets in all others";
        case GUARD_OWNED:
        case GUARD_NONE:
        case _GUARD_N:
                break;
        }
        return "";
}

/* The first part: what the layer is, and why it is no stronger one. */
static char *describe(GuardLayer layer, const GuardFacts *facts, const Lease *lease)
{
        if (layer == GUARD_NONE)
                return strdup("no lease has the group: host drivers may be bound");
        if (layer == GUARD_OWNED)
                return strdup(describe_owned(facts));
        return text_print("%s%s" BY_HAND, describe_cause(lease), describe_layer(layer, facts));
}

/* Says which slots may add devices to the group though it is guarded; NULL if there are none. */
static char *describe_open(const Ledger *ledger, int32_t number)
{
        const Snapshot *snapshot = ledger->world->snapshot;
        _cleanup_(freep) size_t *ports = NULL;
        _cleanup_(freep) char *open = NULL;
        GuardFacts facts = {0};
        size_t n = 0;

        int r = guard_find_ports(snapshot, number, &ports, &n);
        if (r == 0)
                r = slot_survey(&ledger->host, snapshot, ports, n, &facts, &open);
        return r == 0 && open[0] ? TAKE_PTR(open) : NULL;
}

/*
 * Describes cards that have returned to their slots, or have lost their driver there; "" if there
 * are none, NULL if memory is short.
 */
static char *describe_returned(const LeaseRecord *record)
{
        _cleanup_(freep) char *text = strdup("");

        for (size_t i = 0; text && i < record->n_devices; i++) {
                const LeaseDevice *device = &record->devices[i];
                char address[BDF_TEXT_SIZE];

                if (device->role != LEASE_ROLE_JOINER || device->lost || !device->returned)
                        continue;
                (void)bdf_format(device->bdf, address);
                if (!text_set(&text, device->owed
                                             ? text_print("%s; somebody unbound %s from its driver "
                                                          "by hand; its owner takes it back with "
                                                          "isoctl take %u %s",
                                                          text, address, record->id, address)
                                             : text_print("%s; %s is back, the same as before; its "
                                                          "owner may take it",
                                                          text, address)))
                        return NULL;
        }
        return TAKE_PTR(text);
}

static bool has_expelled(const LeaseRecord *record)
{
        for (size_t i = 0; i < record->n_changes; i++)
                if (record->changes[i].kind == LEASE_CHANGE_EXPEL)
                        return true;
        return false;
}

char *guard_evidence(const Ledger *ledger, size_t group)
{
        const GuardFacts *facts = guard_facts_of_group(ledger, group);
        const Lease *lease = facts ? ledger_lease_of_group(ledger, group) : NULL;
        GuardLayer layer = facts ? guard_holds(facts) : GUARD_NONE;
        bool is_between = layer == GUARD_NONE && ledger_lease_of_group(ledger, group);
        bool is_weak = facts && !is_between && layer < lease->record->terms.guard;
        _cleanup_(freep) char *returned = lease ? describe_returned(lease->record) : strdup("");
        _cleanup_(freep) char *open = NULL, *gate = NULL;
        _cleanup_(freep) char *first =
                is_between ? strdup("its lease is being prepared or given back; until then the "
                                    "guard is not known")
                           : describe(layer, facts, lease);
        const char *trouble = lease ? guard_trouble(lease) : NULL;

        if (layer == GUARD_GATED)
                gate = controller_gate_evidence(ledger);
        if (layer == GUARD_GATED || layer == GUARD_REACTIVE)
                open = describe_open(ledger, ledger->world->groups->groups[group].kernel_group);
        if (!returned || !first)
                return NULL;
        return text_print(
                "%s%s%s%s%s%s%s%s%s%s%s%s%s%s", first, gate ? "; " : "", gate ? gate : "",
                open ? "; " : "", open ? open : "", is_weak ? "; weaker than required: " : "",
                is_weak ? guard_layer_to_string(lease->record->terms.guard) : "",
                is_weak ? ", by the policy" : "", returned,
                lease && has_expelled(lease->record)
                        ? "; devices that were expelled come back when the lease ends"
                        : "",
                lease && lease->record->condition.breach ? "; breached: " : "",
                lease && lease->record->condition.breach ? lease->record->condition.breach : "",
                trouble ? "; trouble: " : "", trouble ? trouble : "");
}
