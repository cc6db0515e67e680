/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every PCI function with its group, driver and lease. */

#include "cli/document.h"
#include "cli/text.h"

static int print_json(const iso_device *devices, size_t n)
{
        json_object *document = json_document("list");
        json_object *array = json_add_array(document, "devices");

        for (size_t i = 0; i < n; i++)
                (void)json_append(array, json_device(&devices[i]));
        json_print(document);
        return EXIT_DONE;
}

static void add_header(Table *table)
{
        static const char *const names[] = {"DEVICE", "ID",     "CLASS", "GROUP",
                                            "KERNEL", "DRIVER", "STATE", "LEASE"};

        table->n_columns = ARRAY_SIZE(names);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                table_add(table, "%s", names[i]);
}

static void add_row(Table *table, const iso_device *device)
{
        table_add(table, "%s", device->address);
        table_add_ids(table, device);
        table_add(table, "%s", class_name(device->class_code));
        table_add(table, "%s", device->group);
        if (device->kernel_group >= 0)
                table_add(table, "%d", device->kernel_group);
        else
                table_add(table, "%s", "");
        table_add(table, "%s", device->driver);
        table_add(table, "%s", device->state);
        if (device->lease > 0)
                table_add(table, "%u", device->lease);
        else
                table_add(table, "%s", "");
}

static int run_list(Invocation *invocation)
{
        _cleanup_(table_deinit) Table table = {0};
        const iso_device *devices;
        size_t n;

        devices = iso_host_devices(invocation->host, &n);
        note_obstacle(invocation->host);
        if (invocation->json)
                return print_json(devices, n);

        add_header(&table);
        for (size_t i = 0; i < n; i++)
                add_row(&table, &devices[i]);
        table_print(&table, "");
        return EXIT_DONE;
}

const Verb verb_list = {
        .name = "list",
        .arguments = "",
        .summary = "list all devices: group, driver, state",
        .help = "States: host (bound to a host driver, or a bridge), free (no driver), leased,\n"
                "held (it joined a leased group; the daemon keeps host drivers off it).\n",
        .options = OPTION_FROM,
        .host = VERB_HOST_ANY,
        .run = run_list,
};
