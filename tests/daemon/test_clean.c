/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Cleaning of faulty devices: one that reads all-ones, one that stays in D3, one whose bus
 * mastering does not switch off, and a kernel whose reset_method accepts no value.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/host/config.h"
#include "daemon/host/health.h"
#include "daemon/host/reset.h"
#include "daemon/lease/clean.h"
#include "daemon/lease/halt.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define DEVICE "bus/pci/devices/0000:01:00.0"
#define PM_OFFSET 0x50

static const Bdf nic = {.bus = 1};
static HostPaths host;

typedef struct Condition {
        bool is_dead;
        bool is_master;
        unsigned power_state;
} Condition;

static void start(const Condition *condition)
{
        uint8_t bytes[256] = {[0] = 0x86, [1] = 0x80};

        host = (HostPaths){.sysfs = tree_make(), .dev = "/nonexistent", .proc = "/nonexistent"};
        bytes[4] = condition->is_master ? 0x06 : 0x02;
        bytes[6] = 0x10;
        bytes[0x34] = PM_OFFSET - 0x10;
        bytes[PM_OFFSET - 0x10] = 0x09; /* another capability before it */
        bytes[PM_OFFSET - 0x0f] = PM_OFFSET;
        bytes[PM_OFFSET] = 0x01;
        bytes[PM_OFFSET + 4] = (uint8_t)condition->power_state;
        if (condition->is_dead)
                memset(bytes, 0xff, sizeof(bytes));
        tree_bytes(DEVICE "/config", bytes, sizeof(bytes));
        tree_file(DEVICE "/power/control", "auto\n");
        tree_file(DEVICE "/d3cold_allowed", "1\n");
}

static int check(const Condition *condition, const char *words)
{
        _cleanup_(freep) char *message = NULL;

        start(condition);
        int r = health_check(&host, nic, &message);
        if (words && !CHECK(message && strstr(message, words)))
                printf("# %s\n", message ? message : "(nothing)");
        if (!words)
                CHECK(!message);
        tree_remove();
        return r;
}

static void test_health(void)
{
        const Bdf gone = {.bus = 9};
        char *message = NULL;

        CHECK_NUMBER(check(&(Condition){.power_state = 0}, NULL), 0);
        CHECK_NUMBER(check(&(Condition){.power_state = 2}, NULL), 0);
        CHECK_NUMBER(check(&(Condition){.power_state = 3}, "stays in D3"), REFUSAL_KERNEL_REFUSED);
        CHECK_NUMBER(check(&(Condition){.is_dead = true}, "all-ones"), REFUSAL_KERNEL_REFUSED);
        start(&(Condition){.power_state = 0});
        CHECK_NUMBER(health_check(&host, gone, &message), -ENOENT);
        CHECK(!message);
        tree_remove();
}

/* A cyclic list of capabilities ends the walk. */
static void test_loop(void)
{
        uint8_t bytes[256] = {[0] = 0x86, [6] = 0x10, [0x34] = 0x40, [0x40] = 0x09, [0x41] = 0x40};
        char *message = NULL;

        start(&(Condition){.power_state = 3});
        tree_bytes(DEVICE "/config", bytes, sizeof(bytes));
        CHECK_NUMBER(health_check(&host, nic, &message), 0);
        tree_remove();
}

static void test_masters(void)
{
        _cleanup_(freep) char *message = NULL;
        char path[256];

        start(&(Condition){.is_master = true});
        CHECK_NUMBER(health_stop_master(&host, nic, &message), 0);
        CHECK_NUMBER(health_stop_master(&host, nic, &message), 0);
        CHECK(!message);
        tree_remove();
        start(&(Condition){.is_dead = true}); /* a bit that cannot be cleared */
        (void)snprintf(path, sizeof(path), "%s/" DEVICE "/config", host.sysfs);
        CHECK_NUMBER(truncate(path, 5), 0);
        CHECK_NUMBER(health_stop_master(&host, nic, &message), REFUSAL_KERNEL_REFUSED);
        CHECK(message && strstr(message, "bus mastering cannot be switched off"));
        tree_remove();
}

static void test_types(void)
{
        static const struct {
                const char *type;
                bool reaches;
        } types[] = {{"DMA\n", false},     {"DMA-FQ\n", false}, {"blocked\n", false},
                     {"identity\n", true}, {"unknown\n", true}, {"unmanaged\n", true}};

        start(&(Condition){.power_state = 0});
        CHECK(health_reaches_memory(&host, 1)); /* an unknown type is no proof */
        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                tree_file("kernel/iommu_groups/1/type", types[i].type);
                CHECK_NUMBER(health_reaches_memory(&host, 1), types[i].reaches);
        }
        tree_remove();
}

static LeaseRecord *make_record(const char *driver_before)
{
        LeaseRecord *record = NULL;

        if (lease_record_new(&record) < 0 || lease_record_add_group(record, 1, "x") < 0 ||
            lease_record_add_device(record, nic, LEASE_ROLE_TAKEN, driver_before, "") < 0)
                abort();
        return record;
}

/* Cleans a device. A truncated configuration space can be read but not written as required. */
static int clean(const char *driver_before, const char *type, const Condition *condition,
                 bool *ret_unfit)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make_record(driver_before);
        _cleanup_(lease_clean_clear) Cleaning cleaning = {.snapshot = NULL};
        _cleanup_(freep) char *message = NULL;

        start(condition);
        tree_file("kernel/iommu_groups/1/type", type);
        int r = lease_clean(&host, record, &cleaning, &message);
        *ret_unfit = cleaning.unfit[0];
        tree_remove();
        return r;
}

static void test_unfit(void)
{
        const Condition well = {.is_master = true}, dead = {.is_dead = true};
        bool unfit;

        CHECK_NUMBER(clean("", "identity\n", &well, &unfit), 0);
        CHECK(!unfit);
        CHECK_NUMBER(clean("e1000e", "DMA\n", &dead, &unfit), REFUSAL_KERNEL_REFUSED);
        CHECK(unfit);
}

/* Of a device that the lease's driver is bound to, and that no process uses. */
static void test_halt(void)
{
        static const struct {
                const char *driver;
                bool stops;
        } drivers[] = {{"vfio-pci", true}, {"e1000e", false}, {NULL, false}};
        const VfioFds fds = {.n_items = 0};

        for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
                _cleanup_(lease_record_freep) LeaseRecord *record = make_record("");
                _cleanup_(freep) char *message = NULL, *again = NULL;
                uint8_t command = 0;

                (void)snprintf(record->devices[0].driver, sizeof(record->devices[0].driver),
                               "vfio-pci");
                start(&(Condition){.is_master = true});
                if (drivers[i].driver)
                        tree_link(DEVICE "/driver", drivers[i].driver);
                CHECK_NUMBER(lease_halt(&host, record, &fds, &message), 0);
                CHECK_NUMBER(config_read(&host, nic, 4, &command, 1), 0);
                CHECK_NUMBER(command, drivers[i].stops ? 0x02 : 0x06);
                tree_bytes(DEVICE "/config", (const uint8_t[]){0x86, 0x80, 0, 0, 0x06}, 5);
                CHECK_NUMBER(lease_halt(&host, record, &fds, &again),
                             drivers[i].stops ? REFUSAL_KERNEL_REFUSED : 0);
                CHECK(!drivers[i].stops ||
                      strstr(again, "bus mastering cannot be switched off"));
                tree_remove();
        }
}

static void test_settings(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make_record("");
        _cleanup_(freep) char *message = NULL, *power = NULL;
        char path[256];

        start(&(Condition){.power_state = 0});
        tree_file(DEVICE "/reset_method", "flr bus\n");
        lease_clean_note(&host, record);
        CHECK_STRING(record->devices[0].before.power, "auto");
        CHECK_STRING(record->devices[0].before.d3cold, "1");
        CHECK_STRING(record->devices[0].before.reset_method, "flr bus");
        tree_file(DEVICE "/power/control", "on\n");
        tree_file(DEVICE "/reset_method", "flr\n");
        CHECK_NUMBER(lease_clean_settle(&host, &record->devices[0], &message), 0);
        (void)snprintf(path, sizeof(path), "%s/" DEVICE "/power/control", host.sysfs);
        CHECK_NUMBER(host_read_text(path, &power), 0);
        CHECK_STRING(power, "auto");
        /*
         * A file keeps the part that is longer than the text written: like a kernel that ignores
         * the write.
         */
        tree_file(DEVICE "/power/control", "something\n");
        record->devices[0].before.power[0] = '\0'; /* was unknown */
        CHECK_NUMBER(lease_clean_settle(&host, &record->devices[0], &message), 0);
        CHECK(!message);
        tree_file(DEVICE "/reset_method", "pm flr bus acpi\n");
        CHECK_NUMBER(lease_clean_settle(&host, &record->devices[0], &message),
                     REFUSAL_KERNEL_REFUSED);
        CHECK(message && strstr(message, "reset_method reads"));
        tree_remove();
}

int main(void)
{
        static const TapTest tests[] = {
                {"who answers and is awake", test_health},
                {"capabilities in a circle", test_loop},
                {"bus mastering is switched off, or not", test_masters},
                {"domains that stop nothing", test_types},
                {"what is unfit", test_unfit},
                {"who may go on sending, and who not", test_halt},
                {"settings are noted and put back", test_settings},
        };

        return tap_run(tests);
}
