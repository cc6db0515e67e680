/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What isoctl prints without a verb: the groups of several devices, the leases, what doctor finds,
 * and where to go on. Without a daemon it reads this machine's /sys.
 */

#include <stdio.h>
#include <string.h>

#include "cli/document.h"
#include "cli/output.h"
#include "cli/text.h"

#define GROUPS_SHOWN 12

/* The number of members that a lease would hand out. */
static size_t count_taken(const iso_host *host, const iso_group *group)
{
        size_t n = 0;

        for (size_t i = 0; i < group->n_devices; i++) {
                const iso_device *device = device_find(host, group->devices[i]);

                n += device && !device_is_bridge(device);
        }
        return n;
}

/* Worth knowing is a group whose devices must go together, or that somebody has. */
static bool is_notable(const iso_host *host, const iso_group *group)
{
        return group->lease > 0 || count_taken(host, group) > 1;
}

static void add_group(Table *table, iso_host *host, const iso_group *group)
{
        bool is_first = true;

        for (size_t i = 0; i < group->n_devices; i++) {
                const iso_device *device = device_find(host, group->devices[i]);

                if (!device || device_is_bridge(device))
                        continue;
                table_add(table, "%s", is_first ? group->id : " ");
                if (is_first && group->lease > 0)
                        table_add(table, "lease %u", group->lease);
                else
                        table_add(table, "%s", is_first ? group->state : " ");
                table_add_device(table, host, device);
                is_first = false;
        }
}

static void print_groups(iso_host *host)
{
        _cleanup_(table_deinit)
                Table table = {.n_columns = 6, .flexible = 1U << 3, .optional = 1U << 5};
        const iso_group *groups;
        size_t n, n_shown = 0, n_notable = 0;

        groups = iso_host_groups(host, &n);
        for (size_t i = 0; i < n; i++) {
                if (!is_notable(host, &groups[i]))
                        continue;
                if (n_notable++ < GROUPS_SHOWN)
                        add_group(&table, host, &groups[i]);
        }
        n_shown = n_notable < GROUPS_SHOWN ? n_notable : GROUPS_SHOWN;
        if (n_notable == 0)
                return;
        print_heading("Groups of several devices, and leased ones");
        table_print(&table, "  ");
        if (n_notable > n_shown)
                (void)printf("  … and %zu more: isoctl groups\n", n_notable - n_shown);
}

static void print_leases(const iso_host *host)
{
        const iso_lease *leases;
        size_t n;

        leases = iso_host_leases(host, &n);
        if (n == 0)
                return;
        print_heading("Leases");
        for (size_t i = 0; i < n; i++) {
                _cleanup_(free_text) char *groups = join_texts(leases[i].groups, ", ");
                _cleanup_(free_text) char *held = join_texts(leases[i].held, " ");

                (void)printf("  %u  %s · %s · guard %s%s%s%s%s\n", leases[i].id, groups,
                             leases[i].state, leases[i].guard, *leases[i].unit ? " · " : "",
                             leases[i].unit, *held ? " · held: " : "", held);
        }
}

/* Prints what is not in order. Returns how many findings there are. */
static size_t print_findings(iso_host *host, size_t n_before)
{
        const iso_finding *findings;
        size_t n, n_printed = n_before;

        if (iso_host_diagnose(host, &findings, &n) != 0)
                return n_before;
        for (size_t i = 0; i < n; i++) {
                bool is_bad = strcmp(findings[i].level, "fail") == 0;

                if (!is_bad && strcmp(findings[i].level, "warn") != 0)
                        continue;
                if (n_printed++ == 0)
                        print_heading("Findings");
                (void)printf("  %s%s%s  %s. %s\n", colour_begin(is_bad ? COLOUR_BAD : COLOUR_DOUBT),
                             is_bad ? "FAIL" : "WARN", colour_end(), findings[i].what,
                             findings[i].evidence);
        }
        return n_printed;
}

static void print_json(iso_host *host, bool has_daemon)
{
        json_object *document = json_document("overview"), *array;
        const iso_group *groups;
        const iso_lease *leases;
        size_t n, n_leases, n_devices;

        (void)iso_host_devices(host, &n_devices);
        groups = iso_host_groups(host, &n);
        leases = iso_host_leases(host, &n_leases);
        json_add_bool(document, "daemon", has_daemon);
        json_add_number(document, "devices", (int64_t)n_devices, 0);
        json_add_number(document, "groups", (int64_t)n, 0);
        array = json_add_array(document, "notable");
        for (size_t i = 0; i < n; i++)
                if (is_notable(host, &groups[i]))
                        (void)json_append(array, must(json_object_new_string(groups[i].id)));
        array = json_add_array(document, "leases");
        for (size_t i = 0; i < n_leases; i++)
                (void)json_append(array, must(json_object_new_int64(leases[i].id)));
        json_add_optional(document, "obstacle", iso_host_obstacle(host));
        json_print(document);
}

static void print_text(Invocation *invocation, bool has_daemon)
{
        iso_host *host = invocation->host;
        size_t n_devices, n_groups, n_leases, n;

        (void)iso_host_devices(host, &n_devices);
        (void)iso_host_groups(host, &n_groups);
        (void)iso_host_leases(host, &n_leases);
        (void)printf("%zu devices in %zu groups · ", n_devices, n_groups);
        if (has_daemon)
                (void)printf("%zu leases\n", n_leases);
        else if (invocation->from)
                (void)printf("read from %s\n", invocation->from);
        else
                (void)printf("isolationd cannot be reached (systemctl start isolationd)\n");
        if (*iso_host_obstacle(host))
                (void)printf("%s\n", iso_host_obstacle(host));
        print_groups(host);
        print_leases(host);
        n = has_daemon ? print_findings(host, 0) : 0;
        if (has_daemon) {
                iso_host *tree = NULL;

                if (iso_host_open_sysfs("/sys", &tree) == 0)
                        n = print_findings(tree, n);
                (void)iso_host_free(tree);
        } else {
                n = print_findings(host, n);
        }
        print_heading("Next");
        (void)printf("  isoctl explain DEVICE   why it is in its group\n"
                     "  isoctl plan DEVICE      what a lease of it would do\n"
                     "  isoctl list             all devices\n"
                     "  isoctl doctor           every check%s\n"
                     "  isoctl help             all verbs\n",
                     n > 0 ? ", and how to fix what is found" : "");
}

static int run_overview(Invocation *invocation)
{
        bool has_daemon = !invocation->from && iso_host_open_daemon(&invocation->host) == 0;

        if (!has_daemon) {
                int code;

                invocation->host = iso_host_free(invocation->host);
                code = open_tree(invocation);
                if (code != EXIT_DONE)
                        return code;
        }
        if (invocation->json)
                print_json(invocation->host, has_daemon);
        else
                print_text(invocation, has_daemon);
        return EXIT_DONE;
}

const Verb verb_overview = {
        .name = "overview",
        .arguments = "",
        .summary = "show groups worth knowing, leases and findings (no verb: this)",
        .help = "Asks isolationd or, if it does not run, reads this machine's /sys.\n",
        .options = OPTION_FROM,
        .host = VERB_HOST_NONE,
        .run = run_overview,
};
