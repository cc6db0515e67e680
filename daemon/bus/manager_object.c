/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * org.isolationd1.Manager: asking for groups.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/audit.h"
#include "daemon/bus/fds.h"
#include "daemon/bus/method.h"
#include "daemon/selfcheck.h"

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
                r = selfcheck(view->bus->manager, append_finding, reply);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Answers with Invalid and returns -EINVAL. */
static int refuse_option(sd_bus_message *message, const char *key, const char *what)
{
        bus_reply_refusal(message, REFUSAL_INVALID, "%.64s: %s", key, what);
        return -EINVAL;
}

static int parse_mode(sd_bus_message *message, const char *text, LeaseMode *ret)
{
        *ret = lease_mode_from_string(text);
        if (*ret == LEASE_MODE_NONE)
                return refuse_option(message, text,
                                     "no such mode; there are vfio, iommufd, iommufd-unbound, "
                                     "group-fd and path");
        return 0;
}

static int read_mode(sd_bus_message *message, AcquireRequest *request)
{
        const char *text;

        int r = sd_bus_message_read(message, "v", "s", &text);
        if (r < 0)
                return refuse_option(message, "mode", "must be a string");
        return parse_mode(message, text, &request->mode);
}

/* Each once: what is said again would not be asked again. */
static int read_modes(sd_bus_message *message, AcquireRequest *request)
{
        _cleanup_(strv_freep) char **texts = NULL;

        int r = sd_bus_message_enter_container(message, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_read_strv(message, &texts);
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        if (r < 0)
                return refuse_option(message, "modes", "must be an array of strings");
        for (char **text = texts; text && *text; text++) {
                LeaseMode mode;
                bool known = false;

                r = parse_mode(message, *text, &mode);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < request->n_modes; i++)
                        known |= request->modes[i] == mode;
                if (!known)
                        request->modes[request->n_modes++] = mode;
        }
        return 0;
}

static int read_uid(sd_bus_message *message, AcquireRequest *request)
{
        uint32_t uid;

        int r = sd_bus_message_read(message, "v", "u", &uid);
        if (r < 0)
                return refuse_option(message, "uid", "must be a 32-bit number");
        if (request->uid != 0 && uid != request->uid) {
                bus_reply_refusal(message, REFUSAL_NOT_AUTHORIZED,
                                  "uid: only root opens nodes to another one");
                return -EPERM;
        }
        request->path_uid = uid;
        return 0;
}

/* The owner binds by himself what would be bound to an iommufd. */
static int set_unbound(sd_bus_message *message, AcquireRequest *request)
{
        bool any = request->mode == LEASE_MODE_IOMMUFD;

        if (any)
                request->mode = LEASE_MODE_IOMMUFD_UNBOUND;
        for (size_t i = 0; i < request->n_modes; i++)
                if (request->modes[i] == LEASE_MODE_IOMMUFD) {
                        request->modes[i] = LEASE_MODE_IOMMUFD_UNBOUND;
                        any = true;
                }
        return any ? 0 : refuse_option(message, "prebound", "is for mode iommufd");
}

static int read_lifetime(sd_bus_message *message, AcquireRequest *request)
{
        const char *text;

        int r = sd_bus_message_read(message, "v", "s", &text);
        if (r < 0)
                return refuse_option(message, "lifetime", "must be a string");
        if (!lease_lifetime_from_string(text, &request->lifetime))
                return refuse_option(message, text,
                                     "no such lifetime; there are fd, persistent and connection");
        return 0;
}

/* Borrowed from the message, which the request does not outlive. */
static int read_ticket(sd_bus_message *message, AcquireRequest *request)
{
        int r = sd_bus_message_read(message, "v", "s", &request->ticket);
        if (r < 0)
                return refuse_option(message, "ticket", "must be a string");
        size_t n = strlen(request->ticket);
        if (n == 0 || n >= REQUEST_TICKET_SIZE)
                return refuse_option(message, "ticket", "must have 1 to 64 characters");
        return 0;
}

static int read_driver(sd_bus_message *message, AcquireRequest *request)
{
        const char *text;

        int r = sd_bus_message_read(message, "v", "s", &text);
        if (r < 0)
                return refuse_option(message, "driver", "must be a string");
        if (!text[0] || text[0] == '.' || strlen(text) >= sizeof(request->driver) ||
            strpbrk(text, "/\n"))
                return refuse_option(message, text, "no name of a driver");
        memcpy(request->driver, text, strlen(text) + 1);
        return 0;
}

static int read_type(sd_bus_message *message, AcquireRequest *request)
{
        const char *text;

        int r = sd_bus_message_read(message, "v", "s", &text);
        if (r < 0)
                return refuse_option(message, "type", "must be a string");
        request->type = domain_type_from_string(text);
        if (request->type != DOMAIN_TYPE_DMA && request->type != DOMAIN_TYPE_DMA_FQ)
                return refuse_option(message, text,
                                     "no type for a lease; there are DMA and DMA-FQ");
        return 0;
}

static int read_memory(sd_bus_message *message, AcquireRequest *request)
{
        if (sd_bus_message_read(message, "v", "t", &request->memory) < 0)
                return refuse_option(message, "memory", "must be a number of bytes, of type t");
        return 0;
}

/* `*prebound` is for when all is read: the modes may come later. */
static int read_option(sd_bus_message *message, const char *key, AcquireRequest *request,
                       bool *prebound)
{
        const struct {
                const char *key;
                bool *flag;
        } flags[] = {
                {"with-members", &request->with_members},
                {"force", &request->force},
                {"release-console", &request->release_console},
                {"prebound", prebound},
        };
        int value;

        if (strcmp(key, "mode") == 0)
                return read_mode(message, request);
        if (strcmp(key, "modes") == 0)
                return read_modes(message, request);
        if (strcmp(key, "uid") == 0)
                return read_uid(message, request);
        if (strcmp(key, "lifetime") == 0)
                return read_lifetime(message, request);
        if (strcmp(key, "wait-usec") == 0)
                return sd_bus_message_read(message, "v", "t", &request->wait_usec) < 0
                               ? refuse_option(message, key, "must be a number of type t")
                               : 0;
        if (strcmp(key, "ticket") == 0)
                return read_ticket(message, request);
        if (strcmp(key, "driver") == 0)
                return read_driver(message, request);
        if (strcmp(key, "type") == 0)
                return read_type(message, request);
        if (strcmp(key, "memory") == 0)
                return read_memory(message, request);
        for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
                if (strcmp(key, flags[i].key) != 0)
                        continue;
                if (sd_bus_message_read(message, "v", "b", &value) < 0)
                        return refuse_option(message, key, "must be a boolean");
                *flags[i].flag = value;
                return 0;
        }
        return refuse_option(message, key, "no such option");
}

/* Reads the options. Returns 0, or -errno with the call answered. */
static int read_options(sd_bus_message *message, AcquireRequest *request)
{
        const char *key;
        bool prebound = true;

        int r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = sd_bus_message_read(message, "s", &key);
                if (r < 0)
                        break;
                r = read_option(message, key, request, &prebound);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(message);
        }
        if (r < 0)
                return refuse_option(message, "options", "cannot be read");
        if ((request->force || request->release_console) && request->uid != 0) {
                bus_reply_refusal(message, REFUSAL_NOT_AUTHORIZED, "%s is for root",
                                  request->force ? "force" : "release-console");
                return -EPERM;
        }
        return prebound ? 0 : set_unbound(message, request);
}

static int append_grant(sd_bus_message *reply, const Lease *lease)
{
        int r = bus_append_path(reply, bus_path_lease(lease->record->id));
        if (r >= 0)
                r = sd_bus_message_append(reply, "h", lease->client_fd);
        return r < 0 ? r : bus_append_fds(reply, &lease->fds);
}

/* Who is not given what they ask for is on the journal; a slip of the pen is not, nor a queue. */
static void audit_answer(const MethodCall *call, const ManagerAnswer *answer)
{
        static const char *const nothing[] = {NULL};
        _cleanup_(strv_freep) char **selectors = NULL;

        if (answer->code <= 0 || answer->code == REFUSAL_INVALID ||
            answer->code == REFUSAL_NOT_FOUND || answer->code == REFUSAL_BUSY)
                return;
        if (sd_bus_message_rewind(call->message, true) >= 0)
                (void)!sd_bus_message_read_strv(call->message, &selectors);
        const AuditRefusal refusal = {
                .uid = call->caller.uid,
                .unit = call->caller.unit,
                .selectors = selectors ? (const char *const *)selectors : nothing,
                .refusal = (Refusal)answer->code,
                .message = answer->message,
                .rule = answer->rule,
        };
        audit_refusal(call->bus->manager, &refusal);
}

static void on_acquired(const ManagerAnswer *answer, Lease *lease, void *userdata)
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
        /* The message has its own copy. If it never arrives, the lease ends by itself. */
        closep(&lease->client_fd);
        lease->client_fd = -1;
        if (r < 0) {
                (void)sd_bus_reply_method_errno(call->message, r, NULL);
                manager_release(lease, NULL, NULL);
        }
}

int method_read_request(MethodCall *call, AcquireRequest *ret_request, char ***ret_selectors)
{
        static const char *const nothing[] = {NULL};
        AcquireRequest request = {
                .mode = LEASE_MODE_NONE,
                .lifetime = LEASE_LIFETIME_FD,
                .uid = call->caller.uid,
                .path_uid = call->caller.uid,
                .gids = call->caller.gids,
                .n_gids = call->caller.n_gids,
                .unit = call->caller.unit,
                .label = call->caller.label,
                .owner = sd_bus_message_get_sender(call->message),
                .pid = call->caller.pid,
        };

        int r = sd_bus_message_read_strv(call->message, ret_selectors);
        if (r < 0)
                return refuse_option(call->message, "selectors", "cannot be read");
        r = read_options(call->message, &request);
        if (r < 0)
                return r;
        request.selectors = *ret_selectors ? (const char *const *)*ret_selectors : nothing;
        *ret_request = request;
        return 0;
}

void method_acquire(MethodCall *call)
{
        _cleanup_(strv_freep) char **selectors = NULL;
        AcquireRequest request;

        if (method_read_request(call, &request, &selectors) < 0)
                method_call_free(call);
        else
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
        SD_BUS_METHOD_WITH_ARGS("Plan", SD_BUS_ARGS("as", selectors, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", plan), method_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Repair", SD_BUS_ARGS("as", selectors, "a{sv}", options),
                                SD_BUS_RESULT("as", lines, "u", left), method_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Resolve", SD_BUS_ARGS("s", selector, "a{sv}", options),
                                SD_BUS_RESULT("o", device, "o", group), method_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Version", "s", get_constant, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("KernelRelease", "s", get_constant, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("LeaseObstacle", "s", get_obstacle, 0, 0),
        SD_BUS_PROPERTY("PolicyError", "s", get_policy_error, 0,
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("SelfCheck", "a(sssss)", get_self_check, 0, 0),
        SD_BUS_VTABLE_END,
};
