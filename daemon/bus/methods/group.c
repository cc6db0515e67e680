/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Methods of org.isolationd1.Group: its strength, and by a worker the type of its domain and its
 * reserved regions. The group is looked up again after every wait.
 */

#include <errno.h>

#include "core/model/region.h"
#include "daemon/bus/call/arguments.h"
#include "daemon/bus/call/paths.h"
#include "daemon/bus/methods/methods_internal.h"
#include "daemon/requests/requests.h"

/* The group of the call, or SNAPSHOT_NONE if the call has been answered. */
static size_t find_group(MethodCall *call)
{
        const char *path = sd_bus_message_get_path(call->message);
        size_t group = bus_find_group(call->bus->ledger, path);

        if (group == SNAPSHOT_NONE)
                bus_reply_refusal(call->message, REFUSAL_NOT_FOUND, "%s: no such group", path);
        return group;
}

static int append_strength(sd_bus_message *reply, const void *value)
{
        const Strength *strength = value;
        int r = sd_bus_message_open_container(reply, 'a', "(sss)");

        for (size_t i = 0; r >= 0 && i < _STRENGTH_N; i++)
                r = sd_bus_message_append(reply, "(sss)", strength_bit_to_string((StrengthBit)i),
                                          tristate_to_string(strength->bits[i].value),
                                          strength->bits[i].text);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

CallVerdict method_get_strength(MethodCall *call)
{
        _cleanup_(strength_freep) Strength *strength = NULL;
        Ledger *ledger = call->bus->ledger;
        size_t group = find_group(call);

        if (group == SNAPSHOT_NONE)
                return CALL_ANSWERED;
        int r = world_strength(ledger->world, &ledger->host, group, &strength);
        const LeaseAnswer answer = {.code = r,
                                      .message = r > 0 ? "the group has changed; retry" : ""};
        method_answer(call, &answer, append_strength, strength);
        return CALL_ANSWERED;
}

CallVerdict method_set_type(MethodCall *call)
{
        const World *world = call->bus->ledger->world;
        size_t group = find_group(call);
        const char *text;

        if (group == SNAPSHOT_NONE || argument_read_text(call->message, "type", &text) < 0)
                return CALL_ANSWERED;
        DomainType type = domain_type_from_string(text);
        if (type == DOMAIN_TYPE_NONE)
                bus_reply_refusal(call->message, REFUSAL_INVALID,
                                  "no such type; use identity, DMA, DMA-FQ or auto");
        if (type == DOMAIN_TYPE_NONE || !method_read_no_options(call))
                return CALL_ANSWERED;
        group_set_type(call->bus->ledger, world->groups->groups[group].id, type,
                         method_answer_done, call);
        return CALL_WAITS;
}

static int append_regions(sd_bus_message *reply, const void *value)
{
        const char *text = value;
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

        method_answer(call, answer, append_regions, answer->message);
}

CallVerdict method_get_reserved_regions(MethodCall *call)
{
        size_t group = find_group(call);

        if (group == SNAPSHOT_NONE)
                return CALL_ANSWERED;
        group_read_regions(call->bus->ledger, group, call->caller.uid, on_regions_read, call);
        return CALL_WAITS;
}
