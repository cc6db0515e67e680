/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The graph in DOT: from the root buses at the left to the cards at the right. */

#include <string.h>

#include "cli/graph.h"
#include "cli/text.h"

#define LINE_COLUMNS 34 /* of a label, before it is broken */

/* Escapes a text for a string of DOT, and breaks it at spaces into lines. */
static void write_text(FILE *stream, const char *text)
{
        size_t column = 0;

        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        (void)fputc('\\', stream);
                if (*text == ' ' && column + strcspn(text + 1, " ") >= LINE_COLUMNS) {
                        (void)fputs("\\n", stream);
                        column = 0;
                        continue;
                }
                (void)fputc(*text, stream);
                column++;
        }
}

static void write_device(const Graph *graph, const iso_device *device, FILE *stream)
{
        _cleanup_(free_text) char *name = device_describe(graph->host, device);
        _cleanup_(free_text) char *uses = uses_describe(graph->host, device);
        bool is_bridge = device_is_bridge(device);

        (void)fprintf(stream, "    \"%s\" [label=\"%s\\n", device->address, device->address);
        write_text(stream, name);
        if (*device->driver && !is_bridge)
                (void)fprintf(stream, "\\n(%s)", device->driver);
        if (*uses) {
                (void)fputs("\\n", stream);
                write_text(stream, uses);
        }
        (void)fprintf(stream, "\"%s%s];\n", is_bridge ? ", fillcolor=\"#eeeeee\"" : "",
                      strcmp(device->state, "held") == 0 ? ", color=\"#b00020\", penwidth=2" : "");
}

/* Members of a leased group are drawn on another ground for each lease. */
static const char *ground_of(uint32_t lease)
{
        static const char *const grounds[] = {"#cfe8ff", "#d9f2d0", "#ffe8c2", "#eadcf8",
                                              "#fde0e0", "#d5f1ef", "#f5f0c0", "#e3e3f5"};

        return grounds[(lease - 1) % ARRAY_SIZE(grounds)];
}

static void write_group(const Graph *graph, const iso_group *group, FILE *stream)
{
        (void)fprintf(stream, "  subgraph \"cluster %s\" {\n    label=\"%s", group->id, group->id);
        if (group->kernel_group >= 0)
                (void)fprintf(stream, "  (kernel group %d)", group->kernel_group);
        if (group->lease > 0)
                (void)fprintf(stream, "\\nlease %u, %s", group->lease, group->state);
        (void)fprintf(stream, "\"; style=\"rounded%s\"; color=\"#5577aa\"; fillcolor=\"%s\";\n",
                      group->lease > 0 ? ",filled" : "",
                      group->lease > 0 ? ground_of(group->lease) : "#ffffff");
        for (size_t i = group->n_devices; i-- > 0;) {
                const iso_device *device = device_find(graph->host, group->devices[i]);

                if (device)
                        write_device(graph, device, stream);
        }
        (void)fputs("  }\n", stream);
}

/* The ACS bits that the port lacks, or the rule that joins the two. */
static void write_reason(const iso_reason *reason, FILE *stream)
{
        (void)fputs("color=\"#c00000\", fontcolor=\"#c00000\", penwidth=2, label=\"", stream);
        if (reason->missing[0])
                (void)fputs("no", stream);
        for (size_t i = 0; reason->missing[i]; i++)
                (void)fprintf(stream, " %s", reason->missing[i]);
        if (!reason->missing[0])
                write_text(stream, reason->rule);
        (void)fputs("\", tooltip=\"", stream);
        write_text(stream, reason->text);
        (void)fputs("\"", stream);
}

static void write_link(const Link *link, FILE *stream)
{
        (void)fprintf(stream, "  \"%s\" -> \"%s\" [", link->is_bus ? link->from : link->to,
                      link->is_bus ? link->to : link->from);
        if (link->reason)
                write_reason(link->reason, stream);
        else
                (void)fputs("color=\"#777777\"", stream);
        /* A link that is no bus must not change the order of the ports. */
        (void)fprintf(stream, "%s];\n", link->is_bus ? "" : ", style=dashed, constraint=false");
}

void graph_write_dot(const Graph *graph, FILE *stream)
{
        const iso_group *groups;
        size_t n;

        (void)fputs(
                "digraph isolation {\n"
                "  rankdir=LR; ranksep=0.6; nodesep=0.12; fontname=\"Helvetica\"; fontsize=10;\n"
                "  node [shape=box, style=filled, fillcolor=white, fontname=\"Helvetica\", "
                "fontsize=9, margin=\"0.08,0.04\"];\n"
                "  edge [arrowhead=none, fontname=\"Helvetica\", fontsize=8];\n",
                stream);
        groups = iso_host_groups(graph->host, &n);
        /* dot(1) puts what comes first at the bottom. */
        for (size_t i = n; i-- > 0;)
                write_group(graph, &groups[i], stream);
        for (size_t i = graph->n_devices; i-- > 0;)
                if (!*graph->devices[i].group)
                        write_device(graph, &graph->devices[i], stream);
        for (size_t i = graph->n_links; i-- > 0;)
                write_link(&graph->links[i], stream);
        (void)fputs("}\n", stream);
}
