/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Paths of device directories, read from the end.
 */

#include "core/probe/sysfs_place.h"

#include <string.h>

/* "pciffffffff:ff" and its NUL. */
#define COMPONENT_SIZE 24

/* Removes the last component of `path[0..*n]`; returns false at the front or if it is too long. */
static bool take_last(const char *path, size_t *n, char component[static COMPONENT_SIZE])
{
        size_t end = *n, start, length;

        while (end > 0 && path[end - 1] == '/')
                end--;
        start = end;
        while (start > 0 && path[start - 1] != '/')
                start--;

        length = end - start;
        *n = start;
        if (length == 0)
                return false;
        if (length >= COMPONENT_SIZE)
                length = 0; /* longer than any address */
        memcpy(component, path + start, length);
        component[length] = '\0';
        return true;
}

static bool parse_root(const char *component, Bdf *ret_root)
{
        char text[COMPONENT_SIZE + sizeof(":00.0")];
        size_t n = strlen(component);

        if (strncmp(component, "pci", 3) != 0 || n < strlen("pci0000:00"))
                return false;
        /* A root bus is written like the front of an address. */
        memcpy(text, component + 3, n - 3);
        memcpy(text + n - 3, ":00.0", sizeof(":00.0"));
        return bdf_parse(text, ret_root);
}

void sysfs_place_parse(PciDevice *device, const char *path)
{
        char component[COMPONENT_SIZE];
        size_t n = strlen(path);
        Bdf bdf, root;

        device->place.root_domain = device->bdf.domain;
        device->place.root_bus = device->bdf.bus;
        device->place.has_parent = true;
        device->place.parent_bdf =
                device->bdf; /* a device's own address as its bridge means unknown */

        if (!take_last(path, &n, component) || !bdf_parse(component, &bdf) ||
            !bdf_equal(bdf, device->bdf))
                return;

        while (take_last(path, &n, component)) {
                if (parse_root(component, &root)) {
                        device->place.root_domain = root.domain;
                        device->place.root_bus = root.bus;
                        if (bdf_equal(device->place.parent_bdf, device->bdf))
                                device->place.has_parent = false;
                        if (take_last(path, &n, component) && bdf_parse(component, &bdf)) {
                                device->place.has_real_dma = true;
                                device->place.real_dma_bdf = bdf;
                        }
                        return;
                }
                if (bdf_equal(device->place.parent_bdf, device->bdf) && bdf_parse(component, &bdf))
                        device->place.parent_bdf = bdf;
        }
}
