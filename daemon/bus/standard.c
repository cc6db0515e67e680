/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The values come from the same vtables that sd-bus sends signals from. A private property is left
 * out of a list, and asked for by its name it is refused: "not there" cannot be taken for a value.
 */

#include "daemon/bus/standard.h"

#include <errno.h>
#include <string.h>

#include "daemon/bus/arguments.h"

#define IFACE_PROPERTIES "org.freedesktop.DBus.Properties"
#define IFACE_OBJECTS "org.freedesktop.DBus.ObjectManager"
#define IFACE_INTROSPECTABLE "org.freedesktop.DBus.Introspectable"
/* sd-bus looks at each prefix of a path, at a cost that grows with the square of its length. */
#define PATH_MAX_BYTES 512
/* Objects of a part of a list; and how often it is begun before it is made in one part. */
#define LIST_PART 256
#define LIST_BEGUN_MAX 8

/* An interface of an object as somebody sees it. */
typedef struct Sight {
        const char *path;
        const char *interface;
        const sd_bus_vtable *vtable;
        BusView view;
        bool sees_private;
} Sight;

static Sight look(const BusKind *kind, const char *path, const BusView *view, uid_t uid)
{
        return (Sight){
                .path = path,
                .interface = kind->interface,
                .vtable = kind->vtable,
                .view = *view,
                .sees_private = !kind->may_see || kind->may_see(view, uid),
        };
}

/* The object that a call is about. Returns whether there is one. */
static bool find_object(const MethodCall *call, Sight *ret_sight)
{
        const char *path = sd_bus_message_get_path(call->message);

        if (strcmp(path, BUS_ROOT) == 0) {
                *ret_sight = (Sight){
                        .path = path,
                        .interface = BUS_IFACE_MANAGER,
                        .vtable = bus_manager_vtable,
                        .view = {.bus = call->bus},
                        .sees_private = true,
                };
                return true;
        }
        for (size_t i = 0; i < bus_n_kinds; i++) {
                const BusKind *kind = bus_kinds[i];
                void *found;

                if (kind->find(call->bus->bus, path, kind->interface, call->bus, &found, NULL) <= 0)
                        continue;
                *ret_sight = look(kind, path, found, call->caller.uid);
                return true;
        }
        return false;
}

static bool is_private(const sd_bus_vtable *entry)
{
        return entry->flags & SD_BUS_VTABLE_PROPERTY_EXPLICIT;
}

static int append_value(sd_bus_message *reply, const Sight *sight, const sd_bus_vtable *entry)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        BusView view = sight->view;

        int r = sd_bus_message_open_container(reply, 'v', entry->x.property.signature);
        if (r >= 0)
                r = entry->x.property.get(view.bus->bus, sight->path, sight->interface,
                                          entry->x.property.member, reply, &view, &error);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_property(sd_bus_message *reply, const Sight *sight, const sd_bus_vtable *entry)
{
        int r = sd_bus_message_open_container(reply, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, 's', entry->x.property.member);
        if (r >= 0)
                r = append_value(reply, sight, entry);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_properties(sd_bus_message *reply, const Sight *sight)
{
        int r = sd_bus_message_open_container(reply, 'a', "{sv}");

        for (const sd_bus_vtable *entry = sight->vtable;
             r >= 0 && entry->type != _SD_BUS_VTABLE_END; entry++)
                if (entry->type == _SD_BUS_VTABLE_PROPERTY &&
                    (sight->sees_private || !is_private(entry)))
                        r = append_property(reply, sight, entry);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void refuse_unknown(const MethodCall *call)
{
        (void)sd_bus_reply_method_errorf(call->message, SD_BUS_ERROR_UNKNOWN_OBJECT,
                                         "%s: no such object",
                                         sd_bus_message_get_path(call->message));
}

/* --- Properties ------------------------------------------------------------------------------- */

/* Returns false with the call answered. */
static bool find_interface(const MethodCall *call, Sight *ret_sight)
{
        const char *interface;

        if (argument_read_text(call->message, "interface", &interface) < 0)
                return false;
        if (!find_object(call, ret_sight)) {
                refuse_unknown(call);
                return false;
        }
        if (strcmp(interface, ret_sight->interface) == 0)
                return true;
        (void)sd_bus_reply_method_errorf(call->message, SD_BUS_ERROR_UNKNOWN_INTERFACE,
                                         "the object has no such interface with properties");
        return false;
}

static void get_all(MethodCall *call)
{
        _cleanup_(method_call_freep) MethodCall *owned = call;
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;
        Sight sight;

        if (!find_interface(call, &sight))
                return;
        int r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = append_properties(reply, &sight);
        method_finish(owned, reply, r);
}

static const sd_bus_vtable *find_property(const sd_bus_vtable *vtable, const char *name)
{
        for (const sd_bus_vtable *entry = vtable; entry->type != _SD_BUS_VTABLE_END; entry++)
                if (entry->type == _SD_BUS_VTABLE_PROPERTY &&
                    strcmp(entry->x.property.member, name) == 0)
                        return entry;
        return NULL;
}

static void get(MethodCall *call)
{
        _cleanup_(method_call_freep) MethodCall *owned = call;
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;
        const char *name;
        Sight sight;

        if (!find_interface(call, &sight) ||
            argument_read_text(call->message, "property", &name) < 0)
                return;
        const sd_bus_vtable *entry = find_property(sight.vtable, name);
        if (!entry) {
                (void)sd_bus_reply_method_errorf(call->message, SD_BUS_ERROR_UNKNOWN_PROPERTY,
                                                 "the interface has no such property");
                return;
        }
        if (is_private(entry) && !sight.sees_private) {
                bus_reply_refusal(call->message, REFUSAL_NOT_AUTHORIZED,
                                  "%s: only the lease's owner and root may see it",
                                  entry->x.property.member);
                return;
        }
        int r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = append_value(reply, &sight, entry);
        method_finish(owned, reply, r);
}

/* --- ObjectManager ---------------------------------------------------------------------------- */

static int append_object(sd_bus_message *reply, const Sight *sight)
{
        int r = sd_bus_message_open_container(reply, 'e', "oa{sa{sv}}");
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, 'o', sight->path);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "{sa{sv}}");
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'e', "sa{sv}");
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, 's', sight->interface);
        if (r >= 0)
                r = append_properties(reply, sight);
        for (int i = 0; r >= 0 && i < 3; i++)
                r = sd_bus_message_close_container(reply);
        return r;
}

/*
 * A list under way. It is made a part at a time, so that a large machine's does not keep everybody
 * else waiting. It has to be of one moment all the same: who follows the signals takes it that all
 * those before the answer are in it. So it is begun anew if something has been told meanwhile.
 */
struct Listing {
        sd_bus_message *reply;
        size_t kind, index; /* of the next object */
        uint64_t n_told;    /* when it was begun */
        const World *world;
        unsigned n_begun;
};

struct Listing *listing_free(struct Listing *listing)
{
        if (listing)
                (void)sd_bus_message_unref(listing->reply);
        free(listing);
        return NULL;
}

static int begin_list(MethodCall *call, struct Listing *listing)
{
        const unsigned n_begun = listing->n_begun + 1;

        (void)sd_bus_message_unref(listing->reply);
        *listing = (struct Listing){.n_begun = n_begun,
                                    .n_told = call->bus->n_told,
                                    .world = call->bus->ledger->world};
        int r = sd_bus_message_new_method_return(call->message, &listing->reply);
        return r < 0 ? r : sd_bus_message_open_container(listing->reply, 'a', "{oa{sa{sv}}}");
}

/* Appends up to `n` objects. Returns 1 if there are more, 0 if that was all, or -errno. */
static int append_objects(MethodCall *call, struct Listing *listing, size_t n)
{
        while (listing->kind < bus_n_kinds) {
                const BusKind *kind = bus_kinds[listing->kind];
                _cleanup_(freep) char *path = NULL;
                BusView view;

                if (n-- == 0)
                        return 1;
                if (!kind->at(call->bus, listing->index++, &view, &path)) {
                        listing->kind++;
                        listing->index = 0;
                        continue;
                }
                if (!path)
                        return -ENOMEM;
                const Sight sight = look(kind, path, &view, call->caller.uid);
                int r = append_object(listing->reply, &sight);
                if (r < 0)
                        return r;
        }
        int r = sd_bus_message_close_container(listing->reply);
        return r < 0 ? r : 0;
}

static void go_on_listing(MethodCall *call);

static void on_next_part(evutil_socket_t fd, short what, void *userdata)
{
        MethodCall *call = userdata;

        event_free(TAKE_PTR(call->turn));
        go_on_listing(call);
}

static int wait_for_next_part(MethodCall *call)
{
        const struct timeval now = {.tv_sec = 0};

        call->turn = evtimer_new(call->bus->base, on_next_part, call);
        return call->turn && evtimer_add(call->turn, &now) == 0 ? 0 : -ENOMEM;
}

static void go_on_listing(MethodCall *call)
{
        struct Listing *listing = call->listing;
        bool is_stale = !listing->reply || listing->n_told != call->bus->n_told ||
                        listing->world != call->bus->ledger->world;
        int r = is_stale ? begin_list(call, listing) : 0;

        if (r >= 0)
                r = append_objects(call, listing,
                                   listing->n_begun > LIST_BEGUN_MAX ? SIZE_MAX : LIST_PART);
        if (r > 0) {
                r = wait_for_next_part(call);
                if (r == 0)
                        return;
        }
        method_finish(call, listing->reply, r);
        method_call_free(call);
}

static void get_managed_objects(MethodCall *call)
{
        _cleanup_(method_call_freep) MethodCall *owned = call;

        if (strcmp(sd_bus_message_get_path(call->message), BUS_ROOT) != 0)
                return refuse_unknown(call);
        call->listing = calloc(1, sizeof(*call->listing));
        if (call->listing)
                go_on_listing(TAKE_PTR(owned));
        else
                (void)sd_bus_reply_method_errno(call->message, -ENOMEM, NULL);
}

/* --- Introspectable --------------------------------------------------------------------------- */

static void introspect(MethodCall *call)
{
        _cleanup_(method_call_freep) MethodCall *owned = call;
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(freep) char *xml = NULL;

        int r = introspect_path(call->bus, sd_bus_message_get_path(call->message), &xml);
        if (r >= 0)
                r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, 's', xml);
        method_finish(owned, reply, r);
}

/* --- all of them ------------------------------------------------------------------------------ */

static const MethodRow rows[] = {
        {IFACE_PROPERTIES, "Get", METHOD_ANYONE, NULL, get},
        {IFACE_PROPERTIES, "GetAll", METHOD_ANYONE, NULL, get_all},
        {IFACE_OBJECTS, "GetManagedObjects", METHOD_ANYONE, NULL, get_managed_objects,
         .pace = METHOD_PACE_LIST},
        {IFACE_INTROSPECTABLE, "Introspect", METHOD_ANYONE, NULL, introspect,
         .pace = METHOD_PACE_LIST},
};

static const char *const signatures[] = {"ss", "s", "", ""};

const MethodRow *standard_rows(size_t *ret_n)
{
        *ret_n = ARRAY_SIZE(rows);
        return rows;
}

const MethodRow *standard_find(const char *interface, const char *member)
{
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (strcmp(rows[i].interface, interface) == 0 &&
                    strcmp(rows[i].member, member) == 0)
                        return &rows[i];
        return NULL;
}

int standard_filter(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *path = sd_bus_message_get_path(message);
        const char *interface = sd_bus_message_get_interface(message);
        const char *member = sd_bus_message_get_member(message);

        if (sd_bus_message_is_method_call(message, NULL, NULL) <= 0)
                return 0;
        if (strnlen(path, PATH_MAX_BYTES) == PATH_MAX_BYTES) {
                bus_reply_refusal(message, REFUSAL_INVALID, "the path has more than %d bytes",
                                  PATH_MAX_BYTES - 1);
                return 1;
        }
        const MethodRow *row = interface && member ? standard_find(interface, member) : NULL;
        /* What is above our objects has nothing but nodes, which sd-bus knows. */
        if (!row || (row->run == introspect && strncmp(path, BUS_ROOT, strlen(BUS_ROOT)) != 0))
                return 0;
        if (sd_bus_message_has_signature(message, signatures[row - rows]) > 0)
                return method_begin(userdata, message, row);
        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "%s takes \"%s\"", member,
                                 signatures[row - rows]);
}
