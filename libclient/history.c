/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reads the daemon's entries from the journal, by their message ids. The daemon leaves out a field
 * whose value it did not know.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "core/model/audit.h"
#include "libclient/arena.h"
#include "libclient/isolation.h"

struct iso_history {
        Arena arena;
        iso_history_entry *entries;
        size_t n_entries, capacity;
};

static void journal_closep(sd_journal **journal)
{
        sd_journal_close(*journal);
}

iso_history *iso_history_free(iso_history *history)
{
        if (history) {
                arena_deinit(&history->arena);
                free(history);
        }
        return NULL;
}

DEFINE_CLEANUP(iso_history *, iso_history_free);

/* Replaces control characters: clients choose some of the text, and terminals show it. */
static void tame(char *text)
{
        for (; *text; text++)
                if ((unsigned char)*text < 0x20 || *text == 0x7f)
                        *text = '?';
}

/* The value of "NAME=value" as text of the arena's, or NULL if memory is short. */
static char *take_value(Arena *arena, const char *name, const void *data, size_t n)
{
        size_t skip = strlen(name) + 1;
        char *text = arena_alloc(arena, (n > skip ? n - skip : 0) + 1, 1);

        if (text && n > skip) {
                memcpy(text, (const char *)data + skip, n - skip);
                tame(text);
        }
        return text;
}

/* A field of the current entry; "" if it has none. Returns 0 or -errno. */
static int read_field(sd_journal *journal, Arena *arena, const char *name, const char **ret)
{
        const void *data;
        size_t n;

        *ret = "";
        int r = sd_journal_get_data(journal, name, &data, &n);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        *ret = take_value(arena, name, data, n);
        return *ret ? 0 : -ENOMEM;
}

/* All fields of that name. Returns 0 or -errno. */
static int read_list(sd_journal *journal, Arena *arena, const char *name,
                     const char *const **ret_list)
{
        const char **list = arena_alloc(arena, 1, sizeof(*list));
        size_t n_list = 0, capacity = 0, n_name = strlen(name), n;
        const void *data;

        if (!list)
                return -ENOMEM;
        SD_JOURNAL_FOREACH_DATA(journal, data, n)
        {
                if (n <= n_name || memcmp(data, name, n_name) != 0 ||
                    ((const char *)data)[n_name] != '=')
                        continue;
                list = arena_grow(arena, n_list > 0 ? list : NULL, n_list, &capacity,
                                  sizeof(*list));
                if (!list)
                        return -ENOMEM;
                list[n_list] = take_value(arena, name, data, n);
                if (!list[n_list++])
                        return -ENOMEM;
        }
        *ret_list = list;
        return 0;
}

/* -1 if the text is not a number. */
static int64_t to_number(const char *text)
{
        char *end;

        errno = 0;
        unsigned long long number = strtoull(text, &end, 10);
        return *text < '0' || *text > '9' || *end || errno || number > UINT32_MAX ? -1
                                                                                  : (int64_t)number;
}

static int read_entry(sd_journal *journal, Arena *arena, iso_history_entry *entry)
{
        const char *id, *lease, *uid;
        const struct {
                const char *name, **value;
        } texts[] = {
                {"MESSAGE_ID", &id},
                {AUDIT_FIELD_LEASE, &lease},
                {AUDIT_FIELD_OWNER_UID, &uid},
                {AUDIT_FIELD_OWNER_UNIT, &entry->unit},
                {AUDIT_FIELD_RULE, &entry->rule},
                {AUDIT_FIELD_MODE, &entry->mode},
                {AUDIT_FIELD_GUARD, &entry->guard},
                {AUDIT_FIELD_ENDED, &entry->ended},
                {AUDIT_FIELD_REFUSAL, &entry->refusal},
                {"_BOOT_ID", &entry->boot},
                {"MESSAGE", &entry->text},
        };

        int r = sd_journal_get_realtime_usec(journal, &entry->time_usec);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(texts); i++)
                r = read_field(journal, arena, texts[i].name, texts[i].value);
        if (r >= 0)
                r = read_list(journal, arena, AUDIT_FIELD_GROUP, &entry->groups);
        if (r >= 0)
                r = read_list(journal, arena, AUDIT_FIELD_DEVICE, &entry->devices);
        if (r < 0)
                return r;
        entry->event = audit_event_to_string(audit_event_from_id(id, strlen(id)));
        entry->lease = to_number(lease) > 0 ? (uint32_t)to_number(lease) : 0;
        entry->uid = to_number(uid);
        return 0;
}

/*
 * Any process can write to the journal with our ids: accept only entries that root's service has
 * written.
 */
static int match(sd_journal *journal)
{
        int r = sd_journal_add_match(journal, "_UID=0", 0);

        if (r >= 0)
                r = sd_journal_add_conjunction(journal);
        for (AuditEvent event = AUDIT_NONE + 1; r >= 0 && event < _AUDIT_N; event++) {
                char text[64];

                (void)snprintf(text, sizeof(text), "MESSAGE_ID=%s", audit_event_id(event));
                r = sd_journal_add_match(journal, text, 0);
        }
        return r;
}

int iso_history_read(uint64_t since_usec, iso_history **ret_history)
{
        _cleanup_(journal_closep) sd_journal *journal = NULL;
        _cleanup_(iso_history_freep) iso_history *history = calloc(1, sizeof(*history));

        if (!history)
                return -ENOMEM;
        int r = sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
        if (r >= 0)
                r = match(journal);
        if (r >= 0)
                r = sd_journal_seek_realtime_usec(journal, since_usec);
        while (r >= 0 && (r = sd_journal_next(journal)) > 0) {
                history->entries = arena_grow(&history->arena, history->entries, history->n_entries,
                                              &history->capacity, sizeof(*history->entries));
                r = history->entries ? read_entry(journal, &history->arena,
                                                  &history->entries[history->n_entries])
                                     : -ENOMEM;
                if (r >= 0)
                        history->n_entries++;
        }
        if (r < 0)
                return r;
        *ret_history = TAKE_PTR(history);
        return 0;
}

const iso_history_entry *iso_history_entries(const iso_history *history, size_t *ret_n)
{
        *ret_n = history->n_entries;
        return history->entries;
}
