/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Every method call goes one way: who may call it is looked up, who calls is asked, then it runs.
 *
 * The table of methods is the only place that grants anything; a method that is in a vtable but not in
 * the table is refused, and the daemon does not start with such a hole.
 */

#include "daemon/bus/object.h"

typedef enum MethodAccess {
        METHOD_DENIED = 0,
        METHOD_ANYONE, /* reads; the caller is not asked for */
        METHOD_POLICY, /* the policy files decide, in the manager */
        METHOD_OWNER,  /* the lease's owner and root; others by polkit */
        METHOD_ADMIN,  /* root; others by polkit */
} MethodAccess;

/* Who calls, as the bus daemon vouches for it. */
typedef struct MethodCaller {
        uid_t uid;
        gid_t *gids; /* owned by the call */
        size_t n_gids;
        char *unit; /* the process's unit, "" if unknown; for display only */
} MethodCaller;

typedef struct MethodCall {
        Bus *bus;
        sd_bus_message *message; /* a reference */
        MethodCaller caller;     /* zero for METHOD_ANYONE */
        const struct MethodRow *row;
} MethodCall;

MethodCall *method_call_free(MethodCall *call);
DEFINE_CLEANUP(MethodCall *, method_call_free);

typedef struct MethodRow {
        const char *interface;
        const char *member;
        MethodAccess access;
        /* Takes the call over and answers it, now or later. */
        void (*run)(MethodCall *call);
} MethodRow;

/* The row of a method, or NULL. */
const MethodRow *method_find(const char *interface, const char *member);

/* The handler of every method in every vtable; userdata is a BusView. */
int method_dispatch(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* Returns the name of a method in `vtable` that the table does not know, or NULL. */
const char *method_find_hole(const char *interface, const sd_bus_vtable *vtable);

/* The methods themselves. */
void method_acquire(MethodCall *call);
void method_resolve(MethodCall *call);
void method_get_strength(MethodCall *call);
void method_release(MethodCall *call);
void method_take_device(MethodCall *call);
void method_expel_device(MethodCall *call);

/*
 * Asks polkit whether the caller may do `action`. Takes the call over; `allowed` gets it back, or it
 * is answered with NotAuthorized.
 */
void polkit_check(MethodCall *call, const char *action, void (*allowed)(MethodCall *call));
