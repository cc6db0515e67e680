/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The objects, their properties, and how they appear and disappear. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cli/fake_daemon.h"

#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

static int get_reasons(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        const FakeGroup *group = userdata;

        if (group->kernel_group != 5)
                return sd_bus_message_append(reply, "a(ssssass)", 0);
        return sd_bus_message_append(reply, "a(ssssass)", 1, "upstream-acs", "0000:01:00.0",
                                     "0000:00:01.0", "0000:00:01.0", 2, "SV", "RR",
                                     "0000:00:01.0 has no ACS.");
}

static int get_groups(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        const FakeLease *lease = userdata;

        return sd_bus_message_append(reply, "ao", 1, lease->group->path);
}

/* The other group is that of a daemon which does not have the method. */
static int get_strength(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        const FakeGroup *group = userdata;

        if (group->kernel_group != 5)
                return sd_bus_error_set(ret_error, SD_BUS_ERROR_UNKNOWN_METHOD, "what is that?");
        return sd_bus_reply_method_return(message, "a(sss)", 2, "translated", "yes", "It is.",
                                          "p2p", "unknown", "Nobody knows.");
}

/* Of a lease and of a group: one certain holder, and one possible holder. */
static int get_holders(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        return sd_bus_reply_method_return(message, "a(uussb)", 2, 4711, 0, "qemu", "vm.service",
                                          true, 4712, 65534, "stray", "", false);
}

static int get_regions(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        const FakeGroup *group = userdata;

        if (group->kernel_group != 5)
                return sd_bus_error_set(ret_error, SD_BUS_ERROR_UNKNOWN_METHOD, "what is that?");
        return sd_bus_reply_method_return(message, "a(tts)", 1, UINT64_C(0xfee00000),
                                          UINT64_C(0xfeefffff), "msi");
}

static int set_type(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        FakeGroup *group = userdata;
        const char *type;
        int r = sd_bus_message_read_basic(message, 's', &type);

        if (r < 0)
                return r;
        if (strcmp(type, "identity") == 0)
                return sd_bus_error_set(ret_error, INTERFACE "Error.NotViable",
                                        "a driver is bound");
        group->type = "DMA-FQ";
        return sd_bus_reply_method_return(message, NULL);
}

static int reset(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        const FakeDevice *device = userdata;
        bool is_edu = device->vendor == 0x1234;

        if (device->driver[0])
                return sd_bus_error_set(ret_error, INTERFACE "Error.Busy", "the host has it");
        return sd_bus_reply_method_return(message, "a(ss)", 1, device->address,
                                          is_edu ? "pm" : "not reset: the kernel knows no way");
}

static int resolve(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        Fake *fake = userdata;
        const char *selector;
        int r;

        r = sd_bus_message_read_basic(message, 's', &selector);
        if (r < 0)
                return r;
        if (strcmp(selector, "eth-fake") != 0)
                return sd_bus_error_setf(ret_error, INTERFACE "Error.NotFound",
                                         "nothing is called %s here", selector);
        return sd_bus_reply_method_return(message, "oo", fake->devices[1].path,
                                          fake->groups[0].path);
}

static int get_self_check(sd_bus *bus, const char *path, const char *interface,
                          const char *property, sd_bus_message *reply, void *userdata,
                          sd_bus_error *ret_error)
{
        static const char *const ids[] = {"records", "files", "helpers", "store", "downgrade"};
        const Fake *fake = userdata;
        int r = sd_bus_message_open_container(reply, 'a', "(sssss)");

        for (size_t i = 0; r >= 0 && i < sizeof(ids) / sizeof(ids[0]); i++) {
                bool is_unfit = strcmp(fake->unfit, ids[i]) == 0;

                r = sd_bus_message_append(reply, "(sssss)", ids[i], is_unfit ? "fail" : "ok",
                                          is_unfit ? "it is not well" : "it is well", "As asked.",
                                          is_unfit ? "Mend it." : "");
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Acquire", "asa{sv}", "oha(sh)", request_acquire, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Plan", "asa{sv}", "a{sv}", manager_plan, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Resolve", "sa{sv}", "oo", resolve, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("LeaseObstacle", "s", NULL, offsetof(Fake, obstacle), 0),
        SD_BUS_PROPERTY("PolicyError", "s", NULL, offsetof(Fake, policy_error), 0),
        SD_BUS_PROPERTY("SelfCheck", "a(sssss)", get_self_check, 0, 0),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable device_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Reset", "a{sv}", "a(ss)", reset, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Address", "s", NULL, offsetof(FakeDevice, address), CHANGES),
        SD_BUS_PROPERTY("Id", "s", NULL, offsetof(FakeDevice, id), CHANGES),
        SD_BUS_PROPERTY("Parent", "s", NULL, offsetof(FakeDevice, parent), CHANGES),
        SD_BUS_PROPERTY("Group", "o", NULL, offsetof(FakeDevice, group_path), CHANGES),
        SD_BUS_PROPERTY("ComputedGroup", "s", NULL, offsetof(FakeDevice, group_id), CHANGES),
        SD_BUS_PROPERTY("KernelGroup", "i", NULL, offsetof(FakeDevice, kernel_group), CHANGES),
        SD_BUS_PROPERTY("Vendor", "q", NULL, offsetof(FakeDevice, vendor), CHANGES),
        SD_BUS_PROPERTY("Device", "q", NULL, offsetof(FakeDevice, device), CHANGES),
        SD_BUS_PROPERTY("Class", "u", NULL, offsetof(FakeDevice, class_code), CHANGES),
        SD_BUS_PROPERTY("Driver", "s", NULL, offsetof(FakeDevice, driver), CHANGES),
        SD_BUS_PROPERTY("State", "s", NULL, offsetof(FakeDevice, state), CHANGES),
        /* Announced without its value, so that clients have to ask. */
        SD_BUS_PROPERTY("Iommu", "s", NULL, offsetof(FakeDevice, iommu),
                        SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable group_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("GetStrength", "a{sv}", "a(sss)", get_strength, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetHolders", "a{sv}", "a(uussb)", get_holders, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetReservedRegions", "a{sv}", "a(tts)", get_regions,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("SetType", "sa{sv}", "", set_type, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Id", "s", NULL, offsetof(FakeGroup, id), CHANGES),
        SD_BUS_PROPERTY("KernelGroup", "i", NULL, offsetof(FakeGroup, kernel_group), CHANGES),
        SD_BUS_PROPERTY("Devices", "as", NULL, offsetof(FakeGroup, devices), CHANGES),
        SD_BUS_PROPERTY("Reasons", "a(ssssass)", get_reasons, 0, CHANGES),
        SD_BUS_PROPERTY("Type", "s", NULL, offsetof(FakeGroup, type), CHANGES),
        SD_BUS_PROPERTY("Guard", "s", NULL, offsetof(FakeGroup, guard), CHANGES),
        SD_BUS_PROPERTY("State", "s", NULL, offsetof(FakeGroup, state), CHANGES),
        SD_BUS_PROPERTY("Lease", "o", NULL, offsetof(FakeGroup, lease_path), CHANGES),
        SD_BUS_PROPERTY("NewerThanTheLibrary", "s", NULL, offsetof(FakeGroup, type), CHANGES),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable lease_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Release", "a{sv}", "a(ss)", lease_release, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetHolders", "a{sv}", "a(uussb)", get_holders, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Revoke", "a{sv}", "a(ss)", lease_revoke, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("TakeDevice", "sa{sv}", "a(sh)", lease_take_device,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ExpelDevice", "sa{sv}", "", lease_expel_device, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Id", "u", NULL, offsetof(FakeLease, id), CHANGES),
        SD_BUS_PROPERTY("Groups", "ao", get_groups, 0, CHANGES),
        SD_BUS_PROPERTY("Devices", "as", NULL, offsetof(FakeLease, devices), CHANGES),
        SD_BUS_PROPERTY("Held", "as", NULL, offsetof(FakeLease, held), CHANGES),
        SD_BUS_PROPERTY("Uid", "u", NULL, offsetof(FakeLease, uid), CHANGES),
        SD_BUS_PROPERTY("Unit", "s", NULL, offsetof(FakeLease, unit), CHANGES),
        SD_BUS_PROPERTY("Mode", "s", NULL, offsetof(FakeLease, mode), CHANGES),
        SD_BUS_PROPERTY("Lifetime", "s", NULL, offsetof(FakeLease, lifetime), CHANGES),
        SD_BUS_PROPERTY("Guard", "s", NULL, offsetof(FakeLease, guard), CHANGES),
        SD_BUS_PROPERTY("RequiredGuard", "s", NULL, offsetof(FakeLease, required_guard), CHANGES),
        SD_BUS_PROPERTY("State", "s", NULL, offsetof(FakeLease, state), CHANGES),
        SD_BUS_PROPERTY("Trouble", "s", NULL, offsetof(FakeLease, trouble), CHANGES),
        SD_BUS_PROPERTY("Since", "t", NULL, offsetof(FakeLease, since), CHANGES),
        SD_BUS_PROPERTY("Rule", "s", NULL, offsetof(FakeLease, rule), CHANGES),
        SD_BUS_PROPERTY("AddressSpace", "s", NULL, offsetof(FakeLease, address_space), CHANGES),
        SD_BUS_PROPERTY("Accounting", "s", NULL, offsetof(FakeLease, accounting), CHANGES),
        SD_BUS_PROPERTY("Nodes", "as", NULL, offsetof(FakeLease, nodes), CHANGES),
        SD_BUS_SIGNAL("DeviceJoined", "sa{sv}", 0),
        SD_BUS_SIGNAL("DeviceLost", "sa{sv}", 0),
        SD_BUS_SIGNAL("DeviceReturned", "sa{sv}", 0),
        SD_BUS_SIGNAL("PfChanged", "sa{sv}", 0),
        SD_BUS_SIGNAL("GuardWeakened", "sa{sv}", 0),
        SD_BUS_SIGNAL("Fault", "sa{sv}", 0),
        SD_BUS_SIGNAL("Revoked", "ua{sv}", 0),
        SD_BUS_SIGNAL("SecondHolder", "ua{sv}", 0),
        SD_BUS_VTABLE_END,
};

void fake_add_device(FakeDevice *device)
{
        Fake *fake = device->fake;

        check(sd_bus_path_encode(ROOT "/device", device->address, &device->path), "device path");
        check(sd_bus_add_object_vtable(fake->bus, &device->slot, device->path, INTERFACE "Device",
                                       device_vtable, device),
              "device object");
}

static void add_groups(Fake *fake)
{
        static char *first[] = {(char *)"0000:00:01.0", (char *)"0000:01:00.0", NULL};
        static char *second[] = {(char *)"0000:02:00.0", NULL};

        fake->groups[0] = (FakeGroup){.id = "0000:00/01.0", .kernel_group = 5, .devices = first};
        fake->groups[1] = (FakeGroup){.id = "0000:00/02.0", .kernel_group = 6, .devices = second};
        for (size_t i = 0; i < 2; i++) {
                FakeGroup *group = &fake->groups[i];

                group->type = "DMA";
                group->guard = "none";
                group->state = "free";
                group->lease_path = strdup("/");
                check(sd_bus_path_encode(ROOT "/group", group->id, &group->path), "group path");
                check(sd_bus_add_object_vtable(fake->bus, &group->slot, group->path,
                                               INTERFACE "Group", group_vtable, group),
                      "group object");
        }
}

void fake_add_objects(Fake *fake)
{
        check(sd_bus_add_object_manager(fake->bus, NULL, ROOT), "object manager");
        check(sd_bus_add_object_vtable(fake->bus, NULL, ROOT, INTERFACE "Manager", manager_vtable,
                                       fake),
              "manager object");
        add_groups(fake);
        for (size_t i = 0; i < DEVICES_MAX; i++) {
                FakeDevice *device = &fake->devices[i];
                const FakeGroup *group = &fake->groups[i == 2];

                device->fake = fake;
                device->group_path = group->path;
                device->group_id = group->id;
                device->kernel_group = group->kernel_group;
                device->iommu = "dmar0";
                if (i + 1 < DEVICES_MAX)
                        fake_add_device(device);
        }
}

void fake_drop_objects(Fake *fake)
{
        for (size_t i = 0; i < LEASES_MAX; i++)
                if (fake->leases[i])
                        fake_end_lease(fake->leases[i]);
        for (size_t i = 0; i < DEVICES_MAX; i++) {
                sd_bus_slot_unref(fake->devices[i].slot);
                free(fake->devices[i].path);
                free(fake->devices[i].driver);
        }
        for (size_t i = 0; i < 2; i++) {
                sd_bus_slot_unref(fake->groups[i].slot);
                free(fake->groups[i].path);
                free(fake->groups[i].lease_path);
        }
}

static void set_group_lease(FakeLease *lease, bool leased)
{
        FakeGroup *group = lease->group;

        free(group->lease_path);
        group->lease_path = strdup(leased ? lease->path : "/");
        group->state = leased ? "leased" : "free";
        group->guard = leased ? "owned" : "none";
        check(sd_bus_emit_properties_changed(lease->fake->bus, group->path, INTERFACE "Group",
                                             "State", "Lease", "Guard", NULL),
              "group change");
}

void fake_add_lease(FakeLease *lease)
{
        Fake *fake = lease->fake;

        check(asprintf(&lease->path, ROOT "/lease/%u", lease->id), "lease path");
        check(sd_bus_add_object_vtable(fake->bus, &lease->slot, lease->path, INTERFACE "Lease",
                                       lease_vtable, lease),
              "lease object");
        check(sd_bus_emit_object_added(fake->bus, lease->path), "lease added");
        set_group_lease(lease, true);
}

void fake_end_lease(FakeLease *lease)
{
        Fake *fake = lease->fake;

        set_group_lease(lease, false);
        check(sd_bus_emit_object_removed(fake->bus, lease->path), "lease removed");
        for (size_t i = 0; i < LEASES_MAX; i++)
                if (fake->leases[i] == lease)
                        fake->leases[i] = NULL;
        sd_bus_slot_unref(lease->slot);
        sd_event_source_unref(lease->owner_source);
        if (lease->owner_fd >= 0)
                (void)close(lease->owner_fd);
        free(lease->path);
        free(lease->mode);
        free(lease->lifetime);
        free(lease);
}
