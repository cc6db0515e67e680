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
        AcquireOptions *wanted = target;
        const char *text;

        int r = option_read_text(message, key, &text);
        return r < 0 ? r : parse_mode(message, text, &wanted->mode);
}

/* Keeps each mode once: a second try of a mode would have the same result. */
static int read_modes(sd_bus_message *message, const char *key, void *target)
{
        AcquireOptions *wanted = target;
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
                for (size_t i = 0; i < wanted->n_modes; i++)
                        known |= wanted->modes[i] == mode;
                if (!known)
                        wanted->modes[wanted->n_modes++] = mode;
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
        if (request->who.uid != 0 && uid != request->who.uid) {
                bus_reply_refusal(message, REFUSAL_NOT_AUTHORIZED,
                                  "uid: only root may open nodes to another user");
                return -EPERM;
        }
        request->who.path_uid = uid;
        return 0;
}

static int read_lifetime(sd_bus_message *message, const char *key, void *target)
{
        AcquireOptions *wanted = target;
        const char *text;

        int r = option_read_text(message, key, &text);
        if (r < 0)
                return r;
        if (!lease_lifetime_from_string(text, &wanted->lifetime))
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
        AcquireOptions *wanted = target;
        const char *text;

        int r = option_read_text(message, key, &text);
        if (r < 0)
                return r;
        if (!text[0] || text[0] == '.' || strlen(text) >= sizeof(wanted->driver) ||
            strpbrk(text, "/\n"))
                return argument_refuse(message, text, "not a name of a driver");
        memcpy(wanted->driver, text, strlen(text) + 1);
        return 0;
}

static int read_type(sd_bus_message *message, const char *key, void *target)
{
        AcquireOptions *wanted = target;
        const char *text;

        int r = option_read_text(message, key, &text);
        if (r < 0)
                return r;
        wanted->type = domain_type_from_string(text);
        if (wanted->type != DOMAIN_TYPE_DMA && wanted->type != DOMAIN_TYPE_DMA_FQ)
                return argument_refuse(message, text, "not a type for a lease; use DMA or DMA-FQ");
        return 0;
}

#define WANTED offsetof(RequestTarget, request.options)

static const ArgumentOption options[] = {
        {"mode", read_mode, WANTED},
        {"modes", read_modes, WANTED},
        {"uid", read_uid, 0},
        {"lifetime", read_lifetime, WANTED},
        {"wait-usec", option_read_u64, offsetof(RequestTarget, request.wait_usec)},
        {"ticket", read_ticket, 0},
        {"driver", read_driver, WANTED},
        {"type", read_type, WANTED},
        {"memory", option_read_u64, WANTED + offsetof(AcquireOptions, memory)},
        {"with-members", option_read_flag, WANTED + offsetof(AcquireOptions, with_members)},
        {"force", option_read_flag, WANTED + offsetof(AcquireOptions, force)},
        {"release-console", option_read_flag, WANTED + offsetof(AcquireOptions, release_console)},
        {"prebound", option_read_flag, offsetof(RequestTarget, prebound)},
};

/* Option prebound=false: the owner, not the daemon, binds the devices to an iommufd. */
static int set_unbound(sd_bus_message *message, AcquireOptions *wanted)
{
        bool any = wanted->mode == LEASE_MODE_IOMMUFD;

        if (any)
                wanted->mode = LEASE_MODE_IOMMUFD_UNBOUND;
        for (size_t i = 0; i < wanted->n_modes; i++)
                if (wanted->modes[i] == LEASE_MODE_IOMMUFD) {
                        wanted->modes[i] = LEASE_MODE_IOMMUFD_UNBOUND;
                        any = true;
                }
        return any ? 0 : argument_refuse(message, "prebound", "requires mode iommufd");
}

/* Reads the options. Returns 0, or -errno with the call answered. */
static int read_options(sd_bus_message *message, RequestTarget *target)
{
        AcquireOptions *wanted = &target->request.options;

        int r = argument_read_options(message, options, ARRAY_SIZE(options), target);
        if (r < 0)
                return r;
        if ((wanted->force || wanted->release_console) && target->request.who.uid != 0) {
                bus_reply_refusal(message, REFUSAL_NOT_AUTHORIZED, "%s requires root",
                                  wanted->force ? "force" : "release-console");
                return -EPERM;
        }
        return target->prebound ? 0 : set_unbound(message, wanted);
}

int method_read_request(MethodCall *call, AcquireRequest *ret_request, const char **selectors)
{
        RequestTarget target = {
                .request =
                        {
                                .selectors = selectors,
                                .who =
                                        {
                                                .uid = call->caller.uid,
                                                .path_uid = call->caller.uid,
                                                .pid = call->caller.pid,
                                                .gids = call->caller.gids,
                                                .n_gids = call->caller.n_gids,
                                                .unit = call->caller.unit,
                                                .label = call->caller.label,
                                                .name = sd_bus_message_get_sender(call->message),
                                        },
                                .options = {.lifetime = LEASE_LIFETIME_FD},
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
