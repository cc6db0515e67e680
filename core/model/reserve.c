/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The rule that decides, held against what is in the slot.
 */

#include "core/model/reserve.h"

#include "core/model/text.h"

#include <errno.h>
#include <stdio.h>

#define CLASS_BRIDGE 0x06 /* base class, PCI Code and ID Assignment Specification */

bool reserve_is_asked(const Policy *policy)
{
        for (size_t i = 0; policy && i < policy->n_rules; i++)
                if (policy->rules[i].reserve.at_boot)
                        return true;
        return false;
}

/* By class or by header: one of them may be odd, and each is reason enough. */
static bool is_bridge(const PciDevice *device)
{
        return device->class_code >> 16 == CLASS_BRIDGE ||
               (device->facts.header_known == TRISTATE_YES && device->facts.header_type != 0);
}

static size_t count_members(const Snapshot *snapshot, int32_t kernel_group)
{
        size_t n = 0;

        for (size_t i = 0; i < snapshot->n_devices; i++)
                n += snapshot->devices[i].kernel_group == kernel_group;
        return n;
}

static ReserveVerdict compare_group(const PolicyReserve *reserve, const PciDevice *device,
                                    size_t n_members, bool arriving)
{
        if (reserve->n_members == 0)
                return RESERVE_BLOCK;
        if (device->kernel_group < 0)
                return RESERVE_NO_GROUP;
        if (n_members == reserve->n_members || (arriving && n_members < reserve->n_members))
                return RESERVE_BLOCK;
        return RESERVE_OTHER_GROUP;
}

Reservation reserve_judge(const Policy *policy, const Snapshot *snapshot, size_t device,
                          const char *path, bool arriving)
{
        const PciDevice *pci = &snapshot->devices[device];
        const PolicyRule *rule = policy_find_rule(policy, pci, path);
        Reservation reservation = {.device = device};
        const PolicyReserve *reserve;

        if (!rule || !rule->reserve.at_boot || rule->deny)
                return reservation;

        reserve = &rule->reserve;
        reservation.rule = rule;
        if (reserve->n_members > 0 && pci->kernel_group >= 0)
                reservation.n_members = count_members(snapshot, pci->kernel_group);
        if (is_bridge(pci))
                reservation.verdict = RESERVE_BRIDGE;
        else if ((reserve->has_vendor && reserve->vendor != pci->vendor) ||
                 (reserve->has_device && reserve->device != pci->device))
                reservation.verdict = RESERVE_OTHER_DEVICE;
        else
                reservation.verdict = compare_group(reserve, pci, reservation.n_members, arriving);
        return reservation;
}

int reserve_plan(const Policy *policy, const Snapshot *snapshot, ReservePlan *ret_plan)
{
        _cleanup_(reserve_plan_deinitp) ReservePlan plan = {0};

        plan.reservations = calloc(snapshot->n_devices + 1, sizeof(*plan.reservations));
        if (!plan.reservations)
                return -ENOMEM;
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                _cleanup_(freep) char *path = snapshot_path(snapshot, i);
                Reservation reservation;

                if (!path)
                        return -ENOMEM;
                reservation = reserve_judge(policy, snapshot, i, path, false);
                if (reservation.verdict != RESERVE_NONE)
                        plan.reservations[plan.n_reservations++] = reservation;
        }
        ret_plan->reservations = TAKE_PTR(plan.reservations);
        ret_plan->n_reservations = plan.n_reservations;
        return 0;
}

static char *describe_other_device(const PciDevice *device, const Reservation *reservation)
{
        const PolicyReserve *reserve = &reservation->rule->reserve;
        char vendor[5] = "*", id[5] = "*", address[BDF_TEXT_SIZE];

        if (reserve->has_vendor)
                (void)snprintf(vendor, sizeof(vendor), "%04x", (unsigned)reserve->vendor);
        if (reserve->has_device)
                (void)snprintf(id, sizeof(id), "%04x", (unsigned)reserve->device);
        return text_print("%s is not reserved: it is %04x:%04x, and rule %s expects %s:%s there",
                          bdf_format(device->bdf, address), (unsigned)device->vendor,
                          (unsigned)device->device, reservation->rule->origin, vendor, id);
}

char *reserve_describe(const Snapshot *snapshot, const Reservation *reservation)
{
        const PciDevice *device = &snapshot->devices[reservation->device];
        const PolicyRule *rule = reservation->rule;
        char address[BDF_TEXT_SIZE];

        bdf_format(device->bdf, address);
        switch (reservation->verdict) {
        case RESERVE_NONE:
                return text_print("%s is not reserved: no rule asks for it", address);
        case RESERVE_BLOCK:
                return text_print("%s is reserved by rule %s", address, rule->origin);
        case RESERVE_BRIDGE:
                return text_print("%s is not reserved: it is a bridge, though rule %s matches it",
                                  address, rule->origin);
        case RESERVE_OTHER_DEVICE:
                return describe_other_device(device, reservation);
        case RESERVE_OTHER_GROUP:
                return text_print("%s is not reserved: its group has %zu members, and rule %s "
                                  "expects %u",
                                  address, reservation->n_members, rule->origin,
                                  rule->reserve.n_members);
        case RESERVE_NO_GROUP:
                return text_print("%s is not reserved: rule %s expects a group of %u members, and "
                                  "the kernel has it in none (is the IOMMU on?)",
                                  address, rule->origin, rule->reserve.n_members);
        }
        return NULL;
}
