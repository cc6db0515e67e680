/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reads the path to a function: "00:1c.0/02:00.0" of lspci -PP, and
 * ".../pci0000:00/0000:00:1c.0/…" of sysfs.
 *
 * Each function on the path except the last is a bridge, and the bus of the next function is its
 * secondary bus. Its subordinate bus is not known: at least the last bus of the path.
 */

#include "core/probe/lspci_reader.h"

#include <string.h>

#include "core/model/text.h"

static bool take_address(const char *text, size_t n, Bdf *ret)
{
        char address[BDF_TEXT_SIZE];

        if (n >= sizeof(address))
                return false;
        memcpy(address, text, n);
        address[n] = '\0';
        return bdf_parse(address, ret);
}

/* "1c.0", a step of lspci -P. */
static bool is_short_step(const char *text, size_t n)
{
        return n == 4 && hex_digit(text[0]) >= 0 && hex_digit(text[1]) >= 0 && text[2] == '.' &&
               hex_digit(text[3]) >= 0;
}

bool lspci_parse_path(const char *text, LspciPath *ret)
{
        LspciPath path = {0};

        for (;;) {
                size_t n = strcspn(text, " /");
                Bdf bdf;

                if (path.n == LSPCI_PATH_MAX)
                        return false;
                if (take_address(text, n, &bdf)) {
                        if (path.n > 0 && n == strlen("02:00.0"))
                                bdf.domain = path.steps[0].domain; /* printed once, at the front */
                        path.steps[path.n++] = bdf;
                } else if (path.n > 0 && is_short_step(text, n)) {
                        path.is_partial = true;
                } else {
                        return false;
                }
                text += n;
                if (*text != '/')
                        break;
                text++;
        }
        path.rest = text + (*text == ' ');
        *ret = path;
        return true;
}

bool lspci_parse_sysfs_path(const char *text, LspciPath *ret)
{
        LspciPath path = {0};
        const char *at = strstr(text, "/pci");

        while (at && *at == '/') {
                size_t n = strcspn(++at, "/ \t");
                Bdf bdf;

                if (n > 3 && strncmp(at, "pci", 3) == 0)
                        path.n = 0; /* a host bridge, maybe one below a VMD endpoint */
                else if (path.n < LSPCI_PATH_MAX && take_address(at, n, &bdf))
                        path.steps[path.n++] = bdf;
                else
                        break;
                at += n;
        }
        if (path.n == 0)
                return false;
        path.is_from_root = true;
        path.rest = at;
        *ret = path;
        return true;
}

int lspci_add_path(Lspci *lspci, const LspciPath *path)
{
        uint8_t last = path->steps[path->n - 1].bus;

        for (size_t i = 0; i + 1 < path->n; i++) {
                LspciEntry entry = lspci_entry_new(lspci, path->steps[i]);
                PciFacts *facts = &entry.device.facts;
                int r;

                entry.is_on_root = path->is_from_root && i == 0;
                facts->buses_known = TRISTATE_YES;
                facts->secondary_bus = path->steps[i + 1].bus;
                facts->subordinate_bus = last > facts->secondary_bus ? last : facts->secondary_bus;
                entry.has_buses_at_least = true;
                r = lspci_add_entry(lspci, &entry);
                if (r < 0)
                        return r;
        }
        return 0;
}
