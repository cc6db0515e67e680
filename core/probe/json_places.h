/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * JSON with comments, with the place of every value.
 *
 * json-c reads the values; a scan of the same text finds the place of each, so that an error about
 * a value can point at it, like an error of syntax.
 */

#include <json-c/json.h>

#include "core/model/base.h"

typedef struct JsonPlace {
        size_t key;   /* offset of the key in the text, or of the value where there is none */
        size_t value; /* offset of the value */
} JsonPlace;

typedef struct JsonText {
        const char *name;     /* borrowed: its name in messages */
        const char *original; /* borrowed */
        char *text;           /* comments blanked out, offsets as in the original */
        size_t n_text;
        json_object *root;
        JsonPlace *places; /* of all values in order of appearance */
        size_t n_places, n_allocated;
        size_t fault;                    /* offset of the last error, */
        size_t fault_line, fault_column; /* and where that is, both from 1 */
} JsonText;

void json_text_deinit(JsonText *json);
static inline void json_text_deinitp(JsonText *json)
{
        json_text_deinit(json);
}

enum {
        _JSON_TEXT_E_SUCCESS,
        JSON_TEXT_E_INVALID, /* *ret_message has the place and the error */
};

/*
 * Parses strict JSON with comments; refuses null, a repeated key and a NUL in a string.
 * Initialises `json`, which borrows `name` and `text`; the caller must deinit it, also after a
 * failure. Returns 0, JSON_TEXT_E_INVALID with *ret_message (freed by the caller), or -ENOMEM.
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
 * The line of the last error and, after a newline, a mark below the place; a long line is cut to
 * the part near it. The caller frees it; NULL if memory is short.
 */
char *json_text_excerpt(const JsonText *json);
