/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * An org.isolationd1 that touches no machine: three devices in two groups, leases that are only
 * fds, and commands on standard input. It prints each request to standard output, one line each, so
 * that a test can wait for it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#define ROOT "/org/isolationd1"
#define INTERFACE "org.isolationd1."
#define LEASES_MAX 8
#define DEVICES_MAX 4

typedef struct Fake Fake;

typedef struct FakeDevice {
        Fake *fake;
        char *path;
        const char *address;
        const char *id;
        const char *parent;
        const char *group_path;
        const char *group_id;
        int32_t kernel_group;
        uint16_t vendor;
        uint16_t device;
        uint32_t class_code;
        char *driver;
        const char *state;
        const char *iommu;
        sd_bus_slot *slot; /* NULL while the device is absent */
} FakeDevice;

typedef struct FakeGroup {
        char *path;
        const char *id;
        int32_t kernel_group;
        char **devices;
        const char *type;
        const char *guard;
        const char *state;
        char *lease_path;
        sd_bus_slot *slot;
} FakeGroup;

typedef struct FakeLease {
        Fake *fake;
        FakeGroup *group;
        char *path;
        uint32_t id;
        char **devices;
        char **held;
        uint32_t uid;
        const char *unit;
        char *mode;
        char *lifetime;
        const char *guard;
        const char *required_guard;
        const char *state;
        uint64_t since;
        const char *rule;
        const char *address_space;
        const char *accounting;
        char **nodes;
        const char *trouble;
        int owner_fd; /* write end: reports an error once the last reader is gone */
        sd_event_source *owner_source;
        sd_bus_slot *slot;
} FakeLease;

struct Fake {
        sd_event *event;
        sd_bus *bus;
        FakeDevice devices[DEVICES_MAX];
        FakeGroup groups[2];
        FakeLease *leases[LEASES_MAX];
        uint32_t next_lease;
        const char *obstacle;
        const char *policy_error;
        const char *unfit; /* the id of the problem that the daemon reports of itself, or "" */
};

/* Prints an error in the test's setup that no answer can report, and exits. */
void check(int r, const char *what);

/* Publishes all objects except the last device, which has to be plugged in. */
void fake_add_objects(Fake *fake);
void fake_add_device(FakeDevice *device);
void fake_drop_objects(Fake *fake);

void fake_add_lease(FakeLease *lease);
void fake_end_lease(FakeLease *lease);

int request_acquire(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int manager_plan(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int lease_release(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int lease_revoke(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int lease_take_device(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int lease_expel_device(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);

/* Runs the commands on standard input; end of file ends the daemon. */
int control_read(sd_event_source *source, int fd, uint32_t revents, void *userdata);
