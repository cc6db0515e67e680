/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Methods of org.isolationd1.Group that a worker answers: the type of its domain, its reserved
 * regions. The group is looked up again after every wait.
 */

#include <errno.h>

#include "core/model/region.h"
#include "daemon/bus/arguments.h"
#include "daemon/bus/method.h"
#include "daemon/requests/requests.h"

/* The group that is asked, or SNAPSHOT_NONE with the call answered. */
static size_t find_group(MethodCall *call)
{
        const char *path = sd_bus_message_get_path(call->message);
        size_t group = bus_find_group(call->bus->ledger, path);

        if (group == SNAPSHOT_NONE)
                bus_reply_refusal(call->message, REFUSAL_NOT_FOUND, "%s: no such group", path);
        return group;
}

static void on_type_set(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;

        if (answer->code != 0)
                bus_reply_failure(call->message, answer);
        else
                (void)sd_bus_reply_method_return(call->message, "");
}

static void set_type_now(MethodCall *call)
{
        const World *world = call->bus->ledger->world;
        size_t group = find_group(call);
        DomainType type = DOMAIN_TYPE_NONE;
        const char *text;

        if (group == SNAPSHOT_NONE || argument_rewind(call->message) < 0 ||
            argument_read_text(call->message, "type", &text) < 0) {
                method_call_free(call);
                return;
        }
        type = domain_type_from_string(text);
        if (type == DOMAIN_TYPE_NONE)
                bus_reply_refusal(call->message, REFUSAL_INVALID,
                                  "no such type; there are identity, DMA, DMA-FQ and auto");
        if (type == DOMAIN_TYPE_NONE || !method_read_no_options(call)) {
                method_call_free(call);
                return;
        }
        group_set_type(call->bus->ledger, world->groups->groups[group].id, type, on_type_set,
                         call);
}

void method_set_type(MethodCall *call)
{
        method_authorize(call, set_type_now);
}

static int append_regions(sd_bus_message *reply, const char *text)
{
        ReservedRegion region;

        int r = sd_bus_message_open_container(reply, 'a', "(tts)");
        while (r >= 0 && region_next(&text, &region))
                r = sd_bus_message_append(reply, "(tts)", region.start, region.end, region.kind);
        if (r >= 0 && *text)
                return -EBADMSG;
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void on_regions_read(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;

        if (answer->code != 0) {
                bus_reply_failure(call->message, answer);
                return;
        }
        int r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = append_regions(reply, answer->message);
        method_finish(call, reply, r);
}

void method_get_reserved_regions(MethodCall *call)
{
        size_t group = method_read_no_options(call) ? find_group(call) : SNAPSHOT_NONE;

        if (group == SNAPSHOT_NONE)
                method_call_free(call);
        else
                group_read_regions(call->bus->ledger, group, call->caller.uid, on_regions_read,
                                     call);
}
