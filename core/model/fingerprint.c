/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Compares fields in order; the first that differs names the difference. */

#include "core/model/fingerprint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/model/text.h"

Fingerprint fingerprint_of(const PciDevice *device)
{
        return (Fingerprint){
                .known = true,
                .vendor = device->ids.vendor,
                .device = device->ids.device,
                .subsystem_vendor = device->ids.subsystem_vendor,
                .subsystem_device = device->ids.subsystem_device,
                .class_code = device->ids.class_code,
                .has_serial = device->facts.serial == TRISTATE_YES,
                .serial = device->facts.serial == TRISTATE_YES ? device->facts.serial_number : 0,
        };
}

int fingerprint_difference(const Fingerprint *before, const Fingerprint *now, char **ret)
{
        const struct {
                const char *name;
                bool asked;
                int digits;
                uint64_t before, now;
        } fields[] = {
                {"vendor", true, 4, before->vendor, now->vendor},
                {"device id", true, 4, before->device, now->device},
                {"subsystem vendor", true, 4, before->subsystem_vendor, now->subsystem_vendor},
                {"subsystem id", true, 4, before->subsystem_device, now->subsystem_device},
                {"class", true, 6, before->class_code, now->class_code},
                {"revision", before->has_revision && now->has_revision, 2, before->revision,
                 now->revision},
                {"serial number", before->has_serial && now->has_serial, 16, before->serial,
                 now->serial},
        };

        for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
                if (fields[i].asked && fields[i].before != fields[i].now) {
                        *ret = text_print("%s %0*" PRIx64 " is %0*" PRIx64 " now", fields[i].name,
                                          fields[i].digits, fields[i].before, fields[i].digits,
                                          fields[i].now);
                        return *ret ? 0 : -ENOMEM;
                }
        *ret = strdup("");
        return *ret ? 0 : -ENOMEM;
}

const char *fingerprint_format(const Fingerprint *fingerprint,
                               char text[static FINGERPRINT_TEXT_SIZE])
{
        char revision[3] = "-", serial[17] = "-";

        text[0] = '\0';
        if (!fingerprint->known)
                return text;
        if (fingerprint->has_revision)
                (void)snprintf(revision, sizeof(revision), "%02x", fingerprint->revision);
        if (fingerprint->has_serial)
                (void)snprintf(serial, sizeof(serial), "%016" PRIx64, fingerprint->serial);
        (void)snprintf(text, FINGERPRINT_TEXT_SIZE, "%04x:%04x:%04x:%04x:%06x:%s:%s",
                       fingerprint->vendor, fingerprint->device, fingerprint->subsystem_vendor,
                       fingerprint->subsystem_device, fingerprint->class_code & 0xffffff, revision,
                       serial);
        return text;
}

/* Takes `digits` digits, or "-" if allowed, and the `end` after them off the front. */
static bool take_field(const char **text, int digits, char end, bool *ret_has, uint64_t *ret_value)
{
        const char *at = *text;
        uint64_t value = 0;
        bool has = true;

        if (ret_has && *at == '-') {
                has = false;
                at++;
        }
        for (int i = 0; has && i < digits; i++, at++) {
                int digit = hex_digit(*at);

                if (digit < 0)
                        return false;
                value = value << 4 | (unsigned)digit;
        }
        if (*at != end)
                return false;
        *text = at + (end != '\0');
        *ret_value = value;
        if (ret_has)
                *ret_has = has;
        return true;
}

bool fingerprint_parse(const char *text, Fingerprint *ret)
{
        uint64_t vendor, device, subsystem_vendor, subsystem_device, class_code, revision, serial;
        Fingerprint read = {.known = true};

        if (!*text) {
                *ret = (Fingerprint){.known = false};
                return true;
        }
        if (!take_field(&text, 4, ':', NULL, &vendor) ||
            !take_field(&text, 4, ':', NULL, &device) ||
            !take_field(&text, 4, ':', NULL, &subsystem_vendor) ||
            !take_field(&text, 4, ':', NULL, &subsystem_device) ||
            !take_field(&text, 6, ':', NULL, &class_code) ||
            !take_field(&text, 2, ':', &read.has_revision, &revision) ||
            !take_field(&text, 16, '\0', &read.has_serial, &serial))
                return false;
        read.vendor = (uint16_t)vendor;
        read.device = (uint16_t)device;
        read.subsystem_vendor = (uint16_t)subsystem_vendor;
        read.subsystem_device = (uint16_t)subsystem_device;
        read.class_code = (uint32_t)class_code;
        read.revision = (uint8_t)revision;
        read.serial = serial;
        *ret = read;
        return true;
}
