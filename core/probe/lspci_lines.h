/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reads pasted text line by line, without the marks that mail programs, web pages and terminals
 * add.
 *
 * Some marks show only in the whole text (quoted-printable, line numbers, an empty line after each
 * line), so the reader scans the text once before it reads it (lspci_prepare.c).
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/model/base.h"

#define LSPCI_LINE_SIZE 4096

typedef struct LspciLine {
        size_t number;    /* in the original text, from 1 */
        bool is_cut;      /* it was longer than LSPCI_LINE_SIZE */
        bool is_unended;  /* the text ends without a newline: the line may be incomplete */
        bool is_indented; /* after any quote mark */
        char raw[LSPCI_LINE_SIZE];  /* with its original spaces */
        char text[LSPCI_LINE_SIZE]; /* single spaces between words, none at the ends */
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
 * Scans and prepares `text`, whose name in messages is `name`; borrows both. Returns 0,
 * LSPCI_E_INVALID with a sentence in *ret_message (freed by the caller) that names the line, or
 * -ENOMEM.
 */
_nodiscard_ int lspci_lines_open(LspciLines *lines, const char *name, const char *text,
                                 size_t n_text, char **ret_message);

/* Reads the next line. Returns false at the end. */
bool lspci_lines_next(LspciLines *lines, LspciLine *line);

/* Is the whole text quoted-printable? If only part of it is, *ret_line gets a line, else 0. */
bool lspci_is_quoted_printable(const char *text, size_t n_text, size_t *ret_line);

/* Removes markup from the string `raw`: colour codes, tags, entities, code fences. */
void lspci_strip_markup(char *raw);

/* The text after the line number at the front, or NULL if there is none. */
const char *lspci_skip_number(const char *text, LspciNumbers numbers, size_t *ret_number);

/* "NAME:LINE: …" in *ret_message. Returns LSPCI_E_INVALID, or -ENOMEM. */
_printf_(4, 5) int lspci_refuse(char **ret_message, const char *name, size_t line,
                                const char *format, ...);
