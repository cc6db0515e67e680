/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The test's commands, one per line, a word and its arguments:
 *   driver NAME    the NIC is bound to that driver
 *   state STATE    the NIC's state changes; the signal announces it without a value
 *   join           a device is plugged in, below the first lease's group
 *   lose           the device is removed again
 *   return [WHAT]  the plugged device is reported as replacing a lost one; WHAT differs
 *   weaken         the first lease's guard is weaker than required
 *   second         a second process has the first lease open
 *   forge          another client, not the daemon, sends the signal that a device was lost
 */

#include <string.h>
#include <unistd.h>

#include "tests/cli/fake_daemon.h"

static void change_nic(Fake *fake, const char *property)
{
        check(sd_bus_emit_properties_changed(fake->bus, fake->devices[1].path, INTERFACE "Device",
                                             property, NULL),
              "device change");
}

static void set_driver(Fake *fake, const char *name)
{
        free(fake->devices[1].driver);
        fake->devices[1].driver = strdup(name);
        change_nic(fake, "Driver");
}

static void join(Fake *fake)
{
        FakeDevice *device = &fake->devices[DEVICES_MAX - 1];
        FakeLease *lease = fake->leases[0];

        fake_add_device(device);
        check(sd_bus_emit_object_added(fake->bus, device->path), "device added");
        if (lease)
                check(sd_bus_emit_signal(fake->bus, lease->path, INTERFACE "Lease", "DeviceJoined",
                                         "sa{sv}", device->address, 2, "in-owner-address-space",
                                         "b", true, "newer-than-the-library", "s", "x"),
                      "device joined");
}

static void lose(Fake *fake)
{
        FakeDevice *device = &fake->devices[DEVICES_MAX - 1];
        FakeLease *lease = fake->leases[0];

        if (lease)
                check(sd_bus_emit_signal(fake->bus, lease->path, INTERFACE "Lease", "DeviceLost",
                                         "sa{sv}", device->address, 1, "cause", "s",
                                         "0000:01:00.0 is gone too"),
                      "device lost");
        check(sd_bus_emit_object_removed(fake->bus, device->path), "device removed");
        device->slot = sd_bus_slot_unref(device->slot);
        free(device->path);
        device->path = NULL;
}

/* The PF of a virtual function changes, and the VF comes back. */
static void tell_vf(Fake *fake)
{
        FakeLease *lease = fake->leases[0];

        if (!lease)
                return;
        check(sd_bus_emit_signal(fake->bus, lease->path, INTERFACE "Lease", "PfChanged", "sa{sv}",
                                 "0000:01:00.0", 1, "cause", "s", "0000:01:00.0 was bound to igb"),
              "PF changed");
        check(sd_bus_emit_signal(fake->bus, lease->path, INTERFACE "Lease", "DeviceReturned",
                                 "sa{sv}", "0000:01:00.0", 1, "taken", "b", true),
              "device returned");
}

static void come_back(Fake *fake, const char *difference)
{
        if (fake->leases[0])
                check(sd_bus_emit_signal(fake->bus, fake->leases[0]->path, INTERFACE "Lease",
                                         "DeviceReturned", "sa{sv}",
                                         fake->devices[DEVICES_MAX - 1].address, 2, "same", "b",
                                         *difference == '\0', "difference", "s", difference),
                      "device returned");
}

static void weaken(Fake *fake)
{
        if (fake->leases[0])
                check(sd_bus_emit_signal(fake->bus, fake->leases[0]->path, INTERFACE "Lease",
                                         "GuardWeakened", "sa{sv}", "reactive", 1, "required", "s",
                                         "sealed"),
                      "guard weakened");
}

static void tell_second(Fake *fake)
{
        if (fake->leases[0])
                check(sd_bus_emit_signal(fake->bus, fake->leases[0]->path, INTERFACE "Lease",
                                         "SecondHolder", "ua{sv}", 4712, 3, "comm", "s", "stray",
                                         "unit", "s", "", "uid", "u", 65534),
                      "second holder");
}

static void tell_fault(Fake *fake)
{
        if (fake->leases[0])
                check(sd_bus_emit_signal(fake->bus, fake->leases[0]->path, INTERFACE "Lease",
                                         "Fault", "sa{sv}", "0000:01:00.0", 3, "access", "s",
                                         "write", "address", "t", (uint64_t)0x800000, "count", "t",
                                         (uint64_t)7),
                      "fault");
}

/* A lease in quarantine, and a breach in the first group. */
static void spoil(Fake *fake)
{
        if (fake->leases[0])
                fake->leases[0]->state = "quarantined";
        fake->groups[0].state = "breached";
        printf("spoiled\n");
        (void)fflush(stdout);
}

/* A second connection, which does not own the daemon's name, broadcasts the daemon's signal. */
static void forge(Fake *fake)
{
        sd_bus *other = NULL;

        check(sd_bus_open_system(&other), "second connection");
        check(sd_bus_emit_signal(other, ROOT "/lease/1", INTERFACE "Lease", "DeviceLost", "sa{sv}",
                                 "0000:ff:00.0", 0),
              "forged signal");
        check(sd_bus_flush(other), "forged signal");
        sd_bus_flush_close_unref(other);
}

static void obey(Fake *fake, const char *word, const char *argument)
{
        if (strcmp(word, "driver") == 0)
                set_driver(fake, argument);
        else if (strcmp(word, "fault") == 0)
                tell_fault(fake);
        else if (strcmp(word, "join") == 0)
                join(fake);
        else if (strcmp(word, "lose") == 0)
                lose(fake);
        else if (strcmp(word, "vf") == 0)
                tell_vf(fake);
        else if (strcmp(word, "return") == 0)
                come_back(fake, argument);
        else if (strcmp(word, "weaken") == 0)
                weaken(fake);
        else if (strcmp(word, "second") == 0)
                tell_second(fake);
        else if (strcmp(word, "forge") == 0)
                forge(fake);
        else if (strcmp(word, "spoil") == 0)
                spoil(fake);
        else if (strcmp(word, "state") == 0) {
                fake->devices[1].state = strcmp(argument, "held") == 0 ? "held" : "free";
                change_nic(fake, "Iommu");
        } else
                check(-1, word);
}

int control_read(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Fake *fake = userdata;
        char text[256], *rest = text;
        ssize_t n;

        n = read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return sd_event_exit(fake->event, 0);
        text[n] = '\0';

        for (char *line; (line = strsep(&rest, "\n")) && *line;) {
                const char *word = strsep(&line, " ");

                obey(fake, word, line ? line : "");
        }
        return 0;
}
