/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The queue as a file, `queue` beside the records: an array of requests in their order, read
 * strictly. The IOMMU groups of a request are not written: a new daemon finds them itself.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/host/file.h"
#include "daemon/lease/json.h"
#include "daemon/queue/queue_internal.h"

#define NAME "queue"
#define VERSION 1
#define GIDS_MAX 65536 /* NGROUPS_MAX of Linux */

#define FIELD(key, member, kind, ...) JSON_FIELD(Waiter, key, member, kind, __VA_ARGS__)
#define NUMBER(key, member, most) FIELD(key, member, JSON_NUMBER, .max = (most))

static const JsonField fields[] = {
        NUMBER("mode", request.options.mode, _LEASE_MODE_N - 1),
        NUMBER("lifetime", request.options.lifetime, _LEASE_LIFETIME_N - 1),
        NUMBER("path_uid", request.who.path_uid, UINT32_MAX),
        NUMBER("type", request.options.type, _DOMAIN_TYPE_N - 1),
        NUMBER("memory", request.options.memory, INT64_MAX),
        NUMBER("pid", request.who.pid, INT32_MAX),
        NUMBER("uid", request.who.uid, UINT32_MAX),
        NUMBER("with_members", request.options.with_members, 1),
        NUMBER("force", request.options.force, 1),
        NUMBER("release_console", request.options.release_console, 1),
        NUMBER("since_usec", since_usec, INT64_MAX),
        NUMBER("until_usec", until_usec, INT64_MAX), /* INT64_MAX: no limit */
        FIELD("unit", request.who.unit, JSON_STRING),
        FIELD("served", is_served, JSON_FLAG, .may_miss = true, .omit_empty = true),
        FIELD("bus", bus, JSON_TEXT, .may_miss = true, .omit_empty = true),
        FIELD("label", request.who.label, JSON_STRING, .may_miss = true, .omit_empty = true),
        FIELD("owner", request.who.name, JSON_STRING_OR_NULL, .max = LEASE_OWNER_NAME_SIZE - 1),
        FIELD("driver", request.options.driver, JSON_TEXT),
        FIELD("ticket", request.ticket, JSON_STRING, .min = 1, .max = REQUEST_TICKET_SIZE - 1),
};

static const JsonTable table = JSON_TABLE(fields);

#define VALUES(key, member, n_member, most, inside, ...)                                           \
        JSON_VALUES(Waiter, key, request.member, request.n_member, most, inside, __VA_ARGS__)

static const JsonList lists[] = {
        VALUES("selectors", selectors, n_selectors, REQUEST_SELECTORS_MAX, false,
               .kind = JSON_STRING),
        VALUES("gids", who.gids, who.n_gids, GIDS_MAX, false, .kind = JSON_NUMBER,
               .max = UINT32_MAX),
        VALUES("modes", options.modes, options.n_modes, _LEASE_MODE_N, true, .kind = JSON_NUMBER,
               .min = LEASE_MODE_NONE + 1, .max = _LEASE_MODE_N - 1),
};

static int put_request(struct json_object *entry, const Waiter *waiter)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lists); i++)
                r = json_put_list(entry, &lists[i], waiter);
        return r < 0 ? r : json_put_fields(entry, table, waiter);
}

/* The length of a text in JSON, as json-c writes it. */
static size_t measure_text(const char *text)
{
        size_t n = strlen("\"\",");

        for (; text && *text; text++)
                n += (unsigned char)*text < 0x20 || *text == 0x7f ? strlen("\\u0000")
                     : strchr("\"\\/", *text)                     ? 2
                                                                  : 1;
        return n;
}

size_t queue_state_measure(const Waiter *waiter)
{
        const AcquireRequest *request = &waiter->request;
        /* Room for keys, numbers, modes and the id of the bus. */
        size_t n = 1024 + request->who.n_gids * strlen("4294967295,");

        for (size_t i = 0; request->selectors && request->selectors[i]; i++)
                n += measure_text(request->selectors[i]);
        return n + measure_text(request->who.unit) + measure_text(request->who.label) +
               measure_text(request->who.name) + measure_text(request->options.driver) +
               measure_text(request->ticket);
}

int queue_state_save(const char *directory, const Waiter *first)
{
        _cleanup_(json_putp) struct json_object *root = json_object_new_object();
        struct json_object *array = json_object_new_array();
        size_t n = 0;

        _cleanup_(closep) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || !root) {
                (void)json_object_put(array);
                return fd < 0 ? -errno : -ENOMEM;
        }
        int r = json_put(root, "waiters", array);
        if (r == 0)
                r = json_put(root, "version", json_object_new_int(VERSION));
        for (const Waiter *waiter = first; r == 0 && waiter; waiter = waiter->next) {
                struct json_object *entry;

                if (!waiter->request.ticket)
                        continue;
                entry = json_object_new_object();
                r = json_append(array, entry);
                if (r == 0)
                        r = put_request(entry, waiter);
                n++;
        }
        if (r < 0)
                return r;
        if (n == 0)
                return unlinkat(fd, NAME, 0) < 0 && errno != ENOENT ? -errno : 0;
        const char *text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN);
        return text ? file_replace(fd, NAME, text, 0600) : -ENOMEM;
}

static int parse_waiter(struct json_object *entry, Waiter **ret_waiter)
{
        _cleanup_(waiter_freep) Waiter *waiter = calloc(1, sizeof(*waiter));
        if (!waiter)
                return -ENOMEM;

        int r = json_get_fields(entry, table, VERSION, waiter);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lists); i++)
                r = json_get_list(entry, &lists[i], VERSION, waiter);
        if (r == 0 && waiter->request.n_selectors == 0)
                r = -EBADMSG;
        if (r < 0)
                return r;
        waiter->request.wait_usec = 1;
        if (waiter->until_usec == INT64_MAX)
                waiter->until_usec = REQUEST_WAIT_FOREVER;
        *ret_waiter = TAKE_PTR(waiter);
        return 0;
}

static int parse(const char *text, Waiter **ret_first)
{
        unsigned version;
        _cleanup_(json_putp) struct json_object *root = json_read(text, VERSION, &version);
        struct json_object *array = root ? json_get_array(root, "waiters", QUEUE_MAX) : NULL;
        Waiter **at = ret_first;
        int r = 0;

        if (!array)
                return -EBADMSG;
        for (size_t i = 0; r == 0 && i < json_object_array_length(array); i++) {
                r = parse_waiter(json_object_array_get_idx(array, i), at);
                if (r == 0)
                        at = &(*at)->next;
        }
        return r;
}

int queue_state_load(const char *directory, Waiter **ret_first)
{
        _cleanup_(freep) char *text = NULL;
        Waiter *first = NULL;

        _cleanup_(closep) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        int r = file_read(fd, NAME, &text);
        if (r == 0)
                r = parse(text, &first);
        if (r == 0 || r == -ENOENT) {
                *ret_first = first;
                return 0;
        }
        waiters_free(first);
        char aside[NAME_MAX + 1];
        int set = r == -EBADMSG ? file_set_aside(fd, NAME, aside) : 0;
        return set < 0 ? set : r;
}
