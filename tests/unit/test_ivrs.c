/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Tables written byte by byte as the specification defines them (48882, 5.2), valid and broken.
 */

#include "core/probe/ivrs.h"
#include "core/probe/sysfs.h"
#include "tap.h"
#include "topology.h"
#include "tree.h"

#define TABLE_MAX 1024
#define HEADER_SIZE 48

typedef struct Table {
        uint8_t bytes[TABLE_MAX];
        size_t n;
        size_t block; /* where the block that is being written begins */
} Table;

static void put(Table *table, const void *bytes, size_t n)
{
        if (table->n + n > TABLE_MAX)
                abort();
        memcpy(table->bytes + table->n, bytes, n);
        table->n += n;
        memcpy(table->bytes + 4, &(uint32_t){(uint32_t)table->n}, 4);
        if (table->block)
                memcpy(table->bytes + table->block + 2,
                       &(uint16_t){(uint16_t)(table->n - table->block)}, 2);
}

static Table table_begin(void)
{
        Table table = {.n = 0};
        uint8_t header[HEADER_SIZE] = "IVRS";

        put(&table, header, sizeof(header));
        return table;
}

static void begin_block(Table *table, uint8_t type, size_t size, uint16_t device, uint16_t segment)
{
        uint8_t header[40] = {type};

        memcpy(header + 4, &device, 2);
        memcpy(header + 16, &segment, 2);
        table->block = table->n;
        put(table, header, size);
}

static void put_entry(Table *table, uint8_t type, uint16_t device)
{
        put(table, (uint8_t[]){type, (uint8_t)device, (uint8_t)(device >> 8), 0}, 4);
}

static void put_alias(Table *table, uint8_t type, uint16_t device, uint16_t source)
{
        put_entry(table, type, device);
        put(table, (uint8_t[]){0, (uint8_t)source, (uint8_t)(source >> 8), 0}, 4);
}

static void put_name(Table *table, uint8_t n)
{
        uint8_t entry[22 + 255] = {0xf0};

        entry[21] = n;
        put(table, entry, 22 + (size_t)n);
}

/* "12-14=20 5:9-9=8": first to last, whose id, the segment before if it is not 0. Freed by caller.
 */
static char *text_of(const Table *table, size_t n, int want)
{
        _cleanup_(ivrs_table_deinit) IvrsTable parsed = {0};
        char *text = NULL;
        size_t n_text = 0;
        FILE *stream;

        /* A copy of exactly that size, so that the sanitizer sees a read beyond it. */
        _cleanup_(freep) uint8_t *bytes = malloc(n ? n : 1);
        if (!bytes)
                abort();
        memcpy(bytes, table->bytes, n);
        CHECK_NUMBER(ivrs_parse(bytes, n, &parsed), want);

        stream = open_memstream(&text, &n_text);
        if (!stream)
                abort();
        for (size_t i = 0; i < parsed.n_aliases; i++) {
                const IvrsAlias *alias = &parsed.aliases[i];

                if (alias->segment)
                        (void)fprintf(stream, "%x:", alias->segment);
                (void)fprintf(stream, "%x-%x=%x ", alias->first, alias->last, alias->alias);
        }
        (void)fclose(stream);
        return text;
}

static void check_table(const Table *table, int want, const char *aliases)
{
        _cleanup_(freep) char *text = text_of(table, table->n, want);

        CHECK_STRING(text, aliases);
}

static void test_entries(void)
{
        Table table = table_begin();

        begin_block(&table, 0x10, 24, 2, 0);
        put_entry(&table, 0x00, 0);
        put_entry(&table, 0x01, 0);
        put_entry(&table, 0x02, 0x0100);
        put_alias(&table, 0x42, 0x0308, 0x0300); /* select: 03:01.0 as 03:00.0 */
        put_alias(&table, 0x43, 0x0408, 0x0400); /* range: 04:01.0 ... */
        put_entry(&table, 0x04, 0x0417);         /* ... to 04:02.7 */
        put_entry(&table, 0x03, 0x0500);         /* a range without alias */
        put_entry(&table, 0x04, 0x05ff);
        put_alias(&table, 0x46, 0x0600, 0x0601); /* extended select: no alias */
        put_alias(&table, 0x47, 0x0700, 0x0701); /* extended range: none either */
        put_entry(&table, 0x04, 0x0707);
        put_alias(&table, 0x48, 0, 0x00a0);      /* special device */
        put_alias(&table, 0x43, 0x0910, 0x0900); /* ends before it begins */
        put_entry(&table, 0x04, 0x0908);
        check_table(&table, 0, "308-308=300 408-417=400 ");
}

static void test_blocks(void)
{
        Table table = table_begin();

        /* Of several kinds for one IOMMU the last kind counts, for every IOMMU. */
        begin_block(&table, 0x10, 24, 2, 0);
        put_alias(&table, 0x42, 0x0101, 0x0100);
        begin_block(&table, 0x20, 32, 0, 0); /* memory */
        begin_block(&table, 0x11, 40, 2, 0);
        put_alias(&table, 0x42, 0x0201, 0x0200);
        begin_block(&table, 0x40, 40, 3, 7);
        put_alias(&table, 0x42, 0x0301, 0x0300);
        check_table(&table, 0, "201-201=200 ");

        begin_block(&table, 0x40, 40, 2, 0);
        put_name(&table, 0);
        put_name(&table, 255);
        put_alias(&table, 0x42, 0x0401, 0x0400);
        check_table(&table, 0, "7:301-301=300 401-401=400 ");

        table = table_begin();
        check_table(&table, 0, "");
}

/*
 * A valid table, truncated at every length: no byte beyond the end is read, and each complete entry
 * counts.
 */
static void test_cut(void)
{
        Table table = table_begin();
        size_t n_first;

        begin_block(&table, 0x11, 40, 2, 0);
        put_alias(&table, 0x42, 0x0101, 0x0100);
        n_first = table.n;
        begin_block(&table, 0x11, 40, 3, 0);
        put_name(&table, 3);
        put_alias(&table, 0x43, 0x0201, 0x0200);
        put_entry(&table, 0x04, 0x0207);
        check_table(&table, 0, "101-101=100 201-207=200 ");
        for (size_t n = 0; n < table.n; n++) {
                _cleanup_(freep) char *text = text_of(&table, n, IVRS_E_NOT_WHOLE);

                CHECK_STRING(text, n < n_first ? "" : "101-101=100 ");
        }
}

static void test_broken(void)
{
        Table table = table_begin(), broken;

        begin_block(&table, 0x10, 24, 2, 0);
        put_alias(&table, 0x42, 0x0101, 0x0100);

        broken = table;
        broken.bytes[0] = 'J';
        check_table(&broken, IVRS_E_NOT_WHOLE, "");
        broken = table;
        broken.bytes[4] = HEADER_SIZE - 1; /* the table's own length */
        broken.bytes[5] = 0;
        check_table(&broken, IVRS_E_NOT_WHOLE, "");
        broken = table;
        memset(broken.bytes + 4, 0xff, 4);
        check_table(&broken, IVRS_E_NOT_WHOLE, "101-101=100 ");
        broken = table;
        broken.bytes[HEADER_SIZE + 2] = 0; /* a block of no length */
        check_table(&broken, IVRS_E_NOT_WHOLE, "");
        broken.bytes[HEADER_SIZE + 2] = 23; /* shorter than its own header */
        check_table(&broken, IVRS_E_NOT_WHOLE, "");
        broken = table;
        put_entry(&broken, 0x42, 0x0201); /* an entry that wants 4 bytes more */
        check_table(&broken, IVRS_E_NOT_WHOLE, "101-101=100 ");
        broken = table;
        put_entry(&broken, 0x80, 0); /* an entry of unknown length */
        put_alias(&broken, 0x42, 0x0201, 0x0200);
        check_table(&broken, IVRS_E_NOT_WHOLE, "101-101=100 ");

        memset(table.bytes, 0xff, sizeof(table.bytes));
        check_table(&table, IVRS_E_NOT_WHOLE, "");
}

/* Two functions of one bus, the second with the first one's alias, and one on another bus. */
static Snapshot *read_machine(const Table *table)
{
        Snapshot *snapshot = NULL;
        const char *root = tree_make();

        tree_device("devices/pci0000:00/0000:00:01.0", 0x1022, 1, 0x060000);
        tree_device("devices/pci0000:00/0000:00:02.0", 0x1022, 2, 0x020000);
        tree_device("devices/pci0000:00/0000:00:03.0", 0x1022, 3, 0x020000);
        for (unsigned i = 1; i <= 3; i++) {
                char path[64];

                (void)snprintf(path, sizeof(path), "devices/pci0000:00/0000:00:0%u.0", i);
                tree_config(path, 4096, PCIE_TYPE_RC_ENDPOINT, -1);
        }
        if (table)
                tree_bytes("firmware/acpi/tables/IVRS", table->bytes, table->n);
        else
                tree_file("firmware/acpi/tables/DMAR", "");
        CHECK_NUMBER(sysfs_read_snapshot(root, &snapshot), 0);
        tree_remove();
        if (!snapshot)
                abort();
        return snapshot;
}

static void check_machine(const Table *table, const char *kernel, const char *sound)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = read_machine(table);
        _cleanup_(partition_freep) Partition *partition = NULL, *closure = NULL;
        _cleanup_(freep) char *text = NULL, *closure_text = NULL;

        CHECK_NUMBER(kernel_groups_compute(snapshot, &partition), 0);
        text = topology_text(snapshot, partition);
        CHECK_STRING(text, kernel);
        CHECK_NUMBER(sound_groups_compute(snapshot, partition, &closure), 0);
        closure_text = topology_text(snapshot, closure);
        CHECK_STRING(closure_text, sound);
}

static void test_groups(void)
{
        _cleanup_(snapshot_freep) Snapshot *none = read_machine(NULL), *some = NULL;
        Table table = table_begin();

        CHECK_NUMBER(none->ivrs, TRISTATE_NO);
        check_machine(NULL, "00:01.0 | 00:02.0 | 00:03.0", "00:01.0 | 00:02.0 | 00:03.0");

        begin_block(&table, 0x11, 40, 2, 0);
        put_alias(&table, 0x42, 0x0018, 0x0010); /* 00:03.0 as 00:02.0 */
        put_alias(&table, 0x42, 0x0008, 0x0108); /* another bus: no group of it */
        check_machine(&table, "00:01.0 | 00:02.0 00:03.0", "00:01.0 | 00:02.0 00:03.0");

        some = read_machine(&table);
        CHECK_NUMBER(some->ivrs, TRISTATE_YES);
        CHECK_NUMBER(some->ivrs_read, TRISTATE_YES);
        CHECK(!some->devices[0].place.has_ivrs_alias && !some->devices[1].place.has_ivrs_alias);
        CHECK(some->devices[2].place.has_ivrs_alias &&
              some->devices[2].place.ivrs_alias_devfn == 0x10);

        put_alias(&table, 0x42, 0x0018, 0x0018); /* the last one counts: itself, so none */
        check_machine(&table, "00:01.0 | 00:02.0 | 00:03.0", "00:01.0 | 00:02.0 | 00:03.0");
}

static void test_reason(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(partition_freep) Partition *partition = NULL;
        _cleanup_(freep) char *text = NULL;
        Table table = table_begin();

        begin_block(&table, 0x11, 40, 2, 0);
        put_alias(&table, 0x42, 0x0018, 0x0010);
        snapshot = read_machine(&table);
        CHECK_NUMBER(kernel_groups_compute(snapshot, &partition), 0);
        if (!CHECK(partition && partition->n_groups == 2 && partition->groups[1].n_reasons == 1))
                return;
        text = reason_describe(snapshot, &partition->groups[1].reasons[0]);
        CHECK_STRING(text,
                     "0000:00:03.0 and 0000:00:02.0 share a requester id: firmware's IVRS table "
                     "has 0000:00:03.0 send requests under the id of 0000:00:02.0.");
}

static void test_not_whole(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        Table table = table_begin();

        begin_block(&table, 0x11, 40, 2, 0);
        put_alias(&table, 0x42, 0x0018, 0x0010);
        put_entry(&table, 0xff, 0);
        snapshot = read_machine(&table);
        CHECK_NUMBER(snapshot->ivrs, TRISTATE_YES);
        CHECK_NUMBER(snapshot->ivrs_read, TRISTATE_NO);
        CHECK(snapshot->devices[2].place.has_ivrs_alias);
}

int main(void)
{
        static const TapTest tests[] = {
                {"each kind of entry", test_entries},
                {"blocks of several kinds", test_blocks},
                {"a table that ends anywhere", test_cut},
                {"a table that is wrong", test_broken},
                {"what the aliases make of groups", test_groups},
                {"why they are together", test_reason},
                {"a table that could not be read whole", test_not_whole},
        };

        return tap_run(tests);
}
