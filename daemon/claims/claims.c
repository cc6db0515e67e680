/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Modes in which the owner claims the groups by himself: what isolationd gives up for it, and what
 * it sees of it.
 *
 * The kernel tells nobody when a group is claimed. Of descriptors that were handed out it can be
 * asked, by our own copies, and is, again and again, by a worker: the question waits for a device
 * that is being opened. Of a group that its owner opens by path it cannot: only one may have it
 * open.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lease/nodes.h"
#include "daemon/lease/state.h"
#include "daemon/base/log.h"
#include "daemon/ledger/ledger.h"

/* How often. Until a claim is seen the ways into the group are shut: nothing hangs on it. */
#define ASK_SECONDS 2

/* --- by descriptors --------------------------------------------------------------------------- */

/* Whether the owner's claim can be seen by our copies of the descriptors. */
static bool can_ask(const Lease *lease)
{
        return lease->record->mode == LEASE_MODE_IOMMUFD_UNBOUND ||
               lease->record->mode == LEASE_MODE_GROUP_FD;
}

bool claims_may_end(const Lease *lease)
{
        /* A device stays bound as long as our copy is open; a container can be left again. */
        return lease->record->mode == LEASE_MODE_GROUP_FD;
}

bool claims_cover(const Lease *lease, int32_t number)
{
        if (lease_mode_claims(lease->record->mode))
                return true;
        for (size_t i = 0; lease->claimed && i < lease->record->n_groups; i++)
                if (lease->record->groups[i].number == number)
                        return lease->claimed[i];
        return false;
}

static bool is_settled(const Lease *lease)
{
        for (size_t i = 0; i < lease->record->n_groups; i++)
                if (claims_may_end(lease) || !lease->claimed[i])
                        return false;
        return true;
}

/* Which groups are claimed, a letter for each: "yn". */
static int job_ask(const void *context, VfioFds *fds, char **ret_message)
{
        const Lease *lease = context;
        char *text = calloc(lease->record->n_groups + 1, 1);

        if (!text)
                return -ENOMEM;
        for (size_t i = 0; i < lease->record->n_groups; i++)
                text[i] =
                        vfio_is_claimed(&lease->ledger->host, fds, lease->record->groups[i].number)
                                ? 'y'
                                : 'n';
        vfio_fds_close(fds);
        *ret_message = text;
        return 0;
}

static void ask_later(Lease *lease)
{
        if (lease_record_is_in_hand(lease->record) && !is_settled(lease))
                (void)evtimer_add(lease->ask, &(struct timeval){.tv_sec = ASK_SECONDS});
}

static void on_asked(WorkerResult *result, void *userdata)
{
        Lease *lease = userdata;
        bool changed = !lease->is_asked;

        lease->ask_worker = NULL;
        lease->is_asked = true;
        for (size_t i = 0; i < lease->record->n_groups; i++) {
                /* What is not known is not claimed. */
                bool claimed = result->code == 0 && strlen(result->message) > i &&
                               result->message[i] == 'y';

                changed |= claimed != lease->claimed[i];
                if (claimed != lease->claimed[i])
                        log_info("lease %" PRIu32 ": group %s is %s", lease->record->id,
                                 lease->record->groups[i].id,
                                 claimed ? "claimed by its owner" : "not claimed any more");
                lease->claimed[i] = claimed;
        }
        if (changed)
                ledger_read_soon(lease->ledger);
        ask_later(lease);
}

static void on_ask_overdue(void *userdata)
{
        Lease *lease = userdata;

        worker_kill(lease->ask_worker);
}

static void on_ask(evutil_socket_t fd, short what, void *userdata)
{
        const WorkerHandler handler = {
                .done = on_asked,
                .overdue = on_ask_overdue,
                .userdata = userdata,
        };
        Lease *lease = userdata;

        if (lease->ask_worker || !lease_record_is_in_hand(lease->record))
                return;
        int r = worker_start(lease->ledger->base, job_ask, lease, &lease->fds,
                             WORKER_DEADLINE_SECONDS, &handler, &lease->ask_worker);
        if (r < 0) {
                log_broken(r);
                ask_later(lease);
        }
}

int claims_watch(Lease *lease, bool is_new)
{
        if (!can_ask(lease))
                return 0;
        lease->claimed = calloc(lease->record->n_groups + 1, sizeof(*lease->claimed));
        lease->ask = evtimer_new(lease->ledger->base, on_ask, lease);
        if (!lease->claimed || !lease->ask)
                return -ENOMEM;
        /* Of what nobody else has had yet the answer is known. */
        lease->is_asked = is_new;
        return evtimer_add(lease->ask, &(struct timeval){.tv_sec = is_new ? ASK_SECONDS : 0}) < 0
                       ? -ENOMEM
                       : 0;
}

bool claims_are_unknown(const Lease *lease)
{
        return lease->claimed && !lease->is_asked;
}

void claims_forget(Lease *lease)
{
        /* It has copies of the descriptors, for which the kernel would wait. */
        if (lease->ask_worker)
                worker_kill(lease->ask_worker);
        lease->ask_worker = worker_free(lease->ask_worker);
        if (lease->ask)
                event_free(TAKE_PTR(lease->ask));
        free(TAKE_PTR(lease->claimed));
}

/* --- by nodes --------------------------------------------------------------------------------- */

/* Whether another lease needs the nodes that are not a group's own, for the same uid. */
static bool shares_nodes(const Lease *lease)
{
        const Ledger *ledger = lease->ledger;

        for (size_t i = 0; i < ledger->n_leases; i++) {
                const LeaseRecord *other = ledger->leases[i]->record;

                if (other != lease->record && nodes_are_for(other->mode) &&
                    other->state == LEASE_LEASED && other->path_uid == lease->record->path_uid)
                        return true;
        }
        return false;
}

int claims_grant_nodes(Lease *lease, char **ret_message)
{
        return nodes_grant(&lease->ledger->host, lease->record, ret_message);
}

int claims_revoke_nodes(Lease *lease, char **ret_message)
{
        return nodes_revoke(&lease->ledger->host, lease->record, !shares_nodes(lease),
                            ret_message);
}

void claims_review_nodes(Lease *lease)
{
        _cleanup_(freep) char *message = NULL;

        if (!nodes_are_for(lease->record->mode) || lease->record->state != LEASE_LEASED ||
            nodes_are_granted(&lease->ledger->host, lease->record))
                return;
        int r = nodes_grant(&lease->ledger->host, lease->record, &message);
        if (r == 0)
                log_info("lease %" PRIu32 ": uid %u may open its nodes again", lease->record->id,
                         lease->record->path_uid);
        else
                log_error("lease %" PRIu32 ": uid %u may not open all of its nodes: %s",
                          lease->record->id, lease->record->path_uid,
                          message ? message : strerror(-r));
}
