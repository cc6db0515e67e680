/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A method call on its way to its answer, and the bus that it came from.
 *
 * This is the lowest layer of daemon/bus: it knows no method, no object and nobody's rights. The
 * layers above it are access (may this call run?), methods (what it does), objects (properties and
 * signals), and the top: the connection, the names, and request.c, which puts all of them together.
 */

#include <systemd/sd-bus.h>

#include "daemon/ledger/ledger.h"

#define BUS_NAME "org.isolationd1"
#define BUS_ROOT "/org/isolationd1"

#define BUS_IFACE_MANAGER BUS_NAME ".Manager"
#define BUS_IFACE_DEVICE BUS_NAME ".Device"
#define BUS_IFACE_GROUP BUS_NAME ".Group"
#define BUS_IFACE_LEASE BUS_NAME ".Lease"
#define BUS_IFACE_IOMMU BUS_NAME ".Iommu"

typedef struct Bus Bus;
typedef struct MethodCall MethodCall;

/* The steps of a call in their order; request_go_on() in daemon/bus/request.c takes them. */
typedef enum CallStage {
        CALL_STAGE_CONNECTION = 0, /* limit on the connection's calls */
        CALL_STAGE_CALLER,         /* ask the bus daemon for the caller */
        CALL_STAGE_USER,           /* limit on the user's calls */
        CALL_STAGE_TURN,           /* rate limit */
        CALL_STAGE_OPTIONS,        /* no options where the method has none */
        CALL_STAGE_RIGHTS,         /* owner, root, or polkit's answer */
        CALL_STAGE_RUN,            /* the method */
        _CALL_STAGE_N,
} CallStage;

/* The result of a step. */
typedef enum CallVerdict {
        CALL_GOES_ON = 0,
        CALL_WAITS,    /* the step has taken the call over: it resumes or answers the call later */
        CALL_ANSWERED, /* with a reply or an error; the call is freed by who has it */
} CallVerdict;

typedef CallVerdict (*CallStep)(MethodCall *call);

typedef enum MethodAccess {
        METHOD_DENIED = 0,
        METHOD_ANYONE, /* reads */
        METHOD_POLICY, /* the policy files decide, in the manager */
        METHOD_OWNER,  /* the lease's owner and root; others by polkit */
        METHOD_ADMIN,  /* root; others by polkit */
} MethodAccess;

/* The rate limit that applies to a method (access/pace.h). */
typedef enum MethodPace {
        METHOD_PACE_READ = 0, /* reads one object, or asks something of it */
        METHOD_PACE_LIST,     /* reads all objects */
        METHOD_PACE_LOOK,     /* starts a worker that looks something up */
        METHOD_PACE_REQUEST,  /* asks for groups */
        _METHOD_PACE_N,
} MethodPace;

/* A row of the table of methods, which is in daemon/bus/request.c. */
typedef struct MethodRow {
        const char *interface;
        const char *member;
        MethodAccess access;
        const char *action; /* polkit's action for callers that `access` leaves out; or NULL */
        CallStep run;       /* the last step, when all checks have passed */
        MethodPace pace;
        bool no_options;       /* the only argument is a{sv}, which has to be empty */
        const char *signature; /* of a method of D-Bus itself, which no vtable has; else NULL */
} MethodRow;

/* The caller, as the bus daemon vouches for it. */
typedef struct MethodCaller {
        uid_t uid;
        gid_t *gids; /* owned by the call */
        size_t n_gids;
        char *unit;  /* the process's unit, "" if unknown */
        char *label; /* of the security module; NULL if the bus sends none */
        pid_t pid;   /* 0 if unknown; a hint only: the process may have ended */
} MethodCaller;

struct MethodCall {
        Bus *bus;
        sd_bus_message *message; /* a reference */
        const MethodRow *row;
        MethodCaller caller; /* zero before CALL_STAGE_CALLER */
        CallStage stage;     /* the next step */
        /* Goes on with the steps from `stage`; takes the call over. */
        void (*resume)(MethodCall *call);
        bool is_known;      /* the caller */
        bool had_turn;      /* the rate limit has delayed it (access/pace.h) */
        struct event *turn; /* the timer that resumes it, or NULL */
        void *work;         /* of the method, if it answers in parts; or NULL */
        void (*free_work)(void *work);
        char *about; /* the object when the call was allowed (access/authorize.h); owned */
        MethodCall *next, **place; /* in the bus's list */
};

/*
 * What sd-bus hands to getters and methods: the object that the finder has just found. sd-bus reads
 * an object before it asks for the next, so one view is enough for all.
 */
typedef struct BusView {
        Bus *bus;
        size_t index; /* device, group or lease; for an IOMMU a device it covers */
} BusView;

struct Bus {
        Ledger *ledger;
        struct event_base *base;
        sd_bus *bus;                   /* the connection's, borrowed */
        struct Connection *connection; /* daemon/bus/connection.h */
        /* Takes in a call of a method that a vtable has; returns as an sd-bus handler. */
        int (*serve)(Bus *bus, sd_bus_message *message, sd_bus_error *error);
        /* Watches a name on the bus for its end (daemon/bus/names.h). */
        void (*watch_name)(Bus *bus, const char *name);
        BusView root_view;
        BusView found;                      /* by the last finder */
        uint64_t n_signals;                 /* signals about objects so far */
        MethodCall *calls;                  /* without an answer yet */
        struct Pace *paces[_METHOD_PACE_N]; /* access/pace.h */
        struct Subscriber *subscribers;     /* access/subscribers.h */
        struct BusNames *names;             /* daemon/bus/names.h */
};

static inline const World *bus_view_world(const BusView *view)
{
        return view->bus->ledger->world;
}

static inline void slot_unrefp(sd_bus_slot **slot)
{
        (void)sd_bus_slot_unref(*slot);
}

static inline void message_unrefp(sd_bus_message **message)
{
        (void)sd_bus_message_unref(*message);
}

/*
 * Makes a call of `message`, which it references, and puts it into the list of the bus. Returns the
 * call, which the caller owns, or NULL if memory is short.
 */
MethodCall *method_call_new(Bus *bus, sd_bus_message *message, const MethodRow *row);

/* Takes the call out of the list and frees it, without an answer; NULL is fine. Returns NULL. */
MethodCall *method_call_free(MethodCall *call);
DEFINE_CLEANUP(MethodCall *, method_call_free);

/* Goes on with a call that has waited. Takes the call over. */
static inline void method_call_resume(MethodCall *call)
{
        call->resume(call);
}

/*
 * Resumes a call at `stage` after `usec` microseconds. Returns CALL_WAITS, or CALL_ANSWERED if
 * there is no memory for a timer.
 */
CallVerdict method_call_resume_in(MethodCall *call, CallStage stage, uint64_t usec);

/* Frees what it holds, and forgets the caller. */
void method_caller_clear(MethodCaller *caller);

/* The handler of all methods in vtables: hands a call to bus->serve. userdata is a BusView. */
int method_dispatch(sd_bus_message *message, void *userdata, sd_bus_error *error);
