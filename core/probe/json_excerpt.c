/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The line of an error, with a mark below the place. Tabs stay tabs, so that the mark is in the
 * right column; control characters become question marks.
 */

#include "core/probe/json_places.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/probe/cleanup.h"

#define BYTES_BEFORE 60
#define BYTES_AFTER 36

typedef struct Excerpt {
        size_t start, end; /* of the part that is shown */
        size_t mark, mark_end;
        bool cut_before, cut_after;
} Excerpt;

static bool is_continuation(char c)
{
        return ((unsigned char)c & 0xc0) == 0x80;
}

static bool is_word(char c)
{
        return isalnum((unsigned char)c) || strchr("+-._", c);
}

/* The offset after the string, word or character at `i`. */
static size_t token_end(const char *text, size_t n_text, size_t i)
{
        if (i >= n_text)
                return i;
        if (text[i] == '"') {
                for (i++; i < n_text && text[i] != '"' && text[i] != '\n'; i++)
                        if (text[i] == '\\')
                                i++;
                return i < n_text ? i + 1 : n_text;
        }
        if (!is_word(text[i]))
                return i + 1;
        while (i < n_text && text[i] && is_word(text[i]))
                i++;
        return i;
}

static Excerpt find_excerpt(const JsonText *json)
{
        const char *text = json->original;
        Excerpt excerpt = {.start = json->fault, .end = json->fault, .mark = json->fault};

        while (excerpt.start > 0 && text[excerpt.start - 1] != '\n')
                excerpt.start--;
        while (excerpt.end < json->n_text && text[excerpt.end] != '\n')
                excerpt.end++;
        if (excerpt.end > excerpt.mark && text[excerpt.end - 1] == '\r')
                excerpt.end--;
        if (excerpt.mark - excerpt.start > BYTES_BEFORE) {
                excerpt.start = excerpt.mark - BYTES_BEFORE;
                excerpt.cut_before = true;
                while (excerpt.start < excerpt.mark && is_continuation(text[excerpt.start]))
                        excerpt.start++;
        }
        if (excerpt.end - excerpt.mark > BYTES_AFTER) {
                excerpt.end = excerpt.mark + BYTES_AFTER;
                excerpt.cut_after = true;
                while (excerpt.end > excerpt.mark && is_continuation(text[excerpt.end]))
                        excerpt.end--;
        }
        excerpt.mark_end = token_end(text, json->n_text, excerpt.mark);
        if (excerpt.mark_end > excerpt.end)
                excerpt.mark_end = excerpt.end;
        return excerpt;
}

static void write_line(FILE *stream, const char *text, const Excerpt *excerpt)
{
        (void)fputs(excerpt->cut_before ? "..." : "", stream);
        for (size_t i = excerpt->start; i < excerpt->end; i++) {
                unsigned char c = (unsigned char)text[i];

                (void)fputc((c < 0x20 && c != '\t') || c == 0x7f ? '?' : c, stream);
        }
        (void)fputs(excerpt->cut_after ? "..." : "", stream);
}

static void write_mark(FILE *stream, const char *text, const Excerpt *excerpt)
{
        (void)fputs(excerpt->cut_before ? "   " : "", stream);
        for (size_t i = excerpt->start; i < excerpt->mark; i++)
                if (!is_continuation(text[i]))
                        (void)fputc(text[i] == '\t' ? '\t' : ' ', stream);
        (void)fputc('^', stream);
        for (size_t i = excerpt->mark + 1; i < excerpt->mark_end; i++)
                if (!is_continuation(text[i]))
                        (void)fputc('~', stream);
}

char *json_text_excerpt(const JsonText *json)
{
        const Excerpt excerpt = find_excerpt(json);
        _cleanup_(freep) char *text = NULL;
        size_t n_text;
        bool good;

        {
                _cleanup_(fclosep) FILE *stream = open_memstream(&text, &n_text);
                if (!stream)
                        return NULL;
                write_line(stream, json->original, &excerpt);
                (void)fputc('\n', stream);
                write_mark(stream, json->original, &excerpt);
                good = fflush(stream) == 0 && !ferror(stream);
        }
        return good ? TAKE_PTR(text) : NULL;
}
