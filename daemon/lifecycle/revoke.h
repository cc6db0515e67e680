/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Taking a lease away from its owner: because somebody who may says so, or because the policy does.
 */

#include "daemon/ledger/ledger.h"

typedef struct RevokeRequest {
        bool kill;      /* who has it open when the grace is over */
        bool has_grace; /* else it is the policy's */
        unsigned grace; /* seconds */
} RevokeRequest;

/*
 * Takes a lease away: its owner is told, and when the grace is over, or they have let go, it is
 * given back. Answered as a release is.
 */
void lease_revoke(Lease *lease, const RevokeRequest *request, LeaseDone done, void *userdata);

/*
 * Does to a lease that its owner has what a rule says for a case like this: nothing; revokes it as
 * above, with the rule's grace; or quarantines it: its nodes are shut, its devices stopped, as far
 * as their owner lets them be, and they are guarded as before until somebody releases it. `why` is a
 * sentence for people.
 */
void lease_react(Lease *lease, PolicyBreach reaction, const char *why);

/* Whether the owner of a lease has been told that it ends. */
bool ledger_is_revoking(const Lease *lease);

/* Goes on with what a former daemon has told the owner. */
void lease_resume_revoke(Lease *lease);

/* With no worker of the guard's: stops the devices of a lease that is quarantined in its owner's hands. */
void lease_begin_halt(Lease *lease);
