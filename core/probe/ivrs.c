/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Walks over the blocks, and over the entries of each relevant block.
 *
 * Each step advances by a length that was checked: it is not zero and does not exceed the
 * enclosing block. So each walk ends.
 */

#include "core/probe/ivrs.h"

#include <errno.h>
#include <string.h>

/* The table: an ACPI header of 36 bytes, IVinfo, 8 reserved (48882, 5.2). */
#define TABLE_LENGTH 4 /* dword */
#define TABLE_HEADER_SIZE 48

/* A block begins with its type, flags and its length in 16 bits (48882, 5.2). */
#define BLOCK_LENGTH 2
#define BLOCK_DEVICE 4 /* the IOMMU's own device id */
#define BLOCK_SEGMENT 16
#define BLOCK_HEADER_SIZE 4

/* IOMMU description blocks (48882, 5.2.2): one IOMMU may have one of each type. */
#define BLOCK_IVHD_BASIC 0x10
#define BLOCK_IVHD_EXTENDED 0x11
#define BLOCK_IVHD_ACPI 0x40 /* may have entries for devices with an ACPI name */
#define IVHD_BASIC_SIZE 24
#define IVHD_EXTENDED_SIZE 40

/* Entries: a type, a device id, flags; some have 4 bytes more, or many (48882, 5.2.2). */
#define ENTRY_DEVICE 1
#define ENTRY_SOURCE 5 /* of alias entries: the requester id that the device uses */
#define ENTRY_NAME_LENGTH 21
#define ENTRY_NAME_SIZE 22 /* before the name */

enum {
        ENTRY_RANGE_START = 0x03,
        ENTRY_RANGE_END = 0x04,
        ENTRY_ALIAS_SELECT = 0x42,
        ENTRY_ALIAS_RANGE_START = 0x43,
        ENTRY_EXTENDED_RANGE_START = 0x47,
        ENTRY_ACPI_NAME = 0xf0,
};

/* A part of the table. */
typedef struct Span {
        const uint8_t *bytes;
        size_t n_bytes;
} Span;

static uint16_t get16(const uint8_t *bytes)
{
        return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t get32(const uint8_t *bytes)
{
        return get16(bytes) | (uint32_t)get16(bytes + 2) << 16;
}

/* Takes `n` bytes off the front; false if there are fewer. */
static bool take(Span *span, size_t n, Span *ret_front)
{
        if (n == 0 || n > span->n_bytes)
                return false;
        *ret_front = (Span){span->bytes, n};
        span->bytes += n;
        span->n_bytes -= n;
        return true;
}

/* The fixed part of an IOMMU description block of this type, or 0 if it is another block. */
static size_t ivhd_header_size(uint8_t type)
{
        switch (type) {
        case BLOCK_IVHD_BASIC:
                return IVHD_BASIC_SIZE;
        case BLOCK_IVHD_EXTENDED:
        case BLOCK_IVHD_ACPI:
                return IVHD_EXTENDED_SIZE;
        default:
                return 0;
        }
}

/* Returns false at the end of `blocks`, or if the next block is incomplete: then bytes remain. */
static bool take_block(Span *blocks, Span *ret_block)
{
        size_t n;

        if (blocks->n_bytes < BLOCK_HEADER_SIZE)
                return false;
        n = get16(blocks->bytes + BLOCK_LENGTH);
        if (n < BLOCK_HEADER_SIZE || n < ivhd_header_size(blocks->bytes[0]))
                return false;
        return take(blocks, n, ret_block);
}

/* Types below 0x80 have their length in the upper bits; above, the only known entry is a name. */
static size_t entry_size(const Span *entries)
{
        uint8_t type = entries->bytes[0];

        if (type < 0x80)
                return (size_t)4 << (type >> 6);
        if (type == ENTRY_ACPI_NAME && entries->n_bytes >= ENTRY_NAME_SIZE)
                return ENTRY_NAME_SIZE + (size_t)entries->bytes[ENTRY_NAME_LENGTH];
        return 0;
}

static int add_alias(IvrsTable *table, const IvrsAlias *alias)
{
        if (alias->first > alias->last)
                return 0;
        if (table->n_aliases == table->n_allocated) {
                size_t n = table->n_allocated ? table->n_allocated * 2 : 16;
                IvrsAlias *aliases = realloc(table->aliases, n * sizeof(*aliases));

                if (!aliases)
                        return -ENOMEM;
                table->aliases = aliases;
                table->n_allocated = n;
        }
        table->aliases[table->n_aliases++] = *alias;
        return 0;
}

/* As in the kernel, an end without a start ends the range of the last start. */
static int read_entries(Span entries, uint16_t segment, IvrsTable *table)
{
        IvrsAlias range = {.segment = segment};
        bool is_alias_range = false;

        while (entries.n_bytes > 0) {
                Span entry;
                uint16_t id;
                int r = 0;

                if (!take(&entries, entry_size(&entries), &entry))
                        return IVRS_E_NOT_WHOLE;
                id = get16(entry.bytes + ENTRY_DEVICE);
                switch (entry.bytes[0]) {
                case ENTRY_ALIAS_SELECT:
                        r = add_alias(table, &(IvrsAlias){segment, id, id,
                                                          get16(entry.bytes + ENTRY_SOURCE)});
                        break;
                case ENTRY_ALIAS_RANGE_START:
                        range.first = id;
                        range.alias = get16(entry.bytes + ENTRY_SOURCE);
                        is_alias_range = true;
                        break;
                case ENTRY_RANGE_START:
                case ENTRY_EXTENDED_RANGE_START:
                        is_alias_range = false;
                        break;
                case ENTRY_RANGE_END:
                        range.last = id;
                        if (is_alias_range)
                                r = add_alias(table, &range);
                        break;
                default:
                        break; /* it has no alias */
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

/*
 * The kernel reads the blocks of one type only: the type of the last block about the IOMMU of the
 * first block. Later types have more facts about the same devices. Returns 0 if there is no block.
 */
static uint8_t choose_type(Span blocks)
{
        uint8_t type = 0;
        uint16_t device = 0;
        Span block;

        while (take_block(&blocks, &block)) {
                if (ivhd_header_size(block.bytes[0]) == 0)
                        continue;
                if (type == 0)
                        device = get16(block.bytes + BLOCK_DEVICE);
                if (get16(block.bytes + BLOCK_DEVICE) == device)
                        type = block.bytes[0];
        }
        return type;
}

static int read_blocks(Span blocks, IvrsTable *table)
{
        uint8_t type = choose_type(blocks);
        Span block;

        while (take_block(&blocks, &block)) {
                size_t n_header = ivhd_header_size(block.bytes[0]);
                int r;

                if (n_header == 0 || block.bytes[0] != type)
                        continue;
                r = read_entries((Span){block.bytes + n_header, block.n_bytes - n_header},
                                 get16(block.bytes + BLOCK_SEGMENT), table);
                if (r != 0)
                        return r;
        }
        return blocks.n_bytes > 0 ? IVRS_E_NOT_WHOLE : 0;
}

int ivrs_parse(const uint8_t *bytes, size_t n_bytes, IvrsTable *ret_table)
{
        size_t length;
        int r;

        *ret_table = (IvrsTable){0};
        if (n_bytes < TABLE_HEADER_SIZE || memcmp(bytes, "IVRS", 4) != 0)
                return IVRS_E_NOT_WHOLE;
        length = get32(bytes + TABLE_LENGTH);
        if (length < TABLE_HEADER_SIZE)
                return IVRS_E_NOT_WHOLE;

        r = read_blocks((Span){bytes + TABLE_HEADER_SIZE,
                               (length < n_bytes ? length : n_bytes) - TABLE_HEADER_SIZE},
                        ret_table);
        if (r < 0)
                ivrs_table_deinit(ret_table);
        return r == 0 && length > n_bytes ? IVRS_E_NOT_WHOLE : r;
}

void ivrs_table_deinit(IvrsTable *table)
{
        free(table->aliases);
        *table = (IvrsTable){0};
}

/* The last alias that names the device, or NULL. */
static const IvrsAlias *find_alias(const IvrsTable *table, Bdf bdf)
{
        uint16_t id = (uint16_t)(bdf.bus << 8 | bdf.devfn);

        for (size_t i = table->n_aliases; i > 0; i--) {
                const IvrsAlias *alias = &table->aliases[i - 1];

                if (alias->segment == bdf.domain && id >= alias->first && id <= alias->last)
                        return alias;
        }
        return NULL;
}

void ivrs_apply(const IvrsTable *table, Snapshot *snapshot)
{
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                PciDevice *device = &snapshot->devices[i];
                const IvrsAlias *alias = find_alias(table, device->bdf);

                device->place.has_ivrs_alias = alias && alias->alias >> 8 == device->bdf.bus &&
                                               (alias->alias & 0xff) != device->bdf.devfn;
                device->place.ivrs_alias_devfn =
                        device->place.has_ivrs_alias ? (uint8_t)alias->alias : 0;
        }
}
