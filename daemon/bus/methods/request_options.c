/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The arguments of Acquire and Plan: selectors, and options by a table.
 *
 * The request borrows its texts from the message.
 */

#include <errno.h>
#include <string.h>

#include "daemon/bus/call/arguments.h"
#include "daemon/bus/methods/methods_internal.h"

/* The target of the options. */
typedef struct RequestTarget {
        AcquireRequest request;
        bool prebound; /* checked after all options are read: "modes" may come later */
} RequestTarget;

static int parse_mode(sd_bus_message *message, const char *text, LeaseMode *ret)
{
        *ret = lease_mode_from_string(text);
        if (*ret == LEASE_MODE_NONE)
                return argument_refuse(message, text,
                                       "no such mode; use vfio, iommufd, iommufd-unbound, group-fd "
                                       "or path");
        return 0;
}

static int read_mode(sd_bus_message *message, const char *key, void *target)
{
        AcquireRequest *request = &((RequestTarget *)target)->request;
        const char *text;

        int r = option_read_text(message, key, &text);
        return r < 0 ? r : parse_mode(message, text, &request->mode);
}

/* Keeps each mode once: a second try of a mode would have the same result. */
static int read_modes(sd_bus_message *message, const char *key, void *target)
{
        AcquireRequest *request = &((RequestTarget *)target)->request;
        const char *texts[ARGUMENT_MODES_MAX + 1];

        int r = option_read_texts(message, key, ARGUMENT_MODES_MAX, texts);
        if (r < 0)
                return r;
        for (const char **text = texts; *text; text++) {
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

static int read_uid(sd_bus_message *message, const char *key, void *target)
{
        AcquireRequest *request = &((RequestTarget *)target)->request;
        uint32_t uid;

        int r = option_read_u32(message, key, &uid);
        if (r < 0)
                return r;
        if (request->uid != 0 && uid != request->uid) {
                bus_reply_refusal(message, REFUSAL_NOT_AUTHORIZED,
                                  "uid: only root may open nodes to another user");
                return -EPERM;
        }
        request->path_uid = uid;
        return 0;
}

static int read_lifetime(sd_bus_message *message, const char *key, void *target)
{
        AcquireRequest *request = &((RequestTarget *)target)->request;
        const char *text;

        int r = option_read_text(message, key, &text);
        if (r < 0)
                return r;
        if (!lease_lifetime_from_string(text, &request->lifetime))
                return argument_refuse(message, text,
                                       "no such lifetime; use fd, persistent or connection");
        return 0;
}

static int read_ticket(sd_bus_message *message, const char *key, void *target)
{
        AcquireRequest *request = &((RequestTarget *)target)->request;

        int r = option_read_text(message, key, &request->ticket);
        if (r < 0)
                return r;
        size_t n = strlen(request->ticket);
        if (n == 0 || n >= REQUEST_TICKET_SIZE)
                return argument_refuse(message, key, "must have 1 to 64 characters");
        return 0;
}

static int read_driver(sd_bus_message *message, const char *key, void *target)
{
        AcquireRequest *request = &((RequestTarget *)target)->request;
        const char *text;

        int r = option_read_text(message, key, &text);
        if (r < 0)
                return r;
        if (!text[0] || text[0] == '.' || strlen(text) >= sizeof(request->driver) ||
            strpbrk(text, "/\n"))
                return argument_refuse(message, text, "not a name of a driver");
        memcpy(request->driver, text, strlen(text) + 1);
        return 0;
}

static int read_type(sd_bus_message *message, const char *key, void *target)
{
        AcquireRequest *request = &((RequestTarget *)target)->request;
        const char *text;

        int r = option_read_text(message, key, &text);
        if (r < 0)
                return r;
        request->type = domain_type_from_string(text);
        if (request->type != DOMAIN_TYPE_DMA && request->type != DOMAIN_TYPE_DMA_FQ)
                return argument_refuse(message, text, "not a type for a lease; use DMA or DMA-FQ");
        return 0;
}

static const ArgumentOption options[] = {
        {"mode", read_mode, 0},
        {"modes", read_modes, 0},
        {"uid", read_uid, 0},
        {"lifetime", read_lifetime, 0},
        {"wait-usec", option_read_u64, offsetof(RequestTarget, request.wait_usec)},
        {"ticket", read_ticket, 0},
        {"driver", read_driver, 0},
        {"type", read_type, 0},
        {"memory", option_read_u64, offsetof(RequestTarget, request.memory)},
        {"with-members", option_read_flag, offsetof(RequestTarget, request.with_members)},
        {"force", option_read_flag, offsetof(RequestTarget, request.force)},
        {"release-console", option_read_flag, offsetof(RequestTarget, request.release_console)},
        {"prebound", option_read_flag, offsetof(RequestTarget, prebound)},
};

/* Option prebound=false: the owner, not the daemon, binds the devices to an iommufd. */
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
        return any ? 0 : argument_refuse(message, "prebound", "requires mode iommufd");
}

/* Reads the options. Returns 0, or -errno with the call answered. */
static int read_options(sd_bus_message *message, RequestTarget *target)
{
        AcquireRequest *request = &target->request;

        int r = argument_read_options(message, options, ARRAY_SIZE(options), target);
        if (r < 0)
                return r;
        if ((request->force || request->release_console) && request->uid != 0) {
                bus_reply_refusal(message, REFUSAL_NOT_AUTHORIZED, "%s requires root",
                                  request->force ? "force" : "release-console");
                return -EPERM;
        }
        return target->prebound ? 0 : set_unbound(message, request);
}

int method_read_request(MethodCall *call, AcquireRequest *ret_request, const char **selectors)
{
        RequestTarget target = {
                .request =
                        {
                                .selectors = selectors,
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
                        },
                .prebound = true,
        };

        int r = argument_read_texts(call->message, "selectors", ARGUMENT_SELECTORS_MAX, selectors);
        if (r == 0)
                r = read_options(call->message, &target);
        if (r == 0)
                *ret_request = target.request;
        return r;
}
