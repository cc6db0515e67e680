/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * org.isolationd1.Manager: asking for groups.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/bus/arguments.h"
#include "daemon/bus/fds.h"
#include "daemon/bus/method.h"
#include "daemon/bus/subscribers.h"
#include "daemon/descriptors/descriptors.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/limits/request.h"
#include "daemon/recovery/selfcheck.h"
#include "daemon/requests/requests.h"
#include "daemon/tell/audit.h"

static int get_constant(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const BusView *view = userdata;

        return sd_bus_message_append(reply, "s",
                                     strcmp(property, "Version") == 0
                                             ? ISO_VERSION
                                             : bus_view_world(view)->snapshot->kernel_release);
}

static int get_obstacle(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        _cleanup_(freep) char *text = NULL;

        int r = world_obstacle(bus_view_world(userdata), &text);
        return r < 0 ? r : sd_bus_message_append(reply, "s", text ? text : "");
}

static int get_policy_error(sd_bus *bus, const char *path, const char *interface,
                            const char *property, sd_bus_message *reply, void *userdata,
                            sd_bus_error *error)
{
        const BusView *view = userdata;
        const char *text = view->bus->ledger->policy_error;

        return sd_bus_message_append(reply, "s", text ? text : "");
}

static int append_finding(const SelfFinding *finding, void *userdata)
{
        int r = sd_bus_message_append(userdata, "(sssss)", finding->id, finding->level,
                                      finding->what, finding->evidence, finding->fix);

        return r < 0 ? r : 0;
}

static int get_self_check(sd_bus *bus, const char *path, const char *interface,
                          const char *property, sd_bus_message *reply, void *userdata,
                          sd_bus_error *error)
{
        const BusView *view = userdata;

        int r = sd_bus_message_open_container(reply, 'a', "(sssss)");
        if (r >= 0)
                r = selfcheck(view->bus->ledger, append_finding, reply);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_grant(sd_bus_message *reply, const Lease *lease)
{
        int r = bus_append_path(reply, bus_path_lease(lease->record->id));
        if (r >= 0)
                r = sd_bus_message_append(reply, "h", descriptors_client_fd(lease));
        return r < 0 ? r : bus_append_fds(reply, descriptors_of(lease));
}

/* Who is not given what they ask for is on the journal; a slip of the pen is not, nor a queue. */
static void audit_answer(const MethodCall *call, const LeaseAnswer *answer)
{
        const char *selectors[ARGUMENT_SELECTORS_MAX + 1] = {NULL};

        if (answer->code <= 0 || answer->code == REFUSAL_INVALID ||
            answer->code == REFUSAL_NOT_FOUND || answer->code == REFUSAL_BUSY)
                return;
        if (argument_rewind(call->message) < 0 ||
            argument_read_texts(call->message, "selectors", ARGUMENT_SELECTORS_MAX, selectors) < 0)
                return;
        const AuditRefusal refusal = {
                .uid = call->caller.uid,
                .unit = call->caller.unit,
                .selectors = selectors,
                .refusal = (Refusal)answer->code,
                .message = answer->message,
                .rule = answer->rule,
        };
        audit_refusal(call->bus->ledger, &refusal);
}

static void on_acquired(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;

        if (answer->code != 0) {
                audit_answer(call, answer);
                bus_reply_failure(call->message, answer);
                return;
        }
        int r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = append_grant(reply, lease);
        if (r >= 0)
                r = sd_bus_send(call->bus->bus, reply, NULL);
        /* Its owner hears what becomes of it; who has too many connections hears it on the others.
         */
        if (r >= 0 && subscribers_add(call) < 0)
                log_broken(-ENOMEM);
        /* The message has its own copy. If it never arrives, the lease ends by itself. */
        descriptors_close_client_fd(lease);
        if (r < 0) {
                (void)sd_bus_reply_method_errno(call->message, r, NULL);
                lease_release(lease, NULL, NULL);
        }
}

void method_acquire(MethodCall *call)
{
        const char *selectors[ARGUMENT_SELECTORS_MAX + 1];
        AcquireRequest request;

        if (method_read_request(call, &request, selectors) < 0)
                method_call_free(call);
        else
                request_acquire(call->bus->ledger, &request, on_acquired, call);
}

static void answer_resolve(MethodCall *call, size_t device, size_t group)
{
        const World *world = call->bus->ledger->world;
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;

        int r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = device == SNAPSHOT_NONE
                            ? sd_bus_message_append(reply, "o", "/")
                            : bus_append_path(
                                      reply, bus_path_device(world->snapshot->devices[device].bdf));
        if (r >= 0)
                r = group == SNAPSHOT_NONE
                            ? sd_bus_message_append(reply, "o", "/")
                            : bus_append_path(reply,
                                              bus_path_group(world->groups->groups[group].id));
        if (r >= 0)
                r = sd_bus_send(call->bus->bus, reply, NULL);
        if (r < 0)
                (void)sd_bus_reply_method_errno(call->message, r, NULL);
}

void method_resolve(MethodCall *call)
{
        _cleanup_(method_call_freep) MethodCall *owned = call;
        const Ledger *ledger = call->bus->ledger;
        size_t device, group;
        const char *selector;

        if (argument_read_text(call->message, "selector", &selector) < 0 ||
            !method_read_no_options(call))
                return;
        if (!world_resolve(ledger->world, &ledger->host, selector, &device, &group)) {
                bus_reply_refusal(call->message, REFUSAL_NOT_FOUND,
                                  "%.64s: no device, group or interface of that name", selector);
                return;
        }
        answer_resolve(owned, device, group);
}

void method_subscribe(MethodCall *call)
{
        _cleanup_(method_call_freep) MethodCall *owned = call;

        if (!method_read_no_options(call))
                return;
        int r = subscribers_add(owned);
        if (r > 0)
                bus_reply_refusal(call->message, (Refusal)r, "uid %u has %d subscribers already",
                                  call->caller.uid, SUBSCRIBERS_PER_UID_MAX);
        else if (r < 0)
                (void)sd_bus_reply_method_errno(call->message, r, NULL);
        else
                (void)sd_bus_reply_method_return(call->message, NULL);
}

const sd_bus_vtable bus_manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Acquire", SD_BUS_ARGS("as", selectors, "a{sv}", options),
                                SD_BUS_RESULT("o", lease, "h", lease_fd, "a(sh)", fds),
                                method_dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Plan", SD_BUS_ARGS("as", selectors, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", plan), method_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Repair", SD_BUS_ARGS("as", selectors, "a{sv}", options),
                                SD_BUS_RESULT("as", lines, "u", left), method_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Resolve", SD_BUS_ARGS("s", selector, "a{sv}", options),
                                SD_BUS_RESULT("o", device, "o", group), method_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Subscribe", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT,
                                method_dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Version", "s", get_constant, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("KernelRelease", "s", get_constant, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("LeaseObstacle", "s", get_obstacle, 0, 0),
        SD_BUS_PROPERTY("PolicyError", "s", get_policy_error, 0,
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("SelfCheck", "a(sssss)", get_self_check, 0, 0),
        SD_BUS_VTABLE_END,
};
