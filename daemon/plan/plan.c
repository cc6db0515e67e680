/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A plan as a value. The other files of this folder fill and read it. */

#include "daemon/plan/plan.h"

#include <stdarg.h>
#include <stdlib.h>

#include "core/model/text.h"
#include "daemon/base/log.h"

void plan_clear(Plan *plan)
{
        free(plan->named);
        free(plan->warning);
        free(plan->message);
}

void plan_reset(Plan *plan, LeaseMode mode)
{
        const Plan fresh = {.ledger = plan->ledger, .request = plan->request, .mode = mode};

        plan_clear(plan);
        *plan = fresh;
}

int plan_refuse(Plan *plan, Refusal refusal, const char *format, ...)
{
        va_list args;

        free(plan->message);
        va_start(args, format);
        plan->message = text_vprint(format, args);
        va_end(args);
        return (int)refusal;
}

void plan_answer(const Plan *plan, int r, LeaseDone done, void *userdata)
{
        const LeaseAnswer answer = {
                .code = r,
                .message = plan->message ? plan->message : "",
                .rule = plan->refuser ? plan->refuser->origin : NULL,
        };

        if (r < 0)
                log_broken(r);
        done(&answer, NULL, userdata);
}

const Group *plan_group(const Plan *plan, size_t i)
{
        return &plan->ledger->world->groups->groups[plan->groups[i]];
}

const PciDevice *plan_device(const Plan *plan, size_t index)
{
        return &plan->ledger->world->snapshot->devices[index];
}

int plan_add_group(Plan *plan, size_t group)
{
        for (size_t i = 0; i < plan->n_groups; i++)
                if (plan->groups[i] == group)
                        return 0;
        if (plan->n_groups == LEASE_GROUPS_MAX)
                return plan_refuse(plan, REFUSAL_INVALID, "more than %d groups in one lease",
                                   LEASE_GROUPS_MAX);
        plan->groups[plan->n_groups++] = group;
        return 0;
}

bool plan_is_taken(const PciDevice *device)
{
        return !world_is_bridge(device);
}

bool plan_has_taken(const Plan *plan, const Group *group)
{
        for (size_t i = 0; i < group->n_members; i++)
                if (plan_is_taken(plan_device(plan, group->members[i])))
                        return true;
        return false;
}

DomainType plan_type(const Plan *plan)
{
        if (plan->request->options.type != DOMAIN_TYPE_NONE)
                return plan->request->options.type;
        return plan->rule ? plan->rule->terms.type : DOMAIN_TYPE_NONE;
}
