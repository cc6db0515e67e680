/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Stubs for the functions that bus methods call and for sd-bus's readers. The stubs count their
 * calls.
 */

#include "tests/daemon/fakeanswers.h"

#include <errno.h>

#include "core/model/refusal.h"
#include "daemon/bus/call/call.h"
#include "daemon/holders/tracker.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/limits/request.h"
#include "daemon/recovery/repair.h"
#include "daemon/requests/preview.h"
#include "daemon/requests/requests.h"

unsigned fakeanswers_n_done, fakeanswers_n_reads;

int __real_sd_bus_message_read_basic(sd_bus_message *message, char type, void *value);
int __wrap_sd_bus_message_read_basic(sd_bus_message *message, char type, void *value);
int __real_sd_bus_message_enter_container(sd_bus_message *message, char type, const char *contents);
int __wrap_sd_bus_message_enter_container(sd_bus_message *message, char type, const char *contents);
void __wrap_request_acquire(Ledger *asked, const AcquireRequest *request, LeaseDone done,
                            void *userdata);
void __wrap_plan_preview(Ledger *asked, const AcquireRequest *request, PlanPreviewDone done,
                     void *userdata);
void __wrap_repair(Ledger *asked, const RepairRequest *request, RepairDone done, void *userdata);
void __wrap_lease_release(Lease *asked, LeaseDone done, void *userdata);
void __wrap_lease_revoke(Lease *asked, const RevokeRequest *request, LeaseDone done,
                           void *userdata);
int __wrap_subscribers_add(const MethodCall *call);
int __wrap_lease_transfer(Lease *asked, const NewOwner *owner, char **ret_message);
void __wrap_request_reset(Ledger *asked, Bdf bdf, LeaseDone done, void *userdata);
void __wrap_group_set_type(Ledger *asked, const char *id, DomainType type, LeaseDone done,
                             void *userdata);
void __wrap_group_read_regions(Ledger *asked, size_t group, uid_t uid, LeaseDone done,
                                 void *userdata);
void __wrap_member_take(Lease *asked, Bdf bdf, const PolicyRequest *who,
                                MemberDone done, void *userdata);
void __wrap_member_expel(Lease *asked, Bdf bdf, MemberDone done, void *userdata);
void __wrap_holders_ask_lease(Lease *asked, uid_t uid, HoldersDone done, void *userdata);
void __wrap_holders_ask_group(Ledger *asked, int32_t group, uid_t uid, HoldersDone done,
                             void *userdata);

int __wrap_subscribers_add(const MethodCall *call)
{
        fakeanswers_n_done++;
        return REFUSAL_BUSY;
}

int __wrap_sd_bus_message_read_basic(sd_bus_message *message, char type, void *value)
{
        fakeanswers_n_reads++;
        return __real_sd_bus_message_read_basic(message, type, value);
}

int __wrap_sd_bus_message_enter_container(sd_bus_message *message, char type, const char *contents)
{
        fakeanswers_n_reads++;
        return __real_sd_bus_message_enter_container(message, type, contents);
}

/* Every call that gets this far receives the same refusal. */
static const LeaseAnswer reached = {.code = REFUSAL_BUSY, .message = "reached"};

static void reach(LeaseDone done, void *userdata)
{
        fakeanswers_n_done++;
        done(&reached, NULL, userdata);
}

void __wrap_request_acquire(Ledger *asked, const AcquireRequest *request, LeaseDone done,
                            void *userdata)
{
        reach(done, userdata);
}

void __wrap_plan_preview(Ledger *asked, const AcquireRequest *request, PlanPreviewDone done,
                     void *userdata)
{
        const PlanPreview broken = {.code = -EBUSY, .message = "reached"};

        fakeanswers_n_done++;
        done(&broken, userdata);
}

void __wrap_repair(Ledger *asked, const RepairRequest *request, RepairDone done, void *userdata)
{
        const LeaseAnswer broken = {.code = -EBUSY, .message = "reached"};

        fakeanswers_n_done++;
        done(&broken, NULL, 0, userdata);
}

void __wrap_lease_release(Lease *asked, LeaseDone done, void *userdata)
{
        reach(done, userdata);
}

void __wrap_lease_revoke(Lease *asked, const RevokeRequest *request, LeaseDone done,
                           void *userdata)
{
        reach(done, userdata);
}

int __wrap_lease_transfer(Lease *asked, const NewOwner *owner, char **ret_message)
{
        fakeanswers_n_done++;
        return REFUSAL_BUSY;
}

void __wrap_request_reset(Ledger *asked, Bdf bdf, LeaseDone done, void *userdata)
{
        reach(done, userdata);
}

void __wrap_group_set_type(Ledger *asked, const char *id, DomainType type, LeaseDone done,
                             void *userdata)
{
        reach(done, userdata);
}

void __wrap_group_read_regions(Ledger *asked, size_t group, uid_t uid, LeaseDone done,
                                 void *userdata)
{
        reach(done, userdata);
}

void __wrap_member_take(Lease *asked, Bdf bdf, const PolicyRequest *who,
                                MemberDone done, void *userdata)
{
        fakeanswers_n_done++;
        done(&reached, NULL, userdata);
}

void __wrap_member_expel(Lease *asked, Bdf bdf, MemberDone done, void *userdata)
{
        fakeanswers_n_done++;
        done(&reached, NULL, userdata);
}

void __wrap_holders_ask_lease(Lease *asked, uid_t uid, HoldersDone done, void *userdata)
{
        const HoldersResult result = {.code = REFUSAL_BUSY, .message = "reached"};

        fakeanswers_n_done++;
        done(NULL, 0, &result, userdata);
}

void __wrap_holders_ask_group(Ledger *asked, int32_t group, uid_t uid, HoldersDone done,
                             void *userdata)
{
        __wrap_holders_ask_lease(NULL, uid, done, userdata);
}
