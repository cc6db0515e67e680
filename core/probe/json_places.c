/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Three passes over one text: comments become spaces, json-c parses the rest, and a scan in
 * parallel with the parsed values records the place of each. The scan relies on valid syntax,
 * which the parser has checked. An object with a repeated key has fewer parsed members than
 * written ones.
 */

#include "core/probe/json_places.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/model/text.h"

#define JSON_DEPTH_MAX 16

void json_text_deinit(JsonText *json)
{
        json_object_put(json->root);
        free(json->places);
        free(json->text);
        *json = (JsonText){0};
}

/* Columns count characters, so that an editor agrees: UTF-8 continuation bytes do not. */
static void find_line(const JsonText *json, size_t offset, size_t *ret_line, size_t *ret_column)
{
        size_t line = 1, column = 1;

        for (size_t i = 0; i < offset && i < json->n_text; i++) {
                if (json->original[i] == '\n') {
                        line++;
                        column = 1;
                } else if (((unsigned char)json->original[i] & 0xc0) != 0x80) {
                        column++;
                }
        }
        *ret_line = line;
        *ret_column = column;
}

int json_text_complain(JsonText *json, size_t offset, char **ret_message, const char *format, ...)
{
        _cleanup_(freep) char *what = NULL;
        va_list arguments;

        va_start(arguments, format);
        what = text_vprint(format, arguments);
        va_end(arguments);
        if (!what)
                return -ENOMEM;

        /* The parser counts the end of the text as a character. */
        json->fault = offset < json->n_text ? offset : json->n_text;
        find_line(json, json->fault, &json->fault_line, &json->fault_column);
        if (asprintf(ret_message, "%s:%zu:%zu: %s", json->name, json->fault_line,
                     json->fault_column, what) < 0) {
                *ret_message = NULL;
                return -ENOMEM;
        }
        return JSON_TEXT_E_INVALID;
}

/* The offset behind the string that starts at `i`, or the text's end. */
static size_t skip_string(const char *text, size_t n_text, size_t i)
{
        for (i++; i < n_text && text[i] != '"'; i++)
                if (text[i] == '\\')
                        i++;
        return i < n_text ? i + 1 : n_text;
}

/* The offset behind the comment that starts at `i`, or n_text + 1 if it does not end. */
static size_t skip_comment(const char *text, size_t n_text, size_t i)
{
        if (text[i + 1] == '/') {
                while (i < n_text && text[i] != '\n')
                        i++;
                return i;
        }
        for (i += 2; i + 1 < n_text; i++)
                if (text[i] == '*' && text[i + 1] == '/')
                        return i + 2;
        return n_text + 1;
}

static int blank_comments(JsonText *json, char **ret_message)
{
        char *text = json->text;
        size_t i = 0;

        while (i < json->n_text) {
                size_t end;

                if (text[i] == '"') {
                        i = skip_string(text, json->n_text, i);
                        continue;
                }
                if (text[i] == '\'')
                        return json_text_complain(json, i, ret_message, "text is quoted with \"");
                if (text[i] != '/' || i + 1 >= json->n_text ||
                    (text[i + 1] != '/' && text[i + 1] != '*')) {
                        i++;
                        continue;
                }
                end = skip_comment(text, json->n_text, i);
                if (end > json->n_text)
                        return json_text_complain(json, i, ret_message, "comment does not end");
                for (; i < end; i++)
                        if (text[i] != '\n')
                                text[i] = ' ';
        }
        return 0;
}

static void tokener_freep(json_tokener **tokener)
{
        if (*tokener)
                json_tokener_free(*tokener);
}

static int parse_values(JsonText *json, char **ret_message)
{
        _cleanup_(tokener_freep) json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
        enum json_tokener_error error;

        if (!tokener)
                return -ENOMEM;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        /* The final NUL marks the end of the input. */
        json->root = json_tokener_parse_ex(tokener, json->text, (int)json->n_text + 1);
        error = json_tokener_get_error(tokener);
        if (error == json_tokener_continue)
                return json_text_complain(json, json->n_text, ret_message, "%s",
                                          json_tokener_error_desc(json_tokener_error_parse_eof));
        if (error != json_tokener_success)
                return json_text_complain(json, json_tokener_get_parse_end(tokener), ret_message,
                                          "%s", json_tokener_error_desc(error));
        return 0;
}

/* The scan; `at` is its offset. */
typedef struct Scan {
        JsonText *json;
        size_t at;
        size_t n_places;
        char **ret_message;
} Scan;

static char scan_peek(Scan *scan)
{
        const char *text = scan->json->text;

        while (scan->at < scan->json->n_text && strchr(" \t\r\n", text[scan->at]) && text[scan->at])
                scan->at++;
        return scan->at < scan->json->n_text ? text[scan->at] : '\0';
}

static int scan_value(Scan *scan, json_object *value, size_t key);

/* The offset of the end (',' or a closing bracket) of the value that starts at `i`. */
static size_t skip_value(const JsonText *json, size_t i)
{
        unsigned depth = 0;

        while (i < json->n_text) {
                char c = json->text[i];

                if (c == '"') {
                        i = skip_string(json->text, json->n_text, i);
                        continue;
                }
                if (depth == 0 && (c == ',' || c == '}' || c == ']'))
                        break;
                if (c == '{' || c == '[')
                        depth++;
                else if (c == '}' || c == ']')
                        depth--;
                i++;
        }
        return i;
}

size_t json_text_value_end(const JsonText *json, size_t offset)
{
        size_t end = skip_value(json, offset);

        while (end > offset && strchr(" \t\r\n", json->text[end - 1]))
                end--;
        return end;
}

/*
 * Counts the keys of the object at the scan's offset and returns to that offset. With `seen`,
 * stops at the first key that is in it, and puts its offset into *ret_repeated.
 */
static size_t scan_keys(Scan *scan, json_object *seen, size_t *ret_repeated)
{
        size_t start = scan->at, n = 0;

        scan->at++;
        while (scan_peek(scan) == '"') {
                size_t key = scan->at;

                scan->at = skip_string(scan->json->text, scan->json->n_text, key);
                if (seen) {
                        _cleanup_(freep) char *name =
                                strndup(scan->json->text + key, scan->at - key);

                        if (!name || json_object_object_get_ex(seen, name, NULL)) {
                                *ret_repeated = key;
                                break;
                        }
                        (void)json_object_object_add(seen, name, NULL);
                }
                n++;
                scan->at = skip_value(scan->json, scan->at);
                if (scan_peek(scan) == ',')
                        scan->at++;
        }
        scan->at = start;
        return n;
}

static int complain_repeated(Scan *scan)
{
        json_object *seen = json_object_new_object();
        size_t repeated = scan->at; /* if the key is written in two ways, report the object */

        if (!seen)
                return -ENOMEM;
        (void)scan_keys(scan, seen, &repeated);
        json_object_put(seen);
        return json_text_complain(scan->json, repeated, scan->ret_message,
                                  "key appears a second time");
}

/* Without repeated keys, the parsed members are in the written order. */
static int scan_object(Scan *scan, json_object *object)
{
        struct json_object_iterator member = json_object_iter_begin(object);

        if (scan_keys(scan, NULL, NULL) != (size_t)json_object_object_length(object))
                return complain_repeated(scan);

        scan->at++;
        while (scan_peek(scan) == '"') {
                size_t key = scan->at;
                int r;

                scan->at = skip_string(scan->json->text, scan->json->n_text, key);
                if (scan_peek(scan) == ':')
                        scan->at++;
                r = scan_value(scan, json_object_iter_peek_value(&member), key);
                if (r != 0)
                        return r;
                json_object_iter_next(&member);
                if (scan_peek(scan) == ',')
                        scan->at++;
        }
        scan->at++;
        return 0;
}

static int scan_array(Scan *scan, json_object *array)
{
        size_t n = 0;

        scan->at++;
        while (scan_peek(scan) != ']' && n < json_object_array_length(array)) {
                int r = scan_value(scan, json_object_array_get_idx(array, n), SIZE_MAX);

                if (r != 0)
                        return r;
                n++;
                if (scan_peek(scan) == ',')
                        scan->at++;
        }
        scan->at++;
        return 0;
}

static int scan_string(Scan *scan, json_object *value)
{
        if (strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
                return json_text_complain(scan->json, scan->at, scan->ret_message,
                                          "text contains a NUL");
        scan->at = skip_string(scan->json->text, scan->json->n_text, scan->at);
        return 0;
}

/* Does the written value at the scan's place start like the parsed one? */
static bool scan_agrees(char c, json_type type)
{
        if (type == json_type_object)
                return c == '{';
        if (type == json_type_array)
                return c == '[';
        if (type == json_type_string)
                return c == '"';
        return c != '\0' && c != '{' && c != '[' && c != '"';
}

static int scan_value(Scan *scan, json_object *value, size_t key)
{
        JsonText *json = scan->json;
        char c = scan_peek(scan);
        JsonPlace *place;

        if (!value && c == 'n')
                return json_text_complain(json, scan->at, scan->ret_message,
                                          "null is not allowed as a value");
        /* Parser and scan differ: a bug in one of them. */
        if (!value || !scan_agrees(c, json_object_get_type(value)) ||
            scan->n_places >= json->n_allocated)
                return json_text_complain(json, scan->at, scan->ret_message,
                                          "this value cannot be read");

        place = &json->places[scan->n_places++];
        *place = (JsonPlace){.key = key != SIZE_MAX ? key : scan->at, .value = scan->at};
        json_object_set_userdata(value, place, NULL);

        if (c == '{')
                return scan_object(scan, value);
        if (c == '[')
                return scan_array(scan, value);
        if (c == '"')
                return scan_string(scan, value);
        while (scan->at < json->n_text && !strchr(",]} \t\r\n", json->text[scan->at]))
                scan->at++;
        return 0;
}

/*
 * Every value except the first follows one of `,`, `:`, `[`, `{`, so their number is an upper
 * bound.
 */
static int scan_places(JsonText *json, char **ret_message)
{
        Scan scan = {.json = json, .ret_message = ret_message};
        size_t n = 1;

        for (size_t i = 0; i < json->n_text; i++)
                n += strchr(",:[{", json->text[i]) != NULL;
        json->places = calloc(n, sizeof(*json->places));
        if (!json->places)
                return -ENOMEM;
        json->n_allocated = n;
        return scan_value(&scan, json->root, SIZE_MAX);
}

const JsonPlace *json_text_place(const json_object *value)
{
        return json_object_get_userdata((json_object *)value);
}

int json_text_parse(JsonText *json, const char *name, const char *text, size_t n_text,
                    char **ret_message)
{
        const char *nul;
        int r;

        *json = (JsonText){.name = name, .original = text, .n_text = n_text};
        if (n_text >= INT_MAX)
                return -E2BIG;
        json->text = malloc(n_text + 1);
        if (!json->text)
                return -ENOMEM;
        if (n_text > 0)
                memcpy(json->text, text, n_text);
        json->text[n_text] = '\0';

        nul = memchr(json->text, '\0', n_text);
        if (nul)
                return json_text_complain(json, (size_t)(nul - json->text), ret_message,
                                          "the text contains a NUL");
        r = blank_comments(json, ret_message);
        if (r != 0)
                return r;
        r = parse_values(json, ret_message);
        if (r != 0)
                return r;
        return scan_places(json, ret_message);
}
