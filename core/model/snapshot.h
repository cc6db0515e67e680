/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A whole machine's PCI functions as one value.
 *
 * The model decides everything from a snapshot: of the live machine, a copied sysfs tree or a unit
 * test. Devices are sorted by address, and the model refers to a device by its index in `devices`.
 * A finished snapshot never changes.
 */

#include <stdint.h>

#include "core/model/base.h"
#include "core/model/bdf.h"
#include "core/model/pcicap.h"
#include "core/model/tristate.h"

#define SNAPSHOT_NONE ((size_t)-1)   /* no such device */
#define KERNEL_GROUP_NONE (-1)
#define KERNEL_GROUP_UNKNOWN (-2)    /* the input does not show whether it is in a group */
#define VF_INDEX_NONE ((unsigned)-1) /* a VF without a link from its PF */
#define SNAPSHOT_NAME_SIZE 64        /* longest driver or IOMMU name kept, with NUL */
#define SNAPSHOT_TYPE_SIZE 16        /* longest domain type kept, with NUL */
#define SNAPSHOT_SLOT_SIZE 32        /* longest slot name kept, with NUL */

typedef enum __attribute__((packed)) IommuKind {
        IOMMU_KIND_NONE = 0, /* no `iommu` link: not covered */
        IOMMU_KIND_DMAR,     /* Intel VT-d */
        IOMMU_KIND_IVHD,     /* AMD-Vi */
        IOMMU_KIND_VIRTIO,
        IOMMU_KIND_SMMU3,
        IOMMU_KIND_OTHER, /* its rules are unknown: the kernel's groups apply */
} IommuKind;

/* Configuration space 0x00 to 0x2f. */
typedef struct PciIds {
        uint16_t vendor;
        uint16_t device;
        uint16_t subsystem_vendor;
        uint16_t subsystem_device;
        uint32_t class_code; /* 24 bits: base class, subclass, programming interface */
} PciIds;

/* The nearest bridge upstream, none on a root bus, and whose requester ids the device uses. */
typedef struct PciPlace {
        bool has_parent;
        bool has_real_dma;
        bool is_vf;
        bool has_ivrs_alias; /* by AMD's IVRS table it uses the id `ivrs_alias_devfn` of its bus */
        uint32_t root_domain;
        uint8_t root_bus; /* bus number of the host bridge above */
        uint8_t ivrs_alias_devfn;
        Bdf parent_bdf;
        Bdf real_dma_bdf;  /* the VMD endpoint whose requester id this device uses */
        Bdf physfn_bdf;    /* a VF's PF */
        unsigned vf_index; /* N of the PF's virtfnN link, or VF_INDEX_NONE; only if is_vf */
} PciPlace;

/* What else the kernel says of a device, in its directory in sysfs. */
typedef struct PciSysfs {
        uint64_t inode; /* of the directory; changes if the device returns; 0: unknown */
        bool has_numa_node;
        uint16_t numa_node;  /* the node of the nearest memory */
        Tristate removable;  /* by the platform: Thunderbolt, ExpressCard */
        Tristate resettable; /* `reset_method` is not empty */
        IommuKind iommu_kind;
        char iommu[SNAPSHOT_NAME_SIZE];
        char driver[SNAPSHOT_NAME_SIZE]; /* "" if unbound */
} PciSysfs;

/*
 * Fields that grouping reads come first, so that the processor fetches them together: this
 * dominates the time on a large machine.
 */
typedef struct PciDevice {
        Bdf bdf;

        /* Derived by snapshot_finish(). */
        size_t parent; /* index, or SNAPSHOT_NONE, as the next two */
        size_t real_dma;
        size_t physfn;
        unsigned depth;           /* bridges above, a VMD endpoint counted as one */
        Tristate multifunction;   /* the kernel's value: kernel-facts 1.1 */
        uint8_t pcie_type;        /* corrected upstream/downstream; valid if facts.pcie is YES */
        bool pcie_type_uncertain; /* upstream or downstream: the port above is unknown */
        bool is_displaced;        /* its place is used or unknown: its path has its address */

        int32_t kernel_group; /* N of iommu_groups/N, from the kernel; or KERNEL_GROUP_… */
        PciIds ids;
        PciFacts facts;
        PciPlace place; /* set by the reader */
        PciSysfs sysfs;
} PciDevice;

/* The kernel's facts about one of its groups. */
typedef struct KernelGroup {
        int32_t number;
        char type[SNAPSHOT_TYPE_SIZE]; /* default domain: "DMA", "DMA-FQ", "identity", "" unknown */
        Tristate direct;               /* firmware requires a permanent identity mapping */
} KernelGroup;

/* A slot with a name from the platform. */
typedef struct PciSlot {
        char name[SNAPSHOT_SLOT_SIZE];
        Bdf bdf; /* function 0 of a device in it */
} PciSlot;

typedef struct Snapshot {
        PciDevice *devices;
        size_t n_devices;
        size_t n_allocated;
        size_t *probe_order;  /* indices, bridges before the devices below them, else by address */
        bool without_drivers; /* drivers were not read: unbound devices are unknown */
        Tristate ivrs;        /* an IVRS table exists (AMD) */
        Tristate ivrs_read;   /* all its aliases are in the devices */
        bool finished;
        bool has_lost;                           /* some VMD child's endpoint is missing; derived */
        char kernel_release[SNAPSHOT_NAME_SIZE]; /* uname -r, "" if unknown */
        char *command_line;                      /* of the kernel; NULL if unknown. Owned. */
        KernelGroup *kernel_groups;              /* sorted by number. Owned. */
        size_t n_kernel_groups;
        PciSlot *slots; /* Owned. */
        size_t n_slots;
        Tristate interrupt_remapping; /* messages pass the IOMMU */
} Snapshot;

/* Allocates an empty snapshot. Returns 0, or -ENOMEM. */
_nodiscard_ int snapshot_new(Snapshot **ret_snapshot);

/*
 * Makes an independent copy, finished if `snapshot` is. Returns 0 or -ENOMEM; the caller frees
 * *ret.
 */
_nodiscard_ int snapshot_copy(const Snapshot *snapshot, Snapshot **ret_snapshot);

/* Frees a snapshot (NULL is allowed); returns NULL. */
Snapshot *snapshot_free(Snapshot *snapshot);
DEFINE_CLEANUP(Snapshot *, snapshot_free);

/*
 * Appends a copy of `device` (its derived fields are ignored). Returns 0, -ENOMEM, or -E2BIG beyond
 * 1 << 20 devices.
 */
_nodiscard_ int snapshot_add(Snapshot *snapshot, const PciDevice *device);

/*
 * Sorts by address, drops repeated addresses, resolves parents and fills the derived fields. Parent
 * loops (possible only in a forged tree) are cut. Returns 0 or -ENOMEM.
 */
_nodiscard_ int snapshot_finish(Snapshot *snapshot);

/*
 * Index of the first device at or after that address, in a sorted snapshot; `n_devices` if there
 * is none.
 */
size_t snapshot_lower_bound(const Snapshot *snapshot, Bdf bdf);

/* Index of the device with this address in a finished snapshot, or SNAPSHOT_NONE. */
size_t snapshot_find(const Snapshot *snapshot, Bdf bdf);

/*
 * The stable path of a device: root bus and device.function steps, `0000:00/1c.4/00.0`. A VF has
 * its PF's path and `/vfN`; a VMD child is below its endpoint. Returns a string that the caller
 * frees, or NULL if memory is short.
 */
char *snapshot_path(const Snapshot *snapshot, size_t index);

/*
 * Prefetches the fields of a device that grouping reads; any index is allowed. A large machine
 * does not fit into the caches, so callers prefetch some devices ahead.
 */
#define PREFETCH_AHEAD 6
static inline void snapshot_prefetch(const Snapshot *snapshot, size_t index)
{
        if (index >= snapshot->n_devices)
                return;
        __builtin_prefetch(&snapshot->devices[index]);
        __builtin_prefetch(&snapshot->devices[index].facts.acs.dword8);
}

/* The facts about the kernel's group of that number, or NULL. */
const KernelGroup *snapshot_kernel_group(const Snapshot *snapshot, int32_t number);

/* The type of a group's default domain; "" if unknown. */
const char *snapshot_group_type(const Snapshot *snapshot, int32_t number);

/* The kind of IOMMU that a /sys/class/iommu name belongs to ("" is NONE). */
IommuKind iommu_kind_from_name(const char *name);
const char *iommu_kind_to_string(IommuKind kind);
