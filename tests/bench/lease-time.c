/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The time of an acquire and a release of groups: by isolationd, or by this program, which makes
 * the same writes to sysfs and the same requests to VFIO without the daemon.
 *
 *      lease-time isolationd TIMES ADDRESS…
 *      lease-time bare TIMES ADDRESS…
 *      lease-time calls TIMES
 *
 * Each function given by an address is alone in its group, apart from bridges. `bare` sets the
 * override of all functions, unbinds them, and binds them to vfio-pci, one step after the other. It
 * attaches the groups to a container with an IOMMU and closes them. Then it undoes the steps in
 * reverse order: it resets each function by its first method and binds the host's driver again. It
 * checks nothing, records nothing and sends no signal. `calls` reads a property of the daemon. The
 * program prints one line per run, in nanoseconds.
 */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "libclient/isolation.h"

#define DEVICES_MAX 64
#define PATH_SIZE 128
#define NAME_SIZE 64

typedef struct Device {
        const char *address;
        char driver[NAME_SIZE]; /* the host's, "" if none */
        int group;
} Device;

static Device devices[DEVICES_MAX];
static unsigned n_devices;

static void write_text(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                err(1, "%s", path);
        close(fd);
}

/* Reads the name at the end of a link; "" if there is none. */
static void read_name(const Device *device, const char *name, char text[static NAME_SIZE])
{
        char path[PATH_SIZE], target[256];

        snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", device->address, name);
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        target[n < 0 ? 0 : n] = '\0';
        const char *slash = strrchr(target, '/');
        snprintf(text, NAME_SIZE, "%.*s", NAME_SIZE - 1, slash ? slash + 1 : target);
}

static void write_device(const Device *device, const char *name, const char *text)
{
        char path[PATH_SIZE];

        snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", device->address, name);
        write_text(path, text);
}

static void expect_driver(const Device *device, const char *driver)
{
        char now[NAME_SIZE];

        read_name(device, "driver", now);
        if (strcmp(now, driver) != 0)
                errx(1, "%s has the driver '%s', not '%s'", device->address, now, driver);
}

static void bare_take(void)
{
        for (unsigned i = 0; i < n_devices; i++)
                write_device(&devices[i], "driver_override", "vfio-pci");
        for (unsigned i = 0; i < n_devices; i++)
                if (devices[i].driver[0])
                        write_device(&devices[i], "driver/unbind", devices[i].address);
        for (unsigned i = 0; i < n_devices; i++) {
                write_text("/sys/bus/pci/drivers_probe", devices[i].address);
                expect_driver(&devices[i], "vfio-pci");
        }
}

/* Resets by the first of its methods, as isolationd does; a
 * function without methods is not reset. */
static void reset(const Device *device)
{
        char path[PATH_SIZE], methods[NAME_SIZE], first[NAME_SIZE];

        snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset_method", device->address);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return;
        ssize_t n = read(fd, methods, sizeof(methods) - 1);
        close(fd);
        if (n <= 0)
                return;
        methods[n] = '\0';
        snprintf(first, sizeof(first), "%.*s", (int)strcspn(methods, " \n"), methods);
        write_text(path, first);
        write_device(device, "reset", "1");
        write_text(path, methods);
}

static void bare_give(void)
{
        for (unsigned i = 0; i < n_devices; i++)
                write_device(&devices[i], "driver/unbind", devices[i].address);
        for (unsigned i = 0; i < n_devices; i++)
                reset(&devices[i]);
        for (unsigned i = 0; i < n_devices; i++)
                write_device(&devices[i], "driver_override", "\n");
        for (unsigned i = 0; i < n_devices; i++) {
                if (devices[i].driver[0])
                        write_text("/sys/bus/pci/drivers_probe", devices[i].address);
                expect_driver(&devices[i], devices[i].driver);
        }
}

static void bare(void)
{
        int groups[DEVICES_MAX];

        bare_take();
        int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
        if (container < 0 || ioctl(container, VFIO_GET_API_VERSION) != VFIO_API_VERSION)
                err(1, "/dev/vfio/vfio");
        for (unsigned i = 0; i < n_devices; i++) {
                struct vfio_group_status status = {.argsz = sizeof(status)};
                char path[PATH_SIZE];

                snprintf(path, sizeof(path), "/dev/vfio/%d", devices[i].group);
                groups[i] = open(path, O_RDWR | O_CLOEXEC);
                if (groups[i] < 0 || ioctl(groups[i], VFIO_GROUP_GET_STATUS, &status) < 0 ||
                    ioctl(groups[i], VFIO_GROUP_SET_CONTAINER, &container) < 0 ||
                    (i == 0 && ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) < 0))
                        err(1, "%s", path);
        }
        for (unsigned i = 0; i < n_devices; i++)
                close(groups[i]);
        close(container);
        bare_give();
}

static void by_isolationd(iso_host *host, const char *const *selectors)
{
        const iso_acquire_options options = {.mode = "vfio", .with_members = true};
        iso_grant *grant;

        if (iso_acquire(host, selectors, &options, &grant) != 0)
                errx(1, "acquire: %s", iso_host_message(host));
        uint32_t lease = grant->lease;
        /* The lease's own fd stays open: the benchmark measures the call to release. */
        for (size_t i = 0; i < grant->n_fds; i++) {
                close(grant->fds[i].fd);
                grant->fds[i].fd = -1;
        }
        if (iso_release(host, lease) != 0)
                errx(1, "release: %s", iso_host_message(host));
        (void)iso_grant_free(grant);
}

static long long now_nsec(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void call(sd_bus *bus)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        char *version = NULL;

        if (sd_bus_get_property_string(bus, "org.isolationd1", "/org/isolationd1",
                                       "org.isolationd1.Manager", "Version", &error, &version) < 0)
                errx(1, "Version: %s", error.message);
        free(version);
}

static int time_calls(long times)
{
        sd_bus *bus = NULL;

        if (sd_bus_open_system(&bus) < 0)
                errx(1, "no bus");
        call(bus);
        while (times-- > 0) {
                long long before = now_nsec();

                call(bus);
                printf("%lld\n", now_nsec() - before);
        }
        sd_bus_unref(bus);
        return 0;
}

int main(int argc, char **argv)
{
        iso_host *host = NULL;

        if (argc == 3 && strcmp(argv[1], "calls") == 0)
                return time_calls(strtol(argv[2], NULL, 10));
        if (argc < 4 || argc - 3 > DEVICES_MAX)
                errx(2, "lease-time isolationd|bare TIMES ADDRESS…");
        bool is_bare = strcmp(argv[1], "bare") == 0;
        for (int i = 3; i < argc; i++) {
                Device *device = &devices[n_devices++];
                char group[NAME_SIZE];

                device->address = argv[i];
                read_name(device, "driver", device->driver);
                read_name(device, "iommu_group", group);
                device->group = (int)strtol(group, NULL, 10);
        }
        if (!is_bare && iso_host_open_daemon(&host) != 0)
                errx(1, "no daemon");
        for (long times = strtol(argv[2], NULL, 10); times > 0; times--) {
                long long before = now_nsec();

                if (is_bare)
                        bare();
                else
                        by_isolationd(host, (const char *const *)argv + 3);
                printf("%lld\n", now_nsec() - before);
        }
        (void)iso_host_free(host);
        return 0;
}
