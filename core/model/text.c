/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Formats and parses text. */

#include "core/model/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

char *text_vprint(const char *format, va_list arguments)
{
        char *text;

        return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

char *text_print(const char *format, ...)
{
        va_list arguments;
        char *text;

        va_start(arguments, format);
        text = text_vprint(format, arguments);
        va_end(arguments);
        return text;
}

bool text_set(char **text, char *next)
{
        if (!next)
                return false;
        free(*text);
        *text = next;
        return true;
}

bool text_same_name(const char *a, const char *b, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!a[i] || (a[i] == '-' ? '_' : a[i]) != (b[i] == '-' ? '_' : b[i]))
                        return false;
        return true;
}

bool text_read_u32(const char *text, uint32_t *ret)
{
        uint64_t number = 0;
        size_t n = 0;

        for (; text[n] >= '0' && text[n] <= '9'; n++) {
                if (n == strlen("4294967295"))
                        return false;
                number = number * 10 + (uint64_t)(text[n] - '0');
        }
        if (n == 0 || text[n] || number > UINT32_MAX)
                return false;
        *ret = (uint32_t)number;
        return true;
}

int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

#define WORD_MAX 32      /* letters; longer words are not compared */
#define PREFIX_LEAST 3   /* letters of a significant prefix */
#define LETTERS_A_SLIP 3 /* allow one wrong letter per this many, and at least one */

static char fold(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/*
 * The edit distance: the number of letters to change, add, remove or swap with the next. Keeps
 * three rows of the usual table.
 */
static size_t distance(const char *a, const char *b)
{
        size_t rows[3][WORD_MAX + 1], n_a = strlen(a), n_b = strlen(b);

        for (size_t k = 0; k <= n_b; k++)
                rows[0][k] = k;
        for (size_t i = 1; i <= n_a; i++) {
                size_t *now = rows[i % 3];
                const size_t *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];

                now[0] = i;
                for (size_t k = 1; k <= n_b; k++) {
                        bool same = fold(a[i - 1]) == fold(b[k - 1]);
                        size_t best = before[k - 1] + !same;

                        if (before[k] + 1 < best)
                                best = before[k] + 1;
                        if (now[k - 1] + 1 < best)
                                best = now[k - 1] + 1;
                        if (i > 1 && k > 1 && fold(a[i - 1]) == fold(b[k - 2]) &&
                            fold(a[i - 2]) == fold(b[k - 1]) && earlier[k - 2] + 1 < best)
                                best = earlier[k - 2] + 1;
                        now[k] = best;
                }
        }
        return rows[n_a % 3][n_b];
}

static bool starts_alike(const char *a, const char *b)
{
        size_t n_a = strlen(a), n_b = strlen(b), n = n_a < n_b ? n_a : n_b;

        return n >= PREFIX_LEAST && strncmp(a, b, n) == 0;
}

const char *text_nearest(const char *text, const char *const *words)
{
        const char *nearest = NULL;
        size_t best = SIZE_MAX, n = strlen(text);

        if (n > WORD_MAX)
                return NULL;
        for (; *words; words++) {
                size_t most = strlen(*words) / LETTERS_A_SLIP, d;

                if (strlen(*words) > WORD_MAX)
                        continue;
                d = distance(text, *words);
                if (d >= best || (d > (most > 0 ? most : 1) && !starts_alike(text, *words)))
                        continue;
                nearest = *words;
                best = d;
        }
        return nearest;
}
