/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The driver that a lease's devices get, on trees with module tables of their own. The test cannot
 * load a module: a module that is not loaded stays absent.
 */

#include <limits.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "daemon/host/variant.h"
#include "daemon/lease/drivers.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define CARD "devices/pci0000:00/0000:00:05.0"
#define ANY "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
#define MADE "alias vfio_pci:v000015B3d*sv*sd*bc*sc*i* no_such_vfio_pci\n"

static const Bdf card = {.devfn = 0x05 << 3}, bridge = {.devfn = 0x06 << 3};
static char modules[PATH_MAX];
static HostPaths host;
static LeaseRecord *record;
static char told[512];

static void tell(const LeaseRecord *whose, const char *text)
{
        CHECK(whose == record);
        (void)snprintf(told, sizeof(told), "%s", text);
}

static void put_table(const char *name, const char *text)
{
        struct utsname kernel;
        char path[512];

        CHECK_NUMBER(uname(&kernel), 0);
        (void)snprintf(path, sizeof(path), "modules/%.200s/%s", kernel.release, name);
        tree_file(path, text);
}

static void make(const char *aliases)
{
        const char *root = tree_make();

        (void)snprintf(modules, sizeof(modules), "%s/modules", root);
        host = (HostPaths){
                .sysfs = root, .dev = "/nonexistent", .proc = "/nonexistent", .modules = modules};
        tree_device(CARD, 0x15b3, 0x101e, 0x020000);
        tree_file(CARD "/modalias", "pci:v000015B3d0000101Esv00000000sd00000000bc02sc00i00\n");
        put_table("modules.alias", aliases);
        told[0] = '\0';
        record = NULL;
        CHECK_NUMBER(lease_record_new(&record), 0);
        CHECK_NUMBER(lease_record_add_device(record, card, LEASE_ROLE_TAKEN, "", ""), 0);
        CHECK_NUMBER(lease_record_add_device(record, bridge, LEASE_ROLE_BYSTANDER, "", ""), 0);
}

/* The module exists, and its driver has another name than the module. */
static void load(void)
{
        tree_file("module/no_such_vfio_pci/drivers/platform:other/uevent", "");
        tree_file("module/no_such_vfio_pci/drivers/pci:made-vfio-pci/uevent", "");
        tree_file("bus/pci/drivers/made-vfio-pci/bind", "");
}

static void end(void)
{
        record = lease_record_free(record);
        tree_remove();
}

static int choose(const char *wanted, bool *ret_changed, char **ret_message)
{
        *ret_changed = false;
        return lease_drivers_choose(&host, record, wanted, tell, ret_changed, ret_message);
}

static void test_made_for_it(void)
{
        _cleanup_(freep) char *message = NULL;
        bool changed;

        make(ANY MADE);
        load();
        CHECK_NUMBER(choose("", &changed, &message), 0);
        CHECK(changed);
        CHECK_STRING(record->devices[0].driver, "made-vfio-pci");
        CHECK_STRING(record->devices[1].driver, LEASE_DRIVER); /* a bridge keeps its driver */
        CHECK_STRING(told, "");
        CHECK_NUMBER(choose("", &changed, &message), 0);
        CHECK(!changed);
        end();
}

static void test_not_there(void)
{
        _cleanup_(freep) char *message = NULL;
        bool changed;

        make(ANY MADE);
        CHECK_NUMBER(choose("", &changed, &message), 0);
        CHECK(!changed);
        CHECK_STRING(record->devices[0].driver, LEASE_DRIVER);
        CHECK(strstr(told, "0000:00:05.0 gets vfio-pci instead of the driver of no_such_vfio_pci: "
                           "module no_such_vfio_pci is not "));
        end();
}

static void test_no_tables(void)
{
        _cleanup_(freep) char *message = NULL;
        bool changed;

        make(ANY MADE);
        load();
        host.modules = NULL;
        CHECK_NUMBER(choose("", &changed, &message), 0);
        CHECK_STRING(record->devices[0].driver, LEASE_DRIVER);
        host.modules = "/nonexistent";
        CHECK_NUMBER(choose("", &changed, &message), 0);
        CHECK_STRING(record->devices[0].driver, LEASE_DRIVER);
        end();
}

static void test_built_in(void)
{
        _cleanup_(freep) char *message = NULL;
        struct utsname kernel;
        char path[512];
        bool changed;
        static const char table[] = "no_such_vfio_pci.alias=vfio_pci:v000015B3d*sv*sd*bc*sc*i*";

        make(ANY);
        load();
        CHECK_NUMBER(uname(&kernel), 0);
        (void)snprintf(path, sizeof(path), "modules/%.200s/modules.builtin.modinfo",
                       kernel.release);
        tree_bytes(path, table, sizeof(table));
        CHECK_NUMBER(choose("", &changed, &message), 0);
        CHECK_STRING(record->devices[0].driver, "made-vfio-pci");
        end();
}

static void test_wanted(void)
{
        _cleanup_(freep) char *message = NULL, *none = NULL, *absent = NULL;
        bool changed;

        make(ANY MADE);
        load();
        CHECK_NUMBER(choose("vfio-pci", &changed, &message), 0);
        CHECK_STRING(record->devices[0].driver, LEASE_DRIVER);
        CHECK_NUMBER(choose("no-such-vfio-pci", &changed, &message), 0);
        CHECK(changed);
        CHECK_STRING(record->devices[0].driver, "made-vfio-pci");
        CHECK_NUMBER(choose("e1000e", &changed, &none), REFUSAL_UNSUPPORTED);
        CHECK_STRING(none, "this kernel has no VFIO driver e1000e: no vfio_pci alias names it "
                           "(modules.alias of the kernel)");
        end();
        make(ANY MADE);
        CHECK_NUMBER(choose("no_such_vfio_pci", &changed, &absent), REFUSAL_UNSUPPORTED);
        CHECK(absent && strstr(absent, "no_such_vfio_pci"));
        CHECK(!changed);
        end();
}

static void test_joiner(void)
{
        make(ANY MADE);
        CHECK_NUMBER(lease_drivers_choose_loaded(&host, &record->devices[0]), 0);
        CHECK_STRING(record->devices[0].driver, LEASE_DRIVER);
        load();
        CHECK_NUMBER(lease_drivers_choose_loaded(&host, &record->devices[0]), 0);
        CHECK_STRING(record->devices[0].driver, "made-vfio-pci");
        end();
}

int main(void)
{
        static const TapTest tests[] = {
                {"the driver made for a device", test_made_for_it},
                {"a module that does not come", test_not_there},
                {"a kernel without tables", test_no_tables},
                {"a driver that is built in", test_built_in},
                {"a driver that is asked for", test_wanted},
                {"a joiner", test_joiner},
        };

        return tap_run(tests);
}
