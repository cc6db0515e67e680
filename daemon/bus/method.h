/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Every method call goes one way: who may call it is looked up, who calls is asked, then it runs.
 *
 * The table of methods is the only place that grants anything; a method that is in a vtable but not in
 * the table is refused, and the daemon does not start with such a hole.
 */

#include "daemon/bus/object.h"
#include "daemon/limits/request.h"

typedef enum MethodAccess {
        METHOD_DENIED = 0,
        METHOD_ANYONE, /* reads */
        METHOD_POLICY, /* the policy files decide, in the manager */
        METHOD_OWNER,  /* the lease's owner and root; others by polkit */
        METHOD_ADMIN,  /* root; others by polkit */
} MethodAccess;

/* By which of the bus's paces a user's calls are held up (pace.h). */
typedef enum MethodPace {
        METHOD_PACE_READ = 0, /* of one object, or asks something of it */
        METHOD_PACE_LIST,     /* of all objects */
        METHOD_PACE_LOOK,     /* has a worker look something up */
        METHOD_PACE_REQUEST,  /* asks for groups */
        _METHOD_PACE_N,
} MethodPace;

/* Who calls, as the bus daemon vouches for it. */
typedef struct MethodCaller {
        uid_t uid;
        gid_t *gids; /* owned by the call */
        size_t n_gids;
        char *unit;  /* the process's unit, "" if unknown */
        char *label; /* of the security module; NULL: the bus tells of none */
        pid_t pid;  /* 0 if unknown; a hint only: it may be another's by now */
} MethodCaller;

/* Frees what it holds, and forgets who it is. */
void method_caller_clear(MethodCaller *caller);

typedef struct MethodCall {
        Bus *bus;
        sd_bus_message *message; /* a reference */
        MethodCaller caller;     /* zero where it is not asked for */
        bool is_known;           /* who calls */
        bool had_turn;           /* it has been held up (pace.h) */
        struct event *turn;      /* until then */
        struct Listing *listing; /* of GetManagedObjects under way (standard.h), or NULL */
        char *about;             /* when it was allowed, or asked about (authorize.h); owned */
        const struct MethodRow *row;
        struct MethodCall *next, **place; /* in the bus's list */
} MethodCall;

/* Frees what GetManagedObjects has made so far; NULL is fine. Returns NULL. */
struct Listing *listing_free(struct Listing *listing);

MethodCall *method_call_free(MethodCall *call);
DEFINE_CLEANUP(MethodCall *, method_call_free);

typedef struct MethodRow {
        const char *interface;
        const char *member;
        MethodAccess access;
        const char *action; /* of polkit, for whom the access alone leaves out; or NULL */
        /* Takes the call over and answers it, now or later. */
        void (*run)(MethodCall *call);
        MethodPace pace;
} MethodRow;

/* All rows. */
const MethodRow *method_rows(size_t *ret_n);

/* The row of a method, or NULL. */
const MethodRow *method_find(const char *interface, const char *member);

/* Asks the bus who calls, and has pace_run() go on with it. Takes the call over. */
void method_ask_caller(MethodCall *call);

/*
 * Takes in a call by its row: who calls is asked, then it runs at its pace. Returns 1, the call being
 * answered now or later, or -ENOMEM.
 */
_nodiscard_ int method_begin(Bus *bus, sd_bus_message *message, const MethodRow *row);

/* The handler of every method in every vtable; userdata is a BusView. */
int method_dispatch(sd_bus_message *message, void *userdata, sd_bus_error *error);

/*
 * Returns the name of a method in `vtable` that the table does not know, or whose row asks polkit for
 * nothing in particular; or NULL.
 */
const char *method_find_hole(const char *interface, const sd_bus_vtable *vtable);

/* The methods themselves. */
void method_acquire(MethodCall *call);
void method_resolve(MethodCall *call);
void method_plan(MethodCall *call);
void method_repair(MethodCall *call);
void method_get_strength(MethodCall *call);
void method_set_type(MethodCall *call);
void method_get_reserved_regions(MethodCall *call);
void method_release(MethodCall *call);
void method_transfer(MethodCall *call);
void method_get_descriptors(MethodCall *call);
void method_take_device(MethodCall *call);
void method_expel_device(MethodCall *call);
void method_get_holders(MethodCall *call);
void method_reset(MethodCall *call);
void method_revoke(MethodCall *call);
void method_subscribe(MethodCall *call);

/* Appends a report of resets, NULL for none, as a(ss). */
_nodiscard_ int bus_append_resets(sd_bus_message *reply, const char *report);

/* A ManagerDone that answers a call, its userdata, with the report of resets. */
void method_answer_resets(const LeaseAnswer *answer, Lease *lease, void *userdata);

/* Sends the reply if `r` says that it is whole, else the error. */
void method_finish(const MethodCall *call, sd_bus_message *reply, int r);

/* Reads the a{sv} of GetConnectionCredentials. Returns 0, or -errno if the uid is not in it. */
_nodiscard_ int method_read_credentials(sd_bus_message *reply, MethodCaller *caller);

/*
 * Reads what Acquire and Plan are given. `selectors` has room for ARGUMENT_SELECTORS_MAX + 1. Returns
 * 0 with the request, which borrows from the call and from `selectors`, or -errno with the call
 * answered.
 */
_nodiscard_ int method_read_request(MethodCall *call, AcquireRequest *ret_request,
                                    const char **selectors);

/* The lease that a call is about, or NULL. Borrowed. */
Lease *method_lease(const MethodCall *call);

/*
 * Has `run` go on with the call if its row lets the caller, or polkit does; else the call is answered
 * (authorize.h). `run` finds what the call is about anew: it may be gone by then.
 */
void method_authorize(MethodCall *call, void (*run)(MethodCall *call));

/* Answers that the lease is gone. Takes the call over. */
void method_refuse_ended(MethodCall *call);

/* Reads options, of which there are none. Returns false with the call answered. */
_nodiscard_ bool method_read_no_options(MethodCall *call);
