/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Numbers for monitoring, in the text format of Prometheus: for the textfile collector of
 * node_exporter, or a scrape through a socket unit. Names and labels are listed in isoctl(1).
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/document.h"
#include "cli/text.h"

/* One sample; labels are "a=\"b\",…" or "". */
typedef struct Sample {
        const char *metric;
        const char *labels;
        uint64_t value;
} Sample;

typedef struct Output {
        json_object *array; /* NULL: text */
        const char *last;   /* the metric whose header was printed last */
} Output;

static const struct {
        const char *metric, *type, *help;
} metrics[] = {
        {"isolationd_devices", "gauge", "PCI functions by state."},
        {"isolationd_groups", "gauge", "Isolation groups by state and guard."},
        {"isolationd_leases", "gauge", "Leases by state, mode and guard."},
        {"isolationd_lease_devices", "gauge", "Devices handed out in leases."},
        {"isolationd_held_devices", "gauge", "Devices that joined leased groups and are held."},
        {"isolationd_waiting_requests", "gauge", "Requests that wait for a leased group."},
        {"isolationd_iommu_faults_total", "counter",
         "IOMMU faults of a leased device that the kernel reported."},
};

static void add(Output *output, const char *metric, const char *labels, uint64_t value)
{
        json_object *object;

        if (output->array) {
                object = json_append(output->array, must(json_object_new_object()));
                json_add_text(object, "metric", metric);
                json_add_text(object, "labels", labels);
                json_add_number(object, "value", (int64_t)value, 0);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(metrics); i++)
                if (strcmp(metrics[i].metric, metric) == 0 &&
                    (!output->last || strcmp(output->last, metric) != 0))
                        (void)printf("# HELP %s %s\n# TYPE %s %s\n", metric, metrics[i].help,
                                     metric, metrics[i].type);
        output->last = metric;
        (void)printf("%s%s%s%s %" PRIu64 "\n", metric, *labels ? "{" : "", labels,
                     *labels ? "}" : "", value);
}

/* Counts equal labels: each distinct one becomes a sample, in the order of its first occurrence. */
typedef struct Counts {
        char **labels;
        uint64_t *values;
        size_t n;
} Counts;

/* Takes over `label`. */
static void count(Counts *counts, char *label)
{
        for (size_t i = 0; i < counts->n; i++)
                if (strcmp(counts->labels[i], label) == 0) {
                        counts->values[i]++;
                        free_text(&label);
                        return;
                }
        counts->labels = must(reallocarray(counts->labels, counts->n + 1, sizeof(char *)));
        counts->values = must(reallocarray(counts->values, counts->n + 1, sizeof(uint64_t)));
        counts->labels[counts->n] = label;
        counts->values[counts->n++] = 1;
}

static void flush(Output *output, const char *metric, Counts *counts)
{
        for (size_t i = 0; i < counts->n; i++) {
                add(output, metric, counts->labels[i], counts->values[i]);
                free(counts->labels[i]);
        }
        free(counts->labels);
        free(counts->values);
        *counts = (Counts){.n = 0};
}

static void add_leases(Output *output, const iso_lease *leases, size_t n)
{
        uint64_t n_devices = 0, n_held = 0;
        Counts counts = {.n = 0};

        for (size_t i = 0; i < n; i++) {
                count(&counts, must_format("state=\"%s\",mode=\"%s\",guard=\"%s\"", leases[i].state,
                                           leases[i].mode, leases[i].guard));
                n_devices += count_texts(leases[i].devices);
                n_held += count_texts(leases[i].held);
        }
        flush(output, "isolationd_leases", &counts);
        add(output, "isolationd_lease_devices", "", n_devices);
        add(output, "isolationd_held_devices", "", n_held);
}

static void add_faults(Output *output, const iso_lease *leases, size_t n)
{
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < leases[i].n_faults; k++) {
                        _cleanup_(free_text) char *labels =
                                must_format("lease=\"%u\",device=\"%s\"", leases[i].id,
                                            leases[i].faults[k].device);

                        add(output, "isolationd_iommu_faults_total", labels,
                            leases[i].faults[k].count);
                }
}

static int run_metrics(Invocation *invocation)
{
        json_object *document = invocation->json ? json_document("metrics") : NULL;
        Output output = {.array = document ? json_add_array(document, "samples") : NULL};
        const iso_device *devices;
        const iso_group *groups;
        const iso_lease *leases;
        size_t n_devices, n_groups, n_leases;
        uint64_t n_waiting = 0;
        Counts counts = {.n = 0};

        devices = iso_host_devices(invocation->host, &n_devices);
        groups = iso_host_groups(invocation->host, &n_groups);
        leases = iso_host_leases(invocation->host, &n_leases);
        for (size_t i = 0; i < n_devices; i++)
                count(&counts, must_format("state=\"%s\"", devices[i].state));
        flush(&output, "isolationd_devices", &counts);
        for (size_t i = 0; i < n_groups; i++) {
                count(&counts,
                      must_format("state=\"%s\",guard=\"%s\"", groups[i].state, groups[i].guard));
                n_waiting += groups[i].n_waiters;
        }
        flush(&output, "isolationd_groups", &counts);
        add_leases(&output, leases, n_leases);
        add(&output, "isolationd_waiting_requests", "", n_waiting);
        add_faults(&output, leases, n_leases);
        if (document)
                json_print(document);
        return EXIT_DONE;
}

const Verb verb_metrics = {
        .name = "metrics",
        .arguments = "",
        .summary = "print numbers for monitoring (Prometheus)",
        .help = "Devices, groups and leases by state, held devices, waiting requests, and IOMMU\n"
                "faults of leased devices. For node_exporter's textfile collector:\n"
                "  isoctl metrics > /var/lib/prometheus/node-exporter/isolationd.prom.new &&\n"
                "  mv /var/lib/prometheus/node-exporter/isolationd.prom{.new,}\n",
        .host = VERB_HOST_DAEMON,
        .run = run_metrics,
};
