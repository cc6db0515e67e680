/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Chooses one of the modes that a request accepts. */

#include <stdlib.h>

#include "daemon/plan/plan.h"

/* Lists the requested modes, in order of preference. Returns how many. */
static size_t find_modes(const AcquireRequest *request, LeaseMode modes[static _LEASE_MODE_N])
{
        size_t n = 0;

        if (request->options.mode != LEASE_MODE_NONE)
                modes[n++] = request->options.mode;
        for (size_t i = 0; request->options.mode == LEASE_MODE_NONE && i < request->options.n_modes;
             i++)
                modes[n++] = request->options.modes[i];
        if (n == 0) {
                /* The modes that every program can use, the best guarded one first. */
                modes[n++] = LEASE_MODE_VFIO;
                modes[n++] = LEASE_MODE_IOMMUFD;
        }
        return n;
}

/* Whether another mode may be allowed where this one is refused with `r`. */
static bool is_about_mode(int r)
{
        return r == REFUSAL_POLICY_DENIED || r == REFUSAL_TOO_WEAK || r == REFUSAL_UNSUPPORTED;
}

int plan_negotiate(Plan *plan)
{
        LeaseMode modes[_LEASE_MODE_N];
        size_t n = find_modes(plan->request, modes), first = 0;
        int r = 0;

        for (; first < n; first++) {
                _cleanup_(freep) char *before = TAKE_PTR(plan->message);
                const PolicyRule *refuser = plan->refuser;
                int code = r;

                plan_reset(plan, modes[first]);
                r = plan_make(plan);
                if (r == 0)
                        break;
                if (before) {
                        free(plan->message);
                        plan->message = TAKE_PTR(before);
                        plan->refuser = refuser;
                        r = code;
                }
                if (!is_about_mode(r))
                        return r;
        }
        for (size_t i = first + 1; r == 0 && i < n; i++) {
                _cleanup_(plan_clear) Plan other = {
                        .ledger = plan->ledger, .request = plan->request, .mode = modes[i]};

                if (plan_make(&other) == 0)
                        plan->others[plan->n_others++] = modes[i];
        }
        return r;
}
