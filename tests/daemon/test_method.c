/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The bus interface: the table of methods, the vtables and the published XML agree.
 */

#include <stdio.h>
#include <string.h>

#include "daemon/bus/call/paths.h"
#include "daemon/bus/objects/objects.h"
#include "daemon/bus/request.h"
#include "tests/unit/tap.h"

static const struct {
        const char *interface;
        const sd_bus_vtable *vtable;
} * faces;
static size_t n_faces;
static char xml[65536], bus_policy[65536], polkit_policy[65536];

static const char *member_of(const sd_bus_vtable *entry, const char **ret_kind)
{
        switch (entry->type) {
        case _SD_BUS_VTABLE_METHOD:
                *ret_kind = "method";
                return entry->x.method.member;
        case _SD_BUS_VTABLE_SIGNAL:
                *ret_kind = "signal";
                return entry->x.signal.member;
        case _SD_BUS_VTABLE_PROPERTY:
        case _SD_BUS_VTABLE_WRITABLE_PROPERTY:
                *ret_kind = "property";
                return entry->x.property.member;
        default:
                return NULL;
        }
}

/* How often `what` occurs in the part of the XML that describes `interface`. */
static size_t count_in_xml(const char *interface, const char *what)
{
        char start[128];
        size_t n = 0;

        (void)snprintf(start, sizeof(start), "<interface name=\"%s\">", interface);
        const char *from = strstr(xml, start);
        const char *to = from ? strstr(from, "</interface>") : NULL;
        for (const char *at = from; to && (at = strstr(at, what)) && at < to; at++)
                n++;
        return n;
}

static void test_vtables_are_the_xml(void)
{
        for (size_t f = 0; f < n_faces; f++) {
                size_t n_members = 0, n_described = 0;

                for (const sd_bus_vtable *entry = faces[f].vtable;
                     entry->type != _SD_BUS_VTABLE_END; entry++) {
                        const char *kind, *member = member_of(entry, &kind);
                        char what[128];

                        if (!member)
                                continue;
                        n_members++;
                        (void)snprintf(what, sizeof(what), "<%s name=\"%s\"", kind, member);
                        if (!CHECK(count_in_xml(faces[f].interface, what) == 1))
                                printf("# %s of %s\n", what, faces[f].interface);
                }
                n_described += count_in_xml(faces[f].interface, "<method name=");
                n_described += count_in_xml(faces[f].interface, "<signal name=");
                n_described += count_in_xml(faces[f].interface, "<property name=");
                CHECK_NUMBER(n_described, n_members);
        }
}

static int not_dispatched(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        return 0;
}

static void test_holes_are_found(void)
{
        static const sd_bus_vtable unlisted[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD("FormatDisk", "", "", method_dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_VTABLE_END,
        };
        static const sd_bus_vtable aside[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD("Release", "", "", not_dispatched, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_VTABLE_END,
        };

        for (size_t f = 0; f < n_faces; f++)
                CHECK(!method_find_unlisted(faces[f].interface, faces[f].vtable));
        CHECK_STRING(method_find_unlisted(BUS_IFACE_LEASE, unlisted), "FormatDisk");
        CHECK_STRING(method_find_unlisted(BUS_IFACE_LEASE, aside), "Release");
        CHECK(!method_find(BUS_IFACE_DEVICE, "Acquire"));
        CHECK(!method_find(BUS_IFACE_MANAGER, "acquire"));
        CHECK_NUMBER(method_find(BUS_IFACE_LEASE, "Release")->access, METHOD_OWNER);
        CHECK_NUMBER(method_find(BUS_IFACE_LEASE, "TakeDevice")->access, METHOD_OWNER);
        CHECK_NUMBER(method_find(BUS_IFACE_LEASE, "ExpelDevice")->access, METHOD_ADMIN);
        CHECK_NUMBER(method_find(BUS_IFACE_GROUP, "SetType")->access, METHOD_ADMIN);
        CHECK_NUMBER(method_find(BUS_IFACE_MANAGER, "Acquire")->access, METHOD_POLICY);
}

static size_t count(const char *text, const char *what)
{
        size_t n = 0;

        for (const char *at = text; (at = strstr(at, what)); at++)
                n++;
        return n;
}

static void test_who_may_not_is_asked_of_polkit(void)
{
        size_t n_rows, n_actions = 0;
        const MethodRow *rows = method_rows(&n_rows);

        for (size_t i = 0; i < n_rows; i++) {
                bool asks = rows[i].access == METHOD_OWNER || rows[i].access == METHOD_ADMIN;
                bool is_new = asks;
                char id[96];

                CHECK_NUMBER(rows[i].action != NULL, asks);
                for (size_t k = 0; asks && k < i; k++)
                        is_new &= !rows[k].action || strcmp(rows[k].action, rows[i].action) != 0;
                n_actions += is_new;
                if (!asks)
                        continue;
                (void)snprintf(id, sizeof(id), "<action id=\"%s\">", rows[i].action);
                if (!CHECK(count(polkit_policy, id) == 1))
                        printf("# %s of %s\n", id, rows[i].member);
        }
        CHECK_NUMBER(count(polkit_policy, "<action id="), n_actions);
}

static void test_the_bus_lets_through_what_is_in_the_table(void)
{
        size_t n_rows, n_ours = 0;
        const MethodRow *rows = method_rows(&n_rows);

        for (size_t i = 0; i < n_rows; i++) {
                char allowed[256];

                if (rows[i].signature)
                        continue;
                n_ours++;
                (void)snprintf(allowed, sizeof(allowed),
                               "send_interface=\"%s\"\n           send_member=\"%s\"/>",
                               rows[i].interface, rows[i].member);
                if (!CHECK(count(bus_policy, allowed) == 1))
                        printf("# %s of %s\n", rows[i].member, rows[i].interface);
        }
        CHECK_NUMBER(count(bus_policy, "send_interface=\"" BUS_NAME "."), n_ours);
        CHECK(count(bus_policy, "<deny send_destination=\"" BUS_NAME "\"/>") == 1);
}

/* The bus policy allows the standard D-Bus interfaces that the daemon implements, and no others. */
static void test_the_standard_methods_go_our_way(void)
{
        size_t n_rows, n_standard = 0;
        const MethodRow *rows = method_rows(&n_rows);

        for (size_t i = 0; i < n_rows; i++) {
                char allowed[128];

                if (!rows[i].signature)
                        continue;
                n_standard++;
                (void)snprintf(allowed, sizeof(allowed), "send_interface=\"%s\"",
                               rows[i].interface);
                CHECK(count(bus_policy, allowed) > 0);
                CHECK(method_find(rows[i].interface, rows[i].member) == &rows[i]);
        }
        CHECK_NUMBER(count(bus_policy, "send_interface=\"org.freedesktop.DBus."), n_standard + 1);
        CHECK_NUMBER(n_standard, 4);
        CHECK_NUMBER(count(bus_policy, "send_interface=\"org.freedesktop.DBus.Peer\""), 1);
        CHECK(count(bus_policy, "send_type=\"method_call\" min_fds=\"1\"") == 1);
}

/* A property whose value is in a signal is visible to every user. */
static void test_private_properties_are_in_no_signal(void)
{
        static const char *const open_to_all[] = {"Id",   "Groups", "Devices",
                                                  "Held", "Guard",  "State"};
        size_t n_private = 0;

        for (const sd_bus_vtable *entry = bus_lease_kind.vtable; entry->type != _SD_BUS_VTABLE_END;
             entry++) {
                bool is_open = entry->type != _SD_BUS_VTABLE_PROPERTY;

                for (size_t i = 0; !is_open && i < ARRAY_SIZE(open_to_all); i++)
                        is_open = strcmp(open_to_all[i], entry->x.property.member) == 0;
                if (is_open)
                        continue;
                n_private++;
                CHECK(entry->flags & SD_BUS_VTABLE_PROPERTY_EXPLICIT);
                CHECK(!(entry->flags & SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE));
        }
        CHECK(n_private > 10);
        CHECK_NUMBER(count(xml, "value=\"invalidates\""), n_private - 2 + 1);
}

static bool read_file(const char *path, char *text, size_t size)
{
        FILE *file = fopen(path, "re");
        size_t n = file ? fread(text, 1, size - 1, file) : 0;

        if (file)
                (void)fclose(file);
        if (n == 0)
                printf("Bail out! cannot read %s\n", path);
        return n > 0;
}

static void test_paths_go_both_ways(void)
{
        const Bdf vmd = {.domain = 0x10000, .bus = 0xe1, .devfn = 0x0b};
        _cleanup_(freep) char *device = bus_path_device(vmd);
        _cleanup_(freep) char *group = bus_path_group("0000:00/1c.4");
        _cleanup_(freep) char *lease = bus_path_lease(7);

        CHECK_STRING(device, "/org/isolationd1/device/10000_e1_01_3");
        CHECK_STRING(group, "/org/isolationd1/group/_30000_3a00_2f1c_2e4");
        CHECK_STRING(lease, "/org/isolationd1/lease/7");
}

int main(int argc, char **argv)
{
        static const TapTest tests[] = {
                {"vtables and XML say the same", test_vtables_are_the_xml},
                {"a method without a row is found", test_holes_are_found},
                {"who may not is asked of polkit", test_who_may_not_is_asked_of_polkit},
                {"the bus lets through what is in the table",
                 test_the_bus_lets_through_what_is_in_the_table},
                {"the standard methods go our way", test_the_standard_methods_go_our_way},
                {"private properties are in no signal", test_private_properties_are_in_no_signal},
                {"object paths", test_paths_go_both_ways},
        };
        const __typeof__(*faces) all[] = {
                {BUS_IFACE_MANAGER, bus_manager_vtable},
                {BUS_IFACE_DEVICE, bus_device_kind.vtable},
                {BUS_IFACE_GROUP, bus_group_kind.vtable},
                {BUS_IFACE_LEASE, bus_lease_kind.vtable},
                {BUS_IFACE_IOMMU, bus_iommu_kind.vtable},
        };

        if (argc != 4 || !read_file(argv[1], xml, sizeof(xml)) ||
            !read_file(argv[2], bus_policy, sizeof(bus_policy)) ||
            !read_file(argv[3], polkit_policy, sizeof(polkit_policy)))
                return 1;
        faces = all;
        n_faces = ARRAY_SIZE(all);
        return tap_run(tests);
}
