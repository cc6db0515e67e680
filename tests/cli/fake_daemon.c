/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The fake's leases and its loop. `fake-daemon [DRIVER [OBSTACLE]]`: the NIC's driver at the start,
 * and the reason why leases are refused. A selector `refuse-NAME` is refused with that error; with
 * `many` there are many descriptors.
 */

#include "tests/cli/fake_daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/bus/call/fds.h"

/* More descriptors than fit into a message, and than fit into one packet beside it. */
#define MANY 150

void check(int r, const char *what)
{
        if (r >= 0)
                return;
        (void)fprintf(stderr, "fake-daemon: %s: %s\n", what, strerror(-r));
        exit(EXIT_FAILURE);
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        (void)vprintf(format, arguments);
        va_end(arguments);
        (void)printf("\n");
        (void)fflush(stdout);
}

int lease_release(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        FakeLease *lease = userdata;

        if (strcmp(lease->lifetime, "fd") == 0 && lease->owner_fd < 0)
                return sd_bus_error_set(ret_error, INTERFACE "Error.Stuck", "nobody holds it");
        say("released %u", lease->id);
        fake_end_lease(lease);
        return sd_bus_reply_method_return(message, "a(ss)", 2, "0000:01:00.0", "flr",
                                          "0000:01:00.1", "not reset: the kernel knows no way");
}

/* The owner is notified, and the grace period ends at once. */
int lease_revoke(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        FakeLease *lease = userdata;
        uint32_t grace = 10;
        const char *name;
        int kill = 0, r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                check(sd_bus_message_read_basic(message, 's', &name), "option");
                if (strcmp(name, "kill") == 0)
                        r = sd_bus_message_read(message, "v", "b", &kill);
                else
                        r = sd_bus_message_read(message, "v", "u", &grace);
                check(r, name);
                r = sd_bus_message_exit_container(message);
        }
        check(r, "options");
        say("revoke %u kill=%d grace=%u", lease->id, kill, grace);
        check(sd_bus_emit_signal(lease->fake->bus, lease->path, INTERFACE "Lease", "Revoked",
                                 "ua{sv}", grace, 1, "kill", "b", kill),
              "revoked");
        fake_end_lease(lease);
        return sd_bus_reply_method_return(message, "a(ss)", 1, "0000:01:00.0", "flr");
}

/* A file that contains its own name, so that a program can tell which file it received. */
static int named_fd(const char *name)
{
        int fd = memfd_create(name, MFD_CLOEXEC);

        check(fd < 0 ? -errno : 0, "memfd");
        check((int)write(fd, name, strlen(name)), "memfd");
        check((int)lseek(fd, 0, SEEK_SET), "memfd");
        return fd;
}

static int append_fd(sd_bus_message *reply, const char *name)
{
        int fd = named_fd(name), r;

        r = sd_bus_message_append(reply, "(sh)", name, fd);
        (void)close(fd);
        return r;
}

/*
 * A question about a device: only the device that was plugged in is answered, any other is refused.
 */
static const char *read_joiner(sd_bus_message *message, FakeLease *lease, sd_bus_error *ret_error)
{
        const char *address = lease->fake->devices[DEVICES_MAX - 1].address, *asked;

        check(sd_bus_message_read(message, "s", &asked), "device");
        check(sd_bus_message_skip(message, "a{sv}"), "options");
        say("%s %u %s", sd_bus_message_get_member(message), lease->id, asked);
        if (strcmp(asked, address) == 0)
                return asked;
        (void)sd_bus_error_setf(ret_error, INTERFACE "Error.Invalid", "%s did not join", asked);
        return NULL;
}

int lease_take_device(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        FakeLease *lease = userdata;
        const char *address = read_joiner(message, lease, ret_error);
        sd_bus_message *reply = NULL;
        char name[64];
        int r;

        if (!address)
                return -EINVAL;
        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(sh)");
        (void)snprintf(name, sizeof(name), "device:%s", address);
        if (r >= 0 && strcmp(lease->mode, "iommufd") == 0)
                r = append_fd(reply, name);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(lease->fake->bus, reply, NULL);
        sd_bus_message_unref(reply);
        return r < 0 ? r : 1;
}

int lease_expel_device(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        if (!read_joiner(message, userdata, ret_error))
                return -EINVAL;
        return sd_bus_reply_method_return(message, NULL);
}

static int owner_gone(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        FakeLease *lease = userdata;

        say("let-go %u", lease->id);
        fake_end_lease(lease);
        return 0;
}

/* The options of the acquire. */
typedef struct Request {
        char **selectors;
        const char *mode;
        const char *lifetime;
        char **modes;
        uint32_t uid;
        int with_members;
        int force;
        const char *driver;
        uint64_t memory;
        int release_console;
} Request;

/* If several modes are acceptable, the daemon uses the first. */
static int read_modes(sd_bus_message *message, Request *request)
{
        int r;

        r = sd_bus_message_enter_container(message, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_read_strv(message, &request->modes);
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        if (r >= 0 && request->modes)
                request->mode = request->modes[0];
        return r;
}

static int read_request(sd_bus_message *message, Request *request)
{
        int r;

        r = sd_bus_message_read_strv(message, &request->selectors);
        if (r >= 0)
                r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                const char *name;

                r = sd_bus_message_read_basic(message, 's', &name);
                if (r < 0)
                        return r;
                if (strcmp(name, "mode") == 0)
                        r = sd_bus_message_read(message, "v", "s", &request->mode);
                else if (strcmp(name, "modes") == 0)
                        r = read_modes(message, request);
                else if (strcmp(name, "uid") == 0)
                        r = sd_bus_message_read(message, "v", "u", &request->uid);
                else if (strcmp(name, "lifetime") == 0)
                        r = sd_bus_message_read(message, "v", "s", &request->lifetime);
                else if (strcmp(name, "with-members") == 0)
                        r = sd_bus_message_read(message, "v", "b", &request->with_members);
                else if (strcmp(name, "force") == 0)
                        r = sd_bus_message_read(message, "v", "b", &request->force);
                else if (strcmp(name, "release-console") == 0)
                        r = sd_bus_message_read(message, "v", "b", &request->release_console);
                else if (strcmp(name, "memory") == 0)
                        r = sd_bus_message_read(message, "v", "t", &request->memory);
                else if (strcmp(name, "driver") == 0)
                        r = sd_bus_message_read(message, "v", "s", &request->driver);
                else
                        r = -EINVAL;
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
        }
        return r;
}

static void add_fd(VfioFds *fds, const char *name)
{
        VfioFd *item = &fds->items[fds->n_items++];

        (void)snprintf(item->name, sizeof(item->name), "%.47s", name);
        item->fd = named_fd(name);
}

/* The descriptors in the daemon's order; a lease with that name has many. */
static int append_fds(sd_bus_message *reply, const FakeLease *lease, bool many)
{
        bool vfio = strcmp(lease->mode, "vfio") == 0;
        VfioFds fds = {.n_items = 0};
        char name[64];

        add_fd(&fds, vfio ? "container" : "iommufd");
        (void)snprintf(name, sizeof(name), "group:%d", lease->group->kernel_group);
        if (vfio)
                add_fd(&fds, name);
        for (char **address = lease->devices; *address; address++) {
                (void)snprintf(name, sizeof(name), "device:%s", *address);
                add_fd(&fds, name);
        }
        for (unsigned n = 1; many && n <= MANY; n++) {
                (void)snprintf(name, sizeof(name), "group:%u", 1000 + n);
                add_fd(&fds, name);
        }
        int r = bus_append_fds(reply, &fds);
        for (size_t n = 0; n < fds.n_items; n++)
                (void)close(fds.items[n].fd);
        return r;
}

static FakeLease *new_lease(Fake *fake, const Request *request, int *ret_client_fd)
{
        static char *devices[] = {(char *)"0000:01:00.0", NULL};
        static char *held[] = {NULL};
        FakeLease *lease = calloc(1, sizeof(*lease));
        size_t slot = 0;
        int ends[2];

        check(lease ? 0 : -ENOMEM, "lease");
        check(pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0, "pipe");
        while (slot < LEASES_MAX && fake->leases[slot])
                slot++;
        check(slot < LEASES_MAX ? 0 : -E2BIG, "leases");
        fake->leases[slot] = lease;
        *lease = (FakeLease){
                .fake = fake,
                .group = &fake->groups[0],
                .id = ++fake->next_lease,
                .devices = devices,
                .held = held,
                .uid = 0,
                .unit = "test.service",
                .mode = strdup(request->mode ? request->mode : "vfio"),
                .lifetime = strdup(request->lifetime ? request->lifetime : "fd"),
                .guard = "owned",
                .required_guard = "sealed",
                .state = "leased",
                .since = 1700000000ULL * 1000000,
                .rule = "50-test.json: nics",
                .address_space = "one",
                .accounting = "process",
                .nodes = held,
                .trouble = "a test waits",
                .owner_fd = ends[1],
        };
        *ret_client_fd = ends[0];
        if (strcmp(lease->lifetime, "fd") == 0)
                check(sd_event_add_io(fake->event, &lease->owner_source, ends[1], 0, owner_gone,
                                      lease),
                      "owner");
        return lease;
}

static int grant(sd_bus_message *message, Fake *fake, const Request *request)
{
        sd_bus_message *reply = NULL;
        FakeLease *lease;
        int client_fd, r;

        lease = new_lease(fake, request, &client_fd);
        fake_add_lease(lease);
        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "oh", lease->path, client_fd);
        (void)close(client_fd);
        if (r >= 0)
                r = append_fds(reply, lease, strcmp(request->selectors[0], "many") == 0);
        if (r >= 0)
                r = sd_bus_send(fake->bus, reply, NULL);
        sd_bus_message_unref(reply);
        return r < 0 ? r : 1;
}

int request_acquire(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        static const char refusal[] = "refuse-";
        Request request = {0};
        Fake *fake = userdata;
        char name[64];
        int r;

        r = read_request(message, &request);
        if (r >= 0 && !request.selectors)
                r = -EINVAL;
        if (r < 0)
                return r;

        if (request.release_console)
                say("release-console");
        if (request.memory > 0)
                say("memory=%" PRIu64, request.memory);
        if (request.driver)
                say("driver=%s", request.driver);
        say("acquire mode=%s lifetime=%s with-members=%d force=%d %s",
            request.mode ? request.mode : "-", request.lifetime ? request.lifetime : "-",
            request.with_members, request.force, request.selectors[0]);
        for (char **mode = request.modes; mode && *mode; mode++)
                say("or mode=%s", *mode);
        if (request.uid != 0)
                say("for uid=%u", request.uid);
        if (strncmp(request.selectors[0], refusal, strlen(refusal)) == 0) {
                (void)snprintf(name, sizeof(name), INTERFACE "Error.%s",
                               request.selectors[0] + strlen(refusal));
                r = sd_bus_error_setf(ret_error, name, "no: %s", request.selectors[0]);
        } else {
                r = grant(message, fake, &request);
        }
        for (char **selector = request.selectors; *selector; selector++)
                free(*selector);
        free(request.selectors);
        for (char **mode = request.modes; mode && *mode; mode++)
                free(*mode);
        free(request.modes);
        return r;
}

int main(int argc, char **argv)
{
        Fake fake = {.obstacle = argc > 2 ? argv[2] : "",
                     .policy_error = argc > 3 ? argv[3] : "",
                     .unfit = argc > 4 ? argv[4] : ""};
        int r;

        fake.devices[0] = (FakeDevice){.address = "0000:00:01.0",
                                       .id = "0000:00/01.0",
                                       .parent = "",
                                       .vendor = 0x8086,
                                       .device = 0x3420,
                                       .class_code = 0x060400,
                                       .driver = strdup("pcieport"),
                                       .state = "host"};
        fake.devices[1] = (FakeDevice){.address = "0000:01:00.0",
                                       .id = "0000:00/01.0/00.0",
                                       .parent = "0000:00:01.0",
                                       .vendor = 0x8086,
                                       .device = 0x10d3,
                                       .class_code = 0x020000,
                                       .driver = strdup(argc > 1 ? argv[1] : "e1000e"),
                                       .state = "host"};
        fake.devices[2] = (FakeDevice){.address = "0000:02:00.0",
                                       .id = "0000:00/02.0",
                                       .parent = "",
                                       .vendor = 0x1234,
                                       .device = 0x11e8,
                                       .class_code = 0x00ff00,
                                       .driver = strdup(""),
                                       .state = "free"};
        fake.devices[3] = (FakeDevice){.address = "0000:03:00.0",
                                       .id = "0000:00/01.0/00.1",
                                       .parent = "0000:00:01.0",
                                       .vendor = 0x8086,
                                       .device = 0x10d3,
                                       .class_code = 0x020000,
                                       .driver = strdup(""),
                                       .state = "held"};

        check(sd_event_default(&fake.event), "event loop");
        check(sd_bus_open_system(&fake.bus), "bus");
        fake_add_objects(&fake);
        check(sd_bus_attach_event(fake.bus, fake.event, 0), "bus in the event loop");
        check(sd_bus_set_exit_on_disconnect(fake.bus, true), "bus in the event loop");
        r = sd_event_add_io(fake.event, NULL, STDIN_FILENO, EPOLLIN, control_read, &fake);
        check(r == -EPERM ? 0 : r, "control"); /* started by the bus: /dev/null */
        check(sd_bus_request_name(fake.bus, "org.isolationd1", 0), "name");
        say("ready");

        check(sd_event_loop(fake.event), "event loop");
        fake_drop_objects(&fake);
        sd_bus_flush_close_unref(fake.bus);
        sd_event_unref(fake.event);
        return 0;
}
