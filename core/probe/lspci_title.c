/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The first line of a function: "PCI bridge [0604]: Intel Corporation … [8086:1901] (rev 07)", or
 * with names only, or ("-n") "0604: 8086:1901 (rev 07)".
 *
 * Without numbers, the vendor's name gives its id for rules that need only the vendor, and the
 * class's name gives its code. A device's name is used only at the places that say so.
 */

#include <stdio.h>
#include <string.h>

#include "core/model/quirks.h"
#include "core/probe/lspci_reader.h"

static const struct {
        const char *name;
        uint16_t id;
} vendors[] = {
        {"Intel Corporation", 0x8086}, {"[AMD/ATI]", 0x1002}, {"[AMD]", 0x1022},
        {"Zhaoxin", 0x1d17},           {"Wangxun", 0x8088},
};

static const struct {
        const char *name;
        uint16_t code;
} classes[] = {
        {"RAID bus controller", 0x0104},
        {"IDE interface", 0x0101},
        {"SATA controller", 0x0106},
        {"Serial Attached SCSI controller", 0x0107},
        {"Non-Volatile memory controller", 0x0108},
        {"Ethernet controller", 0x0200},
        {"Infiniband controller", 0x0207},
        {"Network controller", 0x0280},
        {"VGA compatible controller", 0x0300},
        {"3D controller", 0x0302},
        {"Display controller", 0x0380},
        {"Multimedia video controller", 0x0400},
        {"Multimedia audio controller", 0x0401},
        {"Audio device", 0x0403},
        {"Multimedia controller", 0x0480},
        {"RAM memory", 0x0500},
        {"Memory controller", 0x0580},
        {"Host bridge", 0x0600},
        {"ISA bridge", 0x0601},
        {"PCI bridge", 0x0604},
        {"CardBus bridge", 0x0607},
        {"Bridge", 0x0680},
        {"Serial controller", 0x0700},
        {"Communication controller", 0x0780},
        {"PIC", 0x0800},
        {"SD Host controller", 0x0805},
        {"IOMMU", 0x0806},
        {"System peripheral", 0x0880},
        {"USB controller", 0x0c03},
        {"FireWire (IEEE 1394)", 0x0c00},
        {"SMBus", 0x0c05},
        {"Encryption controller", 0x1080},
        {"Performance counters", 0x1101},
        {"Signal processing controller", 0x1180},
        {"Processing accelerators", 0x1200},
        {"Non-Essential Instrumentation", 0x1300},
};

/* Volume Management Devices; other Intel controllers of that class are software RAID. */
static const uint16_t vmd_ids[] = {0x201d, 0x28c0, 0x467f, 0x4c3d, 0x7d0b,
                                   0x9a0b, 0xa77f, 0xad0b, 0xb06f, 0xb60b};

static bool is_hex(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Four hexadecimal digits, no more. */
static bool take_id(const char *text, uint16_t *ret_id)
{
        for (size_t i = 0; i < 4; i++)
                if (!is_hex(text[i]))
                        return false;
        if (is_hex(text[4]))
                return false;
        *ret_id = (uint16_t)strtoul(text, NULL, 16);
        return true;
}

/* The last "vvvv:dddd" in brackets or as a word. */
static bool find_ids(const char *text, uint16_t *ret_vendor, uint16_t *ret_device)
{
        bool found = false;

        for (const char *p = text; *p; p++) {
                uint16_t vendor, device;

                if (p != text && p[-1] != '[' && p[-1] != ' ')
                        continue;
                if (!take_id(p, &vendor) || p[4] != ':' || !take_id(p + 5, &device))
                        continue;
                if (p[9] != '\0' && p[9] != ']' && p[9] != ' ')
                        continue;
                *ret_vendor = vendor;
                *ret_device = device;
                found = true;
        }
        return found;
}

/* lspci prints "Device dddd" for a device that it has no name for. */
static uint16_t find_unnamed(const char *name)
{
        const char *last = NULL;
        uint16_t id = 0;

        for (const char *p = name; (p = strstr(p, " Device ")); p++)
                last = p;
        if (last && take_id(last + strlen(" Device "), &id) &&
            (last[12] == '\0' || strncmp(last + 12, " (", 2) == 0))
                return id;
        return 0;
}

static uint32_t find_class(const char *title, size_t n_class)
{
        uint16_t code;

        if (n_class >= 6 && title[n_class - 1] == ']' && title[n_class - 6] == '[' &&
            take_id(title + n_class - 5, &code))
                return (uint32_t)code << 8;
        if (n_class >= 4 && (n_class == 4 || title[n_class - 5] == ' ') &&
            take_id(title + n_class - 4, &code))
                return (uint32_t)code << 8;
        for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
                if (strlen(classes[i].name) == n_class &&
                    strncmp(classes[i].name, title, n_class) == 0)
                        return (uint32_t)classes[i].code << 8;
        return 0;
}

size_t lspci_class_length(const char *title)
{
        size_t longest = 0;

        for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
                size_t n = strlen(classes[i].name);

                if (n > longest && strncmp(classes[i].name, title, n) == 0 &&
                    (title[n] == ' ' || title[n] == '\0'))
                        longest = n;
        }
        return longest;
}

/*
 * A hash of the names in a title that does not depend on ids and on additions of lspci: FNV-1a of
 * its letters and digits, without brackets, parentheses and ids.
 */
static uint64_t hash_names(const char *title)
{
        uint64_t hash = 0xcbf29ce484222325;
        unsigned depth = 0;
        uint16_t id;
        bool any = false;

        for (const char *at = title; *at; at++) {
                bool is_start = at == title || at[-1] == ' ' || at[-1] == ':';

                if (is_start && depth == 0 && take_id(at, &id) && at[4] == ':' && take_id(at + 5, &id))
                        return 0; /* numbers in place of names */
                if (is_start && take_id(at, &id) && strchr(" :", at[4])) {
                        at += 3;
                        continue;
                }
                depth += *at == '[' || *at == '(';
                if (depth == 0 && *at > ' ' && *at != ':') {
                        hash = (hash ^ (unsigned char)*at) * 0x100000001b3;
                        any = true;
                }
                depth -= depth > 0 && (*at == ']' || *at == ')');
        }
        return any ? hash : 0;
}

static bool is_vmd(const PciDevice *device, const char *name)
{
        if (device->ids.class_code >> 8 != 0x0104 || device->ids.vendor != 0x8086)
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(vmd_ids); i++)
                if (vmd_ids[i] == device->ids.device)
                        return true;
        return strstr(name, "Volume Management Device") != NULL;
}

void lspci_read_title(LspciEntry *entry, const char *title)
{
        PciDevice *device = &entry->device;
        const char *name = strstr(title, ": "), *interface;

        if (!name)
                return;
        device->ids.class_code = find_class(title, (size_t)(name - title));
        interface = strstr(name, "(prog-if ");
        if (interface && is_hex(interface[9]) && is_hex(interface[10]) &&
            device->ids.class_code != 0)
                device->ids.class_code |= (uint32_t)strtoul(interface + 9, NULL, 16) & 0xff;
        name += 2;

        if (!find_ids(name, &device->ids.vendor, &device->ids.device)) {
                for (size_t i = 0; i < ARRAY_SIZE(vendors) && device->ids.vendor == 0; i++)
                        if (strstr(name, vendors[i].name))
                                device->ids.vendor = vendors[i].id;
                entry->has_named_vendor = device->ids.vendor != 0;
                if (device->ids.vendor != 0)
                        device->ids.device = find_unnamed(name);
        }
        if (!entry->has_partial_title)
                entry->title_hash = hash_names(title);
        entry->is_vmd = is_vmd(device, name);
        entry->is_spt_port = device->ids.vendor == 0x8086 && device->ids.device == 0 &&
                             strstr(name, "Root Port") &&
                             (strstr(name, "Sunrise Point") || strstr(name, "100 Series") ||
                              strstr(name, "200 Series"));
}
