/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Takes or expels a joiner, as soon as no other upkeep of the lease is running. */

#include <string.h>

#include "daemon/requests/requests.h"
#include "daemon/review/review.h"

static void refuse(MemberDone done, void *userdata, int code)
{
        static const VfioFds none = {.n_items = 0};
        const LeaseAnswer answer = {.code = code, .message = ""};

        if (done)
                done(&answer, &none, userdata);
}

static void ask(Lease *lease, MemberWork work, Bdf bdf, const PolicyRequest *who, MemberDone done,
                void *userdata)
{
        /* Decide on the present machine. Reading it may start the end of the lease. */
        int r = ledger_read_now(lease->ledger);
        if (r < 0)
                return refuse(done, userdata, r);
        members_ask(lease, work, bdf, who, done, userdata);
        if (members_are_asked(lease))
                lease_review_guard(lease);
}

void member_take(Lease *lease, Bdf bdf, const PolicyRequest *who, MemberDone done, void *userdata)
{
        const LeaseAnswer answer = {.code = 0, .message = ""};
        VfioFds fds;

        /* A virtual function that was taken back automatically has its descriptors already. */
        if (recreate_find_returned(lease, bdf, &fds))
                return done(&answer, &fds, userdata);
        ask(lease, MEMBER_TAKE, bdf, who, done, userdata);
}

void member_expel(Lease *lease, Bdf bdf, MemberDone done, void *userdata)
{
        ask(lease, MEMBER_EXPEL, bdf, NULL, done, userdata);
}
