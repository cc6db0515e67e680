/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The daemon as a source of views: one GetManagedObjects call, so that devices, groups and leases
 * are consistent. Object paths are then replaced by ids and addresses.
 */

#include <errno.h>
#include <string.h>

#include "libclient/host.h"
#include "libclient/object.h"

int daemon_connect(iso_host *host)
{
        int r;

        r = sd_bus_open_system(&host->bus);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return host_fail(host, ISO_E_NO_DAEMON,
                                 "the system bus cannot be reached: %s (is dbus.service running?)",
                                 strerror(-r));

        r = sd_bus_set_allow_interactive_authorization(host->bus, true);
        return r < 0 ? r : 0;
}

static int compare_paths(const void *a, const void *b)
{
        const Object *left = a, *right = b;

        return strcmp(left->path, right->path);
}

/* Orders by kind, and within a kind as a view sorts. */
static int compare_keys(const void *a, const void *b)
{
        const Object *left = a, *right = b;

        if (left->kind != right->kind)
                return left->kind < right->kind ? -1 : 1;
        switch (left->kind) {
        case OBJECT_DEVICE:
                return view_compare_addresses(left->device.address, right->device.address);
        case OBJECT_GROUP:
                return strcmp(left->group.id, right->group.id);
        case OBJECT_LEASE:
                return (left->lease.id > right->lease.id) - (left->lease.id < right->lease.id);
        case OBJECT_OTHER:
        case _OBJECT_N:
                break;
        }
        return compare_paths(a, b);
}

static Object *find_object(const ObjectList *list, const char *path, ObjectKind kind)
{
        Object key = {.path = path}, *found;

        if (list->n == 0)
                return NULL;
        found = bsearch(&key, list->objects, list->n, sizeof(key), compare_paths);
        return found && found->kind == kind ? found : NULL;
}

/* The ids of the groups that a lease refers to by path. */
static int resolve_lease_groups(ObjectList *list, Arena *arena, Object *lease)
{
        const char **ids = NULL;
        size_t n = 0, capacity = 0;

        for (const char *const *path = lease->group_paths; *path; path++) {
                const Object *group = find_object(list, *path, OBJECT_GROUP);

                ids = arena_grow(arena, ids, n, &capacity, sizeof(*ids));
                if (!ids)
                        return -ENOMEM;
                if (group)
                        ids[n++] = group->group.id;
        }
        if (ids)
                lease->lease.groups = ids;
        return 0;
}

static void resolve_device(ObjectList *list, Object *device)
{
        const Object *group, *lease;

        group = find_object(list, device->group_path, OBJECT_GROUP);
        if (!group)
                return;
        device->device.group = group->group.id;

        /* A bridge in a leased group stays with the host. */
        if (strcmp(device->device.state, "leased") != 0 &&
            strcmp(device->device.state, "held") != 0)
                return;
        lease = find_object(list, group->lease_path, OBJECT_LEASE);
        device->device.lease = lease ? lease->lease.id : 0;
}

static int resolve_references(ObjectList *list, Arena *arena)
{
        const Object *lease;
        int r;

        if (list->n > 0)
                qsort(list->objects, list->n, sizeof(*list->objects), compare_paths);

        for (size_t i = 0; i < list->n; i++) {
                Object *object = &list->objects[i];

                switch (object->kind) {
                case OBJECT_DEVICE:
                        resolve_device(list, object);
                        break;
                case OBJECT_GROUP:
                        lease = find_object(list, object->lease_path, OBJECT_LEASE);
                        object->group.lease = lease ? lease->lease.id : 0;
                        break;
                case OBJECT_LEASE:
                        r = resolve_lease_groups(list, arena, object);
                        if (r < 0)
                                return r;
                        break;
                case OBJECT_OTHER:
                case _OBJECT_N:
                        break;
                }
        }
        return 0;
}

static int fill_view(ObjectList *list, View *view)
{
        Arena *arena = &view->arena;

        view->devices = arena_alloc(arena, list->count[OBJECT_DEVICE], sizeof(iso_device));
        view->groups = arena_alloc(arena, list->count[OBJECT_GROUP], sizeof(iso_group));
        view->leases = arena_alloc(arena, list->count[OBJECT_LEASE], sizeof(iso_lease));
        view->device_paths = arena_alloc(arena, list->count[OBJECT_DEVICE], sizeof(char *));
        view->group_paths = arena_alloc(arena, list->count[OBJECT_GROUP], sizeof(char *));
        view->group_reasons = arena_alloc(arena, list->count[OBJECT_GROUP], sizeof(GroupReasons));
        if (!view->devices || !view->groups || !view->leases || !view->device_paths ||
            !view->group_paths || !view->group_reasons)
                return -ENOMEM;

        if (list->n > 0)
                qsort(list->objects, list->n, sizeof(*list->objects), compare_keys);
        for (size_t i = 0; i < list->n; i++) {
                const Object *object = &list->objects[i];

                switch (object->kind) {
                case OBJECT_DEVICE:
                        view->device_paths[view->n_devices] = object->path;
                        view->devices[view->n_devices++] = object->device;
                        break;
                case OBJECT_GROUP:
                        view->group_paths[view->n_groups] = object->path;
                        view->group_reasons[view->n_groups] = object->reasons;
                        view->groups[view->n_groups++] = object->group;
                        break;
                case OBJECT_LEASE:
                        view->leases[view->n_leases++] = object->lease;
                        break;
                case OBJECT_OTHER:
                case _OBJECT_N:
                        break;
                }
        }
        return 0;
}

/* The daemon's groups are the kernel's or, if it has none, those that its rules give. */
static void name_partition(View *view)
{
        const char *partition = "kernel";

        for (size_t i = 0; i < view->n_devices; i++)
                if (view->devices[i].kernel_group >= 0)
                        partition = "observed";
        for (size_t i = 0; i < view->n_groups; i++)
                view->groups[i].partition = partition;
}

/* The Manager is the object manager itself, and so is not among the objects it lists. */
static int read_obstacle(iso_host *host, View *view)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(freep) char *text = NULL;
        int r;

        r = sd_bus_get_property_string(host->bus, HOST_SERVICE, HOST_PATH, HOST_MANAGER,
                                       "LeaseObstacle", &error, &text);
        if (r < 0)
                return host_fail_bus(host, r, &error);

        view->obstacle = arena_strdup(&view->arena, text);
        return view->obstacle ? 0 : -ENOMEM;
}

int daemon_read_view(iso_host *host, View **ret_view)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(view_freep) View *view = NULL;
        ObjectList list;
        int r;

        r = sd_bus_call_method(host->bus, HOST_SERVICE, HOST_PATH,
                               "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", &error,
                               &reply, NULL);
        if (r < 0)
                return host_fail_bus(host, r, &error);

        view = view_new();
        if (!view)
                return -ENOMEM;

        r = object_list_read(&view->arena, reply, &list);
        if (r >= 0)
                r = resolve_references(&list, &view->arena);
        if (r >= 0)
                r = fill_view(&list, view);
        if (r < 0)
                return host_fail(host, r, "isolationd's list of objects cannot be read: %s",
                                 strerror(-r));
        name_partition(view);
        r = read_obstacle(host, view);
        if (r != 0)
                return r;

        *ret_view = TAKE_PTR(view);
        return 0;
}

int daemon_resolve(iso_host *host, const char *selector, const iso_device **ret_device,
                   const iso_group **ret_group)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *reply = NULL;
        const iso_device *device = NULL;
        const iso_group *group = NULL;
        const char *device_path, *group_path;
        int r;

        r = sd_bus_message_new_method_call(host->bus, &message, HOST_SERVICE, HOST_PATH,
                                           HOST_MANAGER, "Resolve");
        if (r >= 0)
                r = sd_bus_message_append(message, "sa{sv}", selector, 0);
        if (r < 0)
                return r;
        r = sd_bus_call(host->bus, message, 0, &error, &reply);
        if (r < 0)
                return host_fail_bus(host, r, &error);
        r = sd_bus_message_read(reply, "oo", &device_path, &group_path);
        if (r < 0)
                return host_fail(host, r, "isolationd's answer cannot be read: %s", strerror(-r));

        for (size_t i = 0; i < host->view->n_devices; i++)
                if (strcmp(host->view->device_paths[i], device_path) == 0)
                        device = &host->view->devices[i];
        for (size_t i = 0; i < host->view->n_groups; i++)
                if (strcmp(host->view->group_paths[i], group_path) == 0)
                        group = &host->view->groups[i];

        *ret_device = device;
        *ret_group = group;
        return 0;
}

/* Reads the a(sss) of GetStrength. Returns 0 or -errno. */
static int read_strength(sd_bus_message *reply, Arena *arena, iso_strength **ret, size_t *ret_n)
{
        iso_strength *bits = NULL;
        size_t n = 0, capacity = 0;
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "(sss)");
        while (r >= 0) {
                const char *bit, *value, *text;

                bits = arena_grow(arena, bits, n, &capacity, sizeof(*bits));
                if (!bits)
                        return -ENOMEM;
                r = sd_bus_message_read(reply, "(sss)", &bit, &value, &text);
                if (r <= 0)
                        break;
                bits[n] = (iso_strength){arena_strdup(arena, bit), arena_strdup(arena, value),
                                         arena_strdup(arena, text)};
                if (!bits[n].bit || !bits[n].value || !bits[n].text)
                        return -ENOMEM;
                n++;
        }
        *ret = bits;
        *ret_n = n;
        return r;
}

int daemon_strength(iso_host *host, const iso_group *group, const iso_strength **ret, size_t *ret_n)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        size_t index = (size_t)(group - host->view->groups);
        iso_strength *bits = NULL;
        int r;

        if (index >= host->view->n_groups)
                return -EINVAL;
        r = sd_bus_call_method(host->bus, HOST_SERVICE, host->view->group_paths[index], HOST_GROUP,
                               "GetStrength", &error, &reply, "a{sv}", 0);
        if (r < 0)
                return host_fail_bus(host, r, &error);
        r = read_strength(reply, &host->view->arena, &bits, ret_n);
        if (r < 0)
                return host_fail(host, r, "isolationd's answer cannot be read: %s", strerror(-r));
        *ret = bits;
        return 0;
}
