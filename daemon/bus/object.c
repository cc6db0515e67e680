/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Object paths both ways, and the two ways to say no.
 *
 * A device's path is its address with `_` for what a path may not hold; a group's is its stable id,
 * escaped as sd_bus_path_encode(3) does.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/model/text.h"
#include "daemon/bus/object.h"

#define PREFIX_DEVICE BUS_ROOT "/device"
#define PREFIX_GROUP BUS_ROOT "/group"
#define PREFIX_LEASE BUS_ROOT "/lease"
#define PREFIX_IOMMU BUS_ROOT "/iommu"

bool bus_may_see_lease(const Lease *lease, uid_t uid)
{
        return uid == 0 || lease->record->uid == uid;
}

char *bus_path_device(Bdf bdf)
{
        char text[BDF_TEXT_SIZE], *path = NULL;

        (void)bdf_format(bdf, text);
        for (char *c = text; *c; c++)
                if (*c == ':' || *c == '.')
                        *c = '_';
        return asprintf(&path, PREFIX_DEVICE "/%s", text) < 0 ? NULL : path;
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
        char *path = NULL;

        return asprintf(&path, PREFIX_LEASE "/%" PRIu32, id) < 0 ? NULL : path;
}

char *bus_path_iommu(const char *name)
{
        return encode(PREFIX_IOMMU, name);
}

int bus_append_path(sd_bus_message *reply, char *path)
{
        _cleanup_(freep) char *owned = path;

        return owned ? sd_bus_message_append(reply, "o", owned) : -ENOMEM;
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

/* The name behind a path of sd_bus_path_encode(), or NULL. */
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
        /* One lease has one path: without a leading zero. */
        return number[0] != '0' && text_read_u32(number, &id) ? ledger_find_lease(ledger, id)
                                                              : NULL;
}

size_t bus_find_iommu(const Ledger *ledger, const char *path)
{
        const Snapshot *snapshot = ledger->world->snapshot;
        _cleanup_(freep) char *name = decode(path, PREFIX_IOMMU);

        for (size_t i = 0; name && name[0] && i < snapshot->n_devices; i++)
                if (strcmp(snapshot->devices[i].iommu, name) == 0)
                        return i;
        return SNAPSHOT_NONE;
}

int bus_append_addresses(sd_bus_message *reply, const Snapshot *snapshot, const size_t *devices,
                         size_t n_devices)
{
        char text[BDF_TEXT_SIZE];

        int r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; r >= 0 && i < n_devices; i++)
                r = sd_bus_message_append(reply, "s",
                                          bdf_format(snapshot->devices[devices[i]].bdf, text));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Bytes of the UTF-8 character at `text`; 0 if it is none, or is cut off. */
static size_t measure_character(const unsigned char *text)
{
        size_t n = text[0] < 0x80                      ? 1
                   : text[0] >= 0xc2 && text[0] < 0xe0 ? 2
                   : text[0] >= 0xe0 && text[0] < 0xf0 ? 3
                   : text[0] >= 0xf0 && text[0] < 0xf5 ? 4
                                                       : 0;

        for (size_t i = 1; i < n; i++)
                if ((text[i] & 0xc0) != 0x80)
                        return 0;
        /* Not the shortest form, a surrogate, or beyond U+10FFFF. */
        if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] >= 0xa0) ||
            (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] >= 0x90))
                return 0;
        return n;
}

void bus_mend_text(char *text)
{
        for (char *at = text; *at;) {
                size_t n = measure_character((const unsigned char *)at);

                if (n == 0)
                        *at = '?';
                at += n > 0 ? n : 1;
        }
}

void bus_reply_failure(sd_bus_message *call, const LeaseAnswer *answer)
{
        char text[2048];

        if (answer->code > 0)
                return bus_reply_refusal(call, (Refusal)answer->code, "%s", answer->message);
        (void)snprintf(text, sizeof(text), "%s", answer->message);
        bus_mend_text(text);
        if (text[0])
                (void)sd_bus_reply_method_errnof(call, answer->code, "%s", text);
        else
                (void)sd_bus_reply_method_errno(call, answer->code, NULL);
}

void bus_reply_refusal(sd_bus_message *call, Refusal refusal, const char *format, ...)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        char name[64], text[2048];
        va_list args;

        va_start(args, format);
        (void)vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        bus_mend_text(text);
        (void)snprintf(name, sizeof(name), REFUSAL_BUS_PREFIX "%s", refusal_to_string(refusal));
        if (sd_bus_error_set(&error, name, text) != 0)
                (void)sd_bus_reply_method_error(call, &error);
}
