/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The daemon's journal entries, read from a journal socket of the test: the fields, their number,
 * and the limit on logged refusals.
 */

#include <sys/uio.h>

#include "daemon/facts/guard_facts.h"
#include "daemon/ledger/ledger.h"
#include "daemon/tell/audit.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

int __wrap_log_fields(const struct iovec *fields, int n);

static char entry[32768]; /* the last entry, one line per field */
static unsigned n_entries;
static int n_fields;

int __wrap_log_fields(const struct iovec *fields, int n)
{
        size_t at = 0;

        entry[at++] = '\n';
        for (int i = 0; i < n; i++)
                at += (size_t)snprintf(entry + at, sizeof(entry) - at, "%.*s\n",
                                       (int)fields[i].iov_len, (const char *)fields[i].iov_base);
        n_entries++;
        n_fields = n;
        return 0;
}

static bool has(const char *field)
{
        char line[256];

        (void)snprintf(line, sizeof(line), "\n%s\n", field);
        if (strstr(entry, line))
                return true;
        printf("# no %s in:%s", field, entry);
        return false;
}

static LeaseRecord *make_record(unsigned n)
{
        LeaseRecord *record;

        if (lease_record_new(&record) < 0)
                abort();
        record->id = 7;
        record->owner.uid = 1000;
        record->mode = LEASE_MODE_VFIO;
        free(record->terms.rule);
        record->terms.rule = strdup("50-lab.json: lab-edu");
        if (lease_record_add_group(record, 3, "0000:00/05.0") < 0)
                abort();
        for (unsigned i = 0; i < n; i++) {
                Bdf bdf = {.bus = (uint8_t)(i / 8), .devfn = (uint8_t)(i % 8)};

                if (lease_record_add_device(record, bdf,
                                            i % 2 ? LEASE_ROLE_TAKEN : LEASE_ROLE_BYSTANDER, "",
                                            "") < 0)
                        abort();
        }
        return record;
}

static Ledger *journal_ledger;

/* A lease of `n` functions, of which every second is taken. It was owned as long as it lasted. */
static Lease *make_lease(unsigned n)
{
        static const HostPaths host = {
                .sysfs = "/nonexistent", .dev = "/nonexistent", .proc = "/nonexistent"};
        static const Module *const modules[] = {&guard_facts_module, NULL};
        const GuardFacts owned = {.assigned = true, .owned = true}, none = {.assigned = false};
        struct event_base *base = event_base_new();
        LeaseRecord *record = make_record(n);
        Lease *lease;

        record->state = LEASE_LEASED;
        if (!base || ledger_new(base, &host, "/nonexistent", modules, &journal_ledger) < 0 ||
            ledger_add_lease(journal_ledger, record, &lease) < 0 || guard_facts_set(lease, 0, &owned) < 0)
                abort();
        record->state = LEASE_RELEASING;
        CHECK_NUMBER(guard_facts_set(lease, 0, &none), 0);
        return lease;
}

static void drop_lease(void)
{
        struct event_base *base = journal_ledger->base;

        ledger_free(journal_ledger);
        event_base_free(base);
}

static void test_fields(void)
{
        Lease *lease = make_lease(2);
        const LeaseRecord *record = lease->record;

        audit_lease(AUDIT_FORCED, lease, ": taken by force of uid %u", record->owner.uid);
        CHECK(has("MESSAGE=lease 7: taken by force of uid 1000"));
        CHECK(has("MESSAGE_ID=d7642f0a8ebb41e2a30438dd25ba8f8b"));
        CHECK(has("ISOLATIOND_EVENT=forced") && has("PRIORITY=4"));
        CHECK(has("ISOLATIOND_LEASE=7") && has("ISOLATIOND_OWNER_UID=1000"));
        CHECK(has("ISOLATIOND_GROUP=0000:00/05.0") && has("ISOLATIOND_DEVICE=0000:00:00.1"));
        CHECK(has("ISOLATIOND_MODE=vfio") && has("ISOLATIOND_RULE=50-lab.json: lab-edu"));
        CHECK(has("ISOLATIOND_GUARD=none")); /* as yet */
        /*
         * A device that stays with the host is not listed as taken; an unknown fact is not logged.
         */
        CHECK(!strstr(entry, "00:00.0") && !strstr(entry, "OWNER_UNIT") && !strstr(entry, "ENDED"));
        drop_lease();
}

static void test_kernel_text(void)
{
        static const char *const fields[] = {
                "ISOLATIOND_EVENT=taken",
                "ISOLATIOND_LEASE=3",
                "ISOLATIOND_GROUP=0000:00/05.0",
                "MESSAGE=not ours",
                "ISOLATIOND_RULE=a.json: lab",
                "ISOLATIOND_OWNER_UNIT=x'\n\"",
                "ISOLATIOND_BROKEN",
        };
        const char *many[4000];
        _cleanup_(freep) char *text = audit_kernel_text(AUDIT_TAKEN, fields, ARRAY_SIZE(fields));
        _cleanup_(freep) char *refused = audit_kernel_text(AUDIT_REFUSED, NULL, 0);

        CHECK_STRING(text, "op=taken lease=\"3\" group=\"0000:00/05.0\" "
                           "rule=612E6A736F6E3A206C6162 owner_unit=78270A22 res=success");
        CHECK_STRING(refused, "op=refused res=failed");
        for (size_t i = 0; i < ARRAY_SIZE(many); i++)
                many[i] = "ISOLATIOND_DEVICE=0000:00:00.1";
        _cleanup_(freep) char *cut = audit_kernel_text(AUDIT_TAKEN, many, ARRAY_SIZE(many));
        CHECK(cut && strlen(cut) < 8192 && strstr(cut, " res=success"));
}

static void test_endings(void)
{
        Lease *lease = make_lease(2);
        LeaseRecord *record = lease->record;

        audit_lease(AUDIT_GIVEN_BACK, lease, ": given back");
        CHECK(has("ISOLATIOND_ENDED=released") && has("ISOLATIOND_GUARD=owned"));
        record->revocation.end_usec = 1;
        audit_lease(AUDIT_GIVEN_BACK, lease, ": given back");
        CHECK(has("ISOLATIOND_ENDED=revoked"));
        record->condition.breach = strdup("a driver was quicker");
        audit_lease(AUDIT_GIVEN_BACK, lease, ": given back");
        CHECK(has("ISOLATIOND_ENDED=breached"));
        audit_lease(AUDIT_REPAIRED, lease, ": given back");
        CHECK(has("ISOLATIOND_EVENT=repaired") && has("ISOLATIOND_GUARD=owned"));
        drop_lease();
}

/*
 * More devices than an entry has room for: the fields that identify the event are in it
 * nevertheless.
 */
static void test_many(void)
{
        const Lease *lease = make_lease(1000);

        audit_lease(AUDIT_TAKEN, lease, " is taken");
        CHECK(n_fields <= 128);
        CHECK(has("MESSAGE=lease 7 is taken") && has("ISOLATIOND_LEASE=7"));
        CHECK(has("MESSAGE_ID=0539af1e9b354b9ea372cc6edb5cf43d") && has("PRIORITY=6"));
        CHECK(has("ISOLATIOND_GROUP=0000:00/05.0"));
        drop_lease();
}

/*
 * A group of a card with two functions, and a bridge that no lease takes; a ledger with only the
 * fields needed.
 */
static void make_machine(Ledger *ledger)
{
        static const char *const members[] = {"0000:00:05.0", "0000:00:05.1"};
        char path[128];

        *ledger = (Ledger){.host = {.sysfs = tree_make(), .dev = "/nonexistent"}};
        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                (void)snprintf(path, sizeof(path), "devices/pci0000:00/%s", members[i]);
                tree_device(path, 0x8086, 0x10d3, 0x020000);
                tree_config(path, 256, PCIE_TYPE_RC_ENDPOINT, 0);
                (void)snprintf(path, sizeof(path), "devices/pci0000:00/%s/iommu_group", members[i]);
                tree_link(path, "../../../kernel/iommu_groups/14");
        }
        tree_file("kernel/iommu_groups/14/type", "DMA\n");
        if (world_read(&ledger->host, NULL, &ledger->world) < 0)
                abort();
}

static unsigned count_of(const char *field)
{
        unsigned n = 0;

        for (const char *at = entry; (at = strstr(at, field)); at++)
                n++;
        return n;
}

static void test_refusals(void)
{
        const char *selectors[] = {"00:05.0", NULL, NULL};
        AuditRefusal refusal = {
                .uid = 1001,
                .unit = "a.service",
                .selectors = selectors,
                .refusal = REFUSAL_POLICY_DENIED,
                .message = "no rule lets uid 1001 have it",
        };
        Ledger ledger;

        make_machine(&ledger);
        n_entries = 0;
        audit_refusal(&ledger, &refusal);
        CHECK(has("ISOLATIOND_REFUSAL=PolicyDenied") && has("ISOLATIOND_DEVICE=0000:00:05.0"));
        CHECK(has("ISOLATIOND_OWNER_UID=1001") && has("ISOLATIOND_OWNER_UNIT=a.service"));
        CHECK(count_of("ISOLATIOND_GROUP=") == 1 && count_of("ISOLATIOND_DEVICE=") == 1);
        CHECK(count_of("ISOLATIOND_RULE=") == 0);
        CHECK(has("MESSAGE=uid 1001 is refused 00:05.0: PolicyDenied: no rule lets uid 1001 have "
                  "it"));
        /*
         * Acquires a whole group of which one device was named before. Checks the rule, and missing
         * fields.
         */
        refusal.rule = "50-lab.json:4: lab-edu";
        selectors[1] = "group:14";
        audit_refusal(&ledger, &refusal);
        CHECK(has("ISOLATIOND_RULE=50-lab.json:4: lab-edu"));
        CHECK(has("ISOLATIOND_DEVICE=0000:00:05.0") && has("ISOLATIOND_DEVICE=0000:00:05.1"));
        CHECK(count_of("ISOLATIOND_GROUP=") == 1 && count_of("ISOLATIOND_DEVICE=") == 2);
        selectors[0] = "eth\n7";
        selectors[1] = NULL;
        audit_refusal(&ledger, &refusal);
        CHECK(has("ISOLATIOND_DEVICE=eth?7") && count_of("ISOLATIOND_GROUP=") == 0);
        for (unsigned i = 0; i < 1000; i++)
                audit_refusal(&ledger, &refusal);
        CHECK_NUMBER(n_entries, 20);
        world_free(ledger.world);
        tree_remove();
}

static void test_table(void)
{
        for (AuditEvent event = AUDIT_NONE + 1; event < _AUDIT_N; event++) {
                const char *id = audit_event_id(event);

                CHECK_NUMBER(strlen(id), 32);
                CHECK_NUMBER(audit_event_from_id(id, 32), event);
                CHECK_NUMBER(audit_event_from_id(id, 31), AUDIT_NONE);
                CHECK(*audit_event_to_string(event));
        }
        CHECK_NUMBER(audit_event_from_id("", 0), AUDIT_NONE);
}

int main(void)
{
        static const TapTest tests[] = {
                {"the table", test_table},
                {"the fields of an entry", test_fields},
                {"how a lease ended", test_endings},
                {"a lease of many devices", test_many},
                {"refusals are limited", test_refusals},
                {"words for the kernel's audit", test_kernel_text},
        };

        (void)setenv("JOURNAL_STREAM", "1:1", 1);
        return tap_run(tests);
}
