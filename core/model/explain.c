/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Chains by breadth first search over a group's reasons; separators by climbing.
 */

#include "core/model/explain.h"
#include "core/model/doubt.h"
#include "core/model/quirks.h"
#include "core/model/text.h"

#include <errno.h>

/* The reasons of each member: one list of reason numbers, and the start of each member's part. */
typedef struct Graph {
        const Group *group;
        size_t *begin;
        size_t *reasons;
        size_t *before; /* the reason that reached a member, or NONE */
        size_t *queue;
} Graph;

static void graph_deinitp(Graph *graph)
{
        free(graph->begin);
        free(graph->reasons);
        free(graph->before);
        free(graph->queue);
}

static size_t place_of(const Group *group, size_t index)
{
        size_t low = 0, high = group->n_members;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (group->members[middle] < index)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static int graph_init(Graph *graph)
{
        const Group *group = graph->group;

        graph->begin = calloc(group->n_members + 2, sizeof(*graph->begin));
        graph->reasons = calloc(2 * group->n_reasons + 1, sizeof(*graph->reasons));
        graph->before = calloc(group->n_members + 1, sizeof(*graph->before));
        graph->queue = calloc(group->n_members + 1, sizeof(*graph->queue));
        if (!graph->begin || !graph->reasons || !graph->before || !graph->queue)
                return -ENOMEM;

        /* Counts at the next index; filling then moves each start to its place. */
        for (size_t i = 0; i < group->n_reasons; i++) {
                graph->begin[place_of(group, group->reasons[i].a) + 1]++;
                graph->begin[place_of(group, group->reasons[i].b) + 1]++;
        }
        for (size_t i = 0; i <= group->n_members; i++)
                graph->begin[i + 1] += graph->begin[i];
        for (size_t i = group->n_reasons; i > 0; i--) {
                graph->reasons[--graph->begin[place_of(group, group->reasons[i - 1].a) + 1]] =
                        i - 1;
                graph->reasons[--graph->begin[place_of(group, group->reasons[i - 1].b) + 1]] =
                        i - 1;
        }
        for (size_t i = 0; i < group->n_members; i++)
                graph->before[i] = SNAPSHOT_NONE;
        return 0;
}

static size_t other_end(const Group *group, size_t reason, size_t place)
{
        size_t a = place_of(group, group->reasons[reason].a);

        return a == place ? place_of(group, group->reasons[reason].b) : a;
}

/* Fills `before` from `from` on until `to` is reached. */
static void graph_search(Graph *graph, size_t from, size_t to)
{
        size_t n_queue = 0;

        graph->queue[n_queue++] = from;
        for (size_t done = 0; done < n_queue && graph->before[to] == SNAPSHOT_NONE; done++) {
                size_t place = graph->queue[done];

                for (size_t k = graph->begin[place + 1];
                     k < (place + 1 < graph->group->n_members ? graph->begin[place + 2]
                                                              : 2 * graph->group->n_reasons);
                     k++) {
                        size_t next = other_end(graph->group, graph->reasons[k], place);

                        if (next == from || graph->before[next] != SNAPSHOT_NONE)
                                continue;
                        graph->before[next] = graph->reasons[k];
                        graph->queue[n_queue++] = next;
                }
        }
}

static int find_chain(const Group *group, size_t a, size_t b, Explanation *explanation)
{
        _cleanup_(graph_deinitp) Graph graph = {.group = group};
        size_t from = place_of(group, b), to = place_of(group, a);
        int r = graph_init(&graph);

        if (r < 0)
                return r;
        explanation->chain = calloc(group->n_reasons + 1, sizeof(*explanation->chain));
        if (!explanation->chain)
                return -ENOMEM;
        if (from == to)
                return 0;

        /* Searches from `b`, so that the way back from `a` has the reasons in order. */
        graph_search(&graph, from, to);
        for (size_t at = to; at != from && graph.before[at] != SNAPSHOT_NONE;
             at = other_end(group, graph.before[at], at))
                explanation->chain[explanation->n_chain++] = group->reasons[graph.before[at]];
        return 0;
}

static bool is_port(const PciDevice *device)
{
        return device->facts.pcie == TRISTATE_YES && !device->pcie_type_uncertain &&
               (device->pcie_type == PCIE_TYPE_ROOT_PORT ||
                device->pcie_type == PCIE_TYPE_DOWNSTREAM);
}

/* Can it be that the function redirects, with unknown facts? */
static bool is_unread(const PciDevice *device)
{
        return device->facts.pcie == TRISTATE_UNKNOWN || device->pcie_type_uncertain ||
               (device->facts.pcie == TRISTATE_YES &&
                device->facts.acs.present == TRISTATE_UNKNOWN) ||
               quirk_unread_register(device);
}

/*
 * The first port from `port` up that redirects, or NONE. *ret_top is the last function passed, and
 * *ret_unread the first passed function with unknown facts, or NONE.
 */
static size_t climb(const Snapshot *snapshot, size_t index, size_t *ret_top, size_t *ret_unread)
{
        size_t port = snapshot->devices[index].parent;

        *ret_top = index;
        *ret_unread = SNAPSHOT_NONE;
        while (port != SNAPSHOT_NONE &&
               (!is_port(&snapshot->devices[port]) || !acs_isolated(snapshot, port, NULL))) {
                *ret_top = port;
                if (*ret_unread == SNAPSHOT_NONE && is_unread(&snapshot->devices[port]))
                        *ret_unread = port;
                port = snapshot->devices[port].parent;
        }
        return port;
}

static char *describe_port(const Snapshot *snapshot, size_t port, const char *below)
{
        const PciFacts *facts = &snapshot->devices[port].facts;
        _cleanup_(freep) char *on = acs_bits_to_string((uint8_t)facts->acs.ctrl);
        _cleanup_(freep) char *has = acs_bits_to_string((uint8_t)facts->acs.cap);
        char text[BDF_TEXT_SIZE];

        (void)bdf_format(snapshot->devices[port].bdf, text);
        if (facts->redirect_inferred)
                return text_print("%s above %s redirected when the kernel made its groups. Its "
                                  "present state is in a register that was not read (%s).",
                                  text, below,
                                  quirk_unread_register(&snapshot->devices[port]) ?: "ACS control");
        if (facts->acs.present == TRISTATE_YES)
                return text_print("%s above %s redirects: of %s its ACS control has %s.", text,
                                  below, has && *has ? has : "nothing", on && *on ? on : "nothing");
        return text_print("%s above %s is known to redirect without ACS.", text, below);
}

static int find_separator(const Snapshot *snapshot, size_t index, Separator *separator)
{
        char text[BDF_TEXT_SIZE], above[BDF_TEXT_SIZE];
        size_t top, unread;

        separator->port = climb(snapshot, index, &top, &unread);
        (void)bdf_format(snapshot->devices[index].bdf, text);
        if (separator->port != SNAPSHOT_NONE)
                separator->text = describe_port(snapshot, separator->port, text);
        else if (device_is_orphan(&snapshot->devices[top]))
                separator->text = text_print("The input lacks the bridge above %s: it is unknown "
                                             "whether a port above %s redirects.",
                                             bdf_format(snapshot->devices[top].bdf, above), text);
        else if (unread != SNAPSHOT_NONE)
                separator->text =
                        text_print("It could not be read whether %s above %s redirects; above it "
                                   "is the root complex.",
                                   bdf_format(snapshot->devices[unread].bdf, above), text);
        else
                separator->text =
                        text_print("No port above %s redirects; what is between is the root "
                                   "complex.",
                                   text);
        return separator->text ? 0 : -ENOMEM;
}

int explain_pair(const Snapshot *snapshot, const Partition *partition, size_t a, size_t b,
                 Explanation **ret_explanation)
{
        _cleanup_(explanation_freep) Explanation *explanation = calloc(1, sizeof(*explanation));
        int r;

        if (!explanation)
                return -ENOMEM;
        explanation->together = a == b || (partition->group_of[a] != SNAPSHOT_NONE &&
                                           partition->group_of[a] == partition->group_of[b]);
        explanation->separators[0].port = explanation->separators[1].port = SNAPSHOT_NONE;
        if (!explanation->together) {
                r = find_separator(snapshot, a, &explanation->separators[0]);
                if (r == 0)
                        r = find_separator(snapshot, b, &explanation->separators[1]);
        } else if (partition->group_of[a] != SNAPSHOT_NONE) {
                r = find_chain(&partition->groups[partition->group_of[a]], a, b, explanation);
        } else {
                r = 0;
        }
        if (r < 0)
                return r;
        *ret_explanation = TAKE_PTR(explanation);
        return 0;
}

Explanation *explanation_free(Explanation *explanation)
{
        if (!explanation)
                return NULL;
        free(explanation->chain);
        free(explanation->separators[0].text);
        free(explanation->separators[1].text);
        free(explanation);
        return NULL;
}
