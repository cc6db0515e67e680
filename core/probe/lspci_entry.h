/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One function as lspci shows it: turns its lines into facts, before other functions are
 * considered.
 */

#include <stdint.h>

#include "core/model/base.h"
#include "core/model/snapshot.h"

#define LSPCI_CONFIG_SIZE 4096
#define LSPCI_ROW_SIZE 16

/* How a physical function numbers its virtual ones, PCIe Base Specification 9.3.3. */
typedef struct LspciVfs {
        bool known; /* the next three are valid and the functions are switched on */
        uint32_t n;
        uint32_t offset;
        uint32_t stride;
} LspciVfs;

typedef struct LspciEntry {
        PciDevice device;
        LspciVfs vfs;
        char slot[SNAPSHOT_SLOT_SIZE];
        size_t seq;            /* place in the text */
        unsigned source;       /* index of its text */
        size_t line;           /* line in that text, from 1 */
        unsigned group_source; /* text of its group */
        size_t group_line;     /* line of its group; 0: none */
        int32_t listed_group;  /* from a listing above it, or -1 */
        size_t listed_line;
        int32_t maybe_group;     /* from a listing that may have ended before it, or -1 */
        uint64_t title_hash;     /* of the names in its title, 0: none */
        bool is_logged;          /* from the kernel's log, in order of time */
        bool is_removed;         /* "Removing from iommu group" */
        bool is_on_root;         /* the text shows that its bus is a root bus */
        bool is_cut;             /* not all of its lines were kept */
        bool has_partial_title;  /* class or vendor are missing */
        bool is_record;          /* of lspci -vmm */
        bool has_buses_at_least; /* its subordinate bus is this one or a higher one */
        bool has_named_vendor;   /* its vendor's id is from the name */
        bool has_details;        /* the text has more than its title */
        bool has_header;         /* its header type is in bytes */
        bool has_acs;            /* its ACS registers are in bytes */
        bool is_vmd;             /* by id or name, a Volume Management Device */
        bool is_spt_port;        /* by name, a root port with dword ACS registers */
        bool is_mixed;           /* its lines are those of several functions: a title is missing */
        bool is_last;            /* in its text, which may have been cut off behind it */
} LspciEntry;

/* Bytes of configuration space, as far as the text has them. */
typedef struct LspciBytes {
        uint8_t bytes[LSPCI_CONFIG_SIZE];
        bool rows[LSPCI_CONFIG_SIZE / LSPCI_ROW_SIZE];
        bool any;
        bool is_mixed; /* a row was there twice, and differently */
} LspciBytes;

/* Reads the title, the part of the first line after the address. Fills ids, class and names. */
void lspci_read_title(LspciEntry *entry, const char *title);

/* Reads the lines below it, one string with single spaces. Fills facts, driver, group and slot. */
void lspci_read_words(LspciEntry *entry, const char *words);

/* Takes "40: 01 90 …", a row of bytes; returns false if the line is none. */
bool lspci_take_row(LspciBytes *bytes, const char *line);

/* Facts from bytes take precedence over the entry's. */
void lspci_read_bytes(LspciEntry *entry, const LspciBytes *bytes);

/* Fills unknown `facts` from `other`. */
void lspci_merge_facts(PciFacts *facts, const PciFacts *other);

/*
 * Fills the facts that follow from the whole machine: the kind of IOMMU, and the settings of the
 * kernel. Sorted as below.
 */
void lspci_settle(Snapshot *snapshot, LspciEntry *entries, size_t n_entries);

/* The index of the first sorted entry at or after that address; `n_entries` if there is none. */
size_t lspci_lower_bound(const LspciEntry *entries, size_t n_entries, Bdf bdf);

/*
 * Finds parents, virtual functions, root buses and VMD endpoints of all functions, which are
 * sorted by address without duplicates. Returns 0 or -ENOMEM.
 */
_nodiscard_ int lspci_place(LspciEntry *entries, size_t n_entries);
