/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The gate, and the devices that may pass it, on plain files, which keep what is written to them.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/guard/gate.h"
#include "daemon/guard/sweep.h"
#include "daemon/guard/udev_hook.h"
#include "daemon/host/block.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define AUTOPROBE "bus/pci/drivers_autoprobe"
#define PROBE "bus/pci/drivers_probe"
#define NVME "bus/pci/drivers/nvme"

static const Bdf card = {.bus = 2};
static HostPaths host;
static char state[512];

/* Two functions without a driver, one with. */
static void make_host(void)
{
        static const char *const functions[] = {"0000:02:00.0", "0000:03:00.0", "0000:04:00.0"};

        host = (HostPaths){.sysfs = tree_make(), .dev = "/nonexistent", .proc = "/nonexistent"};
        (void)snprintf(state, sizeof(state), "%s/state", host.sysfs);
        for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
                char path[256], target[256];

                (void)snprintf(path, sizeof(path), "devices/pci0000:00/%s/driver_override",
                               functions[i]);
                tree_file(path, "(null)\n");
                (void)snprintf(path, sizeof(path), "bus/pci/devices/%s", functions[i]);
                (void)snprintf(target, sizeof(target), "../../../devices/pci0000:00/%s",
                               functions[i]);
                tree_link(path, target);
        }
        tree_link("devices/pci0000:00/0000:04:00.0/driver", "../../../" NVME);
        tree_file(AUTOPROBE, "1\n");
        tree_file(PROBE, "");
        tree_file(NVME "/bind", "");
        tree_file("state/other", "");
}

static const char *content(const char *path)
{
        static char text[256];
        char full[600];
        _cleanup_(freep) char *read = NULL;

        (void)snprintf(full, sizeof(full), "%s/%s", host.sysfs, path);
        CHECK_NUMBER(host_read_text(full, &read), 0);
        (void)snprintf(text, sizeof(text), "%s", read ? read : "");
        return text;
}

static void test_the_gate(void)
{
        char *message = NULL;
        bool open = false;

        make_host();
        CHECK_NUMBER(gate_read(&host, &open), 0);
        CHECK(open);
        CHECK_NUMBER(gate_write(&host, false, &message), 0);
        CHECK_NUMBER(gate_read(&host, &open), 0);
        CHECK(!open);
        CHECK_NUMBER(gate_write(&host, true, &message), 0);
        CHECK_NUMBER(gate_read(&host, &open), 0);
        CHECK(open);
        tree_remove();
        CHECK_NUMBER(gate_read(&host, &open), -ENOENT);
        CHECK_NUMBER(gate_write(&host, false, &message), -ENOENT);
        CHECK(!message);
}

static void test_letting_in(void)
{
        char *driver = NULL;

        make_host();
        CHECK_NUMBER(gate_let_in(&host, card, false, &driver), 0);
        CHECK_STRING(driver ? driver : "?", "");
        CHECK_STRING(content(PROBE), "0000:02:00.0");
        free(driver);
        /* A device that has its driver is left alone. */
        tree_file(PROBE, "");
        CHECK_NUMBER(gate_let_in(&host, (Bdf){.bus = 4}, true, &driver), 0);
        CHECK_STRING(driver ? driver : "?", "nvme");
        CHECK_STRING(content(PROBE), "");
        free(driver);
        CHECK_NUMBER(gate_let_in(&host, (Bdf){.bus = 9}, true, &driver), -ENOENT);
        tree_remove();
}

static void test_admitting(void)
{
        TextList third = {.items = NULL}, any = {.items = NULL};

        CHECK_NUMBER(places_add(&third, "/devices/pci0000:00/0000:03:00.0"), 0);
        CHECK_NUMBER(places_add(&any, "/devices/pci0000:00/0000:??:??.?"), 0);
        make_host();
        CHECK_NUMBER(gate_admit(&host, "nvme", &any), 0);
        CHECK_STRING(content(NVME "/bind"), "");
        CHECK_NUMBER(gate_admit(&host, "nvme", &third), 0);
        CHECK_STRING(content(NVME "/bind"), "0000:02:00.0");
        CHECK_NUMBER(gate_admit(&host, "e1000e", &third), -ENOENT);
        text_list_clear(&third);
        text_list_clear(&any);
        tree_remove();
}

/* A leased device and an override set before ours are left alone; our override is removed. */
static void test_sweeping(void)
{
        const Bdf strays[] = {{.bus = 2}};
        const int32_t groups[] = {7};
        WatchFile file = {.gate_shut = true};
        WatchFunction third, none;
        Sweep sweep = {
                .open_gate = true,
                .groups = groups,
                .n_groups = ARRAY_SIZE(groups),
                .former = &file,
        };
        char *message = NULL;

        make_host();
        tree_file(AUTOPROBE, "0\n");
        tree_link("devices/pci0000:00/0000:02:00.0/iommu_group", "../../../kernel/iommu_groups/7");
        tree_link("devices/pci0000:00/0000:03:00.0/iommu_group", "../../../kernel/iommu_groups/8");
        CHECK_NUMBER(watchfile_find_function(&host, (Bdf){.bus = 3}, &third), 0);
        CHECK_NUMBER(watchfile_find_function(&host, (Bdf){.bus = 9}, &none), -ENOENT);
        CHECK_NUMBER(watchfile_add(&file, &third), 0);
        CHECK_NUMBER(sweep_run(&host, &sweep, &message), 0);
        CHECK_STRING(content(AUTOPROBE), "1");
        CHECK_STRING(content(PROBE), "");
        /* Another device at the address of the known one. */
        third.instance++;
        CHECK_NUMBER(watchfile_add(&file, &third), 0);
        CHECK_NUMBER(sweep_run(&host, &sweep, &message), 0);
        CHECK_STRING(content(PROBE), "0000:03:00.0");

        tree_file("devices/pci0000:00/0000:02:00.0/driver_override", BLOCK_OVERRIDE "\n");
        sweep = (Sweep){.every_override = true, .groups = groups, .n_groups = ARRAY_SIZE(groups)};
        CHECK_NUMBER(sweep_run(&host, &sweep, &message), 0);
        CHECK_STRING(content("devices/pci0000:00/0000:02:00.0/driver_override"), BLOCK_OVERRIDE);
        /*
         * A file keeps the newline that clears an override in the kernel. The error shows that the
         * sweep tried.
         */
        sweep.n_groups = 0;
        CHECK_NUMBER(sweep_run(&host, &sweep, &message), REFUSAL_KERNEL_REFUSED);
        CHECK(message && strstr(message, "0000:02:00.0: driver_override reads"));
        free(TAKE_PTR(message));
        tree_file("devices/pci0000:00/0000:02:00.0/driver_override", BLOCK_OVERRIDE "\n");
        sweep = (Sweep){.strays = strays, .n_strays = ARRAY_SIZE(strays)};
        CHECK_NUMBER(sweep_run(&host, &sweep, &message), REFUSAL_KERNEL_REFUSED);
        free(message);
        free(file.known);
        tree_remove();
}

/* A function without a group may change at any moment; an unleased function is freed. */
static void test_one_on_its_way(void)
{
        const Bdf strays[] = {{.bus = 2}, {.bus = 9}};
        const int32_t groups[] = {7};
        Sweep sweep = {
                .strays = strays,
                .n_strays = ARRAY_SIZE(strays),
                .groups = groups,
                .n_groups = ARRAY_SIZE(groups),
        };
        WatchFile file = {.gate_shut = true};
        char *message = NULL;

        make_host();
        tree_file("devices/pci0000:00/0000:02:00.0/driver_override", BLOCK_OVERRIDE "\n");
        CHECK_NUMBER(sweep_run(&host, &sweep, &message), REFUSAL_CHANGED);
        CHECK_STRING(message ? message : "", "0000:02:00.0 is being added or removed");
        CHECK_STRING(content("devices/pci0000:00/0000:02:00.0/driver_override"), BLOCK_OVERRIDE);
        free(TAKE_PTR(message));
        /* No probe is asked for while a leased group or place could have the device. */
        sweep = (Sweep){.former = &file, .groups = groups, .n_groups = ARRAY_SIZE(groups)};
        CHECK_NUMBER(sweep_run(&host, &sweep, &message), 0);
        CHECK_STRING(content(PROBE), "");
        sweep.n_groups = 0;
        CHECK_NUMBER(places_add(&file.places, "/devices/pci0000:00/0000:??:00.?"), 0);
        CHECK_NUMBER(sweep_run(&host, &sweep, &message), 0);
        CHECK_STRING(content(PROBE), "");
        text_list_clear(&file.places);
        CHECK_NUMBER(sweep_run(&host, &sweep, &message), 0);
        CHECK(content(PROBE)[0]);
        tree_remove();
}

static void test_udev_hook(void)
{
        _cleanup_(watchfile_freep) WatchFile *file = calloc(1, sizeof(*file));

        make_host();
        /* No gate is shut, or the gate was not shut by the daemon. */
        CHECK_NUMBER(udev_hook_run(&host, state, "0000:04:00.0", NULL), 0);
        CHECK_NUMBER(watchfile_save(state, file), 0);
        CHECK_NUMBER(udev_hook_run(&host, state, NULL, "nvme"), 0);
        CHECK_STRING(content(NVME "/bind"), "");

        file->gate_shut = true;
        CHECK_NUMBER(places_add(&file->places, "/devices/pci0000:00/0000:??:00.?"), 0);
        CHECK_NUMBER(watchfile_save(state, file), 0);
        CHECK_NUMBER(udev_hook_run(&host, state, "0000:02:00.0", NULL), 0); /* in a leased place */
        CHECK_STRING(content(PROBE), "");
        CHECK_NUMBER(udev_hook_run(&host, state, NULL, "nvme"), 0);
        CHECK_STRING(content(NVME "/bind"), "");
        text_list_clear(&file->places);
        CHECK_NUMBER(watchfile_save(state, file), 0);
        CHECK_NUMBER(udev_hook_run(&host, state, "0000:04:00.0", NULL), 0);
        CHECK_NUMBER(udev_hook_run(&host, state, NULL, "nvme"), 0);
        CHECK(strncmp(content(NVME "/bind"), "0000:0", 6) == 0);
        CHECK_NUMBER(udev_hook_run(&host, state, "0000:09:00.0", NULL), -ENOENT);
        CHECK_NUMBER(udev_hook_run(&host, state, "../../x", NULL), -EINVAL);
        CHECK_NUMBER(udev_hook_run(&host, state, NULL, ""), -EINVAL);
        CHECK_NUMBER(udev_hook_run(&host, state, NULL, "../nvme"), -EINVAL);
        tree_remove();
}

int main(void)
{
        static const TapTest tests[] = {
                {"shut and open, read back", test_the_gate},
                {"a function is let in", test_letting_in},
                {"a new driver gets what waits for it", test_admitting},
                {"what is left is swept", test_sweeping},
                {"a function on its way is left alone", test_one_on_its_way},
                {"the udev hook", test_udev_hook},
        };

        return tap_run(tests);
}
