/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All leases: owner, groups, start and policy rule. */

#include <stdio.h>
#include <time.h>

#include "cli/document.h"
#include "cli/text.h"

#define TIME_SIZE 64

/* Of another user's lease the daemon shows only groups, devices, guard and state. */
static bool is_shown(const iso_lease *lease)
{
        return lease->uid != (uid_t)-1;
}

static const char *format_time(const iso_lease *lease, bool for_people, char text[static TIME_SIZE])
{
        time_t then = (time_t)(lease->since_usec / 1000000), now = time(NULL);
        struct tm broken, today;

        text[0] = '\0';
        if (!is_shown(lease))
                return text;
        if (!for_people) {
                if (gmtime_r(&then, &broken))
                        (void)strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &broken);
                return text;
        }
        if (!localtime_r(&then, &broken) || !localtime_r(&now, &today))
                return text;
        if (broken.tm_year == today.tm_year && broken.tm_yday == today.tm_yday)
                (void)strftime(text, TIME_SIZE, "%H:%M", &broken);
        else
                (void)strftime(text, TIME_SIZE, "%Y-%m-%d %H:%M", &broken);
        return text;
}

static void add_faults(json_object *object, const iso_lease *lease)
{
        json_object *faults = json_add_array(object, "faults");

        for (size_t i = 0; i < lease->n_faults; i++) {
                json_object *fault = must(json_object_new_object());

                json_add_text(fault, "device", lease->faults[i].device);
                json_add_number(fault, "count", (int64_t)lease->faults[i].count, 0);
                json_add_number(fault, "address", (int64_t)lease->faults[i].address, 0);
                (void)json_append(faults, fault);
        }
}

static int print_json(const iso_lease *leases, size_t n)
{
        json_object *document = json_document("leases");
        json_object *array = json_add_array(document, "leases");
        char since[TIME_SIZE];

        for (size_t i = 0; i < n; i++) {
                json_object *object = json_append(array, must(json_object_new_object()));

                json_add_number(object, "lease", leases[i].id, 1);
                json_add_list(object, "groups", leases[i].groups);
                json_add_list(object, "devices", leases[i].devices);
                json_add_list(object, "held", leases[i].held);
                json_add_number(object, "uid", is_shown(&leases[i]) ? (int64_t)leases[i].uid : -1,
                                0);
                json_add_optional(object, "unit", leases[i].unit);
                json_add_optional(object, "mode", leases[i].mode);
                json_add_optional(object, "lifetime", leases[i].lifetime);
                json_add_text(object, "guard", leases[i].guard);
                json_add_text(object, "required_guard", leases[i].required_guard);
                json_add_text(object, "state", leases[i].state);
                json_add_optional(object, "since", format_time(&leases[i], false, since));
                json_add_optional(object, "rule", leases[i].rule);
                json_add_optional(object, "address_space", leases[i].address_space);
                json_add_optional(object, "accounting", leases[i].accounting);
                json_add_list(object, "nodes", leases[i].nodes);
                add_faults(object, &leases[i]);
                json_add_optional(object, "trouble", leases[i].trouble);
        }
        json_print(document);
        return EXIT_DONE;
}

static void add_row(Table *table, const iso_lease *lease)
{
        _cleanup_(free_text) char *groups = join_texts(lease->groups, ",");
        _cleanup_(free_text) char *held = join_texts(lease->held, " ");
        char since[TIME_SIZE];

        table_add(table, "%u", lease->id);
        table_add(table, "%s", groups);
        table_add(table, "%zu", count_texts(lease->devices));
        if (is_shown(lease))
                table_add_user(table, lease->uid);
        else
                table_add(table, "%s", "");
        table_add(table, "%s", lease->unit);
        table_add(table, "%s", lease->mode);
        table_add(table, "%s", lease->lifetime);
        table_add(table, "%s", lease->guard);
        table_add(table, "%s", lease->state);
        table_add(table, "%s", format_time(lease, true, since));
        table_add(table, "%s", held);
}

static int run_leases(Invocation *invocation)
{
        static const char *const names[] = {"LEASE",    "GROUP", "DEVICES", "OWNER", "UNIT", "MODE",
                                            "LIFETIME", "GUARD", "STATE",   "SINCE", "HELD", NULL};
        _cleanup_(table_deinit)
                Table table = {.without_header = invocation->without_legend, .flexible = 1U << 4};
        const iso_lease *leases;
        size_t n;

        leases = iso_host_leases(invocation->host, &n);
        if (invocation->json)
                return print_json(leases, n);

        table_header(&table, names);
        for (size_t i = 0; i < n; i++)
                add_row(&table, &leases[i]);
        table_print(&table, "");
        return EXIT_DONE;
}

const Verb verb_leases = {
        .name = "leases",
        .arguments = "",
        .summary = "list all leases: owner, groups, start",
        .help = "HELD: devices that joined a leased group; the daemon keeps host drivers off "
                "them.\n"
                "Only root sees more of other users' leases than groups, devices, guard and "
                "state.\n",
        .host = VERB_HOST_DAEMON,
        .run = run_leases,
};
