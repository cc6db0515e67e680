/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Users, groups, ids and classes by name.
 */

#include "core/probe/policy_names.h"

#include "core/model/text.h"
#include "core/probe/policy_json.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#define SERIAL_BYTES 8 /* PCIe Base Specification 7.9.3 */
#define RECORD_SIZE_FIRST ((size_t)1 << 12)
#define RECORD_SIZE_MAX ((size_t)1 << 24) /* bytes; a group may have very many members */

/* POSIX does not define the error for "no such name"; these are in use. */
static int lookup_result(int error, bool found)
{
        if (found)
                return 0;
        if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM)
                return POLICY_NAMES_E_UNKNOWN;
        return -error;
}

static int user_by_name(const char *name, void *userdata, uint32_t *ret_uid)
{
        for (size_t n = RECORD_SIZE_FIRST; n <= RECORD_SIZE_MAX; n *= 4) {
                _cleanup_(freep) char *buffer = malloc(n);
                struct passwd record, *found = NULL;
                int r;

                if (!buffer)
                        return -ENOMEM;
                r = getpwnam_r(name, &record, buffer, n, &found);
                if (r == ERANGE)
                        continue;
                if (found)
                        *ret_uid = record.pw_uid;
                return lookup_result(r, found);
        }
        return -ERANGE;
}

static int group_by_name(const char *name, void *userdata, uint32_t *ret_gid)
{
        for (size_t n = RECORD_SIZE_FIRST; n <= RECORD_SIZE_MAX; n *= 4) {
                _cleanup_(freep) char *buffer = malloc(n);
                struct group record, *found = NULL;
                int r;

                if (!buffer)
                        return -ENOMEM;
                r = getgrnam_r(name, &record, buffer, n, &found);
                if (r == ERANGE)
                        continue;
                if (found)
                        *ret_gid = record.gr_gid;
                return lookup_result(r, found);
        }
        return -ERANGE;
}

static int nobody_by_name(const char *name, void *userdata, uint32_t *ret_id)
{
        *ret_id = UINT32_MAX; /* the kernel's "no user" */
        return 0;
}

const PolicyLookup policy_lookup_system = {.user = user_by_name, .group = group_by_name};
const PolicyLookup policy_lookup_nobody = {.user = nobody_by_name, .group = nobody_by_name};

/* Returns the number of digits, or 0 if the text is not `0x`? and at most `most` digits. */
static size_t parse_hex(const char *text, size_t most, uint32_t *ret_value)
{
        size_t n;

        if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
                text += 2;
        n = strspn(text, "0123456789abcdefABCDEF");
        if (n == 0 || n > most || text[n] != '\0')
                return 0;
        *ret_value = (uint32_t)strtoul(text, NULL, 16);
        return n;
}

bool policy_parse_id(const char *text, uint16_t *ret_id)
{
        uint32_t value;

        if (parse_hex(text, 4, &value) == 0)
                return false;
        *ret_id = (uint16_t)value;
        return true;
}

bool policy_parse_serial(const char *text, uint64_t *ret_number)
{
        uint64_t number = 0;

        if (strlen(text) != SERIAL_BYTES * 3 - 1)
                return false;
        for (size_t i = 0; i < SERIAL_BYTES; i++) {
                int high = hex_digit(text[i * 3]), low = hex_digit(text[i * 3 + 1]);

                if (high < 0 || low < 0 || (i > 0 && text[i * 3 - 1] != '-'))
                        return false;
                number = number << 8 | (unsigned)high << 4 | (unsigned)low;
        }
        *ret_number = number;
        return true;
}

bool policy_parse_class(const char *text, uint32_t *ret_value, uint32_t *ret_mask)
{
        /* Base classes, PCI Code and ID Assignment Specification 1. */
        static const char *const names[] = {
                [0x01] = "storage",       [0x02] = "network",     [0x03] = "display",
                [0x04] = "multimedia",    [0x05] = "memory",      [0x06] = "bridge",
                [0x07] = "communication", [0x08] = "system",      [0x09] = "input",
                [0x0b] = "processor",     [0x0c] = "serial",      [0x0d] = "wireless",
                [0x10] = "encryption",    [0x12] = "accelerator",
        };
        uint32_t value;
        size_t n;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (!names[i] || strcmp(names[i], text) != 0)
                        continue;
                *ret_value = (uint32_t)i << 16;
                *ret_mask = 0xff0000;
                return true;
        }

        n = parse_hex(text, 6, &value);
        if (n == 0 || n % 2 != 0)
                return false;
        *ret_value = value << (24 - 4 * n);
        *ret_mask = 0xffffff & ~(((uint32_t)1 << (24 - 4 * n)) - 1);
        return true;
}
