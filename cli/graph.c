/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The machine as a picture: devices below their ports, groups as boxes, leased groups in colour. A
 * red line is where something passes that isolation would have to stop: a port without the ACS bits
 * that it needs, or functions that reach each other inside a card.
 *
 * The text is in DOT, the language of Graphviz; --svg has dot(1) draw it.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/document.h"
#include "cli/graph.h"
#include "cli/text.h"

static void free_graph(Graph *graph)
{
        free(graph->links);
}

/* --- what is drawn ---------------------------------------------------------------------------- */

static Link *add_link(Graph *graph, const char *from, const char *to)
{
        graph->links = must(reallocarray(graph->links, graph->n_links + 1, sizeof(Link)));
        graph->links[graph->n_links] = (Link){.from = from, .to = to};
        return &graph->links[graph->n_links++];
}

static Link *find_link(Graph *graph, const char *from, const char *to)
{
        for (size_t i = 0; i < graph->n_links; i++)
                if (strcmp(graph->links[i].from, from) == 0 && strcmp(graph->links[i].to, to) == 0)
                        return &graph->links[i];
        return NULL;
}

/* The device on the way up from `address` whose parent is `port`; NULL if it is not below it. */
static const char *step_below(const Graph *graph, const char *address, const char *port)
{
        const iso_device *device = device_find(graph->host, address);

        for (size_t depth = 0; device && depth < graph->n_devices; depth++) {
                if (strcmp(device->parent, port) == 0)
                        return device->address;
                device = device_find(graph->host, device->parent);
        }
        return NULL;
}

/*
 * A link of two members that is no bus. Functions of a card are linked in a row: each with the one
 * before it.
 */
static Link *link_members(Graph *graph, const char *a, const char *b)
{
        const char *first = strcmp(a, b) < 0 ? a : b, *second = first == a ? b : a;
        const iso_device *device = device_find(graph->host, second);
        const iso_device *other = device_find(graph->host, first);

        if (device && other && device > graph->devices && device_shares_card(device, other) &&
            device_shares_card(device, device - 1) && strcmp(device[-1].group, device->group) == 0)
                first = device[-1].address;
        return find_link(graph, first, second) ?: add_link(graph, first, second);
}

/*
 * A reason at a port is on the link below it, on the way to a member; one without a port, between
 * two functions, has a link of its own.
 */
static void add_reason(Graph *graph, const iso_reason *reason)
{
        const char *below = NULL;
        Link *link = NULL;

        if (*reason->at) {
                below = step_below(graph, reason->a, reason->at)
                                ?: step_below(graph, reason->b, reason->at);
                link = below ? find_link(graph, reason->at, below) : NULL;
        }
        if (!link && strcmp(reason->a, reason->b) != 0)
                link = link_members(graph, reason->a, reason->b);
        if (link)
                link->reason = reason;
}

static int read_graph(iso_host *host, Graph *graph)
{
        const iso_reason *reasons;
        const iso_group *groups;
        size_t n_groups, n;
        int r = 0;

        graph->host = host;
        graph->devices = iso_host_devices(host, &graph->n_devices);
        for (size_t i = 0; i < graph->n_devices; i++)
                if (device_find(host, graph->devices[i].parent))
                        add_link(graph, graph->devices[i].parent, graph->devices[i].address)
                                ->is_bus = true;
        groups = iso_host_groups(host, &n_groups);
        for (size_t i = 0; r == 0 && i < n_groups; i++) {
                r = iso_host_reasons(host, &groups[i], &reasons, &n);
                for (size_t k = 0; r == 0 && k < n; k++)
                        add_reason(graph, &reasons[k]);
        }
        return r;
}

/* --- as JSON ---------------------------------------------------------------------------------- */

static void print_json(const Graph *graph)
{
        json_object *document = json_document("graph"), *array;
        const iso_group *groups;
        size_t n;

        array = json_add_array(document, "devices");
        for (size_t i = 0; i < graph->n_devices; i++)
                (void)json_append(array, json_device(graph->host, &graph->devices[i]));
        array = json_add_array(document, "groups");
        groups = iso_host_groups(graph->host, &n);
        for (size_t i = 0; i < n; i++) {
                json_object *object = json_append(array, must(json_object_new_object()));

                json_add_text(object, "id", groups[i].id);
                json_add_number(object, "kernel_group", groups[i].kernel_group, 0);
                json_add_number(object, "lease", groups[i].lease, 1);
                json_add_list(object, "devices", groups[i].devices);
        }
        array = json_add_array(document, "links");
        for (size_t i = 0; i < graph->n_links; i++) {
                const Link *link = &graph->links[i];
                json_object *object = json_append(array, must(json_object_new_object()));

                json_add_text(object, "from", link->from);
                json_add_text(object, "to", link->to);
                json_add_bool(object, "bus", link->is_bus);
                (void)json_add(object, "reason", link->reason ? json_reason(link->reason) : NULL);
        }
        json_print(document);
}

/* --- as a picture ----------------------------------------------------------------------------- */

/* dot(1) reads the graph from a file in memory and prints the picture. Returns the exit code. */
static int print_svg(Invocation *invocation, const Graph *graph)
{
        int fd = memfd_create("graph", 0), code = EXIT_FAILED, error = 0, r;
        FILE *stream = fd < 0 ? NULL : fdopen(dup(fd), "w");
        _cleanup_(free_text) char *path = must_format("/proc/self/fd/%d", fd);
        char *words[] = {(char *)"dot", (char *)"-Tsvg", path, NULL};

        if (!stream)
                return fail_refusal(invocation, -errno, "the graph cannot be written: %s",
                                    strerror(errno));
        graph_write_dot(graph, stream);
        if (fclose(stream) != 0)
                return fail_refusal(invocation, -errno, "the graph cannot be written: %s",
                                    strerror(errno));
        (void)fflush(stdout);
        r = child_run(words, &fd, 1, &code, &error);
        if (r < 0)
                return fail_refusal(invocation, r, "dot cannot be run: %s", strerror(-r));
        if (error != 0)
                return fail_refusal(invocation, ISO_E_UNSUPPORTED,
                                    "dot cannot be run: %s (--svg needs Graphviz; on Debian: apt "
                                    "install graphviz)",
                                    strerror(error));
        return code == EXIT_DONE ? EXIT_DONE
                                 : fail_refusal(invocation, ISO_E_UNSUPPORTED,
                                                "dot has not drawn the picture: see above");
}

static int run_graph(Invocation *invocation)
{
        _cleanup_(free_graph) Graph graph = {.n_links = 0};
        int r;

        if (invocation->dot && invocation->svg)
                return fail_usage(invocation, "--dot and --svg are two formats: give one");
        r = read_graph(invocation->host, &graph);
        if (r != 0)
                return fail_host(invocation, r);
        if (invocation->json)
                print_json(&graph);
        else if (invocation->svg)
                return print_svg(invocation, &graph);
        else
                graph_write_dot(&graph, stdout);
        return EXIT_DONE;
}

const Verb verb_graph = {
        .name = "graph",
        .arguments = "",
        .summary = "draw the machine: groups, leases, missing isolation",
        .help = "--dot   the picture as text for Graphviz (default)\n"
                "--svg   the picture itself, drawn by dot(1): isoctl graph --svg > groups.svg\n"
                "A box is a group; a coloured one is leased. A red line is a port that does not\n"
                "redirect, with the ACS bits that it lacks, or functions that reach each other.\n",
        .options = OPTION_FROM | OPTION_FORMAT,
        .host = VERB_HOST_ANY,
        .run = run_graph,
};
