/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Addresses as text.
 *
 * The parser accepts the kernel's form and the short form without a domain; it refuses all else
 * (signs, spaces, a device beyond 1f).
 */

#include "core/model/bdf.h"

#include "core/model/text.h"

int bdf_compare(Bdf a, Bdf b)
{
        if (a.domain != b.domain)
                return a.domain < b.domain ? -1 : 1;
        if (a.bus != b.bus)
                return a.bus < b.bus ? -1 : 1;
        return (int)a.devfn - (int)b.devfn;
}

/* Reads up to `most` hexadecimal digits; returns their number. */
static size_t take_hex(const char *text, size_t most, uint32_t *ret_value)
{
        uint32_t value = 0;
        size_t n = 0;

        while (n < most && hex_digit(text[n]) >= 0)
                value = value << 4 | (uint32_t)hex_digit(text[n++]);

        *ret_value = value;
        return n;
}

bool bdf_parse(const char *text, Bdf *ret)
{
        uint32_t domain, bus, device, function;
        size_t n = take_hex(text, 8, &domain);

        if (n == 2) {
                domain = 0;
        } else if (n >= 4 && text[n] == ':') {
                text += n + 1;
        } else {
                return false;
        }

        if (take_hex(text, 2, &bus) != 2 || text[2] != ':')
                return false;
        text += 3;
        if (take_hex(text, 2, &device) != 2 || device > 0x1f || text[2] != '.')
                return false;
        text += 3;
        if (take_hex(text, 1, &function) != 1 || function > 7 || text[1] != '\0')
                return false;

        *ret = (Bdf){
                .domain = domain,
                .bus = (uint8_t)bus,
                .devfn = (uint8_t)(device << 3 | function),
        };
        return true;
}

/* Writes `n` digits and a separator; returns the new end. */
static char *put_hex(char *text, unsigned n, uint32_t value, char end)
{
        for (unsigned i = n; i > 0; i--, value >>= 4)
                text[i - 1] = "0123456789abcdef"[value & 15];
        text[n] = end;
        return text + n + 1;
}

/* Without snprintf(), which took a third of the time of listing a large machine. */
const char *bdf_format(Bdf bdf, char text[static BDF_TEXT_SIZE])
{
        unsigned n_domain = 4;
        char *p;

        while (n_domain < 8 && bdf.domain >> 4 * n_domain != 0)
                n_domain++;
        p = put_hex(text, n_domain, bdf.domain, ':');
        p = put_hex(p, 2, bdf.bus, ':');
        p = put_hex(p, 2, bdf_device(bdf), '.');
        (void)put_hex(p, 1, bdf_function(bdf), '\0');
        return text;
}
