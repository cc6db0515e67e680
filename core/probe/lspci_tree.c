/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * lspci -t, with names or without:
 *
 *     -+-[0000:80]-+-05.0
 *      |           \-05.4
 *      \-[0000:00]-+-00.0
 *                  +-01.0-[01-02]----00.0-[02]--+-00.0
 *                  |                            \-00.1
 *                  \-1f.0
 *
 * The column of a branch shows its bus, so the text needs its spaces. The tree has bridges with
 * their bus numbers, and names, but no classes, groups or capabilities. A bus at the front is one
 * to which lspci knows no bridge; in a part of a machine it need not be a root bus. A bridge whose
 * bus range has gaps has its buses as branches ("02.0-+-[0000:03]-…"), without its numbers.
 */

#include "core/probe/lspci_reader.h"

#include <stdio.h>
#include <string.h>

#include "core/model/text.h"

/* Two digits, no more. */
static bool take_byte(const char *text, uint8_t *ret)
{
        if (hex_digit(text[0]) < 0 || hex_digit(text[1]) < 0 || hex_digit(text[2]) >= 0)
                return false;
        *ret = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
        return true;
}

/*
 * "[01]", "[01-04]", "[0000:01]"; returns the text after it, or NULL. `domain` keeps its value if
 * the text has none.
 */
static const char *take_buses(const char *at, uint32_t *domain, uint8_t *ret_first,
                              uint8_t *ret_last)
{
        size_t n = 0;

        if (*at != '[')
                return NULL;
        at++;
        while (n < 8 && hex_digit(at[n]) >= 0)
                n++;
        if (n >= 4 && at[n] == ':') {
                *domain = (uint32_t)strtoul(at, NULL, 16);
                at += n + 1;
        }
        if (!take_byte(at, ret_first))
                return NULL;
        at += 2;
        *ret_last = *ret_first;
        if (*at == '-') {
                if (!take_byte(at + 1, ret_last))
                        return NULL;
                at += 3;
        }
        return *at == ']' ? at + 1 : NULL;
}

/* "1c.4" */
static bool take_device(const char *at, uint8_t *ret_devfn)
{
        uint8_t device;

        if (!take_byte(at, &device) || device > 0x1f || at[2] != '.' || at[3] < '0' ||
            at[3] > '7' || hex_digit(at[4]) >= 0)
                return false;
        *ret_devfn = (uint8_t)(device << 3 | (at[3] - '0'));
        return true;
}

static int refuse(Lspci *lspci)
{
        return lspci_refuse(lspci->ret_message, lspci->name, lspci->line.number,
                            "the branches of this tree are not aligned: give the output of lspci "
                            "-t with its spaces, as a file or in a code block");
}

static int push(Lspci *lspci, const LspciLevel *level)
{
        LspciTree *tree = &lspci->tree;

        if (tree->n == LSPCI_LEVELS_MAX)
                return refuse(lspci);
        tree->levels[tree->n++] = *level;
        return 0;
}

/* Takes a function on a bus, which may be a bridge. Moves *at past it. */
static int take_function(Lspci *lspci, LspciLevel *level, const char **at)
{
        LspciEntry *entry = &lspci->entry;
        char title[LSPCI_TITLE_SIZE];
        uint8_t devfn, first, last;
        const char *end = *at + 4;
        uint32_t domain = level->domain;
        int r;

        if (!take_device(*at, &devfn))
                return refuse(lspci);
        title[0] = '\0';
        if (end[0] == ' ' && end[strspn(end, " ")] != '\0')
                (void)snprintf(title, sizeof(title), ": %s", end + strspn(end, " "));
        r = lspci_open(lspci, (Bdf){level->domain, level->bus, devfn}, title);
        if (r != 0)
                return r;
        lspci->in_title = false;
        entry->has_partial_title = true;
        if (end[0] == '-' && end[1] == '+') {
                *level = (LspciLevel){.domain = level->domain, .is_top = true};
                *at = end;
                return 0;
        }
        *at = end[0] == '-' ? take_buses(end + 1, &domain, &first, &last) : NULL;
        if (!*at)
                return end[0] == '-' ? refuse(lspci) : 0;
        if (last < first || domain != level->domain)
                return refuse(lspci);
        entry->device.facts.buses_known = TRISTATE_YES;
        entry->device.facts.secondary_bus = first;
        entry->device.facts.subordinate_bus = last;
        *level = (LspciLevel){.domain = domain, .bus = first};
        return 0;
}

/* Reads a branch at `at`: a root bus or a function, and all below it in this line. */
static int take_branch(Lspci *lspci, LspciLevel level, const char *at)
{
        const char *raw = lspci->line.raw;
        int r;

        for (;;) {
                if (level.is_top) {
                        uint8_t last;

                        at = take_buses(at, &level.domain, &level.bus, &last);
                        if (!at)
                                return refuse(lspci);
                        level = (LspciLevel){.domain = level.domain, .bus = level.bus};
                } else {
                        r = take_function(lspci, &level, &at);
                        if (r != 0 || !at)
                                return r;
                }
                at += strspn(at, "-");
                if (*at == '+' || *at == '\\') {
                        level.column = (size_t)(at - raw);
                        r = push(lspci, &level);
                        if (r != 0)
                                return r;
                        at++;
                        at += *at == '-';
                } else if (*at == '\0' || *at == ' ' || *at == '\r') {
                        return 0; /* nothing on that bus */
                }
        }
}

/* "-[0000:00]-+-00.0", or "-+-[0000:80]-…" where there are several root buses. */
static int start_tree(Lspci *lspci, const char *at)
{
        LspciLevel top = {.is_top = true};
        int r = lspci_close(lspci);

        if (r != 0)
                return r;
        lspci->scope.is_open = false;
        lspci->tree = (LspciTree){.is_open = true};
        at++;
        if (*at == '+') {
                top.column = (size_t)(at - lspci->line.raw);
                r = push(lspci, &top);
                if (r != 0)
                        return r;
                at += 2;
        }
        return take_branch(lspci, top, at);
}

static int go_on(Lspci *lspci, const char *at)
{
        LspciTree *tree = &lspci->tree;
        size_t column = (size_t)(at - lspci->line.raw);
        LspciLevel level;

        while (tree->n > 0 && tree->levels[tree->n - 1].column > column)
                tree->n--;
        if (tree->n == 0 || tree->levels[tree->n - 1].column != column)
                return refuse(lspci);
        level = tree->levels[tree->n - 1];
        tree->n -= *at == '\\'; /* the last of its bus */
        return take_branch(lspci, level, at + 2);
}

/* "-[0000:00" and "-+-[0000:00" */
static bool is_start(const char *at)
{
        if (*at != '-')
                return false;
        at += strncmp(at, "-+-", 3) == 0 ? 3 : 1;
        return at[0] == '[' && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0;
}

static bool is_branch(const char *at)
{
        uint8_t devfn;

        return (*at == '+' || *at == '\\') && at[1] == '-' &&
               (take_device(at + 2, &devfn) || (at[2] == '[' && hex_digit(at[3]) >= 0));
}

int lspci_take_tree(Lspci *lspci)
{
        const char *at = lspci->line.raw + strspn(lspci->line.raw, " |>\t");

        if (is_start(at))
                return start_tree(lspci, at);
        if (is_branch(at))
                return lspci->tree.is_open ? go_on(lspci, at) : refuse(lspci);
        if (lspci->tree.is_open && *at == '\0') {
                lspci->tree.is_open = false;
                return lspci_close(lspci);
        }
        return LSPCI_LINE_OTHER;
}
