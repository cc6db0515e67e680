/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Makes a record from a plan: it notes the present state of the host before the worker begins. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/guard/rules.h"
#include "daemon/guard/seal.h"
#include "daemon/guard/seal_record.h"
#include "daemon/host/driver.h"
#include "daemon/lease/nodes.h"
#include "daemon/lease/state.h"
#include "daemon/limits/memlock.h"
#include "daemon/machine/revision.h"
#include "daemon/plan/demand.h"
#include "daemon/plan/plan.h"

/* Notes the present state of a device on the host, which giving back restores. */
static int record_member(Plan *plan, LeaseRecord *record, const PciDevice *device)
{
        _cleanup_(freep) char *driver = NULL, *override = NULL;
        char text[BDF_TEXT_SIZE];

        if (!plan_is_taken(device))
                return lease_record_add_device(record, device->bdf, LEASE_ROLE_BYSTANDER,
                                               device->sysfs.driver, "");
        int r = driver_read(&plan->ledger->host, device->bdf, &driver);
        if (r == 0)
                r = driver_override_read(&plan->ledger->host, device->bdf, &override);
        if (r == -ENOENT)
                return plan_refuse(plan, REFUSAL_CHANGED, "%s is gone from the machine",
                                   bdf_format(device->bdf, text));
        if (r < 0)
                return r;
        r = lease_record_add_device(record, device->bdf, LEASE_ROLE_TAKEN, driver, override);
        if (r == 0 && device->place.is_vf)
                r = seal_record_vf(&plan->ledger->host, plan->ledger->world->snapshot, record,
                                   device);
        if (r == 0)
                record->devices[record->n_devices - 1].fingerprint =
                        world_fingerprint(&plan->ledger->host, device);
        /* Its virtual functions are created without drivers, whatever their group. */
        if (r == 0 && seal_finds_vfs(&plan->ledger->host, device->bdf) &&
            !lease_record_has_change(record, LEASE_CHANGE_VFS, bdf_format(device->bdf, text)))
                r = lease_record_add_change(record, LEASE_CHANGE_VFS,
                                            bdf_format(device->bdf, text));
        return r;
}

/* Records the domain type that the lease wants, if it differs from the present one. */
static void record_type(const Plan *plan, const Group *group, LeaseGroup *ret)
{
        const Snapshot *snapshot = plan->ledger->world->snapshot;
        const char *before = snapshot_group_type(snapshot, group->kernel_group);
        const char *wanted = domain_type_to_string(plan_type(plan));

        if (!wanted[0] || strcmp(wanted, before) == 0)
                return;
        (void)snprintf(ret->type, sizeof(ret->type), "%s", wanted);
        (void)snprintf(ret->type_before, sizeof(ret->type_before), "%s", before);
}

int plan_record(Plan *plan, LeaseRecord *record)
{
        const AcquireRequest *request = plan->request;

        record->since_usec = clock_usec(CLOCK_REALTIME);
        record->id = plan->ledger->next_lease;
        record->state = LEASE_PREPARING;
        record->mode = plan->mode;
        record->lifetime = request->options.lifetime;
        record->parked = request->parked;
        plan_record_rules(record, plan->rule, plan->demand);
        record->owner.uid = request->who.uid;
        if (request->options.lifetime == LEASE_LIFETIME_CONNECTION) {
                (void)snprintf(record->owner.name, sizeof(record->owner.name), "%s",
                               request->who.name ? request->who.name : "");
                memcpy(record->owner.bus, plan->ledger->bus_id, sizeof(record->owner.bus));
        }
        record->owner.path_uid = request->who.path_uid;
        free(record->owner.unit);
        free(record->terms.rule);
        record->owner.unit = strdup(request->who.unit);
        record->terms.rule = strdup(plan->rule ? plan->rule->origin : "root");
        if (!record->owner.unit || !record->terms.rule)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_groups; i++) {
                const Group *group = plan_group(plan, i);
                int r = lease_record_add_group(record, group->kernel_group, group->id);
                if (r == 0)
                        record_type(plan, group, &record->groups[record->n_groups - 1]);
                for (size_t m = 0; r == 0 && m < group->n_members; m++)
                        r = record_member(plan, record, plan_device(plan, group->members[m]));
                if (r != 0)
                        return r;
        }
        memlock_record(plan->ledger, plan->request, plan->rule, record);
        return seal_record_slots(&plan->ledger->host, plan->ledger->world->snapshot, record);
}

bool plan_has_nodes(const Plan *plan, const LeaseRecord *record)
{
        bool any = nodes_are_for(record->mode);

        for (size_t i = 0; i < plan->n_others; i++)
                any |= nodes_are_for(plan->others[i]);
        return any;
}
