/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the objects, lists and words of a policy file. */

#include "core/probe/policy_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/model/text.h"
#include "core/probe/policy_names.h"

#define LIST_MAX 4096
#define MEMBERS_MAX 32 /* rows of a table */
#define WORDS_SIZE 256

int policy_check_type(PolicyReader *reader, json_object *value, json_type type)
{
        if (json_object_get_type(value) == type)
                return 0;
        return policy_complain(reader, value, "expected %s, not %s", json_type_to_name(type),
                               json_type_to_name(json_object_get_type(value)));
}

static int complain_key(PolicyReader *reader, json_object *value, const char *key,
                        const PolicyMember *members, size_t n_members)
{
        const char *keys[MEMBERS_MAX + 1] = {NULL}, *meant;

        for (size_t i = 0; i < n_members && i < MEMBERS_MAX; i++)
                keys[i] = members[i].key;
        meant = text_nearest(key, keys);
        return json_text_complain(reader->json, json_text_place(value)->key, reader->ret_message,
                                  "unknown key \"%s\"%s%s%s", key, meant ? "; did you mean \"" : "",
                                  meant ? meant : "", meant ? "\"?" : "");
}

int policy_read_members(PolicyReader *reader, json_object *object, const PolicyMember *members,
                        size_t n_members)
{
        struct json_object_iterator i = json_object_iter_begin(object);
        struct json_object_iterator end = json_object_iter_end(object);

        for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
                const char *key = json_object_iter_peek_name(&i);
                json_object *value = json_object_iter_peek_value(&i);
                const PolicyMember *member = NULL;
                int r = 0;

                for (size_t k = 0; k < n_members && !member; k++)
                        if (strcmp(members[k].key, key) == 0)
                                member = &members[k];
                if (!member)
                        return complain_key(reader, value, key, members, n_members);
                if (member->type != json_type_null)
                        r = policy_check_type(reader, value, member->type);
                if (r == 0)
                        r = member->read(reader, value);
                if (r != 0)
                        return r;
        }
        return 0;
}

int policy_complain_word(PolicyReader *reader, json_object *value, const char *what,
                         const char *const *words)
{
        const char *text = json_object_get_string(value), *meant = text_nearest(text, words);
        char list[WORDS_SIZE] = "";

        for (size_t i = 0; words[i]; i++) {
                const char *before = i == 0 ? "" : words[i + 1] ? ", " : " or ";
                size_t n = strlen(list);

                (void)snprintf(list + n, sizeof(list) - n, "%s%s", before, words[i]);
        }
        return policy_complain(reader, value, "unknown %s \"%s\": %s%s%s%s", what, text, list,
                               meant ? "; did you mean \"" : "", meant ? meant : "",
                               meant ? "\"?" : "");
}

int policy_read_string(json_object *value, char **ret_text)
{
        *ret_text = strdup(json_object_get_string(value));
        return *ret_text ? 0 : -ENOMEM;
}

int policy_read_id(PolicyReader *reader, json_object *value, const char *what, PolicyNumber *ret)
{
        if (!policy_parse_id(json_object_get_string(value), &ret->value))
                return policy_complain(reader, value,
                                       "\"%s\" is not a %s id: use one to four hexadecimal digits",
                                       json_object_get_string(value), what);
        ret->is_set = true;
        return 0;
}

int policy_read_number(PolicyReader *reader, json_object *value, const char *what, int64_t least,
                       int64_t most, unsigned *ret_number)
{
        int64_t number = json_object_get_int64(value);

        if (number < least || number > most)
                return policy_complain(reader, value, "%s is %" PRId64 " to %" PRId64, what, least,
                                       most);
        *ret_number = (unsigned)number;
        return 0;
}

int policy_check_list(PolicyReader *reader, json_object *list, size_t *ret_n)
{
        *ret_n = json_object_array_length(list);
        if (*ret_n == 0)
                return policy_complain(reader, list, "the list is empty");
        if (*ret_n > LIST_MAX)
                return policy_complain(reader, list, "the list has more than %d entries", LIST_MAX);
        return 0;
}
