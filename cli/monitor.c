/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Prints each change as a line, immediately. After "ready" no change is missed.
 *
 * The daemon signals each property that changes, also one that no event shows. So a line about a
 * device, group or lease is left out if the last one about it was the same.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/document.h"
#include "cli/text.h"

static void print_json(const iso_event *event, FILE *stream)
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
        json_print_to(document, stream);
}

static void print_text(const iso_event *event, FILE *stream)
{
        (void)fprintf(stream, "%s", event->event);
        if (*event->device)
                (void)fprintf(stream, " %s", event->device);
        if (*event->group)
                (void)fprintf(stream, " · group %s", event->group);
        if (event->lease > 0)
                (void)fprintf(stream, " · lease %u", event->lease);
        if (strcmp(event->event, "device-changed") == 0 || strcmp(event->event, "breached") == 0)
                (void)fprintf(stream, " · driver %s", *event->driver ? event->driver : "-");
        if (*event->state)
                (void)fprintf(stream, " · %s", event->state);
        if (strcmp(event->event, "device-returned") == 0)
                (void)fprintf(stream, " · %s",
                              event->same ? "the same as before" : event->difference);
        if (strcmp(event->event, "guard-weakened") == 0)
                (void)fprintf(stream, " · guard %s, required %s", event->guard,
                              event->required_guard);
        if (strcmp(event->event, "fault") == 0)
                (void)fprintf(stream, " · %s at 0x%" PRIx64 ", number %" PRIu64, event->access,
                              event->address, event->count);
        if (strcmp(event->event, "revoked") == 0)
                (void)fprintf(stream, " · in %u s%s", event->grace_seconds,
                              event->kill ? ", by killing the processes that have it open" : "");
        if (strcmp(event->event, "second-holder") == 0)
                (void)fprintf(stream, " · %d %s%s%s", (int)event->pid, event->comm,
                              *event->unit ? " of " : "", event->unit);
        if (event->in_owner_address_space)
                (void)fprintf(stream, " · in the owner's I/O address space");
        if (*event->cause)
                (void)fprintf(stream, " · %s", event->cause);
        (void)fprintf(stream, "\n");
}

/* --- what is new ------------------------------------------------------------------------------ */

#define LAST_MAX 4096 /* objects whose last line is remembered */

/* The last line about an object. */
typedef struct Last {
        char *object;
        char *line;
} Last;

typedef struct Monitor {
        const Invocation *invocation;
        Last *last;
        size_t n_last;
} Monitor;

static void forget(Monitor *monitor)
{
        for (size_t i = 0; i < monitor->n_last; i++) {
                free(monitor->last[i].object);
                free(monitor->last[i].line);
        }
        free(monitor->last);
        monitor->last = NULL;
        monitor->n_last = 0;
}

/* Is the line another than the last one about the same object? Remembers it. */
static bool is_new(Monitor *monitor, const iso_event *event, const char *line)
{
        char *object =
                must_format("%s %s %s %u", event->event, event->device, event->group, event->lease);
        size_t i = 0;

        while (i < monitor->n_last && strcmp(monitor->last[i].object, object) != 0)
                i++;
        if (i < monitor->n_last) {
                free(object);
                if (strcmp(monitor->last[i].line, line) == 0)
                        return false;
                free(monitor->last[i].line);
                monitor->last[i].line = must_format("%s", line);
                return true;
        }
        if (monitor->n_last == LAST_MAX)
                forget(monitor);
        monitor->last = must(reallocarray(monitor->last, monitor->n_last + 1, sizeof(Last)));
        monitor->last[monitor->n_last++] = (Last){object, must_format("%s", line)};
        return true;
}

/* A device, group or lease that comes, goes or returns begins anew. */
static bool may_repeat(const iso_event *event)
{
        size_t n = strlen(event->event), n_end = strlen("-changed");

        return n < n_end || strcmp(event->event + n - n_end, "-changed") != 0 ||
               strcmp(event->event, "pf-changed") == 0;
}

static int on_event(const iso_event *event, void *userdata)
{
        Monitor *monitor = userdata;
        _cleanup_(free_text) char *line = NULL;
        size_t size = 0;
        FILE *stream = must(open_memstream(&line, &size));

        if (monitor->invocation->json)
                print_json(event, stream);
        else
                print_text(event, stream);
        if (fclose(stream) != 0)
                (void)must(NULL);
        if (may_repeat(event))
                forget(monitor);
        if (may_repeat(event) || is_new(monitor, event, line))
                (void)fputs(line, stdout);
        return fflush(stdout) == 0 ? 0 : -errno;
}

static int run_monitor(Invocation *invocation)
{
        Monitor monitor = {.invocation = invocation};
        int r = iso_monitor(invocation->host, on_event, &monitor);

        forget(&monitor);
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
