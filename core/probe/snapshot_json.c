/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reads a document entry by entry.
 *
 * This file scans the outermost object and its lists; json-c parses one entry at a time, which is
 * converted and freed before the next. So a machine of 65,536 functions needs little more memory
 * than its snapshot, and an error has a line number.
 */

#include "core/probe/snapshot_json.h"

#include "core/probe/snapshot_extras.h"
#include "core/probe/snapshot_fields.h"
#include "core/probe/snapshot_keys.h"

#include <errno.h>
#include <string.h>

#define JSON_DEPTH_MAX 16
#define COMMAND_LINE_MAX 65536

typedef struct Reader {
        const char *name;
        const char *text;
        size_t n_text;
        size_t at;    /* offset of the next character */
        size_t start; /* offset of the last value */
        json_tokener *tokener;
        char **ret_message;
        ReadNotes *notes; /* or NULL */
        Snapshot *snapshot;
        bool has_schema;
        size_t line, line_at; /* a line and its offset, from which lines are counted */
} Reader;

static void tokener_freep(json_tokener **tokener)
{
        if (*tokener)
                json_tokener_free(*tokener);
}

static void value_putp(json_object **value)
{
        json_object_put(*value);
}

/* Returns SNAPSHOT_JSON_E_INVALID, or -ENOMEM, for the caller to return in turn. */
static int complain(const Reader *reader, size_t offset, const char *where, const char *what)
{
        size_t line = 1, column = 1;

        for (size_t i = 0; i < offset && i < reader->n_text; i++) {
                column++;
                if (reader->text[i] == '\n') {
                        line++;
                        column = 1;
                }
        }
        if (asprintf(reader->ret_message, "%s:%zu:%zu: %s%s%s", reader->name, line, column, where,
                     where[0] != '\0' ? ": " : "", what) < 0) {
                *reader->ret_message = NULL;
                return -ENOMEM;
        }
        return SNAPSHOT_JSON_E_INVALID;
}

/* The line of the last value; values come in order, so lines are counted once. */
static size_t line_of_value(Reader *reader)
{
        for (; reader->line_at < reader->start && reader->line_at < reader->n_text; reader->line_at++)
                reader->line += reader->text[reader->line_at] == '\n';
        return reader->line + 1;
}

/* Adds a note about an ignored key; `key` may be NULL. Returns 0 or -ENOMEM. */
static int note_key(Reader *reader, const char *key)
{
        char what[128];

        if (!key || !reader->notes)
                return 0;
        (void)snprintf(what, sizeof(what), "the unknown key \"%.48s\" is ignored", key);
        return read_notes_add(reader->notes, reader->name, line_of_value(reader), what,
                              "read it with the version of isoctl that wrote it");
}

static char peek(Reader *reader)
{
        while (reader->at < reader->n_text &&
               (reader->text[reader->at] == ' ' || reader->text[reader->at] == '\t' ||
                reader->text[reader->at] == '\n' || reader->text[reader->at] == '\r'))
                reader->at++;
        return reader->at < reader->n_text ? reader->text[reader->at] : '\0';
}

static bool take(Reader *reader, char c)
{
        if (peek(reader) != c || c == '\0')
                return false;
        reader->at++;
        return true;
}

/* One whole value; *ret_value is NULL for null. */
static int read_value(Reader *reader, json_object **ret_value)
{
        json_object *value;
        enum json_tokener_error error;

        (void)peek(reader);
        reader->start = reader->at;
        json_tokener_reset(reader->tokener);
        value = json_tokener_parse_ex(reader->tokener, reader->text + reader->at,
                                      (int)(reader->n_text - reader->at));
        error = json_tokener_get_error(reader->tokener);
        reader->at += json_tokener_get_parse_end(reader->tokener);
        if (error == json_tokener_continue)
                return complain(reader, reader->n_text, "", "the text is incomplete");
        if (error != json_tokener_success)
                return complain(reader, reader->at, "", json_tokener_error_desc(error));
        *ret_value = value;
        return 0;
}

/* Converts a value to an entry of a list. Returns 0, -errno, or 1 with *ret_error. */
typedef int (*EntryReader)(Snapshot *snapshot, json_object *value, FieldError *ret_error);

static int add_device(Snapshot *snapshot, json_object *value, FieldError *ret_error)
{
        PciDevice device;

        return field_read_device(value, &device, ret_error) ? snapshot_add(snapshot, &device) : 1;
}

static int add_group(Snapshot *snapshot, json_object *value, FieldError *ret_error)
{
        KernelGroup group;

        return field_read_group(value, &group, ret_error) ? snapshot_add_group(snapshot, &group)
                                                          : 1;
}

static int add_slot(Snapshot *snapshot, json_object *value, FieldError *ret_error)
{
        PciSlot slot;

        return field_read_slot(value, &slot, ret_error) ? snapshot_add_slot(snapshot, &slot) : 1;
}

static int read_entry(Reader *reader, const char *list, size_t index, EntryReader add,
                      SnapshotObject kind)
{
        _cleanup_(value_putp) json_object *value = NULL;
        FieldError error = {0};
        char where[128];
        int r = read_value(reader, &value);

        if (r == 0)
                r = add(reader->snapshot, value, &error);
        else
                return r;
        if (r == -E2BIG)
                return complain(reader, reader->start, list, "the list is too long");
        if (r == 0)
                return note_key(reader, snapshot_find_unknown_key(kind, value));
        if (r < 0)
                return r;
        (void)snprintf(where, sizeof(where), "%s[%zu]%s%s", list, index, error.where[0] ? "." : "",
                       error.where);
        return complain(reader, reader->start, where, error.what);
}

static int read_list(Reader *reader, const char *list, EntryReader add, SnapshotObject kind)
{
        if (!take(reader, '['))
                return complain(reader, reader->at, list, "expected a list");
        if (take(reader, ']'))
                return 0;
        for (size_t i = 0;; i++) {
                int r = read_entry(reader, list, i, add, kind);

                if (r != 0)
                        return r;
                if (take(reader, ']'))
                        return 0;
                if (!take(reader, ','))
                        return complain(reader, reader->at, list, "expected , or ]");
        }
}

static int read_schema(Reader *reader, json_object *value)
{
        if (!json_object_is_type(value, json_type_string) ||
            strcmp(json_object_get_string(value), SNAPSHOT_JSON_SCHEMA) != 0)
                return complain(reader, reader->start, "schema",
                                "only \"" SNAPSHOT_JSON_SCHEMA "\" is understood");
        reader->has_schema = true;
        return 0;
}

static int read_command_line(Reader *reader, const char *text)
{
        free(reader->snapshot->command_line);
        reader->snapshot->command_line = text ? strdup(text) : NULL;
        return text && !reader->snapshot->command_line ? -ENOMEM : 0;
}

/* A member that is not a list. */
static int read_plain(Reader *reader, const char *key)
{
        _cleanup_(value_putp) json_object *value = NULL;
        Snapshot *snapshot = reader->snapshot;
        FieldError error = {0};
        const char *text = NULL;
        bool ok = true;
        int r = read_value(reader, &value);

        if (r != 0)
                return r;
        if (strcmp(key, "schema") == 0)
                return read_schema(reader, value);
        if (strcmp(key, "kernel_release") == 0) {
                ok = field_read_text(value, key, sizeof(snapshot->kernel_release), &text, &error);
                if (ok)
                        (void)snprintf(snapshot->kernel_release, sizeof(snapshot->kernel_release),
                                       "%s", text ? text : "");
        } else if (strcmp(key, "command_line") == 0) {
                ok = field_read_text(value, key, COMMAND_LINE_MAX, &text, &error);
                if (ok)
                        return read_command_line(reader, text);
        } else if (strcmp(key, "ivrs") == 0) {
                ok = field_read_tristate(value, key, &snapshot->ivrs, &error);
        } else if (strcmp(key, "ivrs_read") == 0) {
                ok = field_read_tristate(value, key, &snapshot->ivrs_read, &error);
        } else if (strcmp(key, "interrupt_remapping") == 0) {
                ok = field_read_tristate(value, key, &snapshot->interrupt_remapping, &error);
        } else {
                return note_key(reader, key);
        }
        return ok ? 0 : complain(reader, reader->start, error.where, error.what);
}

/* Reads the next member. `seen` has a bit for each list. */
static int read_member(Reader *reader, unsigned *seen)
{
        static const struct {
                const char *key;
                EntryReader add;
                SnapshotObject kind;
        } lists[] = {{"devices", add_device, SNAPSHOT_OBJECT_DEVICE},
                     {"groups", add_group, SNAPSHOT_OBJECT_GROUP},
                     {"slots", add_slot, SNAPSHOT_OBJECT_SLOT}};
        _cleanup_(value_putp) json_object *key = NULL;
        const char *name;
        int r;

        if (peek(reader) != '"')
                return complain(reader, reader->at, "", "expected a key in quotes");
        r = read_value(reader, &key);
        if (r != 0)
                return r;
        if (!take(reader, ':'))
                return complain(reader, reader->at, "", "expected :");
        name = json_object_get_string(key);
        for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
                if (strcmp(name, lists[i].key) == 0) {
                        if (*seen & 1U << i)
                                return complain(reader, reader->start, name,
                                                "the key appears a second time");
                        *seen |= 1U << i;
                        return read_list(reader, name, lists[i].add, lists[i].kind);
                }
        return read_plain(reader, name);
}

static int read_document(Reader *reader)
{
        unsigned seen = 0;

        if (!take(reader, '{'))
                return complain(reader, reader->at, "", "expected an object");
        if (!take(reader, '}'))
                for (;;) {
                        int r = read_member(reader, &seen);

                        if (r != 0)
                                return r;
                        if (take(reader, '}'))
                                break;
                        if (!take(reader, ','))
                                return complain(reader, reader->at, "", "expected , or }");
                }
        (void)peek(reader);
        if (reader->at != reader->n_text)
                return complain(reader, reader->at, "", "there is text after the document");
        if (!reader->has_schema)
                return complain(reader, 0, "schema",
                                "is missing; \"" SNAPSHOT_JSON_SCHEMA "\" is understood");
        if (!(seen & 1))
                return complain(reader, 0, "devices", "is missing");
        return 0;
}

int snapshot_json_read(const char *name, const char *text, size_t n_text, Snapshot **ret_snapshot,
                       char **ret_message)
{
        return snapshot_json_read_noted(name, text, n_text, NULL, ret_snapshot, ret_message);
}

int snapshot_json_read_noted(const char *name, const char *text, size_t n_text, ReadNotes *notes,
                             Snapshot **ret_snapshot, char **ret_message)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(tokener_freep) json_tokener *tokener = NULL;
        Reader reader = {
                .name = name,
                .text = text,
                .n_text = n_text,
                .ret_message = ret_message,
                .notes = notes,
        };
        int r;

        if (n_text > SNAPSHOT_JSON_SIZE_MAX)
                return complain(&reader, 0, "", "larger than 256 MiB");
        tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
        if (!tokener)
                return -ENOMEM;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS |
                                                JSON_TOKENER_VALIDATE_UTF8);
        r = snapshot_new(&snapshot);
        if (r < 0)
                return r;
        reader.tokener = tokener;
        reader.snapshot = snapshot;

        r = read_document(&reader);
        if (r != 0)
                return r;
        snapshot_sort_extras(snapshot);
        r = snapshot_finish(snapshot);
        if (r == 0)
                r = snapshot_complete_domains(snapshot);
        if (r < 0)
                return r;
        snapshot_share_unknown_parents(snapshot);
        *ret_snapshot = TAKE_PTR(snapshot);
        return 0;
}
