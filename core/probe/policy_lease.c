/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reads "lease": who may lease the devices of a rule, and the modes, limits and ends of such
 * leases. The type of a leased group's default domain is never identity.
 */

#include <errno.h>
#include <string.h>

#include "core/model/domain_type.h"
#include "core/model/memlock.h"
#include "core/probe/policy_names.h"
#include "core/probe/policy_pattern.h"
#include "core/probe/policy_reader.h"

/* The most digits of a size with a unit, and of one in bytes. */
#define MEMLOCK_DIGITS_MAX 6
#define MEMLOCK_BYTES_DIGITS_MAX 18

/* A number of a user or group; for the kernel, (uid_t)-1 means "no user". */
static int read_id_number(PolicyReader *reader, json_object *value, uint32_t *ret_id)
{
        int64_t number = json_object_get_int64(value);

        if (number < 0 || number >= UINT32_MAX)
                return policy_complain(reader, value, "a user or group number is 0 to %u",
                                       UINT32_MAX - 1);
        *ret_id = (uint32_t)number;
        return 0;
}

static int read_principal(PolicyReader *reader, json_object *value, const char *what,
                          PolicyNameLookup lookup, uint32_t *ret_id)
{
        int r;

        if (json_object_get_type(value) == json_type_int)
                return read_id_number(reader, value, ret_id);
        r = policy_check_type(reader, value, json_type_string);
        if (r != 0)
                return r;
        r = lookup(json_object_get_string(value), reader->lookup->userdata, ret_id);
        if (r == POLICY_NAMES_E_UNKNOWN)
                return policy_complain(reader, value, "there is no %s \"%s\"", what,
                                       json_object_get_string(value));
        return r;
}

/* uid_t and gid_t are both 32 bits wide on Linux. */
static int read_principals(PolicyReader *reader, json_object *list, const char *what,
                           PolicyNameLookup lookup, uint32_t **ids, size_t *n_ids)
{
        size_t n;
        int r = policy_check_list(reader, list, &n);

        if (r != 0)
                return r;
        *ids = calloc(n, sizeof(**ids));
        if (!*ids)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                r = read_principal(reader, json_object_array_get_idx(list, i), what, lookup,
                                   &(*ids)[i]);
                if (r != 0)
                        return r;
                *n_ids = i + 1;
        }
        return 0;
}

static int read_users(PolicyReader *reader, json_object *value)
{
        return read_principals(reader, value, "user", reader->lookup->user,
                               &reader->rule->access.uids, &reader->rule->access.n_uids);
}

static int read_groups(PolicyReader *reader, json_object *value)
{
        return read_principals(reader, value, "group", reader->lookup->group,
                               &reader->rule->access.gids, &reader->rule->access.n_gids);
}

typedef int (*PatternReader)(PolicyReader *reader, json_object *value, char **ret_text);

/* A label may have any character, also brackets. */
static int read_label(PolicyReader *reader, json_object *value, char **ret_text)
{
        return policy_read_string(value, ret_text);
}

/* Counts one by one, so that the policy also frees a partial list. */
static int read_patterns(PolicyReader *reader, json_object *list, PatternReader read,
                         PolicyPatterns *patterns)
{
        size_t n;
        int r = policy_check_list(reader, list, &n);

        if (r != 0)
                return r;
        patterns->globs = calloc(n, sizeof(*patterns->globs));
        if (!patterns->globs)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < n; i++) {
                json_object *value = json_object_array_get_idx(list, i);

                r = policy_check_type(reader, value, json_type_string);
                if (r == 0)
                        r = read(reader, value, &patterns->globs[i]);
                patterns->n_globs += r == 0;
        }
        return r;
}

static int read_units(PolicyReader *reader, json_object *value)
{
        return read_patterns(reader, value, policy_read_unit_pattern, &reader->rule->access.units);
}

static int read_labels(PolicyReader *reader, json_object *value)
{
        return read_patterns(reader, value, read_label, &reader->rule->access.labels);
}

static int read_mode(PolicyReader *reader, json_object *value)
{
        static const char *const words[] = {"vfio",     "iommufd", "iommufd-unbound",
                                            "group-fd", "path",    NULL};
        LeaseMode mode;
        int r = policy_check_type(reader, value, json_type_string);

        if (r != 0)
                return r;
        mode = lease_mode_from_string(json_object_get_string(value));
        if (mode == LEASE_MODE_NONE)
                return policy_complain_word(reader, value, "mode", words);
        reader->rule->access.modes |= 1U << mode;
        return 0;
}

static int read_modes(PolicyReader *reader, json_object *list)
{
        size_t n;
        int r = policy_check_list(reader, list, &n);

        for (size_t i = 0; r == 0 && i < n; i++)
                r = read_mode(reader, json_object_array_get_idx(list, i));
        return r;
}

static int read_exclusive(PolicyReader *reader, json_object *value)
{
        reader->rule->terms.exclusive_process = json_object_get_boolean(value);
        return 0;
}

static int read_grace(PolicyReader *reader, json_object *value)
{
        return policy_read_number(reader, value, "a grace in seconds", 0, POLICY_GRACE_MAX,
                                  &reader->rule->terms.revoke_grace);
}

static int read_cooldown(PolicyReader *reader, json_object *value)
{
        return policy_read_number(reader, value, "a cooldown in seconds", 0, POLICY_COOLDOWN_MAX,
                                  &reader->rule->terms.cooldown);
}

static int read_domain_type(PolicyReader *reader, json_object *value)
{
        static const char *const words[] = {"DMA", "DMA-FQ", NULL};
        DomainType type = domain_type_from_string(json_object_get_string(value));

        if (type != DOMAIN_TYPE_DMA && type != DOMAIN_TYPE_DMA_FQ)
                return policy_complain_word(reader, value, "type", words);
        reader->rule->terms.type = type;
        return 0;
}

/* "16G": the number of digits is limited, so that no unit overflows. */
static bool parse_memlock(const char *text, uint64_t *ret)
{
        size_t n = strspn(text, "0123456789");

        return text[0] != '0' && n <= (text[n] ? MEMLOCK_DIGITS_MAX : MEMLOCK_BYTES_DIGITS_MAX) &&
               memlock_parse_size(text, ret);
}

static int read_memlock(PolicyReader *reader, json_object *value)
{
        const bool is_text = json_object_get_type(value) == json_type_string;
        const char *text = is_text ? json_object_get_string(value) : "";
        int64_t number = json_object_get_int64(value);

        if (json_object_get_type(value) == json_type_int && number >= 1 &&
            number <= POLICY_MEMLOCK_MAX)
                reader->rule->terms.memlock = (uint64_t)number;
        else if (is_text && strcmp(text, "unlimited") == 0)
                reader->rule->terms.memlock = POLICY_MEMLOCK_UNLIMITED;
        else if (!is_text || !parse_memlock(text, &reader->rule->terms.memlock))
                return policy_complain(
                        reader, value,
                        "invalid limit%s%s: use bytes, \"16G\", \"512M\" or \"unlimited\"",
                        is_text ? " is called " : "", text);
        return 0;
}

int policy_read_lease(PolicyReader *reader, json_object *value)
{
        static const PolicyMember members[] = {
                {"users", json_type_array, read_users},
                {"groups", json_type_array, read_groups},
                {"units", json_type_array, read_units},
                {"labels", json_type_array, read_labels},
                {"modes", json_type_array, read_modes},
                {"exclusive_process", json_type_boolean, read_exclusive},
                {"revoke_grace", json_type_int, read_grace},
                {"cooldown", json_type_int, read_cooldown},
                {"type", json_type_string, read_domain_type},
                {"memlock", json_type_null, read_memlock},
        };

        if (json_object_get_type(value) == json_type_string) {
                if (strcmp(json_object_get_string(value), "deny") != 0)
                        return policy_complain(reader, value, "\"lease\" is an object or \"deny\"");
                reader->rule->access.deny = true;
                return 0;
        }
        if (json_object_get_type(value) != json_type_object)
                return policy_complain(reader, value, "\"lease\" is an object or \"deny\"");
        return policy_read_members(reader, value, members, ARRAY_SIZE(members));
}
