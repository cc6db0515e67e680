/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Listings of groups, as scripts print them:
 *
 *     IOMMU Group 1:                          a heading, and devices below it
 *     IOMMU Group 1 00:01.0 PCI bridge …      a line for each device
 *     IOMMU group 1: [8086:1901] 00:01.0 …    and further devices of it below
 *     Group 1: [1022:14db] [R] 00:01.1 PCI bridge …
 *
 * A listing has groups and names, but no end mark: an empty line after devices, or a line that is
 * neither a device nor about one, ends the lines below a heading.
 */

#include "core/probe/lspci_reader.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TOKENS_MAX 8 /* in brackets, in front of an address */

/* The text in front of an address: "[8086:1901]", "[R]", "device". */
typedef struct Front {
        char ids[16]; /* " [8086:1901]", or "" */
        const char *rest;
} Front;

static const char *skip_ornament(const char *text, const char *ornaments)
{
        while (*text != '\0' && (strchr(ornaments, *text) || (unsigned char)*text >= 0x80))
                text++;
        return text;
}

/* "IOMMU Group 1", "### Group 1 ###", "iommu_group: 1"; *ret_rest is what follows the number. */
static bool parse_group(const char *text, int32_t *ret_group, const char **ret_rest,
                        bool *ret_colon_first)
{
        unsigned long number;
        char *end;

        text = skip_ornament(text, "#*=-+_~ .");
        if (strncasecmp(text, "iommu", 5) == 0)
                text += 5 + (text[5] != '\0' && strchr(" _-", text[5]));
        if (strncasecmp(text, "group", 5) != 0)
                return false;
        text += 5;
        text += *text == 's' || *text == 'S';
        *ret_colon_first = *text == ':';
        text = skip_ornament(text, " :#=");
        if (*text < '0' || *text > '9')
                return false;
        number = strtoul(text, &end, 10);
        if (number > INT32_MAX || (*end != '\0' && !strchr(" :,;.#*=-)|[", *end)))
                return false;
        *ret_group = (int32_t)number;
        *ret_rest = skip_ornament(end, " :,;.#*=-)|>");
        return true;
}

static bool is_ids(const char *text)
{
        return strspn(text, "0123456789abcdefABCDEF") == 4 && text[4] == ':' &&
               strspn(text + 5, "0123456789abcdefABCDEF") == 4;
}

/* Takes the text in front of an address. Returns false if no address follows. */
static bool parse_front(const char *text, Front *ret, LspciPath *ret_path)
{
        *ret = (Front){.rest = text};
        for (size_t i = 0; i < TOKENS_MAX; i++) {
                size_t n = strcspn(ret->rest, " ");

                if (lspci_parse_path(ret->rest, ret_path))
                        return true;
                if (ret->rest[0] == '[' && strchr(ret->rest, ']')) {
                        n = (size_t)(strchr(ret->rest, ']') - ret->rest) + 1;
                        if (n == strlen("[8086:1901]") && is_ids(ret->rest + 1))
                                (void)snprintf(ret->ids, sizeof(ret->ids), " %.*s", (int)n,
                                               ret->rest);
                } else if (strncasecmp(ret->rest, "device", 6) != 0 &&
                           strncasecmp(ret->rest, "pci", 3) != 0 && n > 2) {
                        return false;
                }
                ret->rest = skip_ornament(ret->rest + n, " :-=>*|");
        }
        return false;
}

/* Makes "Class: name [ids]" of a title that may lack the colon, and of ids in front of it. */
static void make_title(const Front *front, const char *rest, char title[static LSPCI_TITLE_SIZE])
{
        size_t n_class;

        rest = skip_ornament(rest, " :-");
        n_class = lspci_class_length(rest);
        if (rest[0] == '\0')
                title[0] = '\0';
        else if (strstr(rest, ": ") || rest[strlen(rest) - 1] == ':')
                (void)snprintf(title, LSPCI_TITLE_SIZE, "%s%s", rest, front->ids);
        else
                (void)snprintf(title, LSPCI_TITLE_SIZE, "%.*s: %s%s", (int)n_class, rest,
                               rest + n_class + (rest[n_class] == ' '), front->ids);
}

/* Opens the function at the end of the path, in the group of the scope or in none. */
static int open_device(Lspci *lspci, const Front *front, const LspciPath *path, bool in_scope)
{
        char title[LSPCI_TITLE_SIZE];
        int r;

        if (path->is_partial)
                return lspci_refuse(lspci->ret_message, lspci->name, lspci->line.number,
                                    "lspci -P leaves out the numbers of the buses: run lspci -PP");
        make_title(front, path->rest, title);
        r = path->rest[0] == '"' ? lspci_take_quoted(lspci, path)
                                 : lspci_open(lspci, path->steps[path->n - 1], title);
        if (r == 0 && path->n > 1)
                r = lspci_add_path(lspci, path);
        if (r != 0 || !lspci->is_open)
                return r;
        lspci->entry.has_partial_title = !strstr(path->rest, ": ");
        if (in_scope)
                lspci_join_listing(lspci);
        return 0;
}

/* Addresses and nothing else, as ls(1) lists them. */
static bool is_addresses(const char *text)
{
        LspciPath path;

        do {
                if (!lspci_parse_path(text, &path) || path.n != 1)
                        return false;
                text = path.rest;
        } while (*text != '\0');
        return true;
}

static int open_devices(Lspci *lspci, const char *text)
{
        const Front front = {0};
        LspciPath path;

        while (*text != '\0' && lspci_parse_path(text, &path)) {
                int r;

                text = path.rest;
                path.rest = "";
                r = open_device(lspci, &front, &path, true);
                if (r != 0)
                        return r;
        }
        return 0;
}

static int refuse_heading(Lspci *lspci, size_t line)
{
        return lspci_refuse(lspci->ret_message, lspci->name, line,
                            "the group may belong to the device above or to those below: give the "
                            "text with its indentation, from its beginning");
}

int lspci_end_listing(Lspci *lspci)
{
        const LspciScope *scope = &lspci->scope;

        if (!scope->colon_first || scope->has_devices || scope->line == 0)
                return 0;
        return refuse_heading(lspci, scope->line);
}

static int open_scope(Lspci *lspci, int32_t group, bool is_one_line)
{
        LspciScope *scope = &lspci->scope;
        int r = lspci_end_listing(lspci);

        lspci->is_near_device = false;
        if (r == 0)
                r = lspci_close(lspci);
        if (r != 0)
                return r;
        *scope = (LspciScope){
                .is_open = true,
                .is_one_line = is_one_line,
                .colon_first = scope->colon_first,
                .is_numbers = scope->is_numbers,
                .group = group,
                .line = lspci->line.number,
                .has_indent = lspci->line.is_indented,
        };
        return 0;
}

/* Does this line continue a wrapped one, like "Flags: …, IRQ 16, IOMMU"? */
static bool is_continued(const Lspci *lspci)
{
        const char *end = lspci->words + lspci->n_words;

        if (!lspci->is_open || lspci->n_words < 2 || lspci->is_behind_blank)
                return false;
        return end[-2] == ',' || (lspci->n_words > 6 && memcmp(end - 6, "IOMMU\n", 6) == 0);
}

/* Is it lspci's own line about the open function, "IOMMU group: 5"? */
static bool is_property(const Lspci *lspci, bool colon_first, const char *rest)
{
        if (rest[0] != '\0' || lspci->scope.colon_first)
                return false;
        return colon_first && (lspci->line.is_indented || lspci->is_open);
}

static int take_group(Lspci *lspci)
{
        const char *text = lspci->line.text, *rest;
        bool colon_first, has_address;
        int32_t group;
        LspciPath path;
        Front front;
        int r;

        if (!parse_group(text, &group, &rest, &colon_first) || is_continued(lspci) ||
            is_property(lspci, colon_first, rest))
                return LSPCI_LINE_OTHER;
        has_address = parse_front(rest, &front, &path);
        /* "Group 1 holds the graphics card" is not a heading; the reader ignores it. */
        if (!has_address && rest[0] != '\0' && !strchr("([{<", rest[0]) &&
            text[strlen(text) - 1] != ':')
                return LSPCI_LINE_OTHER;
        /* A heading ends with a colon or an ornament, or follows an empty line. */
        if (rest[0] == '\0' && lspci->is_near_device &&
            isdigit((unsigned char)text[strlen(text) - 1]))
                return refuse_heading(lspci, lspci->line.number);
        r = open_scope(lspci, group, has_address);
        if (r != 0)
                return r;
        lspci->scope.colon_first |= colon_first && !has_address;
        if (!has_address)
                return 0;
        return is_addresses(front.rest) ? open_devices(lspci, front.rest)
                                        : open_device(lspci, &front, &path, true);
}

/* A number alone is a heading in the output of tree(1) for /sys/kernel/iommu_groups. */
static int take_number(Lspci *lspci)
{
        const char *text = lspci->line.text;
        size_t n = strspn(text, "0123456789");

        if (!lspci->scope.is_numbers || n == 0 || n > 6 || text[n] != '\0')
                return LSPCI_LINE_OTHER;
        return open_scope(lspci, (int32_t)strtol(text, NULL, 10), false);
}

static bool ends_scope(const Lspci *lspci, bool has_brackets)
{
        const LspciScope *scope = &lspci->scope;
        bool is_indented = lspci->line.is_indented;

        if (scope->is_one_line)
                return !is_indented && !has_brackets;
        if (scope->has_indent && !is_indented)
                return true; /* the heading was about the text above it */
        return scope->has_devices && scope->is_indented && !is_indented && !has_brackets;
}

/* May this line, which is not a device, stand below the heading? */
static bool is_below(const Lspci *lspci, const char *text)
{
        const LspciScope *scope = &lspci->scope;

        /* Text of scripts about the group, and of ls(1) about a directory. */
        if (!scope->has_devices &&
            (scope->is_numbers || strncasecmp(text, "type", 4) == 0 ||
             strncmp(text, "total ", 6) == 0 || *skip_ornament(text, "-=_*#~+") == '\0'))
                return true;
        /* Details of a device, or the rest of its title. */
        return lspci->is_open && (lspci->line.is_indented || strchr(text, ':') ||
                                  (lspci->in_title && !lspci->is_behind_blank));
}

/* A device below a heading. */
static int take_member(Lspci *lspci)
{
        const char *text = skip_ornament(lspci->line.text, "-*+|=> ");
        LspciScope *scope = &lspci->scope;
        bool has_brackets = text[0] == '[';
        LspciPath path;
        Front front;

        if (!parse_front(text, &front, &path)) {
                scope->is_open = scope->is_open && is_below(lspci, text);
                return LSPCI_LINE_OTHER;
        }
        if (!scope->is_open || ends_scope(lspci, has_brackets)) {
                scope->is_open = false;
                if (!has_brackets || front.ids[0] == '\0')
                        return LSPCI_LINE_OTHER;
                return open_device(lspci, &front, &path, false);
        }
        return is_addresses(front.rest) ? open_devices(lspci, front.rest)
                                        : open_device(lspci, &front, &path, true);
}

int lspci_take_listing(Lspci *lspci)
{
        int r;

        if (lspci->line.text[0] == '\0') {
                lspci->scope.is_blank |= lspci->scope.has_devices;
                return LSPCI_LINE_OTHER;
        }
        r = take_group(lspci);
        if (r == LSPCI_LINE_OTHER)
                r = take_number(lspci);
        return r == LSPCI_LINE_OTHER ? take_member(lspci) : r;
}
