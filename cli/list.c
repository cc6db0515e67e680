/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every PCI function with its group, driver and lease. */

#include <inttypes.h>

#include "cli/document.h"
#include "cli/text.h"

static int print_json(iso_host *host, const iso_device *devices, size_t n)
{
        json_object *document = json_document("list");
        json_object *array = json_add_array(document, "devices");

        for (size_t i = 0; i < n; i++)
                (void)json_append(array, json_device(host, &devices[i]));
        json_print(document);
        return EXIT_DONE;
}

static void add_number(Table *table, int64_t number, int64_t least)
{
        if (number >= least)
                table_add(table, "%" PRId64, number);
        else
                table_add(table, "%s", "");
}

static void add_row(Table *table, const Invocation *invocation, const iso_device *device)
{
        table_add(table, "%s", device->address);
        if (invocation->verbose) {
                _cleanup_(free_text) char *ids = ids_describe(device);

                table_add(table, "%s", device->id);
                table_add(table, "%s", ids);
                table_add(table, "%s", class_name(device->class_code));
        }
        table_add(table, "%s", device->group);
        if (invocation->verbose)
                add_number(table, device->kernel_group, 0);
        table_add(table, "%s", device->driver);
        table_add(table, "%s", device->state);
        add_number(table, device->lease, 1);
        table_add_uses(table, invocation->host, device);
        table_add_name(table, invocation->host, device);
}

static int run_list(Invocation *invocation)
{
        static const char *const names[] = {"DEVICE", "GROUP", "DRIVER", "STATE",
                                            "LEASE",  "USE",   "NAME",   NULL};
        static const char *const all[] = {"DEVICE", "PATH",  "IDS",   "CLASS", "GROUP", "KERNEL",
                                          "DRIVER", "STATE", "LEASE", "USE",   "NAME",  NULL};
        _cleanup_(table_deinit) Table table = {.without_header = invocation->without_legend};
        const iso_device *devices;
        size_t n;

        devices = iso_host_devices(invocation->host, &n);
        note_obstacle(invocation->host);
        if (invocation->json)
                return print_json(invocation->host, devices, n);

        table_header(&table, invocation->verbose ? all : names);
        table.flexible = 3U << (table.n_columns - 2); /* uses and name */
        table.optional = 3U << (table.n_columns - 3); /* lease and uses */
        for (size_t i = 0; i < n; i++)
                add_row(&table, invocation, &devices[i]);
        table_print(&table, "");
        return EXIT_DONE;
}

const Verb verb_list = {
        .name = "list",
        .arguments = "",
        .summary = "list all devices: group, driver, state",
        .help = "States: host (bound to a host driver, or a bridge), free (no driver), leased,\n"
                "held (it joined a leased group; the daemon keeps host drivers off it).\n"
                "USE is what the host calls it. -v adds the stable path, the ids and the class.\n",
        .options = OPTION_FROM,
        .host = VERB_HOST_ANY,
        .run = run_list,
};
