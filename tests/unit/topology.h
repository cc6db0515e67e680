/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Machines in a few lines: a table of parts becomes a snapshot, a partition becomes a line of text.
 * A test then states only a topology and an expectation.
 */

#include "core/model/groups.h"
#include "core/model/snapshot.h"

/* In addition to PcieType: a function without PCI Express, or of unknown type. */
enum {
        PART_PCI = 0x20,
        PART_UNKNOWN = 0x21,
};

/* The state of ACS; the rest is the control word, under a capability that has every bit. */
enum {
        PART_ACS_ON = ACS_SV | ACS_RR | ACS_CR | ACS_UF,
        PART_ACS_UNKNOWN = -1,
        PART_ACS_OFF = 0x100, /* the capability is there, nothing is switched on */
};

typedef struct Part {
        const char *bdf;
        const char *above; /* bridge, or NULL on a root bus */
        int type;          /* PcieType, PART_PCI or PART_UNKNOWN */
        int acs;           /* 0: no capability; see above */
        uint16_t vendor, device;
        bool multifunction; /* bit 7 of the header type */
        const char *physfn;
        const char *real_dma;
        int kernel_group; /* one more than the number; 0: none */
} Part;

/* Returns a finished snapshot; aborts on an invalid part. */
Snapshot *topology_build(const Part *parts, size_t n_parts);

/* "00:1c.0 01:00.0 | 02:00.0": groups by anchor, members by address. The caller frees it. */
char *topology_text(const Snapshot *snapshot, const Partition *partition);

/* The rules of all reasons of a device's group, "upstream-acs multifunction-acs". */
char *topology_rules(const Snapshot *snapshot, const Partition *partition, const char *bdf);

/* Every group's reasons connect its members and nothing else; every member is listed once. */
bool topology_reasons_connect(const Partition *partition);

/* Are all facts equal? Compares field by field: the padding of a struct is never set. */
bool topology_facts_equal(const PciFacts *a, const PciFacts *b);

/* The address of the bridge above, "root", or "?" if unknown; valid until the next call. */
const char *topology_above(const Snapshot *snapshot, const char *bdf);

/* Index of a device; aborts if there is none. */
size_t topology_find(const Snapshot *snapshot, const char *bdf);
