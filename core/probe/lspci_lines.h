/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Pasted text, line by line, with what mail programs, web pages and terminals did to it taken off.
 *
 * Some of that shows only in the text as a whole (quoted-printable, numbers in front of the lines,
 * an empty line behind each), so the text is looked through once before it is read.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/model/base.h"

#define LSPCI_LINE_SIZE 4096

typedef struct LspciLine {
        size_t number;    /* in the text as it was given, from 1 */
        bool is_cut;      /* it was longer than this */
        bool is_unended;  /* the text ends without a newline behind it: some of it may be missing */
        bool is_indented; /* behind what quotes it */
        char raw[LSPCI_LINE_SIZE];  /* with the spaces that it has */
        char text[LSPCI_LINE_SIZE]; /* words parted by one space, nothing in front or behind */
} LspciLine;

typedef enum LspciNumbers {
        LSPCI_NUMBERS_NONE,
        LSPCI_NUMBERS_COLON, /* "12:00:1f.0 …" and "13-\tIOMMU group: 5": grep -n */
        LSPCI_NUMBERS_SPACE, /* "    12\t00:1f.0 …": cat -n */
} LspciNumbers;

typedef struct LspciLines {
        const char *name, *text; /* borrowed */
        size_t n_text, at, number;
        bool is_quoted_printable;
        bool is_double_spaced;
        LspciNumbers numbers;
} LspciLines;

/*
 * Prepares to read `text`, which messages call `name`; both are borrowed. Returns 0,
 * LSPCI_E_INVALID with a sentence in *ret_message (freed by the caller) that names the line, or
 * -ENOMEM.
 */
_nodiscard_ int lspci_lines_open(LspciLines *lines, const char *name, const char *text,
                                 size_t n_text, char **ret_message);

/* Reads the next line. Returns false at the end. */
bool lspci_lines_next(LspciLines *lines, LspciLine *line);

/* Is it quoted-printable, wholly? *ret_line is that of a part that is and one that is not, or 0. */
bool lspci_is_quoted_printable(const char *text, size_t n_text, size_t *ret_line);

/*
 * Takes off what marks text up: colour codes, tags, entities, code fences. `raw` is a string and
 * becomes shorter.
 */
void lspci_strip_markup(char *raw);

/* Behind the number in front of a line, or NULL if there is none. */
const char *lspci_skip_number(const char *text, LspciNumbers numbers, size_t *ret_number);

/* "NAME:LINE: …" in *ret_message. Returns LSPCI_E_INVALID, or -ENOMEM. */
_printf_(4, 5) int lspci_refuse(char **ret_message, const char *name, size_t line,
                                const char *format, ...);
