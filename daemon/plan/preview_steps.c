/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The steps are in the order of daemon/lifecycle: grant.c, take.c, settle.c. */

#include "daemon/plan/preview_steps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/model/text.h"
#include "daemon/guard/rules.h"
#include "daemon/host/driver.h"
#include "daemon/lease/nodes.h"

int preview_yield(const Plan *plan, TextList *texts)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < plan->n_groups; i++) {
                const Lease *lease = ledger_lease_of_group(plan->ledger, plan->groups[i]);

                if (!lease || !lease->record->parked)
                        continue;
                r = lease_step_texts_add(texts,
                                         text_print("give lease %" PRIu32
                                                    " back, in which isolationd keeps %s",
                                                    lease->record->id, plan_group(plan, i)->id));
        }
        return r;
}

int preview_rules(const Plan *plan, const LeaseRecord *record, TextList *texts)
{
        bool holds = false, by_node = plan_has_nodes(plan, record);

        int r = rules_find_ports(plan->ledger->world->snapshot, record, &holds);
        if (r < 0 || (!holds && !by_node))
                return r;
        return lease_step_texts_add(texts,
                                    text_print("write udev rules to " RULES_DIRECTORY ": %s%s%s",
                                               holds ? "devices that join get no driver" : "",
                                               holds && by_node ? ", " : "",
                                               by_node ? "the modes of its nodes are kept" : ""));
}

int preview_gate(GuardLayer layer, TextList *texts)
{
        if (layer != GUARD_GATED)
                return 0;
        return lease_step_texts_add(texts,
                                    strdup("set drivers_autoprobe of the PCI bus to 0, while no "
                                           "stronger layer guards"));
}

static int add_load(const char *module, TextList *texts)
{
        return lease_step_texts_add(texts, text_print("load module %s", module));
}

/* Whether one of the first `n` devices gets that driver. */
static bool is_driver_of(const LeaseRecord *record, size_t n, const char *driver)
{
        for (size_t i = 0; i < n; i++)
                if (record->devices[i].role == LEASE_ROLE_TAKEN &&
                    strcmp(record->devices[i].driver, driver) == 0)
                        return true;
        return false;
}

/*
 * Adds the modules of drivers that are made for a device, each once. A driver that is not loaded
 * has the name of its module.
 */
static int add_variants(const HostPaths *host, const LeaseRecord *record, TextList *texts)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < record->n_devices; i++) {
                const LeaseDevice *device = &record->devices[i];

                if (device->role == LEASE_ROLE_TAKEN && strcmp(device->driver, LEASE_DRIVER) != 0 &&
                    !driver_exists(host, device->driver) &&
                    !is_driver_of(record, i, device->driver))
                        r = add_load(device->driver, texts);
        }
        return r;
}

/* As vfio_load() does. */
static int add_vfio(const HostPaths *host, const LeaseRecord *record, TextList *texts)
{
        int r = driver_exists(host, LEASE_DRIVER) ? 0 : add_load(LEASE_DRIVER, texts);
        if (r == 0 && vfio_lacks_iommufd(host, record->mode))
                r = add_load("iommufd", texts);
        return r;
}

static char *describe_change(const LeaseChange *change)
{
        const char *place = change->place;

        switch (change->kind) {
        case LEASE_CHANGE_SEAL: /* "0000:00:02.1:pcie204" */
                return text_print("%.*s: unbind pciehp (%s), which seals the slot",
                                  (int)strcspn(place, "p") - 1, place, place);
        case LEASE_CHANGE_VFS:
                return text_print("%s: set sriov_drivers_autoprobe to 0 (it is 1)", place);
        case LEASE_CHANGE_CONSOLE:
        case LEASE_CHANGE_FRAMEBUFFER:
                return text_print("%s: unbind from the screen", place);
        case LEASE_CHANGE_EXPEL: /* only for a joiner, later */
        case _LEASE_CHANGE_N:
                break;
        }
        return strdup("");
}

/* The nodes of devices that VFIO does not drive yet have no name. */
static int add_nodes(const HostPaths *host, const LeaseRecord *record, TextList *texts)
{
        _cleanup_(nodes_clear) Nodes nodes = {.n_own = 0};

        int r = nodes_predict(host, record, &nodes);
        for (size_t i = 0; r == 0 && i < nodes.paths.n_items; i++)
                r = lease_step_texts_add(texts,
                                         text_print("let uid %u open %s", record->owner.path_uid,
                                                    nodes.paths.items[i]));
        return r;
}

static int add_memlock(const LeaseRecord *record, TextList *texts)
{
        if (record->memlock.limit == POLICY_MEMLOCK_UNLIMITED)
                return lease_step_texts_add(
                        texts,
                        text_print("let process %" PRIu32 " lock any memory", record->memlock.pid));
        return lease_step_texts_add(texts, text_print("let process %" PRIu32 " lock %" PRIu64
                                                      " bytes of memory",
                                                      record->memlock.pid, record->memlock.limit));
}

int preview_take(const HostPaths *host, const LeaseRecord *record, TextList *texts)
{
        int r = add_variants(host, record, texts);
        for (size_t i = 0; r == 0 && i < record->n_changes; i++)
                r = lease_step_texts_add(texts, describe_change(&record->changes[i]));
        if (r == 0)
                r = add_vfio(host, record, texts);
        if (r == 0)
                r = lease_steps_describe(record, texts);
        if (r == 0)
                r = add_nodes(host, record, texts);
        return r == 0 && record->memlock.limit > 0 ? add_memlock(record, texts) : r;
}
