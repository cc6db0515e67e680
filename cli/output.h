/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How isoctl's text looks on the present standard output: its width, colours, and characters.
 *
 * On a terminal, tables fit its width and a few words have a colour; in a pipe or a file, lines are
 * as long as their text and have none. A locale without UTF-8 gets ASCII.
 */

#include <stdbool.h>
#include <stddef.h>

typedef enum Colour {
        COLOUR_NONE = 0,
        COLOUR_HEADING,
        COLOUR_GOOD,
        COLOUR_DOUBT,
        COLOUR_BAD,
        _COLOUR_N,
} Colour;

/* Reads the environment and the terminal. Call it once, before anything is printed. */
void output_init(bool is_json);

/* The columns of a line; 0: any number. */
size_t output_width(void);

/* What begins and ends text in a colour: "" where there are no colours (NO_COLOR, TERM=dumb). */
const char *colour_begin(Colour colour);
const char *colour_end(void);

/* Prints an empty line and a heading. */
void print_heading(const char *text);

/* The length of the UTF-8 character at the start of `n` bytes, or 0 if it is none. */
size_t utf8_length(const char *text, size_t n);

/* The columns that a text takes. */
size_t text_columns(const char *text);

/* Shortens a text to that many columns, the last of which then is "…". The caller frees it. */
char *text_shorten(const char *text, size_t columns);
