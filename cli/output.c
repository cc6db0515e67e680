/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Where the locale has no UTF-8, everything that is printed passes a filter: it knows ASCII for the
 * few other characters that isoctl itself prints, and puts "?" for the rest, such as in names.
 */

#include "cli/output.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/isoctl.h"

#define COLUMNS_MAX 10000

static struct {
        size_t width;
        bool has_colours;
} output;

/* Where a line of a terminal ends. COLUMNS has the last word, also for a file. */
static size_t find_width(void)
{
        const char *columns = getenv("COLUMNS");
        struct winsize size;
        unsigned long number;
        char *end;

        if (columns && *columns) {
                number = strtoul(columns, &end, 10);
                if (!*end && number > 0 && number <= COLUMNS_MAX)
                        return number;
        }
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
                return 0;
        return size.ws_col;
}

/* https://no-color.org: NO_COLOR, if it is not empty, means none. */
static bool find_colours(void)
{
        const char *none = getenv("NO_COLOR"), *terminal = getenv("TERM");

        return isatty(STDOUT_FILENO) && !(none && *none) && terminal &&
               strcmp(terminal, "dumb") != 0;
}

static const struct {
        const char *text, *ascii;
} characters[] = {
        {"·", "-"}, {"…", "..."}, {"→", "->"}, {"—", "-"}, {"│", "|"},
        {"├", "|"}, {"└", "`"},   {"─", "-"},  {"×", "x"},
};

size_t utf8_length(const char *text, size_t n)
{
        static const struct {
                unsigned char mask, lead;
                size_t length;
        } leads[] = {{0x80, 0x00, 1}, {0xe0, 0xc0, 2}, {0xf0, 0xe0, 3}, {0xf8, 0xf0, 4}};

        for (size_t i = 0; i < ARRAY_SIZE(leads); i++) {
                if (((unsigned char)*text & leads[i].mask) != leads[i].lead)
                        continue;
                for (size_t k = 1; k < leads[i].length; k++)
                        if (k >= n || ((unsigned char)text[k] & 0xc0) != 0x80)
                                return 0;
                return leads[i].length;
        }
        return 0;
}

/* The same; an invalid byte stands alone. */
static size_t character_length(const char *text, size_t n)
{
        return utf8_length(text, n) ?: 1;
}

static const char *ascii_of(const char *text, size_t n)
{
        for (size_t i = 0; i < ARRAY_SIZE(characters); i++)
                if (strlen(characters[i].text) == n && memcmp(characters[i].text, text, n) == 0)
                        return characters[i].ascii;
        return "?";
}

/* The cookie is the real stream. Streams hand over whole characters: lines, or a buffer.
 */
static ssize_t write_ascii(void *cookie, const char *bytes, size_t n)
{
        FILE *to = cookie;

        for (size_t i = 0; i < n;) {
                size_t length = character_length(bytes + i, n - i);

                if ((unsigned char)bytes[i] < 0x80)
                        (void)fputc(bytes[i], to);
                else
                        (void)fputs(ascii_of(bytes + i, length), to);
                i += length;
        }
        return fflush(to) == 0 && !ferror(to) ? (ssize_t)n : -1;
}

/* A line is handed over whole, so that no character is cut at the end of a buffer. */
static FILE *filter(FILE *to)
{
        FILE *filtered = must(fopencookie(to, "w", (cookie_io_functions_t){.write = write_ascii}));

        (void)setvbuf(filtered, NULL, _IOLBF, 1 << 16);
        return filtered;
}

void output_init(bool is_json)
{
        (void)setlocale(LC_TIME, "");
        (void)setlocale(LC_CTYPE, "");
        if (is_json)
                return;
        output.width = find_width();
        output.has_colours = find_colours();
        if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
                return;
        stdout = filter(stdout);
        stderr = filter(stderr);
}

size_t output_width(void)
{
        return output.width;
}

const char *colour_begin(Colour colour)
{
        /* ECMA-48 8.3.117: bold, green, yellow, red. */
        static const char *const codes[_COLOUR_N] = {
                [COLOUR_NONE] = "",          [COLOUR_HEADING] = "\033[1m",
                [COLOUR_GOOD] = "\033[32m",  [COLOUR_DOUBT] = "\033[33m",
                [COLOUR_BAD] = "\033[1;31m",
        };

        return output.has_colours ? codes[colour] : "";
}

const char *colour_end(void)
{
        return output.has_colours ? "\033[0m" : "";
}

void print_heading(const char *text)
{
        (void)printf("\n%s%s%s\n", colour_begin(COLOUR_HEADING), text, colour_end());
}

size_t text_columns(const char *text)
{
        size_t n = 0, rest = strlen(text);

        while (rest > 0) {
                size_t length = character_length(text, rest);

                text += length;
                rest -= length;
                n++;
        }
        return n;
}

char *text_shorten(const char *text, size_t columns)
{
        size_t length = 0, rest = strlen(text);

        if (columns == 0 || text_columns(text) <= columns)
                return must_format("%s", text);
        for (size_t n = 0; n + 1 < columns; n++)
                length += character_length(text + length, rest - length);
        return must_format("%.*s…", (int)length, text);
}
