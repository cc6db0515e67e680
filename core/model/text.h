/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Text functions that several files of the model and its readers use. */

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/model/base.h"

/* A formatted text that the caller frees, or NULL if memory is short. */
_printf_(1, 2) char *text_print(const char *format, ...);
_printf_(1, 0) char *text_vprint(const char *format, va_list arguments);

/* Frees *text and puts `next` there, taken over. Returns false, and keeps *text, if it is NULL. */
_nodiscard_ bool text_set(char **text, char *next);

/*
 * Do both begin with the same `n` characters, with - and _ equal, as in names of modules and their
 * files?
 */
bool text_same_name(const char *a, const char *b, size_t n);

/*
 * Parses a decimal number of 1 to 10 digits, without sign or space. Returns true and *ret, or
 * false for another text or more than 32 bits.
 */
_nodiscard_ bool text_read_u32(const char *text, uint32_t *ret);

/* The value of a hexadecimal digit, -1 for another character. */
int hex_digit(char c);

/*
 * The word of `words` (NULL-terminated) that `text` may mean: it has the same start, or only few
 * letters are wrong, missing, extra or swapped. NULL if none is similar.
 */
const char *text_nearest(const char *text, const char *const *words);
