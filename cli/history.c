/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The history of leases from the journal: owner, groups, time, policy rule and end. All entries of
 * one lease make one line; each refusal is a line of its own.
 */

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/document.h"
#include "cli/text.h"

#define TIME_SIZE 32
#define USEC_PER_SEC 1000000ULL

/* The entries of a lease or of a refusal, borrowed; NULL if they were not found. */
typedef struct Story {
        const iso_history_entry *first;
        const iso_history_entry *owner; /* the last entry that names the owner */
        const iso_history_entry *end;   /* released, or repaired */
        const iso_history_entry *trouble;
} Story;

static bool is_event(const iso_history_entry *entry, const char *event)
{
        return strcmp(entry->event, event) == 0;
}

static const char *print_time(uint64_t usec, bool for_people, char text[static TIME_SIZE])
{
        time_t then = (time_t)(usec / USEC_PER_SEC);
        struct tm broken;

        text[0] = '\0';
        if (for_people ? localtime_r(&then, &broken) : gmtime_r(&then, &broken))
                (void)strftime(text, TIME_SIZE,
                               for_people ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%dT%H:%M:%SZ", &broken);
        return text;
}

/* "90s", "30m", "2h", "7d" ago, or a date with or without a time. */
static bool parse_since(const char *text, uint64_t *ret_usec)
{
        static const char *const formats[] = {"%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"};
        static const struct {
                char letter;
                unsigned seconds;
        } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
        uint64_t now = (uint64_t)time(NULL);
        char *end;
        unsigned long long number = strtoull(text, &end, 10);

        for (size_t i = 0; i < ARRAY_SIZE(units) && *text >= '0' && *text <= '9'; i++)
                if (end[0] == units[i].letter && !end[1] && number <= now / units[i].seconds) {
                        *ret_usec = (now - number * units[i].seconds) * USEC_PER_SEC;
                        return true;
                }
        for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
                struct tm broken = {.tm_isdst = -1};
                const char *rest = strptime(text, formats[i], &broken);
                time_t then = rest && !*rest ? mktime(&broken) : -1;

                if (then >= 0) {
                        *ret_usec = (uint64_t)then * USEC_PER_SEC;
                        return true;
                }
        }
        return false;
}

/*
 * Finds the story that an entry belongs to, or starts a new one. Each boot numbers leases from 1.
 */
static Story *find_story(Story *stories, size_t *n, const iso_history_entry *entry)
{
        for (size_t i = *n; i > 0 && entry->lease > 0; i--) {
                Story *story = &stories[i - 1];

                if (story->first->lease != entry->lease ||
                    strcmp(story->first->boot, entry->boot) != 0)
                        continue;
                /* The number of an ended lease can be in use again. */
                if (story->end && (is_event(entry, "taken") || is_event(entry, "forced")))
                        break;
                return story;
        }
        stories[*n] = (Story){.first = entry, .owner = entry};
        return &stories[(*n)++];
}

static Story *tell_stories(const iso_history_entry *entries, size_t n, size_t *ret_n)
{
        Story *stories = must(calloc(n + 1, sizeof(*stories)));

        *ret_n = 0;
        for (size_t i = 0; i < n; i++) {
                const iso_history_entry *entry = &entries[i];
                Story *story = find_story(stories, ret_n, entry);

                if (is_event(entry, "taken") || is_event(entry, "transferred"))
                        story->owner = entry;
                if (is_event(entry, "given-back") || is_event(entry, "repaired"))
                        story->end = entry;
                if (is_event(entry, "breached") || is_event(entry, "quarantined"))
                        story->trouble = entry;
        }
        return stories;
}

/* How the lease ended, or its problem; "" while it lasts. */
static const char *ending(const Story *story)
{
        if (is_event(story->first, "refused"))
                return "refused";
        if (story->end)
                return is_event(story->end, "repaired") ? "repaired" : story->end->ended;
        return story->trouble ? story->trouble->event : "";
}

static void add_story(json_object *array, const Story *story)
{
        const iso_history_entry *owner = story->owner;
        json_object *object = json_append(array, must(json_object_new_object()));
        char text[TIME_SIZE];

        json_add_number(object, "lease", owner->lease, 1);
        json_add_text(object, "boot", owner->boot);
        json_add_text(object, "since", print_time(story->first->time_usec, false, text));
        json_add_optional(object, "until",
                          story->end ? print_time(story->end->time_usec, false, text) : "");
        json_add_optional(object, "ended", ending(story));
        json_add_number(object, "uid", owner->uid, 0);
        json_add_optional(object, "unit", owner->unit);
        json_add_list(object, "groups", owner->groups);
        json_add_list(object, "devices", owner->devices);
        json_add_optional(object, "mode", owner->mode);
        json_add_optional(object, "guard", owner->guard);
        json_add_optional(object, "rule", owner->rule);
        json_add_optional(object, "refusal", owner->refusal);
}

static void print_json(const iso_history_entry *entries, size_t n_entries, const Story *stories,
                       size_t n)
{
        json_object *document = json_document("history"), *array;
        char text[TIME_SIZE];

        array = json_add_array(document, "leases");
        for (size_t i = 0; i < n; i++)
                add_story(array, &stories[i]);
        array = json_add_array(document, "events");
        for (size_t i = 0; i < n_entries; i++) {
                json_object *object = json_append(array, must(json_object_new_object()));

                json_add_text(object, "time", print_time(entries[i].time_usec, false, text));
                json_add_text(object, "event", entries[i].event);
                json_add_number(object, "lease", entries[i].lease, 1);
                json_add_text(object, "text", entries[i].text);
        }
        json_print(document);
}

static void add_row(Table *table, const Story *story)
{
        const iso_history_entry *owner = story->owner;
        bool refused = is_event(story->first, "refused");
        _cleanup_(free_text) char *what =
                join_texts(refused || !*owner->groups ? owner->devices : owner->groups, ",");
        const struct passwd *user = owner->uid >= 0 ? getpwuid((uid_t)owner->uid) : NULL;
        char since[TIME_SIZE], until[TIME_SIZE] = "";

        table_add(table, "%s", print_time(story->first->time_usec, true, since));
        table_add(table, "%s", story->end ? print_time(story->end->time_usec, true, until) : until);
        if (owner->lease > 0)
                table_add(table, "%u", owner->lease);
        else
                table_add(table, "%s", "");
        if (user)
                table_add(table, "%lld(%s)", (long long)owner->uid, user->pw_name);
        else
                table_add(table, "%lld", (long long)owner->uid);
        table_add(table, "%s", owner->unit);
        table_add(table, "%s", what);
        table_add(table, "%s", owner->mode);
        table_add(table, "%s", refused ? owner->refusal : owner->rule);
        table_add(table, "%s", ending(story));
}

static void print_text(const Story *stories, size_t n)
{
        static const char *const names[] = {"SINCE", "UNTIL", "LEASE", "OWNER", "UNIT",
                                            "GROUP", "MODE",  "RULE",  "ENDED"};
        _cleanup_(table_deinit) Table table = {.n_columns = ARRAY_SIZE(names)};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                table_add(&table, "%s", names[i]);
        for (size_t i = 0; i < n; i++)
                add_row(&table, &stories[i]);
        table_print(&table, "");
}

static int run_history(Invocation *invocation)
{
        const iso_history_entry *entries;
        size_t n_entries, n;
        iso_history *history;
        uint64_t since = 0;
        Story *stories;
        int r;

        if (invocation->since && !parse_since(invocation->since, &since))
                return fail_usage(
                        invocation,
                        "%s is not a time; use for instance 30m, 2h, 7d or 2026-01-31 12:00",
                        invocation->since);
        r = iso_history_read(since, &history);
        if (r < 0)
                return fail_refusal(invocation, r, "the journal cannot be read: %s", strerror(-r));
        entries = iso_history_entries(history, &n_entries);
        if (n_entries == 0 && geteuid() != 0)
                note("only root and the group systemd-journal can read the whole journal; this "
                     "list may be incomplete");
        stories = tell_stories(entries, n_entries, &n);
        if (invocation->json)
                print_json(entries, n_entries, stories, n);
        else
                print_text(stories, n);
        free(stories);
        (void)iso_history_free(history);
        return EXIT_DONE;
}

const Verb verb_history = {
        .name = "history",
        .arguments = "",
        .summary = "list past leases: owner, time, policy rule and end",
        .help = "--since TIME   30m, 2h, 7d ago, or 2026-01-31, or 2026-01-31 12:00\n"
                "Reads the journal, as far back as it goes.\n",
        .options = OPTION_SINCE,
        .host = VERB_HOST_NONE,
        .run = run_history,
};
