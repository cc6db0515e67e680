/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the kernel does when it is told to, and VFIO's claims (kernel-facts 3.3, 3.4, 4.2).
 *
 * Linked in place of the daemon's one function that writes to sysfs and of those that claim groups.
 * A claim is a lock on the group's node, which goes with the last copy of the open file, as the
 * kernel's goes; it keeps host drivers out as long as VFIO drives a member.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/model/strength.h"
#include "daemon/host/driver.h"
#include "daemon/host/vfio.h"
#include "tests/daemon/fakehost.h"
#include "tests/daemon/faults.h"
#include "tests/unit/tree.h"

#define VFIO "vfio-pci"

int __wrap_host_write_text(const char *path, const char *text);
int __real_host_write_text(const char *path, const char *text);
int __wrap_vfio_claim_groups(const HostPaths *host, const int32_t *groups, size_t n_groups,
                             VfioFds *ret_fds, char **ret_message);
int __wrap_vfio_claim_devices(const HostPaths *host, const Bdf *devices, size_t n_devices,
                              VfioFds *ret_fds, char **ret_message);
void __wrap_vfio_await_closed(const HostPaths *host, const int32_t *groups, size_t n_groups,
                              unsigned seconds);

static int open_group(int group)
{
        char path[FAKEHOST_PATH_SIZE];

        int fd = open(fakehost_path(path, "dev/vfio/%d", group), O_RDWR | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* --- who may drive what ----------------------------------------------------------------------- */

static bool is_claimed(int group)
{
        _cleanup_(closep) int fd = open_group(group);

        return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;
}

/* Of the group's members, is there one whose driver passes `matches`? */
static bool has_member(int group, bool (*matches)(const char *driver))
{
        const FakeDevice *device;
        char driver[FAKEHOST_NAME_SIZE];

        for (size_t i = 0; (device = fakehost_at(i)); i++)
                if (device->group == group && fakehost_is_present(device) &&
                    matches(fakehost_driver(device, driver)))
                        return true;
        return false;
}

static bool is_vfio(const char *driver)
{
        return strcmp(driver, VFIO) == 0;
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
        if (is_host_driver(driver) && is_claimed(device->group) &&
            has_member(device->group, is_vfio))
                return -EBUSY;
        if (is_vfio(driver) && device->bus_below != 0)
                return -EINVAL;
        (void)snprintf(path, sizeof(path), "bus/pci/devices/%s/driver", device->address);
        (void)snprintf(target, sizeof(target), "../../../../bus/pci/drivers/%s", driver);
        tree_link(path, target);
        (void)unlink(fakehost_path(late, "fake/late/%s", device->address));
        return 0;
}

/* The driver that the kernel has for a device, "" if none: an override is the only one. */
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

static int put_text(const char *path, const char *text)
{
        char full[FAKEHOST_PATH_SIZE];

        if (!fakehost_has("%s", path))
                return -ENOENT;
        if (truncate(fakehost_path(full, "%s", path), 0) < 0)
                return -errno;
        return __real_host_write_text(full, text);
}

static int write_override(const char *address, const char *text)
{
        const FakeDevice *device = fakehost_find(address);
        char path[FAKEHOST_PATH_SIZE / 2], line[HOST_TEXT_SIZE];

        if (fakehost_has("fake/late/%s", address))
                (void)fakehost_attach(device); /* the kernel was quicker */
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

static int write_autoprobe(const char *name, const char *text)
{
        return put_text("bus/pci/drivers_autoprobe", text[0] == '0' ? "0\n" : "1\n");
}

static int unbind(const char *driver, const char *address)
{
        const FakeDevice *device = fakehost_find(address);
        char path[FAKEHOST_PATH_SIZE], name[FAKEHOST_NAME_SIZE];

        if (!device || strcmp(fakehost_driver(device, name), driver) != 0)
                return -ENODEV;
        return unlink(fakehost_path(path, "bus/pci/devices/%s/driver", address)) < 0 ? -errno : 0;
}

/* By the link in the device's own directory. */
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

/* No driver is no error; one that fails is, whatever the reason. */
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

/* What has been waiting there comes in. */
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

/* What a write to a path of that form does; `name` is what stands for the star. */
static const struct {
        const char *before, *after;
        int (*write)(const char *name, const char *text);
} files[] = {
        {"bus/pci/devices/", "/driver_override", write_override},
        {"bus/pci/devices/", "/driver/unbind", unbind_own},
        {"bus/pci/devices/", "/sriov_drivers_autoprobe", write_vfs},
        {"bus/pci/drivers/", "/unbind", unbind},
        {"bus/pci/drivers/", "/bind", bind},
        {"bus/pci/drivers_autoprobe", "", write_autoprobe},
        {"bus/pci/drivers_probe", "", drivers_probe},
        {"bus/pci_express/drivers/pciehp", "/unbind", unbind_slot},
        {"bus/pci_express/drivers/pciehp", "/bind", bind_slot},
};

/* Is `path` `before`, a name without a slash, `after`? */
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

/* That nothing was bound is what the kernel says of no driver, too: nobody can tell. It comes late.
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

/* --- claims ----------------------------------------------------------------------------------- */

static int add_fd(VfioFds *fds, int fd, const char *name)
{
        VfioFd *item = &fds->items[fds->n_items++];

        (void)snprintf(item->name, sizeof(item->name), "%s", name);
        item->fd = fd;
        return fd;
}

static int claim(int group, VfioFds *fds, char **ret_message)
{
        char name[sizeof(fds->items[0].name)];

        (void)snprintf(name, sizeof(name), "group:%d", group);
        int fd = add_fd(fds, open_group(group), name);
        if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
                return host_refuse(REFUSAL_BUSY, ret_message, "group %d is claimed", group);
        if (!has_member(group, is_vfio) || has_member(group, is_host_driver))
                return host_refuse(REFUSAL_NOT_VIABLE, ret_message, "group %d is not viable",
                                   group);
        return 0;
}

int __wrap_vfio_claim_groups(const HostPaths *host, const int32_t *groups, size_t n_groups,
                             VfioFds *ret_fds, char **ret_message)
{
        _cleanup_(vfio_fds_close) VfioFds fds = {.n_items = 0};
        unsigned number;

        int r = faults_before(FAULT_POINT_WRITE, &number);
        if (r != 0)
                return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message, "a claim that fails");
        (void)add_fd(&fds, open("/dev/null", O_RDWR | O_CLOEXEC), "container");
        for (size_t i = 0; r == 0 && i < n_groups; i++)
                r = claim(groups[i], &fds, ret_message);
        faults_after(number);
        if (r != 0)
                return r;
        *ret_fds = fds;
        fds.n_items = 0;
        return 0;
}

/* An iommufd and a bound device own the device's group. */
int __wrap_vfio_claim_devices(const HostPaths *host, const Bdf *devices, size_t n_devices,
                              VfioFds *ret_fds, char **ret_message)
{
        int32_t groups[VFIO_FDS_MAX];
        char text[BDF_TEXT_SIZE];
        size_t n = 0;

        for (size_t i = 0; i < n_devices; i++) {
                int32_t group = fakehost_find(bdf_format(devices[i], text))->group;
                size_t k = 0;

                while (k < n && groups[k] != group)
                        k++;
                groups[k] = group;
                n += k == n;
        }
        return __wrap_vfio_claim_groups(host, groups, n, ret_fds, ret_message);
}

void __wrap_vfio_await_closed(const HostPaths *host, const int32_t *groups, size_t n_groups,
                              unsigned seconds)
{
        for (size_t i = 0; i < n_groups; i++) {
                _cleanup_(closep) int fd = open_group(groups[i]);

                (void)flock(fd, LOCK_EX);
        }
}
