/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls from their message to their end. The bus has a list of all calls without an answer. */

#include "daemon/base/event.h"
#include "daemon/bus/call/call.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/bus/call/reply.h"

MethodCall *method_call_new(Bus *bus, sd_bus_message *message, const MethodRow *row)
{
        MethodCall *call = calloc(1, sizeof(*call));

        if (!call)
                return NULL;
        *call = (MethodCall){
                .bus = bus,
                .message = sd_bus_message_ref(message),
                .row = row,
                .next = bus->calls,
                .place = &bus->calls,
        };
        if (call->next)
                call->next->place = &call->next;
        bus->calls = call;
        return call;
}

MethodCall *method_call_free(MethodCall *call)
{
        if (!call)
                return NULL;
        if (call->next)
                call->next->place = call->place;
        if (call->place)
                *call->place = call->next;
        event_freep(&call->turn);
        if (call->free_work)
                call->free_work(call->work);
        sd_bus_message_unref(call->message);
        method_caller_clear(&call->caller);
        free(call->about);
        free(call);
        return NULL;
}

static void on_turn(evutil_socket_t fd, short what, void *userdata)
{
        MethodCall *call = userdata;

        event_freep(&call->turn);
        method_call_resume(call);
}

CallVerdict method_call_resume_in(MethodCall *call, CallStage stage, uint64_t usec)
{
        call->stage = stage;
        int r = timer_start(&call->turn, call->bus->base, on_turn, call, usec);
        return r == 0 ? CALL_WAITS : method_fail(call, r);
}

void method_caller_clear(MethodCaller *caller)
{
        free(caller->gids);
        free(caller->unit);
        free(caller->label);
        *caller = (MethodCaller){.uid = (uid_t)-1};
}

int method_dispatch(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const BusView *view = userdata;

        return view->bus->serve(view->bus, message, error);
}
