/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A line ends with a newline, with carriage returns alone, or at a web page's line break. In
 * quoted-printable text (RFC 2045 6.7) a line may continue in the next one. Line numbers are those
 * of the original text.
 */

#include "core/probe/lspci_lines.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/model/text.h"
#include "core/probe/lspci.h"

#define DIGITS_MAX 9

int lspci_refuse(char **ret_message, const char *name, size_t line, const char *format, ...)
{
        _cleanup_(freep) char *sentence = NULL;
        va_list arguments;

        va_start(arguments, format);
        sentence = text_vprint(format, arguments);
        va_end(arguments);
        *ret_message = sentence ? text_print("%s:%zu: %s", name, line, sentence) : NULL;
        return *ret_message ? LSPCI_E_INVALID : -ENOMEM;
}

/* The length of "<br>" or "<br />" at `text`, or 0. */
static size_t break_length(const char *text, size_t n_text)
{
        size_t n = 3;

        if (n_text < 4 || strncasecmp(text, "<br", 3) != 0)
                return 0;
        while (n < n_text && (text[n] == ' ' || text[n] == '/'))
                n++;
        return n < n_text && text[n] == '>' ? n + 1 : 0;
}

/*
 * The offset after carriage returns and the newline at `at`; there is at least one, or the text
 * ends.
 */
static size_t skip_line_end(const LspciLines *lines, size_t at, bool *ret_is_end)
{
        size_t end = at;

        while (end < lines->n_text && lines->text[end] == '\r')
                end++;
        *ret_is_end = true;
        if (end < lines->n_text && lines->text[end] == '\n')
                return end + 1;
        if (end > at)
                return at + 1;
        *ret_is_end = false;
        return at;
}

/* Finds the end of the line that starts at `at`. Returns the start of the next. */
static size_t find_line(LspciLines *lines, size_t *ret_n)
{
        size_t start = lines->at, end = start;

        for (; end < lines->n_text; end++) {
                const char *at = lines->text + end;
                size_t next = 0;
                bool is_end = false;

                if (*at == '\n' || *at == '\r')
                        next = skip_line_end(lines, end, &is_end);
                else if (*at == '<' && break_length(at, lines->n_text - end) > 0)
                        next = skip_line_end(lines, end + break_length(at, lines->n_text - end),
                                             &is_end);
                if (next > 0) {
                        lines->number += is_end;
                        *ret_n = end - start;
                        return next;
                }
        }
        lines->number++;
        *ret_n = end - start;
        return end;
}

/* Decodes the first character of quoted-printable text; *ret_n gets the length of its code. */
static char decode(const char *text, size_t n_text, size_t *ret_n)
{
        *ret_n = 1;
        if (text[0] != '=' || n_text < 3 || hex_digit(text[1]) < 0 || hex_digit(text[2]) < 0)
                return text[0];
        *ret_n = 3;
        return (char)(hex_digit(text[1]) << 4 | hex_digit(text[2]));
}

/* Appends a line to `raw`. Returns whether it continues in the next line. */
static bool append(const LspciLines *lines, const char *text, size_t n_text, LspciLine *line,
                   size_t *n)
{
        bool goes_on = false;

        if (lines->is_quoted_printable) {
                size_t end = n_text;

                while (end > 0 && (text[end - 1] == ' ' || text[end - 1] == '\t'))
                        end--;
                goes_on = end > 0 && text[end - 1] == '=';
                if (goes_on)
                        n_text = end - 1;
        }
        for (size_t i = 0; i < n_text;) {
                size_t n_code = 1;
                char c = lines->is_quoted_printable ? decode(text + i, n_text - i, &n_code)
                                                    : text[i];

                if (*n + 1 >= sizeof(line->raw)) {
                        line->is_cut = true;
                        break;
                }
                line->raw[(*n)++] = c == '\0' ? ' ' : c;
                i += n_code;
        }
        return goes_on;
}

/*
 * Copies `raw` into `text`, with single spaces between words and none at the ends. Drops quote
 * marks of mail and a byte order mark. Curved quotation marks become straight ones.
 */
static void normalise(LspciLine *line)
{
        size_t n = 0, n_blank = 0;
        bool is_quoted = false;

        line->is_indented = false;
        for (const char *at = line->raw; *at; at++) {
                unsigned char c = (unsigned char)*at;

                if (strncmp(at, "\xe2\x80\x9c", 3) == 0 || strncmp(at, "\xe2\x80\x9d", 3) == 0) {
                        at += 2;
                        c = '"';
                }
                if (c <= ' ') {
                        n_blank += c == '\t' ? 8 : 1;
                } else if (n == 0 && (c == '>' || c == '|' || c >= 0x7f)) {
                        is_quoted = true;
                        n_blank = 0;
                } else {
                        if (n == 0) /* one space belongs to the quote mark */
                                line->is_indented = n_blank > (is_quoted ? 1 : 0);
                        else if (n_blank > 0)
                                line->text[n++] = ' ';
                        n_blank = 0;
                        line->text[n++] = (char)c;
                }
        }
        line->text[n] = '\0';
}

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

/* Removes a line number at the front; text that is indented after it stays indented. */
static void strip_number(LspciLine *line, LspciNumbers numbers)
{
        const char *rest = lspci_skip_number(line->raw, numbers, NULL);

        if (rest)
                memmove(line->raw, rest, strlen(rest) + 1);
}

static bool read_line(LspciLines *lines, LspciLine *line)
{
        size_t n = 0, n_line, number = lines->number + 1;
        bool goes_on = true;

        if (lines->at >= lines->n_text)
                return false;
        line->number = number;
        line->is_cut = line->is_unended = false;
        while (goes_on && lines->at < lines->n_text) {
                const char *start = lines->text + lines->at;

                lines->at = find_line(lines, &n_line);
                goes_on = append(lines, start, n_line, line, &n);
                line->is_unended = start + n_line == lines->text + lines->n_text;
        }
        line->raw[n] = '\0';
        lspci_strip_markup(line->raw);
        if (lines->numbers != LSPCI_NUMBERS_NONE)
                strip_number(line, lines->numbers);
        normalise(line);
        return true;
}

bool lspci_lines_next(LspciLines *lines, LspciLine *line)
{
        bool is_there = read_line(lines, line);

        while (is_there && lines->is_double_spaced && line->text[0] == '\0')
                is_there = read_line(lines, line);
        return is_there;
}
