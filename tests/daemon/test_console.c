/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The console on a device's screen, as a lease records it; and a kernel that ignores writes to the
 * console's files.
 */

#include <stdio.h>

#include "daemon/guard/console.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define CARD "devices/pci0000:00/0000:00:02.0"
#define FRAMEBUFFER "devices/platform/efi-framebuffer.0"

static const Bdf card = {.devfn = 0x02 << 3};
static char proc[4200];
static HostPaths host;
static LeaseRecord *record;

static void make(void)
{
        const char *root = tree_make();

        (void)snprintf(proc, sizeof(proc), "%s/proc", root);
        host = (HostPaths){.sysfs = root, .dev = "/nonexistent", .proc = proc};
        tree_file("proc/1/comm", "init\n");
        tree_file("proc/1/fd/.keep", "");
        tree_file(CARD "/boot_vga", "1\n");
        tree_link("bus/pci/devices/0000:00:02.0", "../../../" CARD);
        tree_file("class/vtconsole/vtcon0/name", "(S) dummy device\n");
        tree_file("class/vtconsole/vtcon0/bind", "0\n");
        tree_file("class/vtconsole/vtcon1/name", "(M) frame buffer device\n");
        tree_file("class/vtconsole/vtcon1/bind", "1\n");
        record = NULL;
        CHECK_NUMBER(lease_record_new(&record), 0);
        CHECK_NUMBER(lease_record_add_device(record, card, LEASE_ROLE_TAKEN, "", ""), 0);
        CHECK_NUMBER(lease_record_add_change(record, LEASE_CHANGE_VFS, "0000:00:02.0"), 0);
}

static void end(void)
{
        record = lease_record_free(record);
        tree_remove();
}

static void test_firmwares(void)
{
        bool changed = false;

        make();
        CHECK_NUMBER(console_find(&host, record, &changed), 0);
        CHECK(!changed); /* no framebuffer, and no text console */
        tree_file(FRAMEBUFFER "/graphics/fb0/name", "EFI VGA\n");
        tree_link(FRAMEBUFFER "/graphics/fb0/device", "../../../efi-framebuffer.0");
        tree_link(FRAMEBUFFER "/driver", "../../../bus/platform/drivers/efi-framebuffer");
        tree_file("bus/platform/drivers/efi-framebuffer/unbind", "");
        tree_link("bus/platform/devices/efi-framebuffer.0", "../../../" FRAMEBUFFER);
        tree_link("class/graphics/fb0", "../../" FRAMEBUFFER "/graphics/fb0");
        CHECK_NUMBER(console_find(&host, record, &changed), 0);
        CHECK(changed);
        if (CHECK(record->n_changes == 3)) {
                CHECK_NUMBER(record->changes[0].kind, LEASE_CHANGE_CONSOLE);
                CHECK_STRING(record->changes[0].place, "vtcon1");
                CHECK_NUMBER(record->changes[1].kind, LEASE_CHANGE_FRAMEBUFFER);
                CHECK_STRING(record->changes[1].place, "efi-framebuffer.0");
        }
        changed = false;
        CHECK_NUMBER(console_find(&host, record, &changed), 0);
        CHECK(!changed && record->n_changes == 3);
        end();
}

/*
 * A framebuffer of the card's own driver ends with that driver; only the console has to be unbound.
 */
static void test_drivers_own(void)
{
        bool changed = false;

        make();
        tree_file(CARD "/graphics/fb0/name", "bochsdrmfb\n");
        tree_link(CARD "/graphics/fb0/device", "../../../0000:00:02.0");
        tree_link("class/graphics/fb0", "../../" CARD "/graphics/fb0");
        CHECK_NUMBER(console_find(&host, record, &changed), 0);
        if (CHECK(record->n_changes == 2))
                CHECK_STRING(record->changes[0].place, "vtcon1");
        end();
}

static void test_stubborn_kernel(void)
{
        const LeaseChange console = {LEASE_CHANGE_CONSOLE, (char *)"vtcon1"},
                          framebuffer = {LEASE_CHANGE_FRAMEBUFFER, (char *)"efi-framebuffer.0"},
                          gone = {LEASE_CHANGE_CONSOLE, (char *)"vtcon7"},
                          none = {LEASE_CHANGE_FRAMEBUFFER, (char *)"vesa-framebuffer.0"};
        _cleanup_(freep) char *message = NULL, *unused = NULL;

        make();
        CHECK_NUMBER(console_switch(&host, &console, false, &unused), 0);
        CHECK_NUMBER(console_switch(&host, &console, false, &unused), 0);
        CHECK_NUMBER(console_switch(&host, &console, true, &unused), 0);
        CHECK_NUMBER(console_switch(&host, &gone, false, &unused), 0);
        CHECK_NUMBER(console_switch(&host, &none, true, &unused), 0);
        tree_file(FRAMEBUFFER "/x", "");
        tree_link(FRAMEBUFFER "/driver", "../../../bus/platform/drivers/efi-framebuffer");
        tree_file("bus/platform/drivers/efi-framebuffer/unbind", "");
        tree_link("bus/platform/devices/efi-framebuffer.0", "../../../" FRAMEBUFFER);
        CHECK_NUMBER(console_switch(&host, &framebuffer, false, &message), REFUSAL_KERNEL_REFUSED);
        CHECK_STRING(message, "efi-framebuffer.0: its driver could not be unbound");
        CHECK(!unused);
        end();
}

int main(void)
{
        static const TapTest tests[] = {
                {"the firmware's framebuffer", test_firmwares},
                {"a driver's framebuffer", test_drivers_own},
                {"a kernel that does not let go", test_stubborn_kernel},
        };

        return tap_run(tests);
}
