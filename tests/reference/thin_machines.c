/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The machines, and the code that makes a part a directory with a configuration space.
 *
 * Offsets in configuration space are those of the PCI Express Base Specification 7.5 to 7.9.
 */

#include "thin_machines.h"

#include <stdio.h>
#include <string.h>

#include "core/model/groups.h"
#include "core/probe/sysfs.h"
#include "tree.h"

#define ROOT_PORT PCIE_TYPE_ROOT_PORT
#define UP PCIE_TYPE_UPSTREAM
#define DOWN PCIE_TYPE_DOWNSTREAM
#define TO_PCI PCIE_TYPE_PCIE_TO_PCI
#define RCIEP PCIE_TYPE_RC_ENDPOINT
#define ON (ACS_SV | ACS_RR | ACS_CR | ACS_UF)
#define MF THIN_MULTIFUNCTION
#define CONFIG_SIZE 4096
#define PATH_SIZE 256

#define R0 "pci0000:00/"

/* A switch with ports that redirect and one that does not, cards of several functions. */
static const ThinPart with_switch[] = {
        {R0 "0000:00:00.0", 0x8086, 0x3e30, 0x060000, .has = THIN_NO_EXPRESS},
        {R0 "0000:00:02.0", 0x8086, 0x3e98, 0x030000, .type = RCIEP, .has = THIN_FLR},
        {R0 "0000:00:1c.0", 0x8086, 0x2f08, 0x060400, 1, ROOT_PORT, ON, MF | THIN_ACS, 1, 6,
         "pcieport"},
        {R0 "0000:00:1c.4", 0x8086, 0x2f0a, 0x060400, 1, ROOT_PORT, 0, MF | THIN_ACS, 7, 7},
        {R0 "0000:00:1d.0", 0x8086, 0x2f0b, 0x060400, 1, ROOT_PORT, ON, THIN_ACS, 8, 8},
        {R0 "0000:00:1c.0/0000:01:00.0", 0x10b5, 0x8724, 0x060400, 1, UP, 0, 0, 2, 6},
        {R0 "0000:00:1c.0/0000:01:00.0/0000:02:00.0", 0x10b5, 0x8724, 0x060400, 1, DOWN, ON,
         THIN_ACS, 3, 3},
        {R0 "0000:00:1c.0/0000:01:00.0/0000:02:01.0", 0x10b5, 0x8724, 0x060400, 1, DOWN, ON,
         THIN_ACS, 4, 4},
        {R0 "0000:00:1c.0/0000:01:00.0/0000:02:02.0", 0x10b5, 0x8724, 0x060400, 1, DOWN, 0,
         THIN_ACS, 5, 5},
        {R0 "0000:00:1c.0/0000:01:00.0/0000:02:00.0/0000:03:00.0", 0x8086, 0x1533, 0x020000,
         .has = MF | THIN_FLR | THIN_SERIAL, .driver = "igb"},
        {R0 "0000:00:1c.0/0000:01:00.0/0000:02:00.0/0000:03:00.1", 0x8086, 0x1533, 0x020000,
         .has = MF | THIN_FLR | THIN_SERIAL, .driver = "igb"},
        {R0 "0000:00:1c.0/0000:01:00.0/0000:02:01.0/0000:04:00.0", 0x144d, 0xa808, 0x010802,
         .has = THIN_FLR | THIN_ATS_ON | THIN_PASID | THIN_REMOVABLE, .driver = "nvme"},
        {R0 "0000:00:1c.0/0000:01:00.0/0000:02:02.0/0000:05:00.0", 0x10de, 0x1b80, 0x030000,
         .has = THIN_ATS_OFF | THIN_REMOVABLE},
        {R0 "0000:00:1c.4/0000:07:00.0", 0x168c, 0x0030, 0x028000, .has = 0},
        {R0 "0000:00:1d.0/0000:08:00.0", 0x1b4b, 0x9230, 0x010601, .acs = ON, .has = MF | THIN_ACS},
        {R0 "0000:00:1d.0/0000:08:00.1", 0x1b4b, 0x9230, 0x010601, .acs = ON, .has = MF | THIN_ACS},
};

/* PFs of which one lets its VFs talk, and a VF beyond its PF's bus. */
static const ThinPart with_vfs[] = {
        {R0 "0000:00:00.0", 0x8086, 0x3e30, 0x060000, .has = THIN_NO_EXPRESS},
        {R0 "0000:00:01.0", 0x8086, 0x2f02, 0x060400, 1, ROOT_PORT, ON, THIN_ACS, 1, 2, "pcieport"},
        {R0 "0000:00:01.0/0000:01:00.0", 0x8086, 0x1572, 0x020000, .acs = 0,
         .has = MF | THIN_ACS | THIN_ARI | THIN_SRIOV | THIN_FLR, .driver = "i40e"},
        {R0 "0000:00:01.0/0000:01:00.1", 0x8086, 0x1572, 0x020000, .acs = ON,
         .has = MF | THIN_ACS | THIN_ARI | THIN_SRIOV | THIN_FLR, .driver = "i40e"},
        {R0 "0000:00:01.0/0000:01:02.0", 0x8086, 0x154c, 0x020000, .acs = 0,
         .has = THIN_ACS | THIN_ARI | THIN_FLR, .driver = "iavf", .physfn = "0000:01:00.0",
         .vf = 0},
        {R0 "0000:00:01.0/0000:01:02.1", 0x8086, 0x154c, 0x020000, .acs = 0,
         .has = THIN_ACS | THIN_ARI | THIN_FLR, .physfn = "0000:01:00.0", .vf = 1},
        {R0 "0000:00:01.0/0000:02:00.0", 0x8086, 0x154c, 0x020000, .acs = 0,
         .has = THIN_ACS | THIN_ARI | THIN_FLR, .physfn = "0000:01:00.0", .vf = 2},
        {R0 "0000:00:01.0/0000:01:0a.0", 0x8086, 0x154c, 0x020000, .acs = ON,
         .has = THIN_ACS | THIN_ARI | THIN_FLR, .physfn = "0000:01:00.1", .vf = 0},
        {R0 "0000:00:01.0/0000:01:0a.1", 0x8086, 0x154c, 0x020000, .acs = ON,
         .has = THIN_ACS | THIN_ARI | THIN_FLR, .physfn = "0000:01:00.1", .vf = 1},
};

/* Bridges to conventional PCI of each kind, and a CardBus bridge. */
static const ThinPart with_bridges[] = {
        {R0 "0000:00:00.0", 0x8086, 0x2a40, 0x060000, .has = THIN_NO_EXPRESS},
        {R0 "0000:00:1c.0", 0x8086, 0x2f08, 0x060400, 1, ROOT_PORT, ON, THIN_ACS, 1, 3},
        {R0 "0000:00:1c.0/0000:01:00.0", 0x10b5, 0x8112, 0x060400, 1, TO_PCI, 0, 0, 2, 3},
        {R0 "0000:00:1c.0/0000:01:00.0/0000:02:00.0", 0x109e, 0x036e, 0x040000,
         .has = MF | THIN_NO_EXPRESS},
        {R0 "0000:00:1c.0/0000:01:00.0/0000:02:00.1", 0x109e, 0x0878, 0x048000,
         .has = MF | THIN_NO_EXPRESS},
        {R0 "0000:00:1c.0/0000:01:00.0/0000:02:04.0", 0x8086, 0x100e, 0x020000,
         .has = THIN_NO_EXPRESS},
        {R0 "0000:00:1e.0", 0x8086, 0x244e, 0x060401, 1, .has = THIN_NO_EXPRESS, .secondary = 5,
         .subordinate = 9},
        {R0 "0000:00:1e.0/0000:05:01.0", 0x1180, 0x0476, 0x060700, 2, .has = MF | THIN_NO_EXPRESS,
         .secondary = 6, .subordinate = 9},
        {R0 "0000:00:1e.0/0000:05:01.0/0000:06:00.0", 0x168c, 0x0013, 0x020000,
         .has = THIN_NO_EXPRESS},
        {R0 "0000:00:1e.0/0000:05:01.1", 0x1180, 0x0552, 0x0c0010, .has = MF | THIN_NO_EXPRESS},
        {R0 "0000:00:1e.0/0000:05:02.0", 0x8086, 0x1229, 0x020000, .has = THIN_NO_EXPRESS},
        {R0 "0000:00:1f.2", 0x8086, 0x2929, 0x010601, .has = MF | THIN_NO_EXPRESS | THIN_FLR},
        {R0 "0000:00:1f.3", 0x8086, 0x2930, 0x0c0500, .has = MF | THIN_NO_EXPRESS},
};

/* Quirks of single devices decide here, with root ports that redirect without ACS. */
static const ThinPart with_quirks[] = {
        {R0 "0000:00:00.0", 0x8086, 0x0c00, 0x060000, .has = THIN_NO_EXPRESS},
        {R0 "0000:00:1c.0", 0x8086, 0x9c10, 0x060400, 1, ROOT_PORT, 0, MF | THIN_MPC, 1, 1},
        {R0 "0000:00:1c.1", 0x8086, 0x9c12, 0x060400, 1, ROOT_PORT, 0, MF | THIN_MPC, 2, 2},
        {R0 "0000:00:1d.0", 0x8086, 0xa110, 0x060400, 1, ROOT_PORT, ON, MF | THIN_ACS | THIN_SPT, 3,
         3},
        {R0 "0000:00:1d.1", 0x8086, 0xa111, 0x060400, 1, ROOT_PORT, 0, MF | THIN_ACS | THIN_SPT, 4,
         4},
        {R0 "0000:00:1c.0/0000:01:00.0", 0x8086, 0x1533, 0x020000, .has = THIN_FLR},
        {R0 "0000:00:1c.1/0000:02:00.0", 0x8086, 0x1533, 0x020000, .has = THIN_FLR},
        {R0 "0000:00:1d.0/0000:03:00.0", 0x1d6a, 0xd107, 0x020000, .has = THIN_FLR},
        {R0 "0000:00:1d.1/0000:04:00.0", 0x8088, 0x1001, 0x020000, .acs = ON, .has = MF | THIN_ACS},
        {R0 "0000:00:1d.1/0000:04:00.1", 0x8088, 0x1001, 0x020000, .acs = ON, .has = MF | THIN_ACS},
};

/*
 * AMD: functions that are separate only because the table exists, and an alias that only the table
 * has.
 */
static const ThinPart with_ivrs[] = {
        {R0 "0000:00:00.0", 0x1022, 0x1450, 0x060000, .has = THIN_NO_EXPRESS},
        {R0 "0000:00:00.2", 0x1022, 0x1451, 0x080600, .has = MF | THIN_NO_EXPRESS},
        {R0 "0000:00:14.0", 0x1002, 0x4385, 0x0c0500, .has = MF | THIN_NO_EXPRESS},
        {R0 "0000:00:14.2", 0x1002, 0x4383, 0x040300, .has = MF | THIN_NO_EXPRESS},
        {R0 "0000:00:14.4", 0x1002, 0x4384, 0x060401, 1, .has = MF | THIN_NO_EXPRESS,
         .secondary = 2, .subordinate = 2},
        {R0 "0000:00:14.4/0000:02:05.0", 0x1102, 0x0002, 0x040100, .has = THIN_NO_EXPRESS},
        {R0 "0000:00:18.0", 0x1022, 0x1460, 0x060000, .has = THIN_NO_EXPRESS},
        {R0 "0000:00:19.0", 0x1022, 0x1461, 0x060000, .has = THIN_NO_EXPRESS},
};

/* A VMD's domain, a root bus other than 0, and another domain of the firmware. */
static const ThinPart with_domains[] = {
        {R0 "0000:00:00.0", 0x8086, 0x4668, 0x060000, .has = THIN_NO_EXPRESS},
        {R0 "0000:00:0e.0", 0x8086, 0x467f, 0x010400, .type = RCIEP, .has = THIN_FLR,
         .driver = "vmd"},
        {R0 "0000:00:0e.0/pci10000:e0/10000:e0:06.0", 0x8086, 0x464d, 0x060400, 1, ROOT_PORT, ON,
         THIN_ACS, 0xe1, 0xe1},
        {R0 "0000:00:0e.0/pci10000:e0/10000:e0:06.0/10000:e1:00.0", 0x1c5c, 0x1959, 0x010802,
         .has = THIN_FLR, .driver = "nvme"},
        {R0 "0000:00:0e.0/pci10000:e0/10000:e0:07.0", 0x8086, 0x464e, 0x060400, 1, ROOT_PORT, ON,
         THIN_ACS, 0xe2, 0xe2},
        {R0 "0000:00:0e.0/pci10000:e0/10000:e0:07.0/10000:e2:00.0", 0x1c5c, 0x1959, 0x010802,
         .has = THIN_FLR},
        {"pci0000:80/0000:80:02.0", 0x8086, 0x2f04, 0x060400, 1, ROOT_PORT, ON, THIN_ACS, 0x81,
         0x81},
        {"pci0000:80/0000:80:02.0/0000:81:00.0", 0x8086, 0x1533, 0x020000, .has = THIN_FLR},
        {"pci0001:40/0001:40:01.0", 0x8086, 0x2f02, 0x060400, 1, ROOT_PORT, 0, THIN_ACS, 0x41,
         0x41},
        {"pci0001:40/0001:40:01.0/0001:41:00.0", 0x8086, 0x1533, 0x020000, .has = THIN_FLR},
};

#define MACHINE(text, parts, ...)                                                                  \
        {                                                                                          \
                text, parts, ARRAY_SIZE(parts), __VA_ARGS__                                        \
        }

const ThinMachine thin_machines[] = {
        MACHINE("a switch, and cards of several functions", with_switch, "dmar0"),
        MACHINE("virtual functions", with_vfs, "dmar0"),
        MACHINE("conventional bridges", with_bridges, "dmar1"),
        MACHINE("rules for single devices", with_quirks, "dmar0"),
        MACHINE("AMD's table", with_ivrs, "ivhd0", 0x18 << 3, 0x19 << 3),
        MACHINE("domains", with_domains, "dmar0"),
};
const size_t thin_n_machines = ARRAY_SIZE(thin_machines);

static void put16(uint8_t *at, unsigned value)
{
        at[0] = (uint8_t)value;
        at[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *at, uint32_t value)
{
        put16(at, value & 0xffff);
        put16(at + 2, value >> 16);
}

/* The lists of a configuration space under construction. */
typedef struct Space {
        uint8_t bytes[CONFIG_SIZE];
        size_t pointer;  /* where to write the next capability's offset */
        size_t next;     /* where it begins */
        size_t extended; /* the last extended one, or 0 */
        size_t next_extended;
} Space;

static uint8_t *add_standard(Space *space, uint8_t id, size_t size)
{
        uint8_t *at = space->bytes + space->next;

        space->bytes[space->pointer] = (uint8_t)space->next;
        at[0] = id;
        space->pointer = space->next + 1;
        space->next += size;
        return at;
}

static uint8_t *add_extended(Space *space, unsigned id)
{
        uint8_t *at = space->bytes + space->next_extended;

        if (space->extended)
                put16(space->bytes + space->extended + 2,
                      (unsigned)(space->next_extended << 4 | 1));
        put16(at, id);
        put16(at + 2, 1);
        space->extended = space->next_extended;
        space->next_extended += 0x40;
        return at;
}

static void add_acs(Space *space, const ThinPart *part)
{
        uint8_t *at = add_extended(space, 0x0d);

        put16(at + 4, ON);
        if (part->has & THIN_SPT)
                put32(at + 8, part->acs);
        else
                put16(at + 6, part->acs);
}

static void fill_extended(Space *space, const ThinPart *part)
{
        if (part->has & THIN_ACS)
                add_acs(space, part);
        if (part->has & THIN_ARI)
                (void)add_extended(space, 0x0e);
        if (part->has & THIN_SRIOV)
                (void)add_extended(space, 0x10);
        if (part->has & (THIN_ATS_ON | THIN_ATS_OFF))
                put16(add_extended(space, 0x0f) + 6, part->has & THIN_ATS_ON ? 0x8000 : 0);
        if (part->has & THIN_PASID)
                (void)add_extended(space, 0x1b);
        if (part->has & THIN_SERIAL)
                put32(add_extended(space, 0x03) + 4, 0x12345678);
}

/* Returns how many bytes the function has. */
static size_t fill_space(Space *space, const ThinPart *part)
{
        uint8_t *bytes = space->bytes, *at;

        *space = (Space){
                .pointer = part->header == 2 ? 0x14 : 0x34, .next = 0x50, .next_extended = 0x100};
        put16(bytes, part->vendor);
        put16(bytes + 2, part->device);
        bytes[0x06] = 0x10;
        bytes[0x0e] = (uint8_t)(part->header | (part->has & MF ? 0x80 : 0));
        bytes[0x19] = (uint8_t)part->secondary;
        bytes[0x1a] = (uint8_t)part->subordinate;
        (void)add_standard(space, 0x01, 8);
        if (part->has & THIN_MPC)
                put32(bytes + 0xd8, 1U << 26);
        if (part->has & THIN_NO_EXPRESS) {
                if (part->has & THIN_FLR)
                        add_standard(space, 0x13, 8)[3] = 0x03;
                return 256;
        }
        at = add_standard(space, 0x10, 0x3c);
        at[2] = (uint8_t)(part->type << 4 | 2);
        if (part->has & THIN_FLR)
                put32(at + 4, 1U << 28);
        fill_extended(space, part);
        return CONFIG_SIZE;
}

static void write_physfn(const ThinPart *part, const char *directory)
{
        char path[2 * PATH_SIZE], target[PATH_SIZE];
        const char *own = strrchr(directory, '/') + 1;
        size_t n = (size_t)(own - directory);

        (void)snprintf(path, sizeof(path), "%s/physfn", directory);
        (void)snprintf(target, sizeof(target), "../%s", part->physfn);
        tree_link(path, target);
        (void)snprintf(path, sizeof(path), "%.*s%s/virtfn%u", (int)n, directory, part->physfn,
                       part->vf);
        (void)snprintf(target, sizeof(target), "../%s", own);
        tree_link(path, target);
}

static void write_part(const ThinPart *part)
{
        char directory[PATH_SIZE], path[2 * PATH_SIZE], target[PATH_SIZE];
        Space space;
        size_t n = fill_space(&space, part);

        (void)snprintf(directory, sizeof(directory), "devices/%s", part->path);
        tree_device(directory, part->vendor, part->device, part->class_code);
        (void)snprintf(path, sizeof(path), "%s/config", directory);
        tree_bytes(path, space.bytes, n);
        if (part->driver) {
                (void)snprintf(path, sizeof(path), "%s/driver", directory);
                (void)snprintf(target, sizeof(target), "/drivers/%s", part->driver);
                tree_link(path, target);
        }
        (void)snprintf(path, sizeof(path), "%s/removable", directory);
        tree_file(path, part->has & THIN_REMOVABLE ? "removable\n" : "fixed\n");
        (void)snprintf(path, sizeof(path), "%s/reset_method", directory);
        tree_file(path, part->has & THIN_FLR ? "flr bus\n" : "bus\n");
        if (part->physfn)
                write_physfn(part, directory);
}

static void write_ivrs(const ThinMachine *machine)
{
        uint8_t table[48 + 24 + 8] = "IVRS", *block = table + 48, *entry = block + 24;

        put32(table + 4, sizeof(table));
        block[0] = 0x10;
        put16(block + 2, 24 + 8);
        entry[0] = 0x42;
        put16(entry + 1, machine->ivrs_device);
        put16(entry + 5, machine->ivrs_alias);
        tree_bytes("firmware/acpi/tables/IVRS", table, sizeof(table));
}

/* Each device's link to its group, and what the kernel tells of the group. */
static void write_groups(const ThinMachine *machine, const char *root)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(partition_freep) Partition *kernel = NULL;
        char path[2 * PATH_SIZE], target[PATH_SIZE];

        if (sysfs_read_snapshot(root, &snapshot) != 0 ||
            kernel_groups_compute(snapshot, &kernel) < 0)
                abort();
        for (size_t i = 0; i < machine->n_parts; i++) {
                const char *name = strrchr(machine->parts[i].path, '/') + 1;
                Bdf bdf;

                if (!bdf_parse(name, &bdf))
                        abort();
                (void)snprintf(path, sizeof(path), "devices/%s/iommu_group",
                               machine->parts[i].path);
                (void)snprintf(target, sizeof(target), "/kernel/iommu_groups/%zu",
                               kernel->group_of[snapshot_find(snapshot, bdf)]);
                tree_link(path, target);
                (void)snprintf(path, sizeof(path), "devices/%s/iommu", machine->parts[i].path);
                (void)snprintf(target, sizeof(target), "/iommu/%s", machine->iommu);
                tree_link(path, target);
        }
        for (size_t g = 0; g < kernel->n_groups; g++) {
                (void)snprintf(path, sizeof(path), "kernel/iommu_groups/%zu/type", g);
                tree_file(path, "DMA\n");
                (void)snprintf(path, sizeof(path), "kernel/iommu_groups/%zu/reserved_regions", g);
                tree_file(path, "0x00000000fee00000 0x00000000feefffff msi\n");
        }
}

void machine_build(const ThinMachine *machine, const char *root)
{
        tree_file("firmware/acpi/tables/DSDT", "");
        if (machine->ivrs_device)
                write_ivrs(machine);
        for (size_t i = 0; i < machine->n_parts; i++)
                write_part(&machine->parts[i]);
        write_groups(machine, root);
}
