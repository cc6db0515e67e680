/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * JSON written by people: with comments, and with the place of every value kept.
 *
 * json-c reads the values; a walk of the same text gives each its place, so that a complaint about
 * what a value means can point at it as well as one about syntax.
 */

#include <json-c/json.h>

#include "core/model/base.h"

typedef struct JsonPlace {
        size_t key;   /* offset of the key in the text, or of the value where there is none */
        size_t value; /* offset of the value */
} JsonPlace;

typedef struct JsonText {
        const char *name;     /* borrowed: what messages call it */
        const char *original; /* borrowed */
        char *text;           /* comments blanked out, offsets as in the original */
        size_t n_text;
        json_object *root;
        JsonPlace *places; /* of all values in order of appearance */
        size_t n_places, n_allocated;
        size_t fault; /* offset of what was last complained of, */
        size_t fault_line, fault_column; /* and where that is, both from 1 */
} JsonText;

void json_text_deinit(JsonText *json);
static inline void json_text_deinitp(JsonText *json)
{
        json_text_deinit(json);
}

enum {
        _JSON_TEXT_E_SUCCESS,
        JSON_TEXT_E_INVALID, /* *ret_message says where and what */
};

/*
 * Parses strictly but for comments; null, a repeated key and a NUL in a string are refused.
 * `json` is initialised (and borrows `name` and `text`); deinit it whatever is returned. Returns 0,
 * JSON_TEXT_E_INVALID with *ret_message (freed by the caller), or -ENOMEM.
 */
_nodiscard_ int json_text_parse(JsonText *json, const char *name, const char *text, size_t n_text,
                                char **ret_message);

/* The place of a value of this text. */
const JsonPlace *json_text_place(const json_object *value);

/* The offset behind the value that starts at `offset`. */
size_t json_text_value_end(const JsonText *json, size_t offset);

/*
 * Puts "name:line:column: …" into *ret_message. Returns JSON_TEXT_E_INVALID, or -ENOMEM, for the
 * caller to return in turn.
 */
_printf_(4, 5) _nodiscard_ int json_text_complain(JsonText *json, size_t offset,
                                                  char **ret_message, const char *format, ...);

/*
 * The line that was last complained of, and below it, after a newline, a mark under the place; a
 * long line is cut to what is near it. The caller frees it; NULL if memory is short.
 */
char *json_text_excerpt(const JsonText *json);
