/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The kernel's reactions to writes (kernel-facts 3.3, 3.4). The program links them in place of the
 * daemon's one function that writes to sysfs. While VFIO drives a member of a claimed group
 * (fakehost_claims.c), no host driver can bind there.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/model/strength.h"
#include "daemon/host/config.h"
#include "daemon/host/driver.h"
#include "daemon/host/vfio.h"
#include "tests/daemon/fakehost.h"
#include "tests/daemon/faults.h"
#include "tests/unit/tree.h"

int __wrap_host_write_text(const char *path, const char *text);

/* --- which drivers may bind ------------------------------------------------------------------- */

/* Does the driver of any member of the group satisfy `matches`? */
bool fakehost_has_member(int group, bool (*matches)(const char *driver))
{
        const FakeDevice *device;
        char driver[FAKEHOST_NAME_SIZE];

        for (size_t i = 0; (device = fakehost_at(i)); i++)
                if (device->group == group && fakehost_is_present(device) &&
                    matches(fakehost_driver(device, driver)))
                        return true;
        return false;
}

static bool is_host_driver(const char *driver)
{
        return !driver_is_harmless(driver);
}

static int probe(const FakeDevice *device, const char *driver)
{
        char path[FAKEHOST_PATH_SIZE / 2], target[FAKEHOST_PATH_SIZE / 2];
        char late[FAKEHOST_PATH_SIZE];

        if (fakehost_has("bus/pci/devices/%s/driver", device->address))
                return -EBUSY;
        if (is_host_driver(driver) && fakehost_is_claimed(device->group) &&
            fakehost_has_member(device->group, driver_is_vfio))
                return -EBUSY;
        if (driver_is_vfio(driver) && device->bus_below != 0)
                return -EINVAL;
        (void)snprintf(path, sizeof(path), "bus/pci/devices/%s/driver", device->address);
        (void)snprintf(target, sizeof(target), "../../../../bus/pci/drivers/%s", driver);
        tree_link(path, target);
        (void)unlink(fakehost_path(late, "fake/late/%s", device->address));
        if (device->bus_below == 0)
                fakehost_set_master(device);
        if (driver_is_vfio(driver)) {
                (void)snprintf(path, sizeof(path), "fake/used/%s", device->address);
                tree_file(path, "");
        }
        return 0;
}

/*
 * The driver that the kernel would bind to a device, "" if none. An override permits only its
 * driver.
 */
static const char *match(const FakeDevice *device, char name[static FAKEHOST_NAME_SIZE])
{
        if (!fakehost_override(device, name)[0])
                (void)snprintf(name, FAKEHOST_NAME_SIZE, "%s",
                               device->driver ? device->driver : "");
        if (name[0] && !fakehost_has("bus/pci/drivers/%s", name))
                name[0] = '\0';
        return name;
}

int fakehost_attach(const FakeDevice *device)
{
        char path[FAKEHOST_PATH_SIZE], name[FAKEHOST_NAME_SIZE];

        (void)unlink(fakehost_path(path, "fake/late/%s", device->address));
        if (fakehost_driver(device, name)[0] || !match(device, name)[0])
                return 0;
        return probe(device, name);
}

/* --- files ------------------------------------------------------------------------------------ */

/* Atomic, as in the kernel: a process that is killed meanwhile has written all of it or nothing. */
static int put_text(const char *path, const char *text)
{
        char full[FAKEHOST_PATH_SIZE], fresh[FAKEHOST_PATH_SIZE], name[FAKEHOST_NAME_SIZE];

        if (!fakehost_has("%s", path))
                return -ENOENT;
        (void)snprintf(name, sizeof(name), "fake/fresh-%d", (int)getpid());
        tree_file(name, text);
        return rename(fakehost_path(fresh, "%s", name), fakehost_path(full, "%s", path)) < 0
                       ? -errno
                       : 0;
}

void fakehost_unplug_at_write(const char *address)
{
        char path[FAKEHOST_PATH_SIZE / 2];

        (void)snprintf(path, sizeof(path), "fake/going/%s", address);
        tree_file(path, "");
}

static int write_override(const char *address, const char *text)
{
        const FakeDevice *device = fakehost_find(address);
        char path[FAKEHOST_PATH_SIZE / 2], line[HOST_TEXT_SIZE];

        if (fakehost_has("fake/going/%s", address)) {
                fakehost_unplug(address); /* after the file was opened */
                return -ENODEV;
        }
        if (fakehost_has("fake/late/%s", address))
                (void)fakehost_attach(device); /* the kernel has bound the host driver first */
        (void)snprintf(path, sizeof(path), "bus/pci/devices/%s/driver_override", address);
        (void)snprintf(line, sizeof(line), "%s\n", text[0] == '\n' ? DRIVER_OVERRIDE_NONE : text);
        return text[0] ? put_text(path, line) : 0;
}

static int write_vfs(const char *address, const char *text)
{
        char path[FAKEHOST_PATH_SIZE / 2], line[FAKEHOST_NAME_SIZE];

        (void)snprintf(path, sizeof(path), "bus/pci/devices/%s/sriov_drivers_autoprobe", address);
        (void)snprintf(line, sizeof(line), "%c\n", text[0]);
        return put_text(path, line);
}

/*
 * DMA to DMA-FQ is possible at any time, other changes only while no driver does DMA (kernel-facts
 * 5).
 */
static int write_type(const char *group, const char *text)
{
        char path[FAKEHOST_PATH_SIZE / 2], full[FAKEHOST_PATH_SIZE], line[FAKEHOST_NAME_SIZE];
        _cleanup_(freep) char *now = NULL;
        int number = (int)strtol(group, NULL, 10);

        (void)snprintf(path, sizeof(path), "kernel/iommu_groups/%d/type", number);
        int r = host_read_text(fakehost_path(full, "%s", path), &now);
        if (r < 0)
                return r;
        bool live = strcmp(now, "DMA") == 0 && strcmp(text, "DMA-FQ") == 0;
        if (!live && (fakehost_has_member(number, is_host_driver) || fakehost_is_claimed(number)))
                return -EPERM;
        (void)snprintf(line, sizeof(line), "%s\n", text);
        return put_text(path, line);
}

static int put_setting(const char *address, const char *name, const char *text)
{
        char path[FAKEHOST_PATH_SIZE / 2], line[FAKEHOST_NAME_SIZE];

        (void)snprintf(path, sizeof(path), "bus/pci/devices/%s/%s", address, name);
        (void)snprintf(line, sizeof(line), "%s\n", text);
        return put_text(path, line);
}

static int write_power(const char *address, const char *text)
{
        return put_setting(address, "power/control", text);
}

static int write_d3cold(const char *address, const char *text)
{
        return put_setting(address, "d3cold_allowed", text);
}

/* Accepts only methods that the device has (kernel-facts 4.5). */
static int write_resets(const char *address, const char *text)
{
        const FakeDevice *device = fakehost_find(address);

        if (!device->resets || !strstr(device->resets, text))
                return -EINVAL;
        return put_setting(address, "reset_method", text);
}

/* Uses the first of the methods; `pm` always fails in this model. */
static int write_reset(const char *address, const char *text)
{
        _cleanup_(freep) char *methods = NULL;
        char path[FAKEHOST_PATH_SIZE];

        if (host_read_text(fakehost_path(path, "bus/pci/devices/%s/reset_method", address),
                           &methods) < 0)
                return -ENOENT;
        if (strcmp(methods, "pm") == 0)
                return -ENOTTY;
        (void)unlink(fakehost_path(path, "fake/used/%s", address));
        return 0;
}

/* Resets all devices below the bridge. */
static int write_reset_below(const char *address, const char *text)
{
        const FakeDevice *device;
        char path[FAKEHOST_PATH_SIZE];

        for (size_t i = 0; (device = fakehost_at(i)); i++)
                if (device->parent && strcmp(device->parent, address) == 0)
                        (void)unlink(fakehost_path(path, "fake/used/%s", device->address));
        return 0;
}

static int write_autoprobe(const char *name, const char *text)
{
        return put_text("bus/pci/drivers_autoprobe", text[0] == '0' ? "0\n" : "1\n");
}

/* Waits in the state that no signal ends. */
static void await_driver(const char *address)
{
        char path[FAKEHOST_PATH_SIZE], byte;

        if (!fakehost_has("fake/hang/%s", address))
                return;
        _cleanup_(closep) int fd =
                open(fakehost_path(path, "fake/hang/%s", address), O_RDONLY | O_CLOEXEC);
        while (fd >= 0 && read(fd, &byte, 1) > 0)
                continue;
        if (fakehost_has("fake/killed"))
                _exit(9);
}

static int unbind(const char *driver, const char *address)
{
        const FakeDevice *device = fakehost_find(address);
        char path[FAKEHOST_PATH_SIZE], name[FAKEHOST_NAME_SIZE];

        if (!device || strcmp(fakehost_driver(device, name), driver) != 0)
                return -ENODEV;
        if (!driver_is_vfio(driver))
                await_driver(address);
        /*
         * vfio-pci forbids runtime power management when it unbinds, whatever the value was before.
         */
        if (driver_is_vfio(driver) && put_setting(address, "power/control", "on") < 0)
                return -ENODEV;
        return unlink(fakehost_path(path, "bus/pci/devices/%s/driver", address)) < 0 ? -errno : 0;
}

/* A write through the link in the device's own directory. */
static int unbind_own(const char *address, const char *text)
{
        const FakeDevice *device = fakehost_find(address);
        char name[FAKEHOST_NAME_SIZE];

        if (!device || !fakehost_driver(device, name)[0])
                return -ENOENT;
        return unbind(name, text);
}

static int bind(const char *driver, const char *address)
{
        const FakeDevice *device = fakehost_find(address);
        char name[FAKEHOST_NAME_SIZE];

        if (!device || !fakehost_is_present(device) || strcmp(match(device, name), driver) != 0)
                return -ENODEV;
        return probe(device, driver);
}

/* No driver is no error. A driver that fails is an error, whatever the reason. */
static int drivers_probe(const char *name, const char *address)
{
        const FakeDevice *device = fakehost_find(address);

        if (!device || !fakehost_is_present(device))
                return -ENODEV;
        return fakehost_attach(device) < 0 ? -EINVAL : 0;
}

static int unbind_slot(const char *name, const char *service)
{
        char path[FAKEHOST_PATH_SIZE];

        return unlink(fakehost_path(path, "bus/pci_express/drivers/pciehp/%s", service)) < 0
                       ? -ENODEV
                       : 0;
}

/* Adds the cards that wait there. */
static int bind_slot(const char *name, const char *service)
{
        char path[FAKEHOST_PATH_SIZE / 2], target[FAKEHOST_PATH_SIZE / 2];
        char port[FAKEHOST_NAME_SIZE];

        if (!fakehost_has("bus/pci_express/devices/%s", service) ||
            fakehost_has("bus/pci_express/drivers/pciehp/%s", service))
                return -ENODEV;
        (void)snprintf(path, sizeof(path), "bus/pci_express/drivers/pciehp/%s", service);
        (void)snprintf(target, sizeof(target), "../../devices/%s", service);
        tree_link(path, target);
        (void)snprintf(port, sizeof(port), "%.*s", (int)(strrchr(service, ':') - service), service);
        fakehost_rescan(port);
        return 0;
}

/* The effect of a write to a path of that form; `name` is the part that the star matches. */
static const struct {
        const char *before, *after;
        int (*write)(const char *name, const char *text);
} files[] = {
        {"bus/pci/devices/", "/driver_override", write_override},
        {"bus/pci/devices/", "/driver/unbind", unbind_own},
        {"bus/pci/devices/", "/sriov_drivers_autoprobe", write_vfs},
        {"bus/pci/devices/", "/power/control", write_power},
        {"bus/pci/devices/", "/d3cold_allowed", write_d3cold},
        {"bus/pci/devices/", "/reset_method", write_resets},
        {"bus/pci/devices/", "/reset", write_reset},
        {"bus/pci/devices/", "/reset_subordinate", write_reset_below},
        {"bus/pci/drivers/", "/unbind", unbind},
        {"bus/pci/drivers/", "/bind", bind},
        {"kernel/iommu_groups/", "/type", write_type},
        {"class/vtconsole/", "/bind", fakehost_bind_console},
        {"bus/platform/devices/", "/driver/unbind", fakehost_unbind_framebuffer},
        {"bus/platform/drivers_probe", "", fakehost_probe_platform},
        {"bus/pci/drivers_autoprobe", "", write_autoprobe},
        {"bus/pci/drivers_probe", "", drivers_probe},
        {"bus/pci_express/drivers/pciehp", "/unbind", unbind_slot},
        {"bus/pci_express/drivers/pciehp", "/bind", bind_slot},
};

/* Is `path` equal to `before`, a name without a slash, and `after`? */
static bool is_file(const char *path, const char *before, const char *after,
                    char name[static FAKEHOST_NAME_SIZE])
{
        size_t n = strlen(path), n_before = strlen(before), n_after = strlen(after);

        if (n < n_before + n_after || n - n_before - n_after >= FAKEHOST_NAME_SIZE ||
            strncmp(path, before, n_before) != 0 || strcmp(path + n - n_after, after) != 0)
                return false;
        (void)snprintf(name, FAKEHOST_NAME_SIZE, "%.*s", (int)(n - n_before - n_after),
                       path + n_before);
        return !strchr(name, '/');
}

int fakehost_write(const char *path, const char *text)
{
        char root[FAKEHOST_PATH_SIZE], name[FAKEHOST_NAME_SIZE];
        size_t n = strlen(fakehost_path(root, "%s", ""));

        for (size_t i = 0; i < ARRAY_SIZE(files) && strncmp(path, root, n) == 0; i++)
                if (is_file(path + n, files[i].before, files[i].after, name))
                        return files[i].write(name, text);
        (void)fprintf(stderr, "fakehost: what does writing \"%s\" to %s do?\n", text, path);
        abort();
}

/*
 * Delays the host driver. The kernel reports success also if no driver was bound, so the writer
 * cannot tell.
 */
static void delay(const char *address)
{
        char path[FAKEHOST_PATH_SIZE / 2];

        (void)snprintf(path, sizeof(path), "fake/late/%s", address);
        tree_file(path, "");
}

int __wrap_host_write_text(const char *path, const char *text)
{
        unsigned number;

        int r = faults_before(FAULT_POINT_WRITE, &number);
        if (r > 0 && strstr(path, "/drivers_probe"))
                delay(text);
        if (r != 0)
                return r < 0 ? r : 0;
        r = fakehost_write(path, text);
        faults_after(number);
        return r;
}
