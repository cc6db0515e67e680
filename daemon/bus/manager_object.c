/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * org.isolationd1.Manager: asking for groups.
 */

#include <errno.h>
#include <string.h>

#include "daemon/bus/method.h"

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
        const char *text = view->bus->manager->policy_error;

        return sd_bus_message_append(reply, "s", text ? text : "");
}

static void strv_freep(char ***strv)
{
        for (char **s = *strv; s && *s; s++)
                free(*s);
        free(*strv);
}

/* Answers with Invalid and returns -EINVAL. */
static int refuse_option(sd_bus_message *message, const char *key, const char *what)
{
        bus_reply_refusal(message, REFUSAL_INVALID, "%.64s: %s", key, what);
        return -EINVAL;
}

static int read_mode(sd_bus_message *message, AcquireRequest *request)
{
        const char *text;

        int r = sd_bus_message_read(message, "v", "s", &text);
        if (r < 0)
                return refuse_option(message, "mode", "must be a string");
        request->mode = lease_mode_from_string(text);
        if (request->mode == LEASE_MODE_NONE)
                return refuse_option(message, text, "no such mode; there are vfio and iommufd");
        return 0;
}

static int read_lifetime(sd_bus_message *message, AcquireRequest *request)
{
        const char *text;

        int r = sd_bus_message_read(message, "v", "s", &text);
        if (r < 0)
                return refuse_option(message, "lifetime", "must be a string");
        if (!lease_lifetime_from_string(text, &request->lifetime))
                return refuse_option(message, text,
                                     "no such lifetime; there are fd and persistent");
        return 0;
}

static int read_option(sd_bus_message *message, const char *key, AcquireRequest *request)
{
        int value;

        if (strcmp(key, "mode") == 0)
                return read_mode(message, request);
        if (strcmp(key, "lifetime") == 0)
                return read_lifetime(message, request);
        if (strcmp(key, "with-members") != 0 && strcmp(key, "force") != 0)
                return refuse_option(message, key, "no such option");
        if (sd_bus_message_read(message, "v", "b", &value) < 0)
                return refuse_option(message, key, "must be a boolean");
        if (key[0] == 'w')
                request->with_members = value;
        else
                request->force = value;
        return 0;
}

/* Reads the options. Returns 0, or -errno with the call answered. */
static int read_options(sd_bus_message *message, AcquireRequest *request)
{
        const char *key;

        int r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = sd_bus_message_read(message, "s", &key);
                if (r < 0)
                        break;
                r = read_option(message, key, request);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(message);
        }
        if (r < 0)
                return refuse_option(message, "options", "cannot be read");
        if (request->force && request->uid != 0) {
                bus_reply_refusal(message, REFUSAL_NOT_AUTHORIZED, "force is for root");
                return -EPERM;
        }
        return 0;
}

static int append_grant(sd_bus_message *reply, const Lease *lease)
{
        int r = bus_append_path(reply, bus_path_lease(lease->record->id));
        if (r >= 0)
                r = sd_bus_message_append(reply, "h", lease->client_fd);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(sh)");
        for (size_t i = 0; r >= 0 && i < lease->fds.n_items; i++)
                r = sd_bus_message_append(reply, "(sh)", lease->fds.items[i].name,
                                          lease->fds.items[i].fd);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void on_acquired(const ManagerAnswer *answer, Lease *lease, void *userdata)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;

        if (answer->code != 0) {
                bus_reply_failure(call->message, answer);
                return;
        }
        int r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = append_grant(reply, lease);
        if (r >= 0)
                r = sd_bus_send(call->bus->bus, reply, NULL);
        /* The message has its own copy. If it never arrives, the lease ends by itself. */
        closep(&lease->client_fd);
        lease->client_fd = -1;
        if (r < 0) {
                (void)sd_bus_reply_method_errno(call->message, r, NULL);
                manager_release(lease, NULL, NULL);
        }
}

void method_acquire(MethodCall *call)
{
        _cleanup_(strv_freep) char **selectors = NULL;
        AcquireRequest request = {
                .mode = LEASE_MODE_NONE,
                .lifetime = LEASE_LIFETIME_FD,
                .uid = call->caller.uid,
                .gids = call->caller.gids,
                .n_gids = call->caller.n_gids,
                .unit = call->caller.unit,
        };
        static const char *const nothing[] = {NULL};

        int r = sd_bus_message_read_strv(call->message, &selectors);
        if (r < 0)
                (void)refuse_option(call->message, "selectors", "cannot be read");
        else
                r = read_options(call->message, &request);
        if (r < 0) {
                method_call_free(call);
                return;
        }
        request.selectors = selectors ? (const char *const *)selectors : nothing;
        manager_acquire(call->bus->manager, &request, on_acquired, call);
}

static void answer_resolve(MethodCall *call, size_t device, size_t group)
{
        const World *world = call->bus->manager->world;
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;

        int r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = device == SNAPSHOT_NONE
                            ? sd_bus_message_append(reply, "o", "/")
                            : bus_append_path(
                                      reply,
                                      bus_path_device(world->snapshot->devices[device].bdf));
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
        const Manager *manager = call->bus->manager;
        size_t device, group;
        const char *selector;

        if (sd_bus_message_read(call->message, "s", &selector) < 0) {
                (void)refuse_option(call->message, "selector", "cannot be read");
                return;
        }
        if (sd_bus_message_enter_container(call->message, 'a', "{sv}") < 0 ||
            sd_bus_message_at_end(call->message, 0) == 0) {
                (void)refuse_option(call->message, "options", "there are none for Resolve");
                return;
        }
        if (!world_resolve(manager->world, &manager->host, selector, &device, &group)) {
                bus_reply_refusal(call->message, REFUSAL_NOT_FOUND,
                                  "%.64s: no device, group or interface of that name", selector);
                return;
        }
        answer_resolve(owned, device, group);
}

const sd_bus_vtable bus_manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Acquire", SD_BUS_ARGS("as", selectors, "a{sv}", options),
                                SD_BUS_RESULT("o", lease, "h", lease_fd, "a(sh)", fds),
                                method_dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Resolve", SD_BUS_ARGS("s", selector, "a{sv}", options),
                                SD_BUS_RESULT("o", device, "o", group), method_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Version", "s", get_constant, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("KernelRelease", "s", get_constant, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("LeaseObstacle", "s", get_obstacle, 0, 0),
        SD_BUS_PROPERTY("PolicyError", "s", get_policy_error, 0, 0),
        SD_BUS_VTABLE_END,
};
