/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The queue as a file, `queue` beside the records: an array of requests in their order, read
 * strictly. A group list is not written: a new daemon looks for itself.
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

static int put_request(struct json_object *entry, const Waiter *waiter)
{
        const AcquireRequest *request = &waiter->request;
        struct json_object *selectors = json_object_new_array(), *gids = json_object_new_array();
        struct json_object *modes = json_object_new_array();
        bool is_forever = waiter->until_usec >= INT64_MAX;
        int r = json_put(entry, "selectors", selectors), s = json_put(entry, "gids", gids);
        int m = json_put(entry, "modes", modes);

        r = r == 0 ? s : r;
        r = r == 0 ? m : r;
        for (size_t i = 0; r == 0 && i < request->n_modes; i++)
                r = json_append(modes, json_object_new_int((int)request->modes[i]));
        for (size_t i = 0; r == 0 && request->selectors[i]; i++)
                r = json_append(selectors, json_object_new_string(request->selectors[i]));
        for (size_t i = 0; r == 0 && i < request->n_gids; i++)
                r = json_append(gids, json_object_new_int64(request->gids[i]));
        const struct {
                const char *key;
                int64_t value;
        } numbers[] = {
                {"mode", (int64_t)request->mode},
                {"lifetime", (int64_t)request->lifetime},
                {"path_uid", request->path_uid},
                {"type", (int64_t)request->type},
                {"memory", request->memory > INT64_MAX ? INT64_MAX : (int64_t)request->memory},
                {"pid", request->pid},
                {"uid", request->uid},
                {"with_members", request->with_members},
                {"force", request->force},
                {"release_console", request->release_console},
                {"since_usec", (int64_t)waiter->since_usec},
                {"until_usec", is_forever ? INT64_MAX : (int64_t)waiter->until_usec},
        };
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(numbers); i++)
                r = json_put(entry, numbers[i].key, json_object_new_int64(numbers[i].value));
        if (r == 0)
                r = json_put(entry, "unit", json_object_new_string(request->unit));
        if (r == 0 && waiter->is_served)
                r = json_put(entry, "served", json_object_new_boolean(true));
        if (r == 0 && waiter->bus[0])
                r = json_put(entry, "bus", json_object_new_string(waiter->bus));
        if (r == 0 && request->label)
                r = json_put(entry, "label", json_object_new_string(request->label));
        if (r == 0)
                r = json_put(entry, "owner",
                             json_object_new_string(request->owner ? request->owner : ""));
        if (r == 0)
                r = json_put(entry, "driver", json_object_new_string(request->driver));
        if (r == 0)
                r = json_put(entry, "ticket", json_object_new_string(request->ticket));
        return r;
}

/* In JSON as json-c writes it. */
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
        /* Keys, numbers, modes and the id of the bus. */
        size_t n = 1024 + request->n_gids * strlen("4294967295,");

        for (size_t i = 0; request->selectors && request->selectors[i]; i++)
                n += measure_text(request->selectors[i]);
        return n + measure_text(request->unit) + measure_text(request->label) +
               measure_text(request->owner) + measure_text(request->driver) +
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

/* Borrows its texts from `entry`; the arrays are the caller's to free. */
static bool parse_lists(struct json_object *entry, AcquireRequest *request)
{
        struct json_object *selectors = json_get_array(entry, "selectors", REQUEST_SELECTORS_MAX);
        struct json_object *gids = json_get_array(entry, "gids", GIDS_MAX);
        size_t n = selectors ? json_object_array_length(selectors) : 0;

        if (n == 0 || !gids)
                return false;
        const char **texts = calloc(n + 1, sizeof(*texts));
        request->n_gids = json_object_array_length(gids);
        gid_t *numbers = calloc(request->n_gids + 1, sizeof(*numbers));
        request->selectors = texts;
        request->gids = numbers;
        for (size_t i = 0; texts && i < n; i++) {
                struct json_object *text = json_object_array_get_idx(selectors, i);

                if (!json_object_is_type(text, json_type_string))
                        return false;
                texts[i] = json_object_get_string(text);
        }
        for (size_t i = 0; numbers && i < request->n_gids; i++) {
                struct json_object *number = json_object_array_get_idx(gids, i);
                int64_t gid = json_object_is_type(number, json_type_int)
                                      ? json_object_get_int64(number)
                                      : -1;

                if (gid < 0 || gid > UINT32_MAX)
                        return false;
                numbers[i] = (gid_t)gid;
        }
        return texts && numbers;
}

static bool parse_modes(struct json_object *entry, AcquireRequest *request)
{
        struct json_object *modes = json_get_array(entry, "modes", _LEASE_MODE_N);

        for (size_t i = 0; modes && i < json_object_array_length(modes); i++) {
                struct json_object *mode = json_object_array_get_idx(modes, i);
                int64_t value =
                        json_object_is_type(mode, json_type_int) ? json_object_get_int64(mode) : -1;

                if (value <= LEASE_MODE_NONE || value >= _LEASE_MODE_N)
                        return false;
                request->modes[request->n_modes++] = (LeaseMode)value;
        }
        return modes;
}

/* What may not be there: not every machine has labels, older daemons did not write the bus. */
static bool parse_optional(struct json_object *entry, AcquireRequest *request, Waiter *waiter)
{
        struct json_object *value;

        if (json_object_object_get_ex(entry, "served", &value) &&
            !json_get_flag(entry, "served", &waiter->is_served))
                return false;
        if (json_object_object_get_ex(entry, "bus", &value)) {
                const char *bus = json_get_string(entry, "bus");

                if (!bus || strlen(bus) >= sizeof(waiter->bus))
                        return false;
                (void)snprintf(waiter->bus, sizeof(waiter->bus), "%s", bus);
        }
        if (!json_object_object_get_ex(entry, "label", &value))
                return true;
        request->label = json_get_string(entry, "label");
        return request->label;
}

static bool parse_request(struct json_object *entry, AcquireRequest *request, Waiter *waiter)
{
        int64_t mode, lifetime, type, memory, pid, uid, path_uid, with_members, force, console,
                since, until;
        const char *owner = json_get_string(entry, "owner");
        const char *driver = json_get_string(entry, "driver");

        request->unit = json_get_string(entry, "unit");
        request->ticket = json_get_string(entry, "ticket");
        if (!owner || !driver || strlen(driver) >= sizeof(request->driver) || !request->unit ||
            !request->ticket || !request->ticket[0] ||
            strlen(request->ticket) >= REQUEST_TICKET_SIZE ||
            strlen(owner) >= LEASE_OWNER_NAME_SIZE ||
            !json_get_number(entry, "mode", _LEASE_MODE_N - 1, &mode) ||
            !json_get_number(entry, "lifetime", _LEASE_LIFETIME_N - 1, &lifetime) ||
            !json_get_number(entry, "uid", UINT32_MAX, &uid) ||
            !json_get_number(entry, "path_uid", UINT32_MAX, &path_uid) ||
            !json_get_number(entry, "type", _DOMAIN_TYPE_N - 1, &type) ||
            !json_get_number(entry, "memory", INT64_MAX, &memory) ||
            !json_get_number(entry, "pid", INT32_MAX, &pid) || !parse_modes(entry, request) ||
            !parse_optional(entry, request, waiter) ||
            !json_get_number(entry, "with_members", 1, &with_members) ||
            !json_get_number(entry, "force", 1, &force) ||
            !json_get_number(entry, "release_console", 1, &console) ||
            !json_get_number(entry, "since_usec", INT64_MAX, &since) ||
            !json_get_number(entry, "until_usec", INT64_MAX, &until))
                return false;
        request->owner = owner[0] ? owner : NULL;
        (void)snprintf(request->driver, sizeof(request->driver), "%s", driver);
        request->mode = (LeaseMode)mode;
        request->lifetime = (LeaseLifetime)lifetime;
        request->uid = (uid_t)uid;
        request->path_uid = (uid_t)path_uid;
        request->type = (DomainType)type;
        request->memory = (uint64_t)memory;
        request->pid = (pid_t)pid;
        request->with_members = with_members;
        request->force = force;
        request->release_console = console;
        request->wait_usec = 1;
        waiter->since_usec = (uint64_t)since;
        waiter->until_usec = until == INT64_MAX ? REQUEST_WAIT_FOREVER : (uint64_t)until;
        return true;
}

static int parse_waiter(struct json_object *entry, Waiter **ret_waiter)
{
        _cleanup_(waiter_freep) Waiter *waiter = calloc(1, sizeof(*waiter));
        AcquireRequest request = {.selectors = NULL};

        if (!waiter)
                return -ENOMEM;
        bool valid = parse_lists(entry, &request) && parse_request(entry, &request, waiter);
        int r = valid ? request_copy(&request, &waiter->request) : -EBADMSG;
        free((void *)request.selectors);
        free((void *)request.gids);
        if (r == 0)
                *ret_waiter = TAKE_PTR(waiter);
        return r;
}

static int parse(const char *text, Waiter **ret_first)
{
        _cleanup_(json_putp) struct json_object *root = json_tokener_parse(text);
        struct json_object *array;
        Waiter **at = ret_first;
        int64_t version;
        int r = 0;

        if (!json_object_is_type(root, json_type_object) ||
            !json_get_number(root, "version", VERSION, &version) || version != VERSION)
                return -EBADMSG;
        array = json_get_array(root, "waiters", QUEUE_MAX);
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
        if (r == -ENOENT) {
                *ret_first = NULL;
                return 0;
        }
        if (r == 0)
                r = parse(text, &first);
        if (r == 0) {
                *ret_first = first;
                return 0;
        }
        while (first) {
                Waiter *next = first->next;

                waiter_free(first);
                first = next;
        }
        char aside[NAME_MAX + 1];
        int set = r == -EBADMSG ? file_set_aside(fd, NAME, aside) : 0;
        return set < 0 ? set : r;
}
