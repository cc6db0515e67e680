/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Small things about text that several files of the model and its readers need.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/model/base.h"

/* A formatted text that the caller frees, or NULL if memory is short. */
_printf_(1, 2) char *text_print(const char *format, ...);
_printf_(1, 0) char *text_vprint(const char *format, va_list arguments);

/*
 * Whether both begin with the same `n` characters, neither ending before, - and _ being one: as modules
 * are named, and their files.
 */
bool text_same_name(const char *a, const char *b, size_t n);

/*
 * Reads a decimal number: 1 to 10 digits and nothing else, no sign and no space. Returns true and *ret,
 * or false for any other text and for what needs more than 32 bits.
 */
_nodiscard_ bool text_read_u32(const char *text, uint32_t *ret);

/* What a hexadecimal digit stands for, -1 for what is none. */
int hex_digit(char c);

/*
 * The one of `words` (NULL-terminated) that somebody may have meant who wrote `text`: it starts alike,
 * or few letters are wrong, missing, too many or exchanged. NULL if none is near.
 */
const char *text_nearest(const char *text, const char *const *words);
