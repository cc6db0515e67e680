/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Parses the file for the places of its values, and reassembles it from pieces. */

#include "core/probe/policy_edit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/model/text.h"
#include "core/probe/json_places.h"

static json_object *find_reserve(const JsonText *json, size_t number)
{
        json_object *rules, *rule, *reserve;

        if (!json_object_is_type(json->root, json_type_object) ||
            !json_object_object_get_ex(json->root, "rules", &rules) ||
            !json_object_is_type(rules, json_type_array))
                return NULL;
        rule = json_object_array_get_idx(rules, number);
        if (!json_object_is_type(rule, json_type_object) ||
            !json_object_object_get_ex(rule, "reserve", &reserve) ||
            !json_object_is_type(reserve, json_type_object))
                return NULL;
        return reserve;
}

static char *replace(const JsonText *json, const json_object *reserve, const char *fingerprint)
{
        json_object *old;
        size_t start, end;

        if (json_object_object_get_ex(reserve, "fingerprint", &old)) {
                start = json_text_place(old)->value;
                end = json_text_value_end(json, start);
                return text_print("%.*s%s%s", (int)start, json->original, fingerprint,
                                  json->original + end);
        }
        /* Insert it before "at", which every reservation has. */
        start = json_text_place(reserve)->value + 1;
        return text_print("%.*s \"fingerprint\": %s,%s", (int)start, json->original, fingerprint,
                          json->original + start);
}

/* Is the text still a valid policy file? Does not look up names. */
static int check(const char *name, const char *text, PolicyFault *ret_fault)
{
        _cleanup_(policy_freep) Policy *policy = calloc(1, sizeof(*policy));
        const PolicyOptions options = {.lookup = &policy_lookup_nobody};

        return policy ? policy_parse_text(policy, name, text, strlen(text), &options, ret_fault)
                      : -ENOMEM;
}

int policy_set_fingerprint(const char *name, const char *text, size_t rule, const char *fingerprint,
                           char **ret_text, PolicyFault *ret_fault)
{
        _cleanup_(json_text_deinitp) JsonText json = {0};
        _cleanup_(freep) char *message = NULL, *edited = NULL;
        const json_object *reserve;
        int r = check(name, text, ret_fault);

        if (r == 0)
                r = json_text_parse(&json, name, text, strlen(text), &message);
        if (r != 0)
                return r;
        reserve = find_reserve(&json, rule);
        if (!reserve)
                return -ENOENT;
        edited = replace(&json, reserve, fingerprint);
        if (!edited)
                return -ENOMEM;
        r = check(name, edited, ret_fault);
        if (r == 0)
                *ret_text = TAKE_PTR(edited);
        return r;
}
