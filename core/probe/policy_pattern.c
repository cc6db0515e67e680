/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Checks the patterns of a rule against the form of the names that they match.
 *
 * `*` and `?` are wildcards; every other character matches itself. A pattern that no address, path
 * or name can match is an error: its rule would silently match nothing, and the next rule would
 * decide.
 */

#include "core/probe/policy_pattern.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define ADDRESS_EXAMPLE "0000:01:00.*"
#define PATH_EXAMPLE "0000:00/1c.*"
/* Digits of a domain, as in "0000:01:00.0" and "10000:e1:00.0". */
#define DOMAIN_DIGITS_MIN 4
#define DOMAIN_DIGITS_MAX 8
#define HEX "0123456789abcdef"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define MEANT_SIZE 256

/* The allowed characters at each place of an address after its domain. */
static const char *const address_places[] = {":", HEX, HEX, ":", "01", HEX, ".", "01234567"};
/* The same for the start of a path after its domain, "0000:00/": the root bus. */
static const char *const root_places[] = {":", HEX, HEX, "/"};

/* The first character that is neither one of `allowed` nor a wildcard, or the end. */
static const char *find_foreign(const char *pattern, const char *allowed)
{
        while (*pattern && (strchr("*?", *pattern) || strchr(allowed, *pattern)))
                pattern++;
        return pattern;
}

/* Are the characters allowed at their places, from the first on? */
static bool fits_places(const char *text, const char *const *places, size_t n_places)
{
        for (size_t i = 0; i < n_places; i++)
                if (!text[i] || (text[i] != '?' && !strchr(places[i], text[i])))
                        return false;
        return true;
}

/* Can a pattern without `*` match a domain of any length, the places after it, and `rest`? */
static bool fits_front(const char *pattern, const char *const *places, size_t n_places,
                       bool has_rest)
{
        for (size_t n = DOMAIN_DIGITS_MIN; n <= DOMAIN_DIGITS_MAX; n++) {
                size_t front = n + n_places;

                if (strlen(pattern) < front + has_rest || (!has_rest && strlen(pattern) != front))
                        continue;
                if (strspn(pattern, HEX "?") >= n && fits_places(pattern + n, places, n_places))
                        return true;
        }
        return false;
}

static bool is_address(const char *pattern)
{
        return pattern[0] && !*find_foreign(pattern, HEX ":.") &&
               (strchr(pattern, '*') ||
                fits_front(pattern, address_places, ARRAY_SIZE(address_places), false));
}

/* Steps are "/1c.4", "/vf3" and "/@0000:01:00.0". */
static bool is_path(const char *pattern)
{
        return pattern[0] && !*find_foreign(pattern, HEX "v@:./") &&
               (strchr(pattern, '*') ||
                fits_front(pattern, root_places, ARRAY_SIZE(root_places), true));
}

/* The types of units that have processes. */
static bool is_unit(const char *pattern)
{
        static const char *const ends[] = {".service", ".scope", ".slice",
                                           ".socket",  ".mount", ".swap"};
        size_t n = strlen(pattern);

        if (n == 0 || *find_foreign(pattern, LETTERS "0123456789:_.\\@-"))
                return false;
        if (strchr(pattern, '*') || pattern[n - 1] == '?')
                return true;
        for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
                if (n > strlen(ends[i]) && strcmp(pattern + n - strlen(ends[i]), ends[i]) == 0)
                        return true;
        return false;
}

/* --- what was meant --------------------------------------------------------------------------- */

/* Writes the pattern between `before` and `after`, in lower case if asked. */
static const char *reword(const char *pattern, const char *before, const char *after, bool lower,
                          char text[static MEANT_SIZE])
{
        int n = snprintf(text, MEANT_SIZE, "%s%s%s", before, pattern, after);

        if (n < 0 || n >= MEANT_SIZE)
                return NULL;
        for (char *at = text; lower && *at; at++)
                *at = (char)tolower((unsigned char)*at);
        return text;
}

/* A similar pattern that can match, or NULL. */
static const char *find_meant(const char *pattern, bool (*is_right)(const char *pattern),
                              char text[static MEANT_SIZE])
{
        static const struct {
                const char *before, *after;
        } parts[] = {{"", ""}, {"0000:", ""}, {"", ".service"}};

        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                for (int lower = 0; lower < 2; lower++) {
                        const char *meant =
                                reword(pattern, parts[i].before, parts[i].after, lower, text);

                        if (meant && is_right(meant))
                                return meant;
                }
        return NULL;
}

static int complain_brackets(PolicyReader *reader, json_object *value)
{
        return policy_complain(reader, value,
                               "\"%s\" never matches: patterns have * and ?, but no brackets; use "
                               "? for one character, or write a rule for each",
                               json_object_get_string(value));
}

/* Reads a pattern and refuses it, with the reason `what`, unless `is_right`. */
static int read_checked(PolicyReader *reader, json_object *value,
                        bool (*is_right)(const char *pattern), const char *what, char **ret_text)
{
        const char *pattern = json_object_get_string(value), *meant;
        char text[MEANT_SIZE];

        if (is_right(pattern))
                return policy_read_string(value, ret_text);
        if (strpbrk(pattern, "[]"))
                return complain_brackets(reader, value);
        meant = find_meant(pattern, is_right, text);
        return policy_complain(reader, value, "\"%s\" never matches: %s%s%s%s", pattern, what,
                               meant ? "; did you mean \"" : "", meant ? meant : "",
                               meant ? "\"?" : "");
}

int policy_read_address_pattern(PolicyReader *reader, json_object *value, char **ret_text)
{
        return read_checked(reader, value, is_address,
                            "use a full address in lower case, as in \"" ADDRESS_EXAMPLE "\"",
                            ret_text);
}

int policy_read_path_pattern(PolicyReader *reader, json_object *value, char **ret_text)
{
        return read_checked(reader, value, is_path,
                            "use a stable path, as in \"" PATH_EXAMPLE
                            "\" (see isoctl show); for an address use \"address\"",
                            ret_text);
}

int policy_read_unit_pattern(PolicyReader *reader, json_object *value, char **ret_text)
{
        return read_checked(reader, value, is_unit,
                            "use the whole name of a unit, as in \"vm@*.service\"", ret_text);
}

int policy_read_name_pattern(PolicyReader *reader, json_object *value, char **ret_text)
{
        if (strpbrk(json_object_get_string(value), "[]"))
                return complain_brackets(reader, value);
        return policy_read_string(value, ret_text);
}
