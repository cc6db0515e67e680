/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Numbers that grep -n or cat -n put in front of the lines.
 *
 * "12:00:1f.0" is line 12 or a mistake, "1042:03:00.0" is line 1042 or a domain, and "3 00:01.0" is
 * line 3 or group 3. All lines together tell: numbers of lines are in front of each, rise, and are
 * in front of what is no address as well. Where they do not tell, the text is refused.
 */

#include "core/probe/lspci_lines.h"

#include <errno.h>
#include <string.h>

#include "core/model/bdf.h"
#include "core/model/text.h"

#define DIGITS_MAX 9

const char *lspci_skip_number(const char *text, LspciNumbers numbers, size_t *ret_number)
{
        const char *at = text + strspn(text, " \t>");
        size_t number = 0, n = 0;

        if (*at < '1' || *at > '9')
                return NULL;
        for (; n < DIGITS_MAX && at[n] >= '0' && at[n] <= '9'; n++)
                number = number * 10 + (size_t)(at[n] - '0');
        if (ret_number)
                *ret_number = number;
        at += n;
        if (numbers == LSPCI_NUMBERS_COLON)
                return *at == ':' || *at == '-' ? at + 1 : NULL;
        at += *at == '.' || *at == ')';
        return *at == ' ' || *at == '\t' ? at + 1 : NULL;
}

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

/* What the lines say of one kind of numbers. */
typedef struct Evidence {
        size_t n_numbered; /* lines with a number */
        size_t n_front;    /* with one in front of an address, and no address as a whole */
        size_t n_proofs;   /* with one in front of something else */
        size_t n_either;   /* an address as a whole, and one behind the number */
        size_t first_front, first_either, first_plain; /* lines; 0: none */
        size_t last;
        bool is_broken; /* they do not rise */
        bool is_spaced; /* an address stands apart from the number, as a group's may */
} Evidence;

static void keep_first(size_t *first, size_t line)
{
        *first = *first > 0 ? *first : line;
}

/* Is it something that is read if it has no number? */
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

int lspci_find_numbers(LspciLines *lines, LspciLine *line, char **ret_message)
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
                                    "there is a number in front of the address, as grep -n puts "
                                    "it, but not in front of all lines: give the text without "
                                    "grep -n");
        if (is_numbered(&colon) && colon.n_either > 1)
                return lspci_refuse(ret_message, lines->name, colon.first_either,
                                    "the number in front may be a line number of grep -n or a PCI "
                                    "domain: give the text without grep -n, or with more lines");
        if (space.n_front > 0)
                return lspci_refuse(ret_message, lines->name, space.first_front,
                                    "the number in front of the address may be that of a line or "
                                    "of a group: give the text without line numbers, or groups as "
                                    "\"IOMMU Group 1 00:01.0\"");
        return 0;
}
