/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Parses the kernel's form, which has 16 digits; accepts fewer. */

#include <string.h>

#include "core/model/region.h"
#include "core/model/text.h"

#define DIGITS_MAX 16

static bool read_number(const char **text, uint64_t *ret)
{
        unsigned n = 0;
        int digit;

        if (strncmp(*text, "0x", 2) != 0)
                return false;
        *text += 2;
        *ret = 0;
        for (; (digit = hex_digit(**text)) >= 0; (*text)++, n++)
                *ret = *ret << 4 | (uint64_t)digit;
        return n > 0 && n <= DIGITS_MAX;
}

bool region_next(const char **text, ReservedRegion *ret)
{
        const char *line = *text;

        if (!read_number(&line, &ret->start) || *line++ != ' ' || !read_number(&line, &ret->end) ||
            *line++ != ' ' || ret->end < ret->start)
                return false;
        size_t n = strcspn(line, " \n");
        if (n == 0 || n >= sizeof(ret->kind) || (line[n] && line[n] != '\n'))
                return false;
        memcpy(ret->kind, line, n);
        ret->kind[n] = '\0';
        *text = line + n + (line[n] == '\n');
        return true;
}
