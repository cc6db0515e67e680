/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The buses as a tree: each device below its port, with its group. */

#include <stdio.h>
#include <string.h>

#include "cli/document.h"
#include "cli/text.h"

typedef struct Devices {
        iso_host *host;
        const iso_device *list;
        size_t n;
} Devices;

/* A device below a bridge that is not shown stands at the top. */
static bool is_root(const Devices *devices, const iso_device *device)
{
        return !device_find(devices->host, device->parent);
}

static bool is_below(const Devices *devices, const iso_device *device, const char *parent)
{
        return parent ? strcmp(device->parent, parent) == 0 : is_root(devices, device);
}

/*
 * The roots if `parent` is NULL. Every level takes a device from the list, so the depth is
 * bounded.
 */
static void add_children(const Devices *devices, const char *parent, json_object *array)
{
        for (size_t i = 0; i < devices->n; i++) {
                const iso_device *device = &devices->list[i];
                json_object *object;

                if (!is_below(devices, device, parent))
                        continue;
                object = json_append(array, json_device(devices->host, device));
                add_children(devices, device->address, json_add_array(object, "children"));
        }
}

static void print_children(const Devices *devices, const char *parent, Table *table, int depth)
{
        for (size_t i = 0; i < devices->n; i++) {
                const iso_device *device = &devices->list[i];

                if (!is_below(devices, device, parent))
                        continue;
                table_add(table, "%*s%s", depth * 2, "", device->address);
                table_add(table, "%s", device->driver);
                table_add(table, "%s", device->group);
                table_add_uses(table, devices->host, device);
                table_add_name(table, devices->host, device);
                print_children(devices, device->address, table, depth + 1);
        }
}

static int run_tree(Invocation *invocation)
{
        static const char *const names[] = {"DEVICE", "DRIVER", "GROUP", "USE", "NAME", NULL};
        _cleanup_(table_deinit) Table table = {.without_header = invocation->without_legend,
                                               .flexible = 1U << 3 | 1U << 4,
                                               .optional = 1U << 3};
        Devices devices = {.host = invocation->host};
        json_object *document;

        devices.list = iso_host_devices(invocation->host, &devices.n);
        if (invocation->json) {
                document = json_document("tree");
                add_children(&devices, NULL, json_add_array(document, "roots"));
                json_print(document);
                return EXIT_DONE;
        }

        table_header(&table, names);
        print_children(&devices, NULL, &table, 0);
        table_print(&table, "");
        return EXIT_DONE;
}

const Verb verb_tree = {
        .name = "tree",
        .arguments = "",
        .summary = "show devices below their ports",
        .help = "",
        .options = OPTION_FROM,
        .host = VERB_HOST_ANY,
        .run = run_tree,
};
