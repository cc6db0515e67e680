/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The `modalias` file has all ids in one read, from the kernel's memory, without a bus cycle. A
 * copied tree may lack it, but has a file for each id. (`uevent` has the driver too, but some
 * kernels take the device's lock to show it, and a hanging driver holds that lock forever.)
 */

#include "core/probe/sysfs_identity.h"

#include "core/model/text.h"
#include "core/probe/sysfs_file.h"

#include <errno.h>
#include <string.h>

#define MODALIAS_SIZE 96

/* Takes `label` and `n_digits` hexadecimal digits off the front of *text; false if not there. */
static bool take_number(const char **text, const char *label, size_t n_digits, uint32_t *ret_value)
{
        size_t n_label = strlen(label);

        if (strncmp(*text, label, n_label) != 0)
                return false;
        *text += n_label;
        *ret_value = 0;
        for (; n_digits > 0; n_digits--, (*text)++) {
                int digit = hex_digit(**text);

                if (digit < 0)
                        return false;
                *ret_value = *ret_value << 4 | (unsigned)digit;
        }
        return true;
}

/* "pci:v00008086d000010D3sv00008086sd00000000bc02sc00i00": all numbers hexadecimal. */
static bool parse_modalias(const char *text, PciDevice *device)
{
        enum { VENDOR, DEVICE, SUBSYSTEM_VENDOR, SUBSYSTEM_DEVICE, BASE, SUBCLASS, INTERFACE };
        static const struct {
                const char *label;
                size_t n_digits;
        } parts[] = {
                [VENDOR] = {"pci:v", 8},        [DEVICE] = {"d", 8}, [SUBSYSTEM_VENDOR] = {"sv", 8},
                [SUBSYSTEM_DEVICE] = {"sd", 8}, [BASE] = {"bc", 2},  [SUBCLASS] = {"sc", 2},
                [INTERFACE] = {"i", 2},
        };
        uint32_t values[ARRAY_SIZE(parts)];

        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                if (!take_number(&text, parts[i].label, parts[i].n_digits, &values[i]) ||
                    values[i] > UINT16_MAX)
                        return false;
        if (*text != '\0')
                return false;
        device->ids.vendor = (uint16_t)values[VENDOR];
        device->ids.device = (uint16_t)values[DEVICE];
        device->ids.subsystem_vendor = (uint16_t)values[SUBSYSTEM_VENDOR];
        device->ids.subsystem_device = (uint16_t)values[SUBSYSTEM_DEVICE];
        device->ids.class_code = values[BASE] << 16 | values[SUBCLASS] << 8 | values[INTERFACE];
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
        int r = read_id(directory, "vendor", &device->ids.vendor);

        if (r == -ENOENT || r == -ENODEV)
                return r;
        (void)!read_id(directory, "device", &device->ids.device);
        (void)!read_id(directory, "subsystem_vendor", &device->ids.subsystem_vendor);
        (void)!read_id(directory, "subsystem_device", &device->ids.subsystem_device);
        if (sysfs_read_number(directory, "class", 16, &value) == 0)
                device->ids.class_code = value & 0xffffff;
        return 0;
}

int sysfs_read_identity(int directory, PciDevice *device)
{
        char text[MODALIAS_SIZE];
        int r = sysfs_read_line(directory, "modalias", text, sizeof(text));

        if (r == -ENODEV)
                return r;
        return r < 0 || !parse_modalias(text, device) ? read_ids(directory, device) : 0;
}
