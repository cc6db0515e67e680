/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The values come from the vtables that sd-bus also uses for signals. GetAll and lists leave a
 * private property out. Get refuses it, so that a caller cannot take "no such property" for a
 * value.
 */

#include <errno.h>
#include <string.h>

#include "daemon/bus/call/arguments.h"
#include "daemon/bus/objects/objects_internal.h"

/*
 * Objects in a part of a list, and how many times the list may be begun before it is made in one
 * part.
 */
#define LIST_PART 256
#define LIST_BEGUN_MAX 8

/* An interface of an object as one user sees it. */
typedef struct ObjectView {
        const char *path;
        const char *interface;
        const sd_bus_vtable *vtable;
        BusView view;
        bool sees_private;
} ObjectView;

static ObjectView view_object(const MethodCall *call, const BusKind *kind, const char *path,
                              size_t index)
{
        Bus *bus = call->bus;

        return (ObjectView){
                .path = path,
                .interface = kind->interface,
                .vtable = kind->vtable,
                .view = {.bus = bus, .index = index},
                .sees_private =
                        !kind->may_see || kind->may_see(bus->ledger, index, call->caller.uid),
        };
}

/* Finds the object of a call. Returns whether it exists. */
static bool find_object(const MethodCall *call, ObjectView *ret_object)
{
        const char *path = sd_bus_message_get_path(call->message);

        if (strcmp(path, BUS_ROOT) == 0) {
                *ret_object = (ObjectView){
                        .path = path,
                        .interface = BUS_IFACE_MANAGER,
                        .vtable = bus_manager_vtable,
                        .view = {.bus = call->bus},
                        .sees_private = true,
                };
                return true;
        }
        for (size_t i = 0; i < bus_n_kinds; i++) {
                size_t index = bus_kinds[i]->find(call->bus->ledger, path);

                if (index == SNAPSHOT_NONE)
                        continue;
                *ret_object = view_object(call, bus_kinds[i], path, index);
                return true;
        }
        return false;
}

static bool is_private(const sd_bus_vtable *entry)
{
        return entry->flags & SD_BUS_VTABLE_PROPERTY_EXPLICIT;
}

static int append_value(sd_bus_message *reply, const ObjectView *object, const sd_bus_vtable *entry)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        BusView view = object->view;

        int r = sd_bus_message_open_container(reply, 'v', entry->x.property.signature);
        if (r >= 0)
                r = entry->x.property.get(view.bus->bus, object->path, object->interface,
                                          entry->x.property.member, reply, &view, &error);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_property(sd_bus_message *reply, const ObjectView *object,
                           const sd_bus_vtable *entry)
{
        int r = sd_bus_message_open_container(reply, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, 's', entry->x.property.member);
        if (r >= 0)
                r = append_value(reply, object, entry);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_properties(sd_bus_message *reply, const ObjectView *object)
{
        int r = sd_bus_message_open_container(reply, 'a', "{sv}");

        for (const sd_bus_vtable *entry = object->vtable;
             r >= 0 && entry->type != _SD_BUS_VTABLE_END; entry++)
                if (entry->type == _SD_BUS_VTABLE_PROPERTY &&
                    (object->sees_private || !is_private(entry)))
                        r = append_property(reply, object, entry);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static CallVerdict refuse_unknown(const MethodCall *call)
{
        (void)sd_bus_reply_method_errorf(call->message, SD_BUS_ERROR_UNKNOWN_OBJECT,
                                         "%s: no such object",
                                         sd_bus_message_get_path(call->message));
        return CALL_ANSWERED;
}

/* --- Properties ------------------------------------------------------------------------------- */

/* Returns false with the call answered. */
static bool find_interface(const MethodCall *call, ObjectView *ret_object)
{
        const char *interface;

        if (argument_read_text(call->message, "interface", &interface) < 0)
                return false;
        if (!find_object(call, ret_object)) {
                (void)refuse_unknown(call);
                return false;
        }
        if (strcmp(interface, ret_object->interface) == 0)
                return true;
        (void)sd_bus_reply_method_errorf(call->message, SD_BUS_ERROR_UNKNOWN_INTERFACE,
                                         "the object has no such interface with properties");
        return false;
}

CallVerdict standard_get_all(MethodCall *call)
{
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;
        ObjectView object;

        if (!find_interface(call, &object))
                return CALL_ANSWERED;
        int r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = append_properties(reply, &object);
        method_finish(call, reply, r);
        return CALL_ANSWERED;
}

static const sd_bus_vtable *find_property(const sd_bus_vtable *vtable, const char *name)
{
        for (const sd_bus_vtable *entry = vtable; entry->type != _SD_BUS_VTABLE_END; entry++)
                if (entry->type == _SD_BUS_VTABLE_PROPERTY &&
                    strcmp(entry->x.property.member, name) == 0)
                        return entry;
        return NULL;
}

CallVerdict standard_get(MethodCall *call)
{
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;
        const char *name;
        ObjectView object;

        if (!find_interface(call, &object) ||
            argument_read_text(call->message, "property", &name) < 0)
                return CALL_ANSWERED;
        const sd_bus_vtable *entry = find_property(object.vtable, name);
        if (!entry) {
                (void)sd_bus_reply_method_errorf(call->message, SD_BUS_ERROR_UNKNOWN_PROPERTY,
                                                 "the interface has no such property");
                return CALL_ANSWERED;
        }
        if (is_private(entry) && !object.sees_private) {
                bus_reply_refusal(call->message, REFUSAL_NOT_AUTHORIZED,
                                  "%s: only the lease's owner and root may see it",
                                  entry->x.property.member);
                return CALL_ANSWERED;
        }
        int r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = append_value(reply, &object, entry);
        method_finish(call, reply, r);
        return CALL_ANSWERED;
}

/* --- ObjectManager ---------------------------------------------------------------------------- */

static int append_object(sd_bus_message *reply, const ObjectView *object)
{
        int r = sd_bus_message_open_container(reply, 'e', "oa{sa{sv}}");
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, 'o', object->path);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "{sa{sv}}");
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'e', "sa{sv}");
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, 's', object->interface);
        if (r >= 0)
                r = append_properties(reply, object);
        for (int i = 0; r >= 0 && i < 3; i++)
                r = sd_bus_message_close_container(reply);
        return r;
}

/*
 * A list under way, the call's work. It is made a part at a time, so that the list of a large
 * machine does not keep other callers waiting. All of it has to be of one moment: a client that
 * follows the signals takes the changes before the answer to be in the list. So the list is begun
 * anew if a signal has been sent meanwhile.
 */
typedef struct ObjectList {
        sd_bus_message *reply;
        size_t kind, index; /* of the next object */
        uint64_t n_signals; /* when it was begun */
        const World *world;
        unsigned n_begun;
} ObjectList;

static void free_list(void *work)
{
        ObjectList *list = work;

        (void)sd_bus_message_unref(list->reply);
        free(list);
}

static int begin_list(MethodCall *call, ObjectList *list)
{
        const unsigned n_begun = list->n_begun + 1;

        (void)sd_bus_message_unref(list->reply);
        *list = (ObjectList){.n_begun = n_begun,
                             .n_signals = call->bus->n_signals,
                             .world = call->bus->ledger->world};
        int r = sd_bus_message_new_method_return(call->message, &list->reply);
        return r < 0 ? r : sd_bus_message_open_container(list->reply, 'a', "{oa{sa{sv}}}");
}

/* Appends up to `n` objects. Returns 1 if there are more, 0 if that was all, or -errno. */
static int append_objects(MethodCall *call, ObjectList *list, size_t n)
{
        while (list->kind < bus_n_kinds) {
                const BusKind *kind = bus_kinds[list->kind];
                _cleanup_(freep) char *path = NULL;

                if (n-- == 0)
                        return 1;
                if (!kind->next(call->bus->ledger, &list->index, &path)) {
                        list->kind++;
                        list->index = 0;
                        continue;
                }
                if (!path)
                        return -ENOMEM;
                const ObjectView object = view_object(call, kind, path, list->index++);
                int r = append_object(list->reply, &object);
                if (r < 0)
                        return r;
        }
        int r = sd_bus_message_close_container(list->reply);
        return r < 0 ? r : 0;
}

CallVerdict standard_get_managed_objects(MethodCall *call)
{
        if (strcmp(sd_bus_message_get_path(call->message), BUS_ROOT) != 0)
                return refuse_unknown(call);
        if (!call->work)
                call->work = calloc(1, sizeof(ObjectList));
        if (!call->work)
                return method_fail(call, -ENOMEM);
        call->free_work = free_list;

        ObjectList *list = call->work;
        bool is_stale = !list->reply || list->n_signals != call->bus->n_signals ||
                        list->world != call->bus->ledger->world;
        int r = is_stale ? begin_list(call, list) : 0;
        if (r >= 0)
                r = append_objects(call, list,
                                   list->n_begun > LIST_BEGUN_MAX ? SIZE_MAX : LIST_PART);
        if (r > 0)
                return method_call_resume_in(call, CALL_STAGE_RUN, 0);
        method_finish(call, list->reply, r);
        return CALL_ANSWERED;
}

/* --- Introspectable --------------------------------------------------------------------------- */

CallVerdict standard_introspect(MethodCall *call)
{
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(freep) char *xml = NULL;

        int r = introspect_path(call->bus, sd_bus_message_get_path(call->message), &xml);
        if (r >= 0)
                r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, 's', xml);
        method_finish(call, reply, r);
        return CALL_ANSWERED;
}
