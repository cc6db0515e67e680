/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The `modalias` file has all ids in one read, from what the kernel has kept: no bus cycle. A copied
 * tree may lack it; then there is a file for each. (`uevent` has the driver too, but some kernels
 * take the device's lock to show it, which a driver that hangs holds for ever.)
 */

#include "core/probe/sysfs_identity.h"

#include "core/probe/sysfs_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MODALIAS_SIZE 96

/* "pci:v00008086d000010D3sv00008086sd00000000bc02sc00i00": all numbers hexadecimal. */
static bool parse_modalias(const char *text, PciDevice *device)
{
        unsigned vendor, id, subsystem_vendor, subsystem_device, base, subclass, interface;
        int end = 0;

        if (sscanf(text, "pci:v%8xd%8xsv%8xsd%8xbc%2xsc%2xi%2x%n", &vendor, &id, &subsystem_vendor,
                   &subsystem_device, &base, &subclass, &interface, &end) != 7 ||
            text[end] != '\0' || (vendor | id | subsystem_vendor | subsystem_device) > UINT16_MAX)
                return false;
        device->vendor = (uint16_t)vendor;
        device->device = (uint16_t)id;
        device->subsystem_vendor = (uint16_t)subsystem_vendor;
        device->subsystem_device = (uint16_t)subsystem_device;
        device->class_code = base << 16 | subclass << 8 | interface;
        return true;
}

static int read_id(int directory, const char *name, uint16_t *ret_id)
{
        uint32_t value;
        int r = sysfs_read_number(directory, name, 16, &value);

        if (r == 0)
                *ret_id = (uint16_t)value;
        return r;
}

/* Returns -ENOENT or -ENODEV if the device is gone. */
static int read_ids(int directory, PciDevice *device)
{
        uint32_t value;
        int r = read_id(directory, "vendor", &device->vendor);

        if (r == -ENOENT || r == -ENODEV)
                return r;
        (void)!read_id(directory, "device", &device->device);
        (void)!read_id(directory, "subsystem_vendor", &device->subsystem_vendor);
        (void)!read_id(directory, "subsystem_device", &device->subsystem_device);
        if (sysfs_read_number(directory, "class", 16, &value) == 0)
                device->class_code = value & 0xffffff;
        return 0;
}

int sysfs_read_identity(int directory, PciDevice *device)
{
        char text[MODALIAS_SIZE];
        int r = sysfs_read_line(directory, "modalias", text, sizeof(text));

        if (r == -ENODEV)
                return r;
        if (r < 0 || !parse_modalias(text, device)) {
                r = read_ids(directory, device);
                if (r < 0)
                        return r;
        }
        /* A name too long to keep is still a driver: "" would say that there is none. */
        r = sysfs_read_link_name(directory, "driver", device->driver, sizeof(device->driver));
        if (r == -ENAMETOOLONG)
                (void)snprintf(device->driver, sizeof(device->driver), "(name too long)");
        return 0;
}
