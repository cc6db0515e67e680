/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The path of a device is its address, with `_` for `:` and `.`. The path of a group is its stable
 * id, escaped by sd_bus_path_encode(3).
 */

#include "daemon/bus/call/paths.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/model/text.h"

#define PREFIX_DEVICE BUS_ROOT "/device"
#define PREFIX_GROUP BUS_ROOT "/group"
#define PREFIX_LEASE BUS_ROOT "/lease"
#define PREFIX_IOMMU BUS_ROOT "/iommu"

char *bus_path_device(Bdf bdf)
{
        char text[BDF_TEXT_SIZE];

        (void)bdf_format(bdf, text);
        for (char *c = text; *c; c++)
                if (*c == ':' || *c == '.')
                        *c = '_';
        return text_print(PREFIX_DEVICE "/%s", text);
}

static char *encode(const char *prefix, const char *name)
{
        char *path = NULL;

        return sd_bus_path_encode(prefix, name, &path) < 0 ? NULL : path;
}

char *bus_path_group(const char *id)
{
        return encode(PREFIX_GROUP, id);
}

char *bus_path_lease(uint32_t id)
{
        return text_print(PREFIX_LEASE "/%" PRIu32, id);
}

char *bus_path_iommu(const char *name)
{
        return encode(PREFIX_IOMMU, name);
}

size_t bus_find_device(const Ledger *ledger, const char *path)
{
        static const char separators[] = {':', ':', '.'};
        char text[32];
        size_t n_separators = 0;
        Bdf bdf;

        if (strncmp(path, PREFIX_DEVICE "/", sizeof(PREFIX_DEVICE)) != 0)
                return SNAPSHOT_NONE;
        int n = snprintf(text, sizeof(text), "%s", path + sizeof(PREFIX_DEVICE));
        if (n < 0 || (size_t)n >= sizeof(text))
                return SNAPSHOT_NONE;
        for (char *c = text; *c; c++)
                if (*c == '_' && n_separators < ARRAY_SIZE(separators))
                        *c = separators[n_separators++];
        return bdf_parse(text, &bdf) ? snapshot_find(ledger->world->snapshot, bdf) : SNAPSHOT_NONE;
}

/* Decodes the name in a path of sd_bus_path_encode(). Returns NULL if there is none. */
static char *decode(const char *path, const char *prefix)
{
        char *name = NULL;

        return sd_bus_path_decode(path, prefix, &name) > 0 ? name : NULL;
}

size_t bus_find_group(const Ledger *ledger, const char *path)
{
        _cleanup_(freep) char *id = decode(path, PREFIX_GROUP);

        return id ? partition_find_group(ledger->world->groups, id) : SNAPSHOT_NONE;
}

Lease *bus_find_lease(const Ledger *ledger, const char *path)
{
        uint32_t id;

        if (strncmp(path, PREFIX_LEASE "/", sizeof(PREFIX_LEASE)) != 0)
                return NULL;
        const char *number = path + sizeof(PREFIX_LEASE);
        /* A lease has one path only, so a number with a leading zero is refused. */
        return number[0] != '0' && text_read_u32(number, &id) ? ledger_find_lease(ledger, id)
                                                              : NULL;
}

size_t bus_find_iommu(const Ledger *ledger, const char *path)
{
        const Snapshot *snapshot = ledger->world->snapshot;
        _cleanup_(freep) char *name = decode(path, PREFIX_IOMMU);

        for (size_t i = 0; name && name[0] && i < snapshot->n_devices; i++)
                if (strcmp(snapshot->devices[i].sysfs.iommu, name) == 0)
                        return i;
        return SNAPSHOT_NONE;
}
