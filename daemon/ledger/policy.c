/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The policy in force. If a new policy is refused, the one before it stays in force.
 */

#include <stdlib.h>
#include <string.h>

#include "core/probe/policy_json.h"
#include "daemon/base/log.h"
#include "daemon/ledger/ledger.h"

/* Sets the error; takes the message over. */
static void set_error(Ledger *ledger, char *message)
{
        _cleanup_(freep) char *before = ledger->policy_error;
        bool same = before && message ? strcmp(before, message) == 0 : before == message;

        ledger->policy_error = message;
        if (!same && ledger->observer.policy)
                ledger->observer.policy(ledger->observer.userdata);
}

int ledger_load_policy(Ledger *ledger)
{
        _cleanup_(policy_freep) Policy *policy = NULL;
        _cleanup_(freep) char *message = NULL;

        int r = policy_load(policy_directories, &trust_root, &policy, &message);
        if (r < 0)
                return r;
        if (r == POLICY_E_INVALID) {
                log_error("policy refused: %s; the policy before it stays in force "
                          "(isoctl policy check shows the place)",
                          message);
                set_error(ledger, TAKE_PTR(message));
                return 0;
        }
        set_error(ledger, NULL);
        log_info("policy: %zu rules", policy->n_rules);
        policy_free(ledger->policy);
        ledger->policy = TAKE_PTR(policy);
        module_report(ledger, EVENT_POLICY, NULL, NULL);
        return 0;
}
