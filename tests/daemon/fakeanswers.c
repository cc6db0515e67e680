/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Linked in place of the manager's functions and of sd-bus's readers, which are counted. */

#include "tests/daemon/fakeanswers.h"

#include <errno.h>

#include "core/model/refusal.h"
#include "daemon/bus/call/call.h"
#include "daemon/manager_revoke.h"
#include "daemon/rehearsal.h"
#include "daemon/repair.h"

unsigned fakeanswers_n_done, fakeanswers_n_reads;

int __real_sd_bus_message_read_basic(sd_bus_message *message, char type, void *value);
int __wrap_sd_bus_message_read_basic(sd_bus_message *message, char type, void *value);
int __real_sd_bus_message_enter_container(sd_bus_message *message, char type, const char *contents);
int __wrap_sd_bus_message_enter_container(sd_bus_message *message, char type, const char *contents);
void __wrap_manager_acquire(Manager *asked, const AcquireRequest *request, ManagerDone done,
                            void *userdata);
void __wrap_rehearse(Manager *asked, const AcquireRequest *request, RehearsalDone done,
                     void *userdata);
void __wrap_repair(Manager *asked, const RepairRequest *request, RepairDone done, void *userdata);
void __wrap_manager_release(Lease *asked, ManagerDone done, void *userdata);
void __wrap_manager_revoke(Lease *asked, const RevokeRequest *request, ManagerDone done,
                           void *userdata);
int __wrap_subscribers_add(const MethodCall *call);
int __wrap_manager_transfer(Lease *asked, const NewOwner *owner, char **ret_message);
void __wrap_manager_reset_device(Manager *asked, Bdf bdf, ManagerDone done, void *userdata);
void __wrap_manager_set_type(Manager *asked, const char *id, DomainType type, ManagerDone done,
                             void *userdata);
void __wrap_manager_read_regions(Manager *asked, size_t group, uid_t uid, ManagerDone done,
                                 void *userdata);
void __wrap_manager_take_device(Lease *asked, Bdf bdf, const PolicyRequest *who,
                                ManagerMemberDone done, void *userdata);
void __wrap_manager_expel_device(Lease *asked, Bdf bdf, ManagerMemberDone done, void *userdata);
void __wrap_census_ask(Lease *asked, uid_t uid, CensusDone done, void *userdata);
void __wrap_census_ask_group(Manager *asked, int32_t group, uid_t uid, CensusDone done,
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

/* Every call that comes so far is refused in the same way. */
static const ManagerAnswer reached = {.code = REFUSAL_BUSY, .message = "reached"};

static void reach(ManagerDone done, void *userdata)
{
        fakeanswers_n_done++;
        done(&reached, NULL, userdata);
}

void __wrap_manager_acquire(Manager *asked, const AcquireRequest *request, ManagerDone done,
                            void *userdata)
{
        reach(done, userdata);
}

void __wrap_rehearse(Manager *asked, const AcquireRequest *request, RehearsalDone done,
                     void *userdata)
{
        const Rehearsal broken = {.code = -EBUSY, .message = "reached"};

        fakeanswers_n_done++;
        done(&broken, userdata);
}

void __wrap_repair(Manager *asked, const RepairRequest *request, RepairDone done, void *userdata)
{
        const ManagerAnswer broken = {.code = -EBUSY, .message = "reached"};

        fakeanswers_n_done++;
        done(&broken, NULL, 0, userdata);
}

void __wrap_manager_release(Lease *asked, ManagerDone done, void *userdata)
{
        reach(done, userdata);
}

void __wrap_manager_revoke(Lease *asked, const RevokeRequest *request, ManagerDone done,
                           void *userdata)
{
        reach(done, userdata);
}

int __wrap_manager_transfer(Lease *asked, const NewOwner *owner, char **ret_message)
{
        fakeanswers_n_done++;
        return REFUSAL_BUSY;
}

void __wrap_manager_reset_device(Manager *asked, Bdf bdf, ManagerDone done, void *userdata)
{
        reach(done, userdata);
}

void __wrap_manager_set_type(Manager *asked, const char *id, DomainType type, ManagerDone done,
                             void *userdata)
{
        reach(done, userdata);
}

void __wrap_manager_read_regions(Manager *asked, size_t group, uid_t uid, ManagerDone done,
                                 void *userdata)
{
        reach(done, userdata);
}

void __wrap_manager_take_device(Lease *asked, Bdf bdf, const PolicyRequest *who,
                                ManagerMemberDone done, void *userdata)
{
        fakeanswers_n_done++;
        done(&reached, NULL, userdata);
}

void __wrap_manager_expel_device(Lease *asked, Bdf bdf, ManagerMemberDone done, void *userdata)
{
        fakeanswers_n_done++;
        done(&reached, NULL, userdata);
}

void __wrap_census_ask(Lease *asked, uid_t uid, CensusDone done, void *userdata)
{
        const CensusResult result = {.code = REFUSAL_BUSY, .message = "reached"};

        fakeanswers_n_done++;
        done(NULL, 0, &result, userdata);
}

void __wrap_census_ask_group(Manager *asked, int32_t group, uid_t uid, CensusDone done,
                             void *userdata)
{
        __wrap_census_ask(NULL, uid, done, userdata);
}
