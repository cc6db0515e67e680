/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Compares the deciding rule with the present device. */

#include "core/model/reserve.h"

#include "core/model/text.h"

#include <errno.h>
#include <stdio.h>

#define CLASS_BRIDGE 0x06 /* base class, PCI Code and ID Assignment Specification */

const char *reserve_verdict_to_string(ReserveVerdict verdict)
{
        switch (verdict) {
        case RESERVE_NONE:
                return "none";
        case RESERVE_BLOCK:
                return "reserved";
        case RESERVE_BRIDGE:
                return "bridge";
        case RESERVE_OTHER_DEVICE:
                return "other-device";
        case RESERVE_OTHER_GROUP:
                return "other-group";
        case RESERVE_NO_GROUP:
                return "no-group";
        }
        return "none";
}

bool reserve_has_changed(const Reservation *reservation)
{
        return reservation->verdict == RESERVE_OTHER_DEVICE ||
               reservation->verdict == RESERVE_OTHER_GROUP;
}

bool reserve_is_asked(const Policy *policy)
{
        for (size_t i = 0; policy && i < policy->n_rules; i++)
                if (policy->rules[i].reserve.at_boot)
                        return true;
        return false;
}

/* By class or by header: one may be wrong, and either suffices. */
static bool is_bridge(const PciDevice *device)
{
        return device->ids.class_code >> 16 == CLASS_BRIDGE ||
               (device->facts.header_known == TRISTATE_YES && device->facts.header_type != 0);
}

static size_t count_members(const Snapshot *snapshot, int32_t kernel_group)
{
        size_t n = 0;

        for (size_t i = 0; i < snapshot->n_devices; i++)
                n += snapshot->devices[i].kernel_group == kernel_group;
        return n;
}

static uint32_t id_of(const PciDevice *device)
{
        return (uint32_t)device->ids.vendor << 16 | device->ids.device;
}

static size_t count_expected(const PolicyReserve *reserve, uint32_t id)
{
        size_t n = 0;

        for (size_t i = 0; i < reserve->n_ids; i++)
                n += reserve->ids[i] == id;
        return n;
}

static size_t count_present(const Snapshot *snapshot, int32_t group, uint32_t id)
{
        size_t n = 0;

        for (size_t i = 0; i < snapshot->n_devices; i++)
                n += snapshot->devices[i].kernel_group == group &&
                     id_of(&snapshot->devices[i]) == id;
        return n;
}

/* The first member of a group whose id is more frequent than expected, or SNAPSHOT_NONE. */
static size_t find_unexpected(const PolicyReserve *reserve, const Snapshot *snapshot, int32_t group)
{
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                uint32_t id = id_of(&snapshot->devices[i]);

                if (snapshot->devices[i].kernel_group == group &&
                    count_present(snapshot, group, id) > count_expected(reserve, id))
                        return i;
        }
        return SNAPSHOT_NONE;
}

/* The first id that is less frequent than expected; n_ids if there is none. */
static size_t find_missing(const PolicyReserve *reserve, const Snapshot *snapshot, int32_t group)
{
        size_t i = 0;

        while (i < reserve->n_ids && count_present(snapshot, group, reserve->ids[i]) >=
                                             count_expected(reserve, reserve->ids[i]))
                i++;
        return i;
}

static bool has_expected_ids(const PolicyReserve *reserve, const Snapshot *snapshot, int32_t group,
                             bool arriving)
{
        if (find_unexpected(reserve, snapshot, group) != SNAPSHOT_NONE)
                return false;
        return arriving || find_missing(reserve, snapshot, group) == reserve->n_ids;
}

static ReserveVerdict compare_group(const PolicyReserve *reserve, const Snapshot *snapshot,
                                    const PciDevice *device, size_t n_members, bool arriving)
{
        if (reserve->n_members == 0 && reserve->n_ids == 0)
                return RESERVE_BLOCK;
        if (device->kernel_group < 0)
                return RESERVE_NO_GROUP;
        if (reserve->n_members > 0 && n_members != reserve->n_members &&
            !(arriving && n_members < reserve->n_members))
                return RESERVE_OTHER_GROUP;
        if (reserve->n_ids > 0 &&
            !has_expected_ids(reserve, snapshot, device->kernel_group, arriving))
                return RESERVE_OTHER_GROUP;
        return RESERVE_BLOCK;
}

/*
 * Finds the deciding rule. At boot, serial numbers are unknown: if an earlier rule may match
 * later, there is no reservation.
 */
static const PolicyRule *find_rule(const Policy *policy, const PolicySubject *subject)
{
        for (size_t i = 0; policy && i < policy->n_rules; i++) {
                Tristate matches = policy_rule_matches(&policy->rules[i], subject);

                if (matches != TRISTATE_NO)
                        return matches == TRISTATE_YES ? &policy->rules[i] : NULL;
        }
        return NULL;
}

Reservation reserve_judge(const Policy *policy, const Snapshot *snapshot, size_t device,
                          const char *path, bool arriving)
{
        const PciDevice *pci = &snapshot->devices[device];
        const PolicySubject subject = {snapshot, device, path};
        const PolicyRule *rule = find_rule(policy, &subject);
        Reservation reservation = {.device = device};
        const PolicyReserve *reserve;

        if (!rule || !rule->reserve.at_boot || rule->access.deny)
                return reservation;

        reserve = &rule->reserve;
        reservation.rule = rule;
        if (reserve->n_members > 0 && pci->kernel_group >= 0)
                reservation.n_members = count_members(snapshot, pci->kernel_group);
        if (is_bridge(pci))
                reservation.verdict = RESERVE_BRIDGE;
        else if ((reserve->vendor.is_set && reserve->vendor.value != pci->ids.vendor) ||
                 (reserve->device.is_set && reserve->device.value != pci->ids.device))
                reservation.verdict = RESERVE_OTHER_DEVICE;
        else
                reservation.verdict =
                        compare_group(reserve, snapshot, pci, reservation.n_members, arriving);
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

        if (reserve->vendor.is_set)
                (void)snprintf(vendor, sizeof(vendor), "%04x", (unsigned)reserve->vendor.value);
        if (reserve->device.is_set)
                (void)snprintf(id, sizeof(id), "%04x", (unsigned)reserve->device.value);
        return text_print("%s is not reserved: it is %04x:%04x, and rule %s expects %s:%s there",
                          bdf_format(device->bdf, address), (unsigned)device->ids.vendor,
                          (unsigned)device->ids.device, reservation->rule->origin, vendor, id);
}

static char *describe_other_group(const Snapshot *snapshot, const Reservation *reservation)
{
        const PciDevice *device = &snapshot->devices[reservation->device];
        const PolicyRule *rule = reservation->rule;
        const PolicyReserve *reserve = &rule->reserve;
        char address[BDF_TEXT_SIZE], other[BDF_TEXT_SIZE];

        bdf_format(device->bdf, address);
        if (reserve->n_ids > 0) {
                size_t more = find_unexpected(reserve, snapshot, device->kernel_group);
                size_t less = find_missing(reserve, snapshot, device->kernel_group);

                if (more != SNAPSHOT_NONE)
                        return text_print("%s is not reserved: %s, %04x:%04x, is in its group, and "
                                          "rule %s does not expect it",
                                          address, bdf_format(snapshot->devices[more].bdf, other),
                                          (unsigned)snapshot->devices[more].ids.vendor,
                                          (unsigned)snapshot->devices[more].ids.device,
                                          rule->origin);
                if (less < reserve->n_ids)
                        return text_print("%s is not reserved: there is no %04x:%04x in its group, "
                                          "and rule %s expects it",
                                          address, (unsigned)(reserve->ids[less] >> 16),
                                          (unsigned)(reserve->ids[less] & 0xffff), rule->origin);
        }
        return text_print("%s is not reserved: its group has %zu members, and rule %s expects %u",
                          address, reservation->n_members, rule->origin, reserve->n_members);
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
                return describe_other_group(snapshot, reservation);
        case RESERVE_NO_GROUP:
                return text_print("%s is not reserved: rule %s expects a group of %zu members, and "
                                  "the kernel has it in none (is the IOMMU on?)",
                                  address, rule->origin,
                                  rule->reserve.n_members > 0 ? (size_t)rule->reserve.n_members
                                                              : rule->reserve.n_ids);
        }
        return NULL;
}
