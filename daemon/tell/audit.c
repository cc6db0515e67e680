/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * An entry is a list of fields, which the journal takes as a whole. Entries go to the journal only
 * if it receives the output of the daemon: a daemon that is run by hand, or by a test, prints
 * lines.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "core/model/text.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/facts/guard_facts.h"
#include "daemon/host/kernel_audit.h"
#include "daemon/ledger/ledger.h"
#include "daemon/limits/request.h"
#include "daemon/tell/audit.h"

#define FIELDS_MAX 128 /* further groups and devices are left out */
#define WORD_SIZE 64   /* of a selector that names nothing */
#define REFUSALS_PER_PERIOD 20
#define REFUSALS_PERIOD_USEC (10 * 1000000ULL)

typedef struct Entry {
        struct iovec fields[FIELDS_MAX]; /* strings, owned */
        int n;
} Entry;

static void entry_clear(Entry *entry)
{
        for (int i = 0; i < entry->n; i++)
                free(entry->fields[i].iov_base);
        entry->n = 0;
}

/* Adds NAME=text. Leaves out an empty text, or one for which there is no room. */
static void add(Entry *entry, const char *name, const char *text)
{
        char *field =
                text && *text && entry->n < FIELDS_MAX ? text_print("%s=%s", name, text) : NULL;

        if (field)
                entry->fields[entry->n++] =
                        (struct iovec){.iov_base = field, .iov_len = strlen(field)};
}

static void add_number(Entry *entry, const char *name, unsigned long number)
{
        char text[24];

        (void)snprintf(text, sizeof(text), "%lu", number);
        add(entry, name, text);
}

static void add_record(Entry *entry, const LeaseRecord *record)
{
        add_number(entry, AUDIT_FIELD_LEASE, record->id);
        add_number(entry, AUDIT_FIELD_OWNER_UID, record->owner.uid);
        add(entry, AUDIT_FIELD_OWNER_UNIT, record->owner.unit);
        add(entry, AUDIT_FIELD_RULE, record->terms.rule);
        add(entry, AUDIT_FIELD_MODE, lease_mode_to_string(record->mode));
        for (size_t i = 0; i < record->n_groups; i++)
                add(entry, AUDIT_FIELD_GROUP, record->groups[i].id);
}

static void add_taken(Entry *entry, const LeaseRecord *record)
{
        char text[BDF_TEXT_SIZE];

        for (size_t i = 0; i < record->n_devices; i++)
                if (record->devices[i].role == LEASE_ROLE_TAKEN)
                        add(entry, AUDIT_FIELD_DEVICE, bdf_format(record->devices[i].bdf, text));
}

static const HostPaths
        *audit_host; /* the helper of this host writes to the kernel's audit; or NULL */

void audit_set_host(const HostPaths *host)
{
        audit_host = host;
}

static void send_to_kernel(AuditEvent event, const Entry *entry)
{
        const char *fields[FIELDS_MAX];

        if (!audit_host)
                return;
        for (int i = 0; i < entry->n; i++)
                fields[i] = entry->fields[i].iov_base;
        _cleanup_(freep) char *text = audit_kernel_text(event, fields, (size_t)entry->n);
        if (text)
                kernel_audit_tell(audit_host, text);
}

/*
 * Adds the common fields last: if groups or devices have filled `entry`, some of them are dropped.
 */
static void send_entry(AuditEvent event, Entry *entry, const char *message)
{
        const int n_more = 5;

        send_to_kernel(event, entry);
        if (!getenv("JOURNAL_STREAM"))
                return log_line(audit_event_priority(event), "%s", message);
        while (entry->n > FIELDS_MAX - n_more)
                free(entry->fields[--entry->n].iov_base);
        add(entry, "MESSAGE", message);
        add(entry, "MESSAGE_ID", audit_event_id(event));
        add(entry, AUDIT_FIELD_EVENT, audit_event_to_string(event));
        add_number(entry, "PRIORITY", (unsigned long)audit_event_priority(event));
        add(entry, "SYSLOG_IDENTIFIER", "isolationd");
        if (log_fields(entry->fields, entry->n) < 0)
                log_line(audit_event_priority(event), "%s", message);
}

/* The guard that the entry reports. */
static GuardLayer guard_of(AuditEvent event, const Lease *lease)
{
        bool is_end = event == AUDIT_GIVEN_BACK || event == AUDIT_REPAIRED;

        return is_end ? lease_guard_held(lease) : lease_guard(lease);
}

/*
 * Sends the fields of a lease with all its devices, or only the one at `bdf` if that is not NULL.
 */
_printf_(4, 0) static void send_lease(AuditEvent event, const Lease *lease, const Bdf *bdf,
                                      const char *format, va_list arguments)
{
        const LeaseRecord *record = lease->record;
        _cleanup_(entry_clear) Entry entry = {.n = 0};
        _cleanup_(freep) char *text = text_vprint(format, arguments);
        _cleanup_(freep) char *message = text ? text_print("lease %u%s", record->id, text) : NULL;
        char address[BDF_TEXT_SIZE];

        if (!message)
                return;
        add(&entry, AUDIT_FIELD_GUARD, guard_layer_to_string(guard_of(event, lease)));
        add_record(&entry, record);
        if (event == AUDIT_GIVEN_BACK)
                add(&entry, AUDIT_FIELD_ENDED,
                    record->condition.breach          ? "breached"
                    : record->revocation.end_usec > 0 ? "revoked"
                                                      : "released");
        if (bdf)
                add(&entry, AUDIT_FIELD_DEVICE, bdf_format(*bdf, address));
        else
                add_taken(&entry, record);
        send_entry(event, &entry, message);
}

void audit_lease(AuditEvent event, const Lease *lease, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        send_lease(event, lease, NULL, format, arguments);
        va_end(arguments);
}

void audit_device(AuditEvent event, const Lease *lease, Bdf bdf, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        send_lease(event, lease, &bdf, format, arguments);
        va_end(arguments);
}

/* --- refusals -----------------------------------------------------------------------------------
 */

/* Whether one more refusal may be logged; *ret_missed gets how many were not logged before it. */
static bool may_log(unsigned *ret_missed)
{
        static uint64_t since;
        static unsigned n, missed;
        uint64_t now = clock_usec(CLOCK_MONOTONIC);

        *ret_missed = 0;
        if (now - since > REFUSALS_PERIOD_USEC) {
                since = now;
                n = 0;
        }
        if (n >= REFUSALS_PER_PERIOD) {
                missed++;
                return false;
        }
        n++;
        *ret_missed = missed;
        missed = 0;
        return true;
}

/* Adds a field unless the entry has it. */
static void add_once(Entry *entry, const char *name, const char *text)
{
        size_t n = strlen(name);

        for (int i = 0; i < entry->n; i++) {
                const char *field = entry->fields[i].iov_base;

                if (strncmp(field, name, n) == 0 && field[n] == '=' &&
                    strcmp(field + n + 1, text) == 0)
                        return;
        }
        add(entry, name, text);
}

/* Replaces control characters. */
static void make_plain(char *text)
{
        for (; *text; text++)
                if ((unsigned char)*text < 0x20 || *text == 0x7f)
                        *text = '?';
}

/* Adds what a selector names: the devices, of a group those that would be taken, and their groups.
 */
static void add_selected(Entry *entry, const Ledger *ledger, const char *selector)
{
        const World *world = ledger->world;
        char text[BDF_TEXT_SIZE], said[WORD_SIZE];
        size_t named;

        _cleanup_(freep) bool *devices = calloc(world->snapshot->n_devices + 1, sizeof(*devices));
        if (!devices ||
            world_select(world, &ledger->host, ledger->policy, selector, devices, &named) == 0) {
                (void)snprintf(said, sizeof(said), "%s", selector);
                make_plain(said);
                return add_once(entry, AUDIT_FIELD_DEVICE, said);
        }
        for (size_t i = 0; i < world->snapshot->n_devices; i++) {
                const PciDevice *device = &world->snapshot->devices[i];
                size_t group = world->groups->group_of[i];

                if (!devices[i])
                        continue;
                if (group != SNAPSHOT_NONE)
                        add_once(entry, AUDIT_FIELD_GROUP, world->groups->groups[group].id);
                if (named == SNAPSHOT_NONE || !world_is_bridge(device))
                        add_once(entry, AUDIT_FIELD_DEVICE, bdf_format(device->bdf, text));
        }
}

/* Writes the selectors as the requester wrote them. */
static void write_selectors(const char *const *selectors, char *text, size_t size)
{
        size_t n = 0;

        text[0] = '\0';
        for (; *selectors && n < size; selectors++)
                n += (size_t)snprintf(text + n, size - n, "%s%s", n > 0 ? " " : "", *selectors);
        make_plain(text);
}

void audit_refusal(const Ledger *ledger, const AuditRefusal *refusal)
{
        const char *error = refusal_to_string(refusal->refusal);
        _cleanup_(entry_clear) Entry entry = {.n = 0};
        char what[256];
        unsigned missed;

        if (!may_log(&missed))
                return;
        if (missed > 0)
                log_notice("%u refusals before this one were not logged", missed);
        write_selectors(refusal->selectors, what, sizeof(what));
        _cleanup_(freep) char *text = text_print("uid %u is refused %s: %s: %s", refusal->uid, what,
                                                 error, refusal->message);
        if (!text)
                return;
        add_number(&entry, AUDIT_FIELD_OWNER_UID, refusal->uid);
        add(&entry, AUDIT_FIELD_OWNER_UNIT, refusal->unit);
        add(&entry, AUDIT_FIELD_RULE, refusal->rule);
        add(&entry, AUDIT_FIELD_REFUSAL, error);
        for (size_t i = 0; i < REQUEST_SELECTORS_MAX && refusal->selectors[i]; i++)
                add_selected(&entry, ledger, refusal->selectors[i]);
        send_entry(AUDIT_REFUSED, &entry, text);
}
