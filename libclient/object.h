/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One object of the daemon, as read from the bus: the public value, and the paths of related
 * objects.
 *
 * A newer daemon may have interfaces and properties that this library does not know; it ignores
 * them. Known properties must have their type, and the one that names an object must be present.
 */

#include <systemd/sd-bus.h>

#include "libclient/view.h"

typedef enum ObjectKind {
        OBJECT_OTHER = 0, /* the Manager, an Iommu, something newer */
        OBJECT_DEVICE,
        OBJECT_GROUP,
        OBJECT_LEASE,
        _OBJECT_N,
} ObjectKind;

typedef struct Object {
        ObjectKind kind;
        const char *path;
        const char *group_path;         /* of a device; "/" if none */
        const char *lease_path;         /* of a group; "/" if none */
        GroupReasons reasons;           /* of a group */
        const char *const *group_paths; /* of a lease */
        union {
                iso_device device;
                iso_group group;
                iso_lease lease;
        };
} Object;

/* OBJECT_OTHER for an unknown name. */
ObjectKind object_kind_from_interface(const char *name);

/* An object of that kind with every property absent; `path` is borrowed. */
void object_init(Object *object, ObjectKind kind, const char *path);

/*
 * Read a text of that type ('s', 'o', 'g') at the message's cursor, or a NULL-terminated array of
 * such texts; the arena owns them. The first returns 1, or 0 at a container's end; the second
 * returns 0; both return -errno.
 */
_nodiscard_ int object_read_string(sd_bus_message *message, char type, Arena *arena,
                                   const char **ret_text);
_nodiscard_ int object_read_list(sd_bus_message *message, const char *type, Arena *arena,
                                 const char *const **ret_list);

/*
 * Reads the properties at the message's cursor, an a{sv}, into an initialised object; strings go to
 * the arena. Returns 0, -EBADMSG for a property of a wrong type, or -errno.
 */
_nodiscard_ int object_read_properties(Object *object, Arena *arena, sd_bus_message *message);

/*
 * Reads the interfaces at the message's cursor, an a{sa{sv}}: the whole object at `path`. Returns
 * 0, -EBADMSG also if the property that names it is missing, or -errno.
 */
_nodiscard_ int object_read(Arena *arena, sd_bus_message *message, const char *path,
                            Object *ret_object);

/* All objects of one reply. */
typedef struct ObjectList {
        Object *objects;
        size_t n;
        size_t count[_OBJECT_N];
} ObjectList;

/*
 * Reads the answer of GetManagedObjects, an a{oa{sa{sv}}}; the arena owns the list and its
 * contents. Returns 0 or an error of object_read().
 */
_nodiscard_ int object_list_read(Arena *arena, sd_bus_message *message, ObjectList *ret_list);
