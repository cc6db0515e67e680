/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the host lives on, asked of trees made up for it.
 */

#include <stdio.h>

#include "daemon/host/critical.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define DISK "devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda"

static const Bdf controller = {.bus = 0, .devfn = 0x1f << 3 | 2};
static char dev[4200], proc[4200];
static HostPaths host;

static void make(void)
{
        const char *root = tree_make();

        (void)snprintf(dev, sizeof(dev), "%s/dev", root);
        (void)snprintf(proc, sizeof(proc), "%s/proc", root);
        host = (HostPaths){.sysfs = root, .dev = dev, .proc = proc};
        tree_file("proc/1/mountinfo", "22 1 253:0 / / rw - ext4 /dev/vda rw\n");
        tree_file("proc/swaps", "Filename Type Size Used Priority\n");
        tree_file(DISK "/dev", "8:0\n");
        tree_file(DISK "/sda2/dev", "8:2\n");
        tree_link("class/block/sda", "../../" DISK);
        tree_link("class/block/sda2", "../../" DISK "/sda2");
}

/* The verdict, with its sentence checked if there is one to check against. */
static int ask(const char *want)
{
        _cleanup_(freep) char *message = NULL;

        int r = critical_check(&host, controller, &message);
        if (want && CHECK(message))
                CHECK_STRING(message, want);
        return r;
}

static void test_idle_disk(void)
{
        make();
        CHECK_NUMBER(ask(NULL), 0);
        tree_remove();
}

static void test_mounted_partition(void)
{
        make();
        tree_file("proc/1/mountinfo", "22 1 8:2 / /srv rw shared:1 - ext4 /dev/sda2 rw\n");
        CHECK_NUMBER(ask("0000:00:1f.2 is what /srv lives on (0000:00:1f.2 → sda2 → /srv)"),
                     REFUSAL_CRITICAL);
        tree_remove();
}

static void test_raid_and_crypt(void)
{
        make();
        tree_file("devices/virtual/block/md0/dev", "9:0\n");
        tree_file("devices/virtual/block/dm-0/dev", "252:0\n");
        tree_link("class/block/md0", "../../devices/virtual/block/md0");
        tree_link("class/block/dm-0", "../../devices/virtual/block/dm-0");
        tree_link(DISK "/sda2/holders/md0", "../../../md0");
        tree_link("devices/virtual/block/md0/holders/dm-0", "../../dm-0");
        CHECK_NUMBER(ask(NULL), 0);
        tree_file("proc/1/mountinfo", "22 1 252:0 / / rw - xfs /dev/mapper/root rw\n");
        CHECK_NUMBER(ask("0000:00:1f.2 is what / lives on "
                         "(0000:00:1f.2 → sda2 → md0 → dm-0 → /)"),
                     REFUSAL_CRITICAL);
        tree_remove();
}

/* Holders that hold each other exist in no kernel, but a walk must end. */
static void test_holder_loop(void)
{
        make();
        tree_link(DISK "/sda2/holders/sda2", "..");
        CHECK_NUMBER(ask(NULL), REFUSAL_CRITICAL);
        tree_remove();
}

static void test_unreadable_means_in_use(void)
{
        make();
        host.proc = "/nonexistent";
        CHECK_NUMBER(ask("0000:00:1f.2: cannot tell whether the host uses it: "
                         "No such file or directory"),
                     REFUSAL_CRITICAL);
        tree_remove();
}

static void test_interface(void)
{
        make();
        tree_link("class/net/enp0s31f2", "../../devices/pci0000:00/0000:00:1f.2/net/enp0s31f2");
        tree_file("devices/pci0000:00/0000:00:1f.2/net/enp0s31f2/flags", "0x1002\n");
        CHECK_NUMBER(ask(NULL), 0);
        tree_file("devices/pci0000:00/0000:00:1f.2/net/enp0s31f2/flags", "0x1003\n");
        CHECK_NUMBER(ask("0000:00:1f.2 carries interface enp0s31f2, which is up "
                         "(0000:00:1f.2 → enp0s31f2); take it down first"),
                     REFUSAL_CRITICAL);
        tree_remove();
}

/* A disk of another controller is not this one's, however alike the addresses look. */
static void test_other_controller(void)
{
        make();
        tree_file("proc/1/mountinfo", "22 1 8:16 / / rw - ext4 /dev/sdb rw\n");
        tree_file("devices/pci0000:00/0000:00:1f.20/block/sdb/dev", "8:16\n");
        tree_link("class/block/sdb", "../../devices/pci0000:00/0000:00:1f.20/block/sdb");
        CHECK_NUMBER(ask(NULL), 0);
        tree_remove();
}

static void test_multipath_nvme(void)
{
        make();
        tree_file("devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/dev", "259:0\n");
        tree_link("class/block/nvme0n1",
                  "../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1");
        tree_link("class/nvme-subsystem/nvme-subsys0",
                  "../../devices/virtual/nvme-subsystem/nvme-subsys0");
        tree_link("devices/virtual/nvme-subsystem/nvme-subsys0/nvme0",
                  "../../../pci0000:00/0000:00:1f.2/nvme/nvme0");
        CHECK_NUMBER(ask(NULL), 0);
        tree_file("proc/1/mountinfo", "22 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n");
        CHECK_NUMBER(ask("0000:00:1f.2 is what / lives on (0000:00:1f.2 → nvme0n1 → /)"),
                     REFUSAL_CRITICAL);
        tree_remove();
}

int main(void)
{
        static const TapTest tests[] = {
                {"a disk nobody uses", test_idle_disk},
                {"a mounted partition", test_mounted_partition},
                {"dm on md on a partition", test_raid_and_crypt},
                {"holders in a loop", test_holder_loop},
                {"what cannot be read counts as used", test_unreadable_means_in_use},
                {"an interface, down and up", test_interface},
                {"a disk of another controller", test_other_controller},
                {"a multipath NVMe disk", test_multipath_nvme},
        };

        return tap_run(tests);
}
