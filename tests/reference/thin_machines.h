/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Made machines as sysfs trees, with configuration space as in hardware, and the groups of the
 * kernel's rules: for sweeps that remove a part.
 */

#include <stddef.h>
#include <stdint.h>

/* The features of a function; ThinPart.has. */
enum {
        THIN_MULTIFUNCTION = 1 << 0,
        THIN_FLR = 1 << 1,
        THIN_ATS_ON = 1 << 2,
        THIN_ATS_OFF = 1 << 3,
        THIN_PASID = 1 << 4,
        THIN_ARI = 1 << 5,
        THIN_SRIOV = 1 << 6,
        THIN_SERIAL = 1 << 7,
        THIN_NO_EXPRESS = 1 << 8, /* conventional PCI: 256 bytes */
        THIN_ACS = 1 << 9,        /* with `acs` as its control word */
        THIN_SPT = 1 << 10,       /* capability and control are dwords */
        THIN_MPC = 1 << 11,       /* redirects, as the MPC register of old PCH ports says */
        THIN_REMOVABLE = 1 << 12,
};

typedef struct ThinPart {
        const char *path; /* below devices/ */
        unsigned vendor, device, class_code;
        unsigned header; /* type: 0, 1 or 2 */
        unsigned type;   /* PcieType */
        unsigned acs;    /* control word */
        unsigned has;    /* THIN_* */
        unsigned secondary, subordinate;
        const char *driver;
        const char *physfn; /* address, of a VF */
        unsigned vf;        /* number among the PF's */
} ThinPart;

typedef struct ThinMachine {
        const char *name;
        const ThinPart *parts;
        size_t n_parts;
        const char *iommu;                /* "dmar0" */
        uint16_t ivrs_device, ivrs_alias; /* bus << 8 | devfn: firmware's table has this, or 0 */
} ThinMachine;

extern const ThinMachine thin_machines[];
extern const size_t thin_n_machines;

/* Writes the machine into the tree that tree_make() made at `root`; failures abort. */
void machine_build(const ThinMachine *machine, const char *root);
