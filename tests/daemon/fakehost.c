/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The machine: how it is built, which devices come and go, and its state as text.
 *
 * Beside Linux's /sys files the tree has `fake`: `waiting/ADDRESS`, a card in a slot not scanned;
 * `late/ADDRESS`, a device whose host driver binds later; `used/ADDRESS`, a device not reset since
 * VFIO used it; `hang/ADDRESS`, a device whose unbind hangs; `gone/N`, a removed directory; and
 * `race`.
 */

#include "tests/daemon/fakehost.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/model/pcicap.h"
#include "daemon/host/acl.h"
#include "daemon/host/driver.h"
#include "tests/unit/tree.h"

#define CONFIG_SIZE 4096
#define EXPRESS 0x40 /* where the PCI Express capability is */

static const FakeDevice *all;
static size_t n_all;
static const char *root;
static void (*watcher)(const FakeDevice *device, const char *path);

static _Noreturn void give_up(const char *what)
{
        (void)fprintf(stderr, "fakehost: %s: %s\n", what, strerror(errno));
        abort();
}

const FakeDevice *fakehost_at(size_t index)
{
        return index < n_all ? &all[index] : NULL;
}

const FakeDevice *fakehost_find(const char *address)
{
        for (size_t i = 0; i < n_all; i++)
                if (strcmp(all[i].address, address) == 0)
                        return &all[i];
        return NULL;
}

const char *fakehost_path(char path[static FAKEHOST_PATH_SIZE], const char *format, ...)
{
        int n = snprintf(path, FAKEHOST_PATH_SIZE, "%s/", root);
        va_list arguments;

        va_start(arguments, format);
        n += vsnprintf(path + n, FAKEHOST_PATH_SIZE - (size_t)n, format, arguments);
        va_end(arguments);
        if (n >= FAKEHOST_PATH_SIZE)
                give_up(path);
        return path;
}

bool fakehost_has(const char *format, ...)
{
        char name[FAKEHOST_PATH_SIZE / 2], path[FAKEHOST_PATH_SIZE];
        struct stat status;
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(name, sizeof(name), format, arguments);
        va_end(arguments);
        return lstat(fakehost_path(path, "%s", name), &status) == 0;
}

bool fakehost_is_present(const FakeDevice *device)
{
        return fakehost_has("bus/pci/devices/%s", device->address);
}

const char *fakehost_driver(const FakeDevice *device, char name[static FAKEHOST_NAME_SIZE])
{
        _cleanup_(freep) char *driver = NULL;
        char path[FAKEHOST_PATH_SIZE];

        int r = host_read_link_name(
                fakehost_path(path, "bus/pci/devices/%s/driver", device->address), &driver);
        (void)snprintf(name, FAKEHOST_NAME_SIZE, "%s", r == 0 ? driver : "");
        return name;
}

const char *fakehost_override(const FakeDevice *device, char name[static FAKEHOST_NAME_SIZE])
{
        _cleanup_(freep) char *text = NULL;
        char path[FAKEHOST_PATH_SIZE];

        int r = host_read_text(
                fakehost_path(path, "bus/pci/devices/%s/driver_override", device->address), &text);
        (void)snprintf(name, FAKEHOST_NAME_SIZE, "%s",
                       r == 0 && strcmp(text, DRIVER_OVERRIDE_NONE) != 0 ? text : "");
        return name;
}

bool fakehost_is_used(const FakeDevice *device)
{
        return fakehost_has("fake/used/%s", device->address);
}

const char *fakehost_service(const FakeDevice *port, char name[static FAKEHOST_NAME_SIZE])
{
        /* Of a root port 0, of a downstream port 2; the bit 4 is hot-plug. */
        (void)snprintf(name, FAKEHOST_NAME_SIZE, "%s:pcie%x04", port->address,
                       port->type - PCIE_TYPE_ROOT_PORT);
        return name;
}

/* --- the devices that exist ------------------------------------------------------------------- */

/* The path of a device's directory, relative to the root. */
static void find_place(const FakeDevice *device, char path[static FAKEHOST_PATH_SIZE])
{
        size_t n;

        if (device->parent)
                find_place(fakehost_find(device->parent), path);
        else
                (void)snprintf(path, FAKEHOST_PATH_SIZE, "devices/pci0000:00");
        n = strlen(path);
        (void)snprintf(path + n, FAKEHOST_PATH_SIZE - n, "/%s", device->address);
}

static bool is_port(const FakeDevice *device)
{
        return device->bus_below != 0;
}

/* PCIe Base Specification 7.5.1 and 7.5.3; no ACS anywhere. */
static void write_config(const FakeDevice *device, const char *directory)
{
        char path[FAKEHOST_PATH_SIZE + 8];
        uint8_t bytes[CONFIG_SIZE] = {0};

        bytes[0x06] = 0x10;
        bytes[0x0e] = (uint8_t)(is_port(device) | (device->multifunction ? 0x80 : 0));
        bytes[0x19] = bytes[0x1a] = device->bus_below;
        bytes[0x34] = EXPRESS;
        bytes[EXPRESS] = 0x10;
        bytes[EXPRESS + 2] = (uint8_t)(device->type << 4);
        bool slot = device->has_slot || device->has_open_slot;
        bytes[EXPRESS + 3] = slot;                 /* slot implemented */
        bytes[EXPRESS + 0x14] = (uint8_t)slot << 6; /* hot-plug capable */
        (void)snprintf(path, sizeof(path), "%s/config", directory);
        tree_bytes(path, bytes, sizeof(bytes));
}

static void write_slot(const FakeDevice *port)
{
        char service[FAKEHOST_NAME_SIZE], path[FAKEHOST_PATH_SIZE], target[FAKEHOST_PATH_SIZE];

        (void)fakehost_service(port, service);
        (void)snprintf(path, sizeof(path), "bus/pci_express/devices/%s/uevent", service);
        tree_file(path, "");
        (void)snprintf(path, sizeof(path), "bus/pci_express/drivers/pciehp/%s", service);
        (void)snprintf(target, sizeof(target), "../../devices/%s", service);
        tree_link(path, target);
}

/* Creates the device; no driver is bound to it. */
static void appear(const FakeDevice *device)
{
        char place[FAKEHOST_PATH_SIZE], path[FAKEHOST_PATH_SIZE + 32], text[FAKEHOST_NAME_SIZE];

        find_place(device, place);
        tree_device(place, 0x8086, 0x10d3, is_port(device) ? 0x060400 : 0x020000);
        write_config(device, place);
        (void)snprintf(path, sizeof(path), "%s/driver_override", place);
        (void)snprintf(text, sizeof(text), "%s\n",
                       device->override ? device->override : DRIVER_OVERRIDE_NONE);
        tree_file(path, text);
        (void)snprintf(path, sizeof(path), "%s/iommu_group", place);
        (void)snprintf(text, sizeof(text), "../../../kernel/iommu_groups/%d", device->group);
        tree_link(path, text);
        (void)snprintf(path, sizeof(path), "%s/iommu", place);
        tree_link(path, "../../../devices/virtual/iommu/dmar0");
        if (device->has_vfs) {
                (void)snprintf(path, sizeof(path), "%s/sriov_drivers_autoprobe", place);
                tree_file(path, "1\n");
        }
        if (device->has_slot)
                write_slot(device);
        if (is_port(device))
                return;
        (void)snprintf(path, sizeof(path), "%s/power/control", place);
        tree_file(path, "auto\n");
        (void)snprintf(path, sizeof(path), "%s/d3cold_allowed", place);
        tree_file(path, "1\n");
        if (!device->resets)
                return;
        (void)snprintf(path, sizeof(path), "%s/reset", place);
        tree_file(path, "");
        (void)snprintf(path, sizeof(path), "%s/reset_method", place);
        (void)snprintf(text, sizeof(text), "%s\n", device->resets);
        tree_file(path, text);
}

static char switch_of(const char *directory, const char *name)
{
        char path[FAKEHOST_PATH_SIZE];
        _cleanup_(freep) char *text = NULL;

        int r = host_read_text(fakehost_path(path, "%s/%s", directory, name), &text);
        return r == 0 ? text[0] : '?';
}

void fakehost_watch(void (*added)(const FakeDevice *device, const char *path))
{
        watcher = added;
}

/* Adds the function. Its host driver binds now or later, if the kernel may bind any. */
static void arrive(const FakeDevice *device)
{
        bool is_open = switch_of("bus/pci", "drivers_autoprobe") == '1';
        bool is_late = is_open && fakehost_has("fake/race");
        char path[FAKEHOST_PATH_SIZE];

        appear(device);
        if (is_late) {
                (void)snprintf(path, sizeof(path), "fake/late/%s", device->address);
                tree_file(path, "");
        }
        if (watcher) {
                find_place(device, path);
                watcher(device, path);
        }
        if (is_open && !is_late)
                (void)fakehost_attach(device);
}

static void remove_file(const char *directory, const char *name)
{
        char path[FAKEHOST_PATH_SIZE];

        if (unlink(fakehost_path(path, "%s/%s", directory, name)) < 0 && errno != ENOENT)
                give_up(path);
}

/* While no lease has the devices of the second group, their DMA is not translated. */
static const char *type_of(int group)
{
        return group == 2 ? "identity" : "DMA";
}

void fakehost_make(const FakeDevice *devices, size_t n_devices, HostPaths *ret_host)
{
        static char dev[FAKEHOST_PATH_SIZE], proc[FAKEHOST_PATH_SIZE];
        char path[FAKEHOST_PATH_SIZE];

        root = tree_make();
        all = devices;
        n_all = n_devices;
        *ret_host = (HostPaths){.sysfs = root,
                                .dev = fakehost_path(dev, "dev"),
                                .proc = fakehost_path(proc, "proc")};
        tree_file("bus/pci/drivers_autoprobe", "1\n");
        tree_file("bus/pci/drivers_probe", "");
        tree_file("bus/pci/drivers/vfio-pci/bind", "");
        tree_file("bus/pci_express/drivers/pciehp/bind", "");
        tree_file("class/vtconsole/" FAKEHOST_CONSOLE "/name", "(M) frame buffer device\n");
        tree_file("class/vtconsole/" FAKEHOST_CONSOLE "/bind", "1\n");
        tree_file("bus/platform/drivers/efi-framebuffer/unbind", "");
        tree_link("bus/platform/devices/" FAKEHOST_FRAMEBUFFER "/driver",
                  "../../drivers/efi-framebuffer");
        tree_file("dev/iommu", "");
        tree_file("dev/vfio/vfio", "");
        tree_file("fake/waiting/.keep", "");
        tree_file("fake/late/.keep", "");
        tree_file("fake/gone/.keep", "");
        tree_file("fake/used/.keep", "");
        tree_file("fake/hang/.keep", "");
        for (size_t i = 0; i < n_devices; i++) {
                if (devices[i].driver) {
                        (void)snprintf(path, sizeof(path), "bus/pci/drivers/%s/bind",
                                       devices[i].driver);
                        tree_file(path, "");
                }
                (void)snprintf(path, sizeof(path), "dev/vfio/%d", devices[i].group);
                tree_file(path, "");
        }
        for (size_t i = 0; i < n_devices; i++) {
                (void)snprintf(path, sizeof(path), "kernel/iommu_groups/%d/type", devices[i].group);
                tree_file(path, type_of(devices[i].group));
        }
        for (size_t i = 0; i < n_devices; i++)
                if (!devices[i].is_away)
                        arrive(&devices[i]);
}

void fakehost_remove(void)
{
        tree_remove();
        watcher = NULL;
        root = NULL;
        n_all = 0;
}

/* --- devices that appear and disappear -------------------------------------------------------- */

static bool is_served(const FakeDevice *device)
{
        const FakeDevice *port = device->parent ? fakehost_find(device->parent) : NULL;
        char service[FAKEHOST_NAME_SIZE];

        return !port || !port->has_slot ||
               fakehost_has("bus/pci_express/drivers/pciehp/%s", fakehost_service(port, service));
}

void fakehost_plug(const char *address)
{
        const FakeDevice *device = fakehost_find(address);
        char path[FAKEHOST_PATH_SIZE];

        if (is_served(device))
                return arrive(device);
        (void)snprintf(path, sizeof(path), "fake/waiting/%s", address);
        tree_file(path, "");
}

void fakehost_unplug(const char *address)
{
        char place[FAKEHOST_PATH_SIZE], path[FAKEHOST_PATH_SIZE], gone[FAKEHOST_PATH_SIZE];
        unsigned n = 0;

        remove_file("fake/waiting", address);
        remove_file("fake/late", address);
        remove_file("fake/used", address);
        if (!fakehost_is_present(fakehost_find(address)))
                return;
        remove_file("bus/pci/devices", address);
        find_place(fakehost_find(address), place);
        /* Keep the directory, so that no later one gets its inode; sysfs does not reuse inodes. */
        while (fakehost_has("fake/gone/%u", n))
                n++;
        if (rename(fakehost_path(path, "%s", place), fakehost_path(gone, "fake/gone/%u", n)) < 0)
                give_up(path);
}

void fakehost_rescan(const char *port)
{
        for (size_t i = 0; i < n_all; i++) {
                if (!fakehost_has("fake/waiting/%s", all[i].address) ||
                    (port && strcmp(all[i].parent, port) != 0))
                        continue;
                remove_file("fake/waiting", all[i].address);
                arrive(&all[i]);
        }
}

void fakehost_race(bool on)
{
        if (on)
                tree_file("fake/race", "");
        else
                remove_file("fake", "race");
        for (size_t i = 0; !on && i < n_all; i++)
                if (fakehost_has("fake/late/%s", all[i].address))
                        (void)fakehost_attach(&all[i]);
}

void fakehost_hang(const char *address)
{
        char path[FAKEHOST_PATH_SIZE];

        (void)snprintf(path, sizeof(path), "fake/hang/%s", address);
        tree_fifo(path);
}

void fakehost_let_go(const char *address)
{
        char path[FAKEHOST_PATH_SIZE];

        /* The hanging process has this file open for reading and sees its end. */
        int fd = open(fakehost_path(path, "fake/hang/%s", address), O_WRONLY | O_CLOEXEC);
        if (fd < 0 || unlink(path) < 0)
                give_up(path);
        (void)close(fd);
}

/* --- the state as text ------------------------------------------------------------------------ */

static void draw_type(FILE *stream, int group, bool untouched)
{
        _cleanup_(freep) char *type = NULL;
        char path[FAKEHOST_PATH_SIZE];

        int r = host_read_text(fakehost_path(path, "kernel/iommu_groups/%d/type", group), &type);
        (void)fprintf(stream, "group %d type %s\n", group,
                      untouched ? type_of(group) : r == 0 ? type : strerror(-r));
}

/* State that VFIO and a reset change. */
static void draw_condition(FILE *stream, const FakeDevice *device, const char *directory,
                           bool untouched)
{
        _cleanup_(freep) char *power = NULL, *resets = NULL;
        char path[FAKEHOST_PATH_SIZE], driver[FAKEHOST_NAME_SIZE];

        int r = untouched ? 0
                          : host_read_text(fakehost_path(path, "%s/power/control", directory),
                                           &power);
        if (r == 0 && !untouched && device->resets)
                r = host_read_text(fakehost_path(path, "%s/reset_method", directory), &resets);
        if (r < 0)
                give_up(path);
        bool is_loose = !untouched && !fakehost_driver(device, driver)[0] &&
                        fakehost_is_master(device) && type_of(device->group)[0] == 'i';
        (void)fprintf(stream, "%s power %s, resets %s%s\n", device->address,
                      untouched ? "auto" : power,
                      untouched || !device->resets ? device->resets : resets,
                      is_loose ? ", bus master without a driver" : "");
}

static void draw_screen(FILE *stream, bool untouched)
{
        static const char driver[] = "bus/platform/devices/" FAKEHOST_FRAMEBUFFER "/driver";

        (void)fprintf(stream, "console %c\n",
                      untouched ? '1' : switch_of("class/vtconsole/" FAKEHOST_CONSOLE, "bind"));
        (void)fprintf(stream, "framebuffer %s\n",
                      untouched || fakehost_has("%s", driver) ? "bound" : "unbound");
}

static void draw(FILE *stream, const FakeDevice *device, bool untouched)
{
        char driver[FAKEHOST_NAME_SIZE], override[FAKEHOST_NAME_SIZE];
        char service[FAKEHOST_NAME_SIZE], directory[FAKEHOST_NAME_SIZE * 2];
        const char *own = device->override ? "" : device->driver ? device->driver : "";

        if (!untouched && fakehost_has("fake/waiting/%s", device->address))
                (void)fprintf(stream, "%s waits in its slot\n", device->address);
        if (!fakehost_is_present(device))
                return;
        (void)fprintf(stream, "%s driver '%s' override '%s'\n", device->address,
                      untouched ? own : fakehost_driver(device, driver),
                      !untouched         ? fakehost_override(device, override)
                      : device->override ? device->override
                                         : "");
        (void)snprintf(directory, sizeof(directory), "bus/pci/devices/%s", device->address);
        if (!is_port(device))
                draw_condition(stream, device, directory, untouched);
        if (device->has_vfs)
                (void)fprintf(stream, "%s VFs autoprobe %c\n", device->address,
                              untouched ? '1' : switch_of(directory, "sriov_drivers_autoprobe"));
        if (device->has_slot)
                (void)fprintf(stream, "%s pciehp %s\n", device->address,
                              untouched || fakehost_has("bus/pci_express/drivers/pciehp/%s",
                                                        fakehost_service(device, service))
                                      ? "bound"
                                      : "unbound");
}

/* The nodes that a user may open because of a lease. */
static void draw_nodes(FILE *stream)
{
        char path[FAKEHOST_PATH_SIZE], name[FAKEHOST_NAME_SIZE];

        for (size_t i = 0; i < n_all + 2; i++) {
                if (i < n_all)
                        (void)snprintf(name, sizeof(name), "vfio/%d", all[i].group);
                else
                        (void)snprintf(name, sizeof(name), i == n_all ? "vfio/vfio" : "iommu");
                if (acl_has(fakehost_path(path, "dev/%s", name), FAKEHOST_UID))
                        (void)fprintf(stream, "%s is open to %d\n", name, FAKEHOST_UID);
        }
}

char *fakehost_picture(bool untouched)
{
        char *text = NULL;
        size_t n = 0;
        FILE *stream = open_memstream(&text, &n);

        if (!stream)
                give_up("memory");
        (void)fprintf(stream, "autoprobe %c\n",
                      untouched ? '1' : switch_of("bus/pci", "drivers_autoprobe"));
        draw_screen(stream, untouched);
        for (size_t i = 0; i < n_all; i++)
                draw_type(stream, all[i].group, untouched);
        for (size_t i = 0; i < n_all; i++)
                draw(stream, &all[i], untouched);
        if (!untouched)
                draw_nodes(stream);
        if (fclose(stream) != 0)
                give_up("memory");
        return text;
}
