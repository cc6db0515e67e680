/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Devices that the host depends on, checked on made trees.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "daemon/host/critical.h"
#include "daemon/host/exclusive.h"
#include "daemon/host/net_table.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define DISK "devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda"

#define FUNCTION "devices/pci0000:00/0000:00:1f.2"

int __wrap_net_table_read(NetTable *ret_table);
int __wrap_exclusive_look(const HostPaths *paths, const char *name, dev_t number);

static const Bdf controller = {.bus = 0, .devfn = 0x1f << 3 | 2};
static char dev[4200], proc[4200];
static HostPaths host;
static const NetUse *net_uses; /* the kernel's answer about interfaces */
static size_t n_net_uses;

int __wrap_net_table_read(NetTable *ret_table)
{
        ret_table->uses = calloc(n_net_uses + 1, sizeof(*ret_table->uses));
        if (!ret_table->uses)
                return -ENOMEM;
        for (size_t i = 0; i < n_net_uses; i++)
                ret_table->uses[ret_table->n_uses++] = net_uses[i];
        return 0;
}

static const char *exclusive; /* the one block device that cannot be opened exclusively, or "" */
static int exclusive_answer;
static char asked[256]; /* the device of the last such question */

int __wrap_exclusive_look(const HostPaths *paths, const char *name, dev_t number)
{
        size_t at = strlen(asked);

        (void)snprintf(asked + at, sizeof(asked) - at, "%s=%u:%u ", name, major(number),
                       minor(number));
        return strcmp(name, exclusive) == 0 ? exclusive_answer : 0;
}

static void make(void)
{
        const char *root = tree_make();

        exclusive = "";
        asked[0] = '\0';
        (void)snprintf(dev, sizeof(dev), "%s/dev", root);
        (void)snprintf(proc, sizeof(proc), "%s/proc", root);
        host = (HostPaths){.sysfs = root, .dev = dev, .proc = proc};
        tree_file("proc/1/mountinfo", "22 1 253:0 / / rw - ext4 /dev/vda rw\n");
        tree_file("proc/swaps", "Filename Type Size Used Priority\n");
        tree_file(DISK "/dev", "8:0\n");
        tree_file(DISK "/sda2/dev", "8:2\n");
        tree_file(DISK "/sda2/partition", "2\n");
        tree_link("bus/pci/devices/0000:00:1f.2", "../../../" FUNCTION);
        tree_link("class/block/sda", "../../" DISK);
        tree_link("class/block/sda2", "../../" DISK "/sda2");
}

/* The verdict, with its sentence checked if a sentence is expected. */
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
        CHECK_NUMBER(ask("0000:00:1f.2 is what /srv lives on (0000:00:1f.2 → sda → sda2 → /srv)"),
                     REFUSAL_CRITICAL);
        tree_remove();
}

/* A second disk of a file system, a mount in another namespace: only the kernel reports these. */
static void test_exclusive(void)
{
        make();
        CHECK_NUMBER(ask(NULL), 0);
        CHECK_STRING(asked, "sda2=8:2 sda=8:0 ");
        exclusive = "sda";
        exclusive_answer = EXCLUSIVE_TAKEN;
        CHECK_NUMBER(ask("0000:00:1f.2: something in the kernel has sda for itself "
                         "(0000:00:1f.2 → sda)"),
                     REFUSAL_CRITICAL);
        exclusive = "sda2";
        asked[0] = '\0';
        CHECK_NUMBER(ask("0000:00:1f.2: something in the kernel has sda2 for itself "
                         "(0000:00:1f.2 → sda → sda2)"),
                     REFUSAL_CRITICAL);
        CHECK_STRING(asked, "sda2=8:2 ");
        tree_remove();
}

static void test_exclusive_unknown(void)
{
        make();
        exclusive = "sda2";
        exclusive_answer = -EPERM;
        CHECK_NUMBER(ask("0000:00:1f.2: cannot tell whether the host uses sda2: "
                         "Operation not permitted (0000:00:1f.2 → sda → sda2)"),
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
        CHECK_NUMBER(ask("0000:00:1f.2 is what dm-0 lives on "
                         "(0000:00:1f.2 → sda → sda2 → md0 → dm-0)"),
                     REFUSAL_CRITICAL);
        tree_file("proc/1/mountinfo", "22 1 252:0 / / rw - xfs /dev/mapper/root rw\n");
        CHECK_NUMBER(ask("0000:00:1f.2 is what / lives on "
                         "(0000:00:1f.2 → sda → sda2 → md0 → dm-0 → /)"),
                     REFUSAL_CRITICAL);
        tree_remove();
}

/* The kernel makes no cyclic holders, but the walk must end all the same. */
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

#define INTERFACE FUNCTION "/net/enp0s31f2"

static void make_interface(const char *flags)
{
        make();
        n_net_uses = 0;
        tree_link("class/net/enp0s31f2", "../../" INTERFACE);
        tree_file(INTERFACE "/flags", flags);
        tree_file(INTERFACE "/ifindex", "2\n");
}

static void make_upper(const char *name, const char *index)
{
        char path[128], target[128];

        (void)snprintf(path, sizeof(path), "devices/virtual/net/%s/ifindex", name);
        tree_file(path, index);
        (void)snprintf(path, sizeof(path), "class/net/%s", name);
        (void)snprintf(target, sizeof(target), "../../devices/virtual/net/%s", name);
        tree_link(path, target);
        (void)snprintf(path, sizeof(path), INTERFACE "/upper_%s", name);
        tree_link(path, target);
}

static void test_interface(void)
{
        static const NetUse uses[] = {
                {1, false, "127.0.0.1/8"},
                {2, false, "192.0.2.1/24"},
        };

        make_interface("0x1002\n");
        net_uses = uses;
        n_net_uses = ARRAY_SIZE(uses);
        CHECK_NUMBER(ask(NULL), 0);
        tree_file(INTERFACE "/flags", "0x1003\n");
        CHECK_NUMBER(ask("0000:00:1f.2 carries 192.0.2.1/24; take enp0s31f2 down first "
                         "(0000:00:1f.2 → enp0s31f2 → 192.0.2.1/24)"),
                     REFUSAL_CRITICAL);
        n_net_uses = 1;
        CHECK_NUMBER(ask(NULL), 0);
        tree_remove();
}

static void test_route(void)
{
        static const NetUse uses[] = {{2, true, "default route"}};

        make_interface("0x1003\n");
        net_uses = uses;
        n_net_uses = ARRAY_SIZE(uses);
        CHECK_NUMBER(ask("0000:00:1f.2 carries default route; take enp0s31f2 down first "
                         "(0000:00:1f.2 → enp0s31f2 → default route)"),
                     REFUSAL_CRITICAL);
        tree_remove();
}

static void test_bridge(void)
{
        static const NetUse uses[] = {{7, false, "192.0.2.1/24"}};

        make_interface("0x1003\n");
        make_upper("br0", "7\n");
        CHECK_NUMBER(ask("0000:00:1f.2 carries br0; take enp0s31f2 off it first "
                         "(0000:00:1f.2 → enp0s31f2 → br0)"),
                     REFUSAL_CRITICAL);
        net_uses = uses;
        n_net_uses = ARRAY_SIZE(uses);
        CHECK_NUMBER(ask("0000:00:1f.2 carries 192.0.2.1/24; take enp0s31f2 down first "
                         "(0000:00:1f.2 → enp0s31f2 → br0 → 192.0.2.1/24)"),
                     REFUSAL_CRITICAL);
        tree_remove();
}

/* A port of a bond is critical for the bond's use, or for the use of a bridge above the bond. */
static void test_bond(void)
{
        static const NetUse uses[] = {
                {8, true, "default route"},
                {9, false, "192.0.2.1/24"},
                {8, false, "2001:db8::1/64"},
        };

        make_interface("0x1803\n"); /* IFF_SLAVE too */
        make_upper("bond0", "8\n");
        CHECK_NUMBER(ask("0000:00:1f.2 carries bond0; take enp0s31f2 off it first "
                         "(0000:00:1f.2 → enp0s31f2 → bond0)"),
                     REFUSAL_CRITICAL);
        net_uses = uses;
        n_net_uses = 1;
        CHECK_NUMBER(ask("0000:00:1f.2 carries default route; take enp0s31f2 down first "
                         "(0000:00:1f.2 → enp0s31f2 → bond0 → default route)"),
                     REFUSAL_CRITICAL);
        net_uses = uses + 2;
        CHECK_NUMBER(ask("0000:00:1f.2 carries 2001:db8::1/64; take enp0s31f2 down first "
                         "(0000:00:1f.2 → enp0s31f2 → bond0 → 2001:db8::1/64)"),
                     REFUSAL_CRITICAL);
        net_uses = uses + 1; /* of the bridge that the bond is a port of */
        tree_file("devices/virtual/net/br0/ifindex", "9\n");
        tree_link("class/net/br0", "../../devices/virtual/net/br0");
        tree_link("devices/virtual/net/bond0/upper_br0", "../br0");
        CHECK_NUMBER(ask("0000:00:1f.2 carries 192.0.2.1/24; take enp0s31f2 down first "
                         "(0000:00:1f.2 → enp0s31f2 → bond0 → br0 → 192.0.2.1/24)"),
                     REFUSAL_CRITICAL);
        n_net_uses = 0;
        CHECK_NUMBER(ask("0000:00:1f.2 carries br0; take enp0s31f2 off it first "
                         "(0000:00:1f.2 → enp0s31f2 → bond0 → br0)"),
                     REFUSAL_CRITICAL);
        tree_file(INTERFACE "/flags", "0x1802\n");
        CHECK_NUMBER(ask(NULL), 0);
        tree_remove();
}

/* An interface that moved to another namespace is reported: only that namespace shows it. */
static void test_hidden_interface(void)
{
        make();
        tree_file(FUNCTION "/virtio3/net/.keep", "");
        CHECK_NUMBER(ask("0000:00:1f.2 carries an interface that was given to another network "
                         "namespace (0000:00:1f.2 → another network namespace)"),
                     REFUSAL_CRITICAL);
        tree_remove();
}

static void make_console(const char *name, const char *bound)
{
        tree_file("class/vtconsole/vtcon0/name", "(S) dummy device\n");
        tree_file("class/vtconsole/vtcon0/bind", "1\n");
        tree_file("class/vtconsole/vtcon1/name", name);
        tree_file("class/vtconsole/vtcon1/bind", bound);
}

static void test_framebuffer(void)
{
        make();
        make_console("(M) frame buffer device\n", "1\n");
        tree_file("devices/virtual/graphics/fbcon/rotate", "0\n");
        tree_link("class/graphics/fbcon", "../../devices/virtual/graphics/fbcon");
        CHECK_NUMBER(ask(NULL), 0);
        tree_file(FUNCTION "/graphics/fb0/name", "vgadrmfb\n");
        tree_link("class/graphics/fb0", "../../" FUNCTION "/graphics/fb0");
        CHECK_NUMBER(ask("0000:00:1f.2 shows the host's console "
                         "(0000:00:1f.2 → fb0 → vtcon1: (M) frame buffer device)"),
                     REFUSAL_CRITICAL);
        tree_file("class/vtconsole/vtcon1/bind", "0\n");
        CHECK_NUMBER(ask(NULL), 0);
        tree_remove();
}

/* The firmware's framebuffer belongs to no PCI device; it counts for the boot VGA device. */
static void test_boot_vga(void)
{
        make();
        make_console("(M) frame buffer device\n", "1\n");
        tree_file("devices/platform/efi-framebuffer.0/graphics/fb0/name", "EFI VGA\n");
        tree_link("class/graphics/fb0", "../../devices/platform/efi-framebuffer.0/graphics/fb0");
        tree_file(FUNCTION "/boot_vga", "0\n");
        CHECK_NUMBER(ask(NULL), 0);
        tree_file(FUNCTION "/boot_vga", "1\n");
        CHECK_NUMBER(ask("0000:00:1f.2 shows the host's console "
                         "(0000:00:1f.2 → fb0 → vtcon1: (M) frame buffer device)"),
                     REFUSAL_CRITICAL);
        make_console("(S) VGA+\n", "1\n");
        CHECK_NUMBER(ask("0000:00:1f.2 shows the host's console "
                         "(0000:00:1f.2 → vtcon1: (S) VGA+)"),
                     REFUSAL_CRITICAL);
        make_console("(S) VGA+\n", "0\n");
        CHECK_NUMBER(ask(NULL), 0);
        tree_remove();
}

static void test_serial_console(void)
{
        make();
        tree_file(FUNCTION "/tty/ttyS4/console", "N\n");
        tree_link("class/tty/ttyS4", "../../" FUNCTION "/tty/ttyS4");
        CHECK_NUMBER(ask(NULL), 0);
        tree_file(FUNCTION "/tty/ttyS4/console", "Y\n");
        CHECK_NUMBER(ask("0000:00:1f.2 has the kernel's console (0000:00:1f.2 → ttyS4)"),
                     REFUSAL_CRITICAL);
        tree_remove();
}

/* /dev/null stands in for a node of the driver. */
static void test_open_node(void)
{
        make();
        tree_file(FUNCTION "/drm/card0/dev", "1:3\n");
        tree_file(FUNCTION "/drm/card0/uevent", "MAJOR=1\nMINOR=3\nDEVNAME=dri/card0\n");
        tree_file("proc/811/comm", "reader\n");
        tree_link("proc/811/fd/0", "/dev/zero");
        CHECK_NUMBER(ask(NULL), 0);
        tree_file("proc/812/comm", "Xorg\n");
        tree_file("proc/812/cgroup", "0::/system.slice/display.service\n");
        tree_link("proc/812/fd/7", "/dev/null");
        CHECK_NUMBER(ask("0000:00:1f.2 is in use: /dev/dri/card0 is open "
                         "(0000:00:1f.2 → dri/card0 → Xorg, pid 812, display.service)"),
                     REFUSAL_CRITICAL);
        /* udev closes the device again by itself. */
        tree_file("proc/812/cgroup", "0::/system.slice/systemd-udevd.service\n");
        CHECK_NUMBER(ask(NULL), 0);
        tree_remove();
}

/* A block device with the number of a character device is not that one. */
static void test_open_node_of_another_kind(void)
{
        make();
        tree_link("proc/812/fd/7", "/dev/null");
        tree_file(FUNCTION "/block/sdx/dev", "1:3\n");
        tree_link(FUNCTION "/block/sdx/subsystem", "../../../../../class/block");
        CHECK_NUMBER(ask(NULL), 0);
        tree_file(FUNCTION "/misc/x/dev", "nonsense\n");
        CHECK_NUMBER(ask("0000:00:1f.2: cannot tell whether the host uses it: Invalid argument"),
                     REFUSAL_CRITICAL);
        tree_remove();
}

static void test_function_below_is_another(void)
{
        make();
        tree_link("proc/812/fd/7", "/dev/null");
        tree_file(FUNCTION "/0000:01:00.0/misc/x/dev", "1:3\n");
        CHECK_NUMBER(ask(NULL), 0);
        tree_remove();
}

typedef struct Heard {
        char text[1024];
        size_t n, max;
} Heard;

static bool hear(const CriticalUse *use, void *userdata)
{
        static const char *const kinds[_CRITICAL_N] = {
                [CRITICAL_UNKNOWN] = "unknown", [CRITICAL_BLOCK] = "block",
                [CRITICAL_NET] = "net",         [CRITICAL_DISPLAY] = "display",
                [CRITICAL_SERIAL] = "serial",   [CRITICAL_OPEN] = "open",
        };
        Heard *heard = userdata;

        (void)snprintf(heard->text + strlen(heard->text), sizeof(heard->text) - strlen(heard->text),
                       "%s:%s ", kinds[use->kind], use->chain[use->n_chain - 1]);
        return ++heard->n < heard->max;
}

static void test_list(void)
{
        static const NetUse uses[] = {{2, false, "192.0.2.1/24"}, {2, true, "default route"}};
        Heard all = {.max = 100}, two = {.max = 2};

        make_interface("0x1003\n");
        net_uses = uses;
        n_net_uses = ARRAY_SIZE(uses);
        tree_file("proc/1/mountinfo", "22 1 8:2 / /srv rw - ext4 /dev/sda2 rw\n"
                                      "23 1 8:2 / /home rw - ext4 /dev/sda2 rw\n");
        tree_file(FUNCTION "/tty/ttyS4/console", "Y\n");
        tree_link("class/tty/ttyS4", "../../" FUNCTION "/tty/ttyS4");
        tree_file(FUNCTION "/tty/ttyS4/dev", "1:3\n");
        tree_file("proc/812/comm", "agetty\n");
        tree_link("proc/812/fd/0", "/dev/null");
        tree_link("proc/812/fd/1", "/dev/null");
        CHECK_NUMBER(critical_list(&host, controller, hear, &all), 0);
        CHECK_STRING(all.text, "block:/srv block:/home net:192.0.2.1/24 net:default route "
                               "serial:ttyS4 open:agetty, pid 812 ");
        CHECK_NUMBER(critical_list(&host, controller, hear, &two), 0);
        CHECK_STRING(two.text, "block:/srv block:/home ");
        /* A part that cannot be checked is reported; the check of the other parts goes on. */
        all = (Heard){.max = 100};
        tree_file(DISK "/sda2/dev", "nonsense\n");
        CHECK_NUMBER(critical_list(&host, controller, hear, &all), 0);
        CHECK_STRING(all.text, "unknown:0000:00:1f.2 net:192.0.2.1/24 net:default route "
                               "serial:ttyS4 unknown:0000:00:1f.2 ");
        tree_remove();
}

/* A disk of another controller does not count for this one, even if the addresses look alike. */
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
                {"a disk that the kernel has given away", test_exclusive},
                {"a disk that nobody may ask about", test_exclusive_unknown},
                {"dm on md on a partition", test_raid_and_crypt},
                {"holders in a loop", test_holder_loop},
                {"what cannot be read counts as used", test_unreadable_means_in_use},
                {"an interface, down and up", test_interface},
                {"a route", test_route},
                {"a bridge", test_bridge},
                {"a bond with a route or an address, and in a bridge", test_bond},
                {"an interface of another namespace", test_hidden_interface},
                {"a framebuffer console", test_framebuffer},
                {"the boot VGA device", test_boot_vga},
                {"a serial console", test_serial_console},
                {"a node that is open", test_open_node},
                {"a node of another kind", test_open_node_of_another_kind},
                {"the nodes of a function below", test_function_below_is_another},
                {"all uses", test_list},
                {"a disk of another controller", test_other_controller},
                {"a multipath NVMe disk", test_multipath_nvme},
        };

        return tap_run(tests);
}
