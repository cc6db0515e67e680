/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A table of properties: interface, name, D-Bus type and target field. The table lists all that
 * this library reads from the daemon.
 */

#include "libclient/object.h"

#include <errno.h>
#include <string.h>

#include "core/model/bdf.h"

#define INTERFACE_PREFIX "org.isolationd1."

#define FIELD(object_kind, text, signature, member)                                                \
        {                                                                                          \
                .kind = object_kind, .name = text, .type = signature,                              \
                .offset = offsetof(Object, member)                                                 \
        }

static const struct Field {
        ObjectKind kind;
        const char *name;
        const char *type;
        size_t offset;
} fields[] = {
        FIELD(OBJECT_DEVICE, "Address", "s", device.address),
        FIELD(OBJECT_DEVICE, "Id", "s", device.id),
        FIELD(OBJECT_DEVICE, "Parent", "s", device.parent),
        FIELD(OBJECT_DEVICE, "Group", "o", group_path),
        FIELD(OBJECT_DEVICE, "ComputedGroup", "s", device.computed_group),
        FIELD(OBJECT_DEVICE, "KernelGroup", "i", device.kernel_group),
        FIELD(OBJECT_DEVICE, "Vendor", "q", device.vendor),
        FIELD(OBJECT_DEVICE, "Device", "q", device.device),
        FIELD(OBJECT_DEVICE, "Class", "u", device.class_code),
        FIELD(OBJECT_DEVICE, "Driver", "s", device.driver),
        FIELD(OBJECT_DEVICE, "State", "s", device.state),
        FIELD(OBJECT_DEVICE, "Iommu", "s", device.iommu),
        FIELD(OBJECT_GROUP, "Id", "s", group.id),
        FIELD(OBJECT_GROUP, "KernelGroup", "i", group.kernel_group),
        FIELD(OBJECT_GROUP, "Devices", "as", group.devices),
        FIELD(OBJECT_GROUP, "Reasons", "a(ssssass)", reasons),
        FIELD(OBJECT_GROUP, "Type", "s", group.type),
        FIELD(OBJECT_GROUP, "Guard", "s", group.guard),
        FIELD(OBJECT_GROUP, "GuardEvidence", "s", group.guard_evidence),
        FIELD(OBJECT_GROUP, "State", "s", group.state),
        FIELD(OBJECT_GROUP, "Lease", "o", lease_path),
        FIELD(OBJECT_GROUP, "Waiters", "u", group.n_waiters),
        FIELD(OBJECT_LEASE, "Id", "u", lease.id),
        FIELD(OBJECT_LEASE, "Groups", "ao", group_paths),
        FIELD(OBJECT_LEASE, "Devices", "as", lease.devices),
        FIELD(OBJECT_LEASE, "Held", "as", lease.held),
        FIELD(OBJECT_LEASE, "Uid", "u", lease.uid),
        FIELD(OBJECT_LEASE, "Unit", "s", lease.unit),
        FIELD(OBJECT_LEASE, "Mode", "s", lease.mode),
        FIELD(OBJECT_LEASE, "AddressSpace", "s", lease.address_space),
        FIELD(OBJECT_LEASE, "Accounting", "s", lease.accounting),
        FIELD(OBJECT_LEASE, "Nodes", "as", lease.nodes),
        FIELD(OBJECT_LEASE, "Faults", "a(stt)", lease.faults),
        FIELD(OBJECT_LEASE, "Lifetime", "s", lease.lifetime),
        FIELD(OBJECT_LEASE, "Guard", "s", lease.guard),
        FIELD(OBJECT_LEASE, "RequiredGuard", "s", lease.required_guard),
        FIELD(OBJECT_LEASE, "MemoryWarning", "s", lease.memory_warning),
        FIELD(OBJECT_LEASE, "State", "s", lease.state),
        FIELD(OBJECT_LEASE, "Trouble", "s", lease.trouble),
        FIELD(OBJECT_LEASE, "Since", "t", lease.since_usec),
        FIELD(OBJECT_LEASE, "Rule", "s", lease.rule),
};

_Static_assert(sizeof(uid_t) == sizeof(uint32_t), "Uid is read as a D-Bus u");

ObjectKind object_kind_from_interface(const char *name)
{
        static const char *const names[_OBJECT_N] = {
                [OBJECT_OTHER] = "",
                [OBJECT_DEVICE] = INTERFACE_PREFIX "Device",
                [OBJECT_GROUP] = INTERFACE_PREFIX "Group",
                [OBJECT_LEASE] = INTERFACE_PREFIX "Lease",
        };

        for (ObjectKind kind = OBJECT_DEVICE; kind < _OBJECT_N; kind++)
                if (strcmp(names[kind], name) == 0)
                        return kind;
        return OBJECT_OTHER;
}

void object_init(Object *object, ObjectKind kind, const char *path)
{
        static const char *const no_paths[] = {NULL};

        *object = (Object){
                .kind = kind,
                .path = path,
                .group_path = "/",
                .lease_path = "/",
                .group_paths = no_paths,
        };
        switch (kind) {
        case OBJECT_DEVICE:
                view_init_device(&object->device);
                break;
        case OBJECT_GROUP:
                view_init_group(&object->group);
                break;
        case OBJECT_LEASE:
                view_init_lease(&object->lease);
                break;
        case OBJECT_OTHER:
        case _OBJECT_N:
                break;
        }
}

static const struct Field *find_field(ObjectKind kind, const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
                if (fields[i].kind == kind && strcmp(fields[i].name, name) == 0)
                        return &fields[i];
        return NULL;
}

int object_read_string(sd_bus_message *message, char type, Arena *arena, const char **ret_text)
{
        const char *text, *copy;
        int r;

        r = sd_bus_message_read_basic(message, type, &text);
        if (r <= 0)
                return r;

        copy = arena_strdup(arena, text);
        if (!copy)
                return -ENOMEM;
        *ret_text = copy;
        return 1;
}

int object_read_list(sd_bus_message *message, const char *type, Arena *arena,
                     const char *const **ret_list)
{
        size_t n = 0, capacity = 0;
        const char **list = NULL;
        int r;

        r = sd_bus_message_enter_container(message, 'a', type);
        if (r < 0)
                return r;
        do {
                list = arena_grow(arena, list, n, &capacity, sizeof(*list));
                if (!list)
                        return -ENOMEM;
                r = object_read_string(message, *type, arena, &list[n]);
                n += r > 0;
        } while (r > 0);
        if (r < 0)
                return r;

        *ret_list = list;
        r = sd_bus_message_exit_container(message);
        return r < 0 ? r : 0;
}

static int read_members(sd_bus_message *message, Arena *arena, iso_group *group)
{
        int r;

        r = object_read_list(message, "s", arena, &group->devices);
        if (r < 0)
                return r;
        for (group->n_devices = 0; group->devices[group->n_devices];)
                group->n_devices++;
        return 0;
}

static int read_reason(sd_bus_message *message, Arena *arena, iso_reason *ret_reason)
{
        const char **texts[] = {&ret_reason->rule, &ret_reason->a, &ret_reason->b, &ret_reason->at};
        int r;

        r = sd_bus_message_enter_container(message, 'r', "ssssass");
        if (r <= 0)
                return r;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                r = object_read_string(message, 's', arena, texts[i]);
                if (r < 0)
                        return r;
        }
        r = object_read_list(message, "s", arena, &ret_reason->missing);
        if (r < 0)
                return r;
        r = object_read_string(message, 's', arena, &ret_reason->text);
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(message);
        return r < 0 ? r : 1;
}

static int read_reasons(sd_bus_message *message, Arena *arena, GroupReasons *ret_reasons)
{
        size_t n = 0, capacity = 0;
        iso_reason *reasons = NULL;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "(ssssass)");
        if (r < 0)
                return r;
        do {
                reasons = arena_grow(arena, reasons, n, &capacity, sizeof(*reasons));
                if (!reasons)
                        return -ENOMEM;
                r = read_reason(message, arena, &reasons[n]);
                n += r > 0;
        } while (r > 0);
        if (r < 0)
                return r;

        *ret_reasons = (GroupReasons){reasons, n};
        return sd_bus_message_exit_container(message);
}

static int read_fault(sd_bus_message *message, Arena *arena, iso_fault *fault)
{
        int r;

        r = sd_bus_message_enter_container(message, 'r', "stt");
        if (r <= 0)
                return r;
        r = object_read_string(message, 's', arena, &fault->device);
        if (r >= 0)
                r = sd_bus_message_read(message, "tt", &fault->count, &fault->address);
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        return r < 0 ? r : 1;
}

static int read_faults(sd_bus_message *message, Arena *arena, iso_lease *lease)
{
        size_t n = 0, capacity = 0;
        iso_fault *faults = NULL;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "(stt)");
        if (r < 0)
                return r;
        do {
                faults = arena_grow(arena, faults, n, &capacity, sizeof(*faults));
                if (!faults)
                        return -ENOMEM;
                r = read_fault(message, arena, &faults[n]);
                n += r > 0;
        } while (r > 0);
        lease->faults = faults;
        lease->n_faults = n;
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_value(Object *object, const struct Field *field, Arena *arena,
                      sd_bus_message *message)
{
        void *target = (char *)object + field->offset;

        if (strcmp(field->type, "a(ssssass)") == 0)
                return read_reasons(message, arena, &object->reasons);
        if (strcmp(field->type, "a(stt)") == 0)
                return read_faults(message, arena, &object->lease);
        if (target == &object->group.devices && field->kind == OBJECT_GROUP)
                return read_members(message, arena, &object->group);
        if (field->type[0] == 'a')
                return object_read_list(message, field->type + 1, arena, target);
        if (field->type[0] == 's' || field->type[0] == 'o')
                return object_read_string(message, field->type[0], arena, target);
        return sd_bus_message_read_basic(message, field->type[0], target);
}

static int read_property(Object *object, Arena *arena, sd_bus_message *message)
{
        const struct Field *field;
        const char *name, *type;
        int r;

        r = sd_bus_message_read_basic(message, 's', &name);
        if (r < 0)
                return r;
        field = find_field(object->kind, name);
        if (!field)
                return sd_bus_message_skip(message, "v");

        r = sd_bus_message_peek_type(message, NULL, &type);
        if (r < 0)
                return r;
        if (strcmp(type, field->type) != 0)
                return -EBADMSG;

        r = sd_bus_message_enter_container(message, 'v', field->type);
        if (r < 0)
                return r;
        r = read_value(object, field, arena, message);
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(message);
}

int object_read_properties(Object *object, Arena *arena, sd_bus_message *message)
{
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = read_property(object, arena, message);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;

        r = sd_bus_message_exit_container(message);
        return r < 0 ? r : 0;
}

/* The property that names the object must be present. */
static bool object_is_named(const Object *object)
{
        Bdf bdf;

        switch (object->kind) {
        case OBJECT_DEVICE:
                return bdf_parse(object->device.address, &bdf);
        case OBJECT_GROUP:
                return *object->group.id;
        case OBJECT_LEASE:
                return object->lease.id != 0;
        case OBJECT_OTHER:
        case _OBJECT_N:
                return true;
        }
        return false;
}

int object_read(Arena *arena, sd_bus_message *message, const char *path, Object *ret_object)
{
        const char *interface;
        ObjectKind kind;
        Object object;
        int r;

        object_init(&object, OBJECT_OTHER, path);
        r = sd_bus_message_enter_container(message, 'a', "{sa{sv}}");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_enter_container(message, 'e', "sa{sv}")) > 0) {
                r = sd_bus_message_read_basic(message, 's', &interface);
                if (r < 0)
                        return r;

                kind = object_kind_from_interface(interface);
                if (kind == OBJECT_OTHER || object.kind != OBJECT_OTHER) {
                        r = sd_bus_message_skip(message, "a{sv}");
                } else {
                        object_init(&object, kind, path);
                        r = object_read_properties(&object, arena, message);
                }
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        if (!object_is_named(&object))
                return -EBADMSG;

        *ret_object = object;
        r = sd_bus_message_exit_container(message);
        return r < 0 ? r : 0;
}

int object_list_read(Arena *arena, sd_bus_message *message, ObjectList *ret_list)
{
        ObjectList list = {0};
        size_t capacity = 0;
        const char *path;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{oa{sa{sv}}}");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_enter_container(message, 'e', "oa{sa{sv}}")) > 0) {
                list.objects =
                        arena_grow(arena, list.objects, list.n, &capacity, sizeof(*list.objects));
                if (!list.objects)
                        return -ENOMEM;

                r = sd_bus_message_read_basic(message, 'o', &path);
                if (r < 0)
                        return r;
                path = arena_strdup(arena, path);
                if (!path)
                        return -ENOMEM;
                r = object_read(arena, message, path, &list.objects[list.n]);
                if (r < 0)
                        return r;
                list.count[list.objects[list.n].kind]++;
                list.n++;

                r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;

        *ret_list = list;
        r = sd_bus_message_exit_container(message);
        return r < 0 ? r : 0;
}
