/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Snapshots of real machines as JSON, with each element of a list and each member of an object
 * removed alone (thinner.h).
 *
 * The absence of a few members describes another complete machine: a device without `driver` is
 * unbound, one without `vf` is no VF. The changes that this may make are excepted below.
 */

#include <json.h>
#include <stdio.h>
#include <string.h>

#include "core/probe/machine.h"
#include "core/probe/snapshot_json.h"
#include "thinner.h"

#define MOST_NORMAL 2
#define DEPTH_MAX 8
#define KEYS_MAX 64
#define WHERE_SIZE 160

/* A document that loses parts, and the reading of the whole. */
typedef struct Sweep {
        const Reading *whole;
        json_object *document;
        size_t most;
        bool good;
} Sweep;

static size_t n_elements, n_members, n_refused;

static void value_putp(json_object **value)
{
        json_object_put(*value);
}

/* Reads the document as it is now. */
static void read_again(Sweep *sweep, const char *where, unsigned what)
{
        _cleanup_(reading_deinit) Reading thin = {0};
        _cleanup_(freep) char *message = NULL;
        Snapshot *snapshot = NULL;
        size_t n = 0;
        const char *text =
                json_object_to_json_string_length(sweep->document, JSON_C_TO_STRING_PLAIN, &n);

        if (snapshot_json_read("text", text, n, &snapshot, &message) != 0) {
                n_refused++;
                return;
        }
        reading_take(&thin, snapshot);
        sweep->good &= thin_check(sweep->whole, &thin, where, what);
}

/*
 * The facts that can be compared without the member: all except those that its absence changes.
 */
static unsigned comparable(const char *key)
{
        static const struct {
                const char *key;
                unsigned other;
        } rows[] = {
                /* Unbound: no driver has to be unbound. */
                {"driver", THIN_BIT(STRENGTH_CLAIMABLE)},
                /* A function of its own and of its own slot. */
                {"vf", THIN_ALL},
                /* Firmware gives it no second requester id. */
                {"ivrs_alias", THIN_ALL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (strcmp(rows[i].key, key) == 0)
                        return THIN_ALL & ~rows[i].other;
        return THIN_ALL;
}

static void take_apart(Sweep *sweep, json_object *value, const char *where, unsigned depth);

/* Copies of the names, which the caller frees. */
static size_t list_keys(json_object *object, char *keys[static KEYS_MAX])
{
        size_t n = 0;

        json_object_object_foreach(object, key, value)
        {
                (void)value;
                if (n == KEYS_MAX || !(keys[n] = strdup(key)))
                        abort();
                n++;
        }
        return n;
}

static void take_members(Sweep *sweep, json_object *object, const char *where, unsigned depth)
{
        char *keys[KEYS_MAX];
        size_t n = list_keys(object, keys);

        for (size_t i = 0; i < n; i++) {
                _cleanup_(freep) char *key = keys[i];
                _cleanup_(value_putp) json_object *member =
                        json_object_get(json_object_object_get(object, key));
                char path[WHERE_SIZE];

                (void)snprintf(path, sizeof(path), "%s.%s", where, key);
                json_object_object_del(object, key);
                n_members++;
                read_again(sweep, path, comparable(key));
                if (json_object_object_add(object, key, json_object_get(member)) < 0)
                        abort();
                take_apart(sweep, member, path, depth + 1);
        }
}

/* The last element replaces the removed one: the order has no meaning. */
static void take_element(Sweep *sweep, json_object *list, size_t i, const char *where)
{
        size_t last = json_object_array_length(list) - 1;
        _cleanup_(value_putp) json_object *element =
                json_object_get(json_object_array_get_idx(list, i));
        _cleanup_(value_putp) json_object *moved =
                json_object_get(json_object_array_get_idx(list, last));

        if ((i != last && json_object_array_put_idx(list, i, json_object_get(moved)) < 0) ||
            json_object_array_del_idx(list, last, 1) < 0)
                abort();
        n_elements++;
        read_again(sweep, where, THIN_ALL);
        if ((i != last && json_object_array_put_idx(list, i, json_object_get(element)) < 0) ||
            json_object_array_add(list, json_object_get(moved)) < 0)
                abort();
}

static void take_elements(Sweep *sweep, json_object *list, const char *where, unsigned depth)
{
        size_t n = json_object_array_length(list), step = thin_step(n, sweep->most);

        for (size_t i = 0; i < n; i += step) {
                json_object *element = json_object_array_get_idx(list, i), *address = NULL;
                char path[WHERE_SIZE];

                (void)json_object_object_get_ex(element, "address", &address);
                (void)snprintf(path, sizeof(path), "%s[%s]", where,
                               address ? json_object_get_string(address) : "");
                take_element(sweep, list, i, path);
                take_apart(sweep, element, path, depth + 1);
        }
}

static void take_apart(Sweep *sweep, json_object *value, const char *where, unsigned depth)
{
        if (depth > DEPTH_MAX)
                return;
        if (json_object_is_type(value, json_type_object))
                take_members(sweep, value, where, depth);
        else if (json_object_is_type(value, json_type_array))
                take_elements(sweep, value, where, depth);
}

static char *write_snapshot(const Snapshot *snapshot)
{
        char *text = NULL;
        size_t n = 0;
        FILE *stream = open_memstream(&text, &n);

        if (!stream || snapshot_json_write(snapshot, 0, stream) < 0 || fclose(stream) != 0)
                abort();
        return text;
}

static bool check_dump(const char *path, size_t most)
{
        size_t n = 0;
        _cleanup_(freep) char *dump = thin_read_file(path, &n), *text = NULL, *message = NULL;
        _cleanup_(value_putp) json_object *document = NULL;
        _cleanup_(reading_deinit) Reading whole = {0};
        Snapshot *snapshot = NULL;

        if (machine_parse("text", dump, n, NULL, &snapshot, &message) != 0) {
                printf("# %s: not read\n", path);
                return false;
        }
        reading_take(&whole, snapshot);
        text = write_snapshot(whole.snapshot);
        document = json_tokener_parse(text);
        if (!document)
                abort();
        Sweep sweep = {.whole = &whole, .document = document, .most = most, .good = true};
        take_apart(&sweep, document, "", 0);
        return sweep.good;
}

static void tell(void)
{
        printf("# tell: %zu elements and %zu members of JSON taken out, of which %zu refused\n",
               n_elements, n_members, n_refused);
}

int main(void)
{
        return thin_run(check_dump, MOST_NORMAL, tell);
}
