/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What shows only in a text as a whole: quoted-printable, double spacing, and numbers that grep -n
 * or cat -n put in front of the lines.
 *
 * "12:00:1f.0" is line 12 or a mistake, "1042:03:00.0" is line 1042 or a domain, and "3 00:01.0" is
 * line 3 or group 3. Line numbers stand in front of every line, rise, and also stand in front of
 * text that is no address. If the lines do not decide it, the reader refuses the text.
 */

#include "core/probe/lspci_lines.h"

#include <errno.h>
#include <string.h>

#include "core/model/bdf.h"
#include "core/model/text.h"

/* Does the text begin with an address, or a path of them? */
static bool starts_with_address(const char *text)
{
        char address[BDF_TEXT_SIZE];
        size_t n;
        Bdf bdf;

        text += strspn(text, " \t");
        n = strcspn(text, " \t/");
        if (n >= sizeof(address))
                return false;
        memcpy(address, text, n);
        address[n] = '\0';
        return bdf_parse(address, &bdf);
}

/* The evidence of the lines for one kind of numbers. */
typedef struct Evidence {
        size_t n_numbered; /* lines with a number */
        size_t n_front;    /* the number precedes an address, and the whole is no address */
        size_t n_proofs;   /* the number precedes other text */
        size_t n_either;   /* the whole is an address, and so is the text after the number */
        size_t first_front, first_either, first_plain; /* lines; 0: none */
        size_t last;
        bool is_broken; /* the numbers do not rise */
        bool is_spaced; /* a space separates address and number, as in a listing of groups */
} Evidence;

static void keep_first(size_t *first, size_t line)
{
        *first = *first > 0 ? *first : line;
}

/* Does the reader understand this line without a number? */
static bool is_read(const LspciLine *line)
{
        return starts_with_address(line->text) || strstr(line->text, "IOMMU") ||
               strstr(line->text, "Capabilities:");
}

static bool is_row(const char *text)
{
        size_t n = 0;

        while (n < 3 && hex_digit(text[n]) >= 0)
                n++;
        return n >= 2 && text[n] == ':' && text[n + 1] == ' ' && hex_digit(text[n + 2]) >= 0 &&
               hex_digit(text[n + 3]) >= 0 && (text[n + 4] == ' ' || text[n + 4] == '\0');
}

static void weigh(Evidence *evidence, const LspciLine *line, LspciNumbers numbers)
{
        size_t number = 0;
        const char *rest = lspci_skip_number(line->text, numbers, &number);

        if (!rest || is_row(line->text)) {
                if (is_row(line->text) || is_read(line))
                        keep_first(&evidence->first_plain, line->number);
                return;
        }
        evidence->is_broken |= evidence->n_numbered > 0 && number <= evidence->last;
        evidence->last = number;
        evidence->n_numbered++;
        if (!starts_with_address(rest)) {
                if (starts_with_address(line->text))
                        keep_first(&evidence->first_plain, line->number);
                else
                        evidence->n_proofs++;
                return;
        }
        evidence->is_spaced |= rest[0] == ' ';
        if (starts_with_address(line->text)) {
                evidence->n_either++;
                keep_first(&evidence->first_either, line->number);
        } else {
                evidence->n_front++;
                keep_first(&evidence->first_front, line->number);
        }
}

static bool is_numbered(const Evidence *evidence)
{
        return evidence->n_front + evidence->n_either > 0 && evidence->first_plain == 0 &&
               !evidence->is_broken && (!evidence->is_spaced || evidence->n_proofs > 0);
}

/*
 * Decides whether the lines are numbered; reads `lines` to the end. Returns as lspci_lines_open().
 */
static int find_numbers(LspciLines *lines, LspciLine *line, char **ret_message)
{
        Evidence colon = {0}, space = {0};

        while (lspci_lines_next(lines, line)) {
                weigh(&colon, line, LSPCI_NUMBERS_COLON);
                weigh(&space, line, LSPCI_NUMBERS_SPACE);
        }
        if (is_numbered(&colon) && colon.n_front + colon.n_proofs > 0) {
                lines->numbers = LSPCI_NUMBERS_COLON;
                return 0;
        }
        if (is_numbered(&space) && space.n_proofs > 0) {
                lines->numbers = LSPCI_NUMBERS_SPACE;
                return 0;
        }
        if (colon.n_front > 0)
                return lspci_refuse(ret_message, lines->name, colon.first_front,
                                    "this address has a line number of grep -n, but other lines do "
                                    "not: give the text without grep -n");
        if (is_numbered(&colon) && colon.n_either > 1)
                return lspci_refuse(
                        ret_message, lines->name, colon.first_either,
                        "the number at the front may be a line number of grep -n or a PCI domain: "
                        "give the text without grep -n, or with more lines");
        if (space.n_front > 0)
                return lspci_refuse(
                        ret_message, lines->name, space.first_front,
                        "the number before the address may be that of a line or of a group: give "
                        "the text without line numbers, or groups as \"IOMMU Group 1 00:01.0\"");
        return 0;
}

/* Does an empty line follow every line, even within the details of a device? */
static bool is_double_spaced(LspciLines *lines, LspciLine *line)
{
        size_t n_lines = 0, n_indented = 0;
        bool is_behind_text = false;

        while (lspci_lines_next(lines, line)) {
                bool is_empty = line->text[0] == '\0';

                if (!is_empty && is_behind_text)
                        return false;
                is_behind_text = !is_empty;
                n_lines += !is_empty;
                n_indented += !is_empty && line->is_indented;
        }
        return n_lines > 3 && n_indented > 0;
}

static void rewind_lines(LspciLines *lines)
{
        lines->at = lines->number = 0;
}

int lspci_lines_open(LspciLines *lines, const char *name, const char *text, size_t n_text,
                     char **ret_message)
{
        _cleanup_(freep) LspciLine *line = malloc(sizeof(*line));
        size_t odd_line;
        int r;

        *lines = (LspciLines){.name = name, .text = text, .n_text = n_text};
        if (!line)
                return -ENOMEM;
        lines->is_quoted_printable = lspci_is_quoted_printable(text, n_text, &odd_line);
        if (odd_line > 0)
                return lspci_refuse(
                        ret_message, name, odd_line,
                        "this line is quoted-printable, as in mails (\"=3D\" for \"=\"), but other "
                        "lines are not: save the text as the mail program shows it");
        r = find_numbers(lines, line, ret_message);
        if (r != 0)
                return r;
        rewind_lines(lines);
        lines->is_double_spaced = is_double_spaced(lines, line);
        rewind_lines(lines);
        return 0;
}
