/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Prints each change as a line, immediately. After "ready" no change is missed. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/document.h"
#include "cli/text.h"

static void print_json(const iso_event *event)
{
        json_object *document = json_document("event");

        json_add_text(document, "event", event->event);
        json_add_optional(document, "device", event->device);
        json_add_optional(document, "group", event->group);
        json_add_number(document, "lease", event->lease, 1);
        json_add_optional(document, "driver", event->driver);
        json_add_optional(document, "state", event->state);
        if (strcmp(event->event, "device-joined") == 0)
                json_add_bool(document, "in_owner_address_space", event->in_owner_address_space);
        if (strcmp(event->event, "device-lost") == 0 || strcmp(event->event, "pf-changed") == 0)
                json_add_optional(document, "cause", event->cause);
        if (strcmp(event->event, "device-returned") == 0) {
                json_add_bool(document, "same", event->same);
                json_add_optional(document, "difference", event->difference);
        }
        if (strcmp(event->event, "guard-weakened") == 0) {
                json_add_text(document, "guard", event->guard);
                json_add_text(document, "required_guard", event->required_guard);
        }
        if (strcmp(event->event, "fault") == 0) {
                json_add_text(document, "access", event->access);
                json_add_number(document, "address", (int64_t)event->address, 0);
                json_add_number(document, "count", (int64_t)event->count, 0);
        }
        if (strcmp(event->event, "revoked") == 0) {
                json_add_number(document, "grace_seconds", event->grace_seconds, 0);
                json_add_bool(document, "kill", event->kill);
        }
        if (strcmp(event->event, "second-holder") == 0) {
                json_add_number(document, "pid", event->pid, 1);
                json_add_text(document, "comm", event->comm);
                json_add_optional(document, "unit", event->unit);
        }
        json_print(document);
}

static void print_text(const iso_event *event)
{
        (void)printf("%s", event->event);
        if (*event->device)
                (void)printf(" %s", event->device);
        if (*event->group)
                (void)printf(" · group %s", event->group);
        if (event->lease > 0)
                (void)printf(" · lease %u", event->lease);
        if (strcmp(event->event, "device-changed") == 0 || strcmp(event->event, "breached") == 0)
                (void)printf(" · driver %s", *event->driver ? event->driver : "-");
        if (*event->state)
                (void)printf(" · %s", event->state);
        if (strcmp(event->event, "device-returned") == 0)
                (void)printf(" · %s", event->same ? "the same as before" : event->difference);
        if (strcmp(event->event, "guard-weakened") == 0)
                (void)printf(" · guard %s, required %s", event->guard, event->required_guard);
        if (strcmp(event->event, "fault") == 0)
                (void)printf(" · %s at 0x%" PRIx64 ", number %" PRIu64, event->access,
                             event->address, event->count);
        if (strcmp(event->event, "revoked") == 0)
                (void)printf(" · in %u s%s", event->grace_seconds,
                             event->kill ? ", by killing the processes that have it open" : "");
        if (strcmp(event->event, "second-holder") == 0)
                (void)printf(" · %d %s%s%s", (int)event->pid, event->comm,
                             *event->unit ? " of " : "", event->unit);
        if (event->in_owner_address_space)
                (void)printf(" · in the owner's I/O address space");
        if (*event->cause)
                (void)printf(" · %s", event->cause);
        (void)printf("\n");
}

static int on_event(const iso_event *event, void *userdata)
{
        const Invocation *invocation = userdata;

        if (invocation->json)
                print_json(event);
        else
                print_text(event);
        return fflush(stdout) == 0 ? 0 : -errno;
}

static int run_monitor(Invocation *invocation)
{
        int r = iso_monitor(invocation->host, on_event, invocation);

        /* main() reports a failed write, once. */
        return ferror(stdout) ? EXIT_FAILED : fail_host(invocation, r);
}

const Verb verb_monitor = {
        .name = "monitor",
        .arguments = "",
        .summary = "print changes as they happen",
        .help = "Prints a line per event. The first event is \"ready\"; it comes again after\n"
                "isolationd restarts. Ends with the bus, or when it is interrupted.\n",
        .host = VERB_HOST_DAEMON,
        .run = run_monitor,
};
