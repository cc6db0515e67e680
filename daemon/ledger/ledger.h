/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The daemon's centre: it reads the world, keeps the leases, and tells an observer what changed.
 *
 * The manager knows no bus. Requests come as calls with a callback for the answer; changes go out
 * through the observer. Everything runs in one event loop; what may block runs in workers.
 */

#include <event2/event.h>

#include "core/model/fault.h"
#include "core/model/guard.h"
#include "core/model/policy.h"
#include "daemon/holders/tracker.h"
#include "daemon/limits/cooldown.h"
#include "daemon/faults/faults.h"
#include "daemon/host/host.h"
#include "daemon/host/worker.h"
#include "daemon/lease/fdstore.h"
#include "daemon/lease/record.h"
#include "daemon/park/park.h"
#include "daemon/guard_process/controller.h"
#include "daemon/queue/queue.h"
#include "daemon/plan/request.h"
#include "daemon/machine/world.h"

/* How long a worker may take before the lease is called draining and the caller is answered. */
#define WORKER_DEADLINE_SECONDS 15

/* What is waited for, and how long; tests have less patience. In seconds. */
typedef struct LedgerTimes {
        unsigned worker; /* MANAGER_WORKER_DEADLINE_SECONDS */
        unsigned stuck;  /* that a restore drains before it is called stuck */
        unsigned killed; /* that a worker has to die once it was killed, before it is called so */
        unsigned holder_tracker; /* from one look at a lease for one process only to the next */
} LedgerTimes;

#define REQUEST_SELECTORS_MAX 64     /* per request */
#define LEASES_PER_UID_MAX 64
#define LEDGER_PATH_SIZE 256

typedef struct Lease Lease;

typedef struct LeaseAnswer {
        int code;            /* 0, a Refusal, or -errno */
        const char *message; /* for people; "" if there is none */
        const char *report;  /* of resets, a line each (daemon/host/reset.h), or NULL */
        const char *rule;    /* of the policy, that refuses it: its origin, or NULL */
} LeaseAnswer;

/* `lease` is NULL unless code is 0. Called exactly once, before or after the request returned. */
typedef void (*LeaseDone)(const LeaseAnswer *answer, Lease *lease, void *userdata);

/* The same for what is asked about one device of a lease; `fds` are borrowed, and may be none. */
typedef void (*MemberDone)(const LeaseAnswer *answer, const VfioFds *fds, void *userdata);

typedef struct MemberTask MemberTask; /* manager_member.c */
typedef struct ResetTask ResetTask;   /* manager_reset.c */

struct Lease {
        Ledger *ledger;
        LeaseRecord *record;
        VfioFds fds;   /* our copies: they own the group */
        int owner_fd;  /* write end of the pipe whose read ends are the lease fd, or -1 */
        int client_fd; /* read end, until it has been handed out */
        struct event *owner_event;
        bool *claimed;        /* by group of the record: its owner has, where that can be seen */
        bool is_asked;        /* that is known, since this daemon began */
        struct event *ask;    /* when it is asked next */
        Worker *ask_worker;   /* that asks */
        Worker *worker;       /* that takes or puts back */
        Worker *guard_worker; /* that blocks joiners, seals ports, recreates VFs, takes or expels a
                               * joiner; never beside the other */
        MemberTask *task;     /* about a joiner, waiting for that worker or being it, or NULL */
        ResetTask *reset;     /* that worker's, or NULL */
        bool restore_waits;   /* for the guard's worker to end */
        bool halt_waits;      /* as well: to stop its devices */
        char *guard_trouble;  /* what it failed at last, or NULL */
        GuardFacts *guards;   /* by group of the record, as of the last reading; NULL before */
        GuardLayer guard_held;           /* as of the last one while it was in its owner's hands */
        LeaseMode others[_LEASE_MODE_N]; /* that would do if the kernel cannot `mode` */
        size_t n_others;
        bool is_concluding;   /* it is made; who asked for it waits for its guard to be what it will be */
        bool force;           /* root asked to take it even if the host lives on it */
        int forced_fd;        /* memory where its worker says what stands against that, or -1 */
        uint64_t storm_since_usec; /* of CLOCK_MONOTONIC: since when faults are counted for one */
        unsigned n_storm;
        bool is_orphan;       /* its owner's name ended while it was being made */
        bool release_console; /* root asked to take the host's console off its screens */
        char driver[LEASE_NAME_SIZE]; /* asked for; "": the best there is for each device */
        char *memory_warning;         /* why its owner may not map what it spoke of, or NULL */
        size_t n_lasting;     /* changes on record but those of a recreation under way */
        size_t n_joined;      /* devices that have come since this daemon began */
        size_t n_restoring;   /* of these, those that the running restore knows of */
        LeaseDone done;     /* who waits for the worker, or NULL */
        void *done_userdata;
        HolderSearch nodes;   /* its nodes, from when they had names */
        HolderList seen;      /* who held it when last looked, its owner's process first */
        struct event *revoke_event; /* the end of its owner's grace, or NULL */
        LeaseDone revoke_done;    /* who revokes it, or NULL */
        void *revoke_userdata;
        char *report;         /* of the resets so far while it is given back, or NULL */
        char *waiting;        /* for whom a worker waits, in words, or NULL */
        bool stuck;           /* and for how long: too long */
        struct event *stuck_event;
        struct event *orphan_event; /* the end of a former daemon's worker, or NULL */
        int orphan_fd;              /* its pidfd, or -1 */
};

typedef enum Change {
        CHANGE_ADDED,
        CHANGE_REMOVED,
        CHANGE_CHANGED,
} Change;

typedef struct LedgerObserver {
        void (*device)(Change change, const char *address, void *userdata);
        void (*group)(Change change, const char *id, void *userdata);
        void (*lease)(Change change, uint32_t id, void *userdata);
        void (*joined)(const Lease *lease, Bdf bdf, bool in_address_space, void *userdata);
        void (*lost)(const Lease *lease, Bdf bdf, const char *cause, void *userdata);
        /*
         * `difference` from the device that was lost there, "" if it is the same; `taken`: the
         * lease has it again, else it is held.
         */
        void (*returned)(const Lease *lease, Bdf bdf, const char *difference, bool taken,
                         void *userdata);
        void (*pf_changed)(const Lease *lease, Bdf pf, const char *cause, void *userdata);
        void (*weakened)(const Lease *lease, GuardLayer layer, void *userdata);
        void (*breached)(const Lease *lease, Bdf bdf, const char *driver, GuardLayer layer,
                         void *userdata);
        void (*fault)(const Lease *lease, const LeaseDevice *device, const IommuFault *fault,
                      void *userdata);
        void (*revoked)(const Lease *lease, unsigned grace_seconds, void *userdata);
        void (*second_holder)(const Lease *lease, const Holder *holder, void *userdata);
        void (*policy)(void *userdata); /* it is refused, for other reasons than before, or not */
        /* Something ends with that name on the bus: manager_forget_name() is to hear of its end. */
        void (*needs_name)(const char *name, void *userdata);
        void *userdata;
} LedgerObserver;

typedef struct GroupJob GroupJob; /* manager_iommu.c */

typedef struct Published Published; /* what the observer has been told: daemon/tell/publish.h */

struct Ledger {
        struct event_base *base;
        HostPaths host;
        char bus_id[LEASE_BUS_ID_SIZE]; /* manager_meet_bus(); "" before */
        char state_directory[LEDGER_PATH_SIZE];
        World *world;        /* NULL until the first reading */
        const World *before; /* the reading before, while leases are held against a new one */
        Policy *policy;
        char *policy_error; /* NULL if the files' policy is in force */
        Lease **leases;
        size_t n_leases;
        uint32_t next_lease;
        Published *published;
        LedgerObserver observer;
        struct event *rescan;
        bool is_quiet; /* devices and groups are told of later in the same turn */
        GuardController *controller; /* of the sentinel */
        GroupJob *group_jobs; /* under way */
        Park *park;
        Queue *queue; /* of who waits for a lease to end */
        Cooldown *cooldown;
        HolderTracker *holder_tracker;
        Faults *faults;
        ResetTask *reset; /* of a device that nobody has, or NULL */
        LedgerTimes times;
};

/* Creates a manager. Returns 0 or -errno; the caller frees *ret after the loop has ended. */
_nodiscard_ int daemon_new(struct event_base *base, const HostPaths *host,
                            const char *state_directory, Ledger **ret_manager);

/* Frees a manager; leases stay as they are, for the next daemon. NULL is fine; returns NULL. */
Ledger *daemon_free(Ledger *ledger);
DEFINE_CLEANUP(Ledger *, daemon_free);

/*
 * Start, in this order: policy, world, the leases a former daemon left (their fds from `store`).
 * Half-done ones are put back. Returns 0 or -errno.
 */
_nodiscard_ int recovery_start(Ledger *ledger, FdStore *store);

/* From now on changes are told to `observer`. */
void ledger_observe(Ledger *ledger, const LedgerObserver *observer);

/* Reads the policy files again; a bad policy leaves the old one in force. Returns 0 or -errno. */
_nodiscard_ int ledger_load_policy(Ledger *ledger);

/* Something may have changed: read the world again soon. Cheap; many calls make one reading. */
void ledger_read_soon(Ledger *ledger);

/* The same for what the kernel told (uevents.h), unless the world in force knows of it. */
void ledger_hear_uevent(Ledger *ledger, uint64_t number);

/* Something failed that may succeed later: read the world again in a second. */
void ledger_read_later(Ledger *ledger);

/* Reads the world and acts on it. Returns 0 or -errno (the old world stays). */
_nodiscard_ int ledger_read_now(Ledger *ledger);

/*
 * Leases what the selectors name (manager_acquire.c). Who is told to wait is put in the queue when
 * somebody has it, and answered when it is their turn or their time is over.
 */
void request_acquire(Ledger *ledger, const AcquireRequest *request, LeaseDone done,
                     void *userdata);

/* Gives a lease back. The answer comes when the host is as it was, or the deadline has passed.
 * Taking it away from its owner is daemon/lifecycle/revoke.h. */
void lease_release(Lease *lease, LeaseDone done, void *userdata);

/* Puts a joiner into its owner's hands, if the policy lets `who` have it (manager_member.c). */
void member_take(Lease *lease, Bdf bdf, const PolicyRequest *who, MemberDone done,
                         void *userdata);

/* Takes a joiner off the machine until the lease ends. */
void member_expel(Lease *lease, Bdf bdf, MemberDone done, void *userdata);

/*
 * The names that the observer tells of are those of the bus with this id. A name on record that another
 * bus gave has ended with that bus: on this one it is somebody else's, or nobody's.
 */
void names_meet_bus(Ledger *ledger, const char *id);

/* A name on the bus has ended: so do the leases that were tied to it, and its waiting. */
void names_forget(Ledger *ledger, const char *name);

/* Whether a lease or a place in the queue ends with that name. */
bool names_need(const Ledger *ledger, const char *name);

/* Runs `tell` for each name that something ends with. */
void names_each(const Ledger *ledger, void (*tell)(const char *name, void *userdata),
                       void *userdata);

typedef struct NewOwner {
        PolicyRequest who;
        const char *unit;
        const char *name;   /* on the bus, or NULL if it is not known */
        bool is_privileged; /* root gives it, and answers for it: the policy is not asked */
} NewOwner;

/*
 * Makes somebody else the owner, from whose hands or names it goes on as before. Returns 0, a
 * Refusal with *ret_message, or -errno; then the owner is who it was (manager_owner.c).
 */
_nodiscard_ int lease_transfer(Lease *lease, const NewOwner *owner, char **ret_message);

/*
 * A lease fd anew, for an owner that has none: of a lease that lasts as long as its fd, another
 * copy of it. Returns an fd, the caller's, or -errno.
 */
_nodiscard_ int lease_open_fd(const Lease *lease);

/*
 * Changes the type of a group's default domain (manager_iommu.c). The answer's lease is NULL, as is
 * that of the next.
 */
void group_set_type(Ledger *ledger, const char *id, DomainType type, LeaseDone done,
                      void *userdata);

/* Reads a group's reserved regions for a user: on success the message is the kernel's text. */
void group_read_regions(Ledger *ledger, size_t group, uid_t uid, LeaseDone done,
                          void *userdata);

/* Whether that kernel group's type is being changed. */
bool group_is_changing(const Ledger *ledger, int32_t number);

/* Whether this kernel changes the type of groups with several devices. */
bool group_types_may_change(const Ledger *ledger);

/* Forgets what is asked of groups; nobody is answered. */
void group_drop_jobs(Ledger *ledger);

/*
 * Resets a device that nobody has, or one that is leased, with what else is in its hands if it
 * cannot be reset alone (manager_reset.c). The answer has a report.
 */
void request_reset(Ledger *ledger, Bdf bdf, LeaseDone done, void *userdata);
ResetTask *reset_task_free(ResetTask *task);

/* Whether a reset that somebody asked for, of a device that nobody has, may reach that group. */
bool reset_reaches_group(const Ledger *ledger, const Group *group);

/* Lookups; NULL if there is none. Borrowed. */
Lease *ledger_find_lease(const Ledger *ledger, uint32_t id);
Lease *ledger_lease_of_group(const Ledger *ledger, size_t group);
Lease *ledger_lease_of_device(const Ledger *ledger, size_t device);

/* "host", "free", "leased" or "held" (org.isolationd1.Device.State). */
const char *ledger_device_state(const Ledger *ledger, size_t device);
/* "free", or manager_lease_state(). */
const char *ledger_group_state(const Ledger *ledger, size_t group);
/*
 * The record's state, or "revoking" if its owner has been told that it ends, or "breached" if it is
 * leased and a host driver has been in it, or "stuck" if a worker at it hangs in the kernel.
 */
const char *ledger_lease_state(const Lease *lease);

/* The strongest guard layer that holds now for the group (manager_guard.c). */
GuardLayer ledger_group_guard(const Ledger *ledger, size_t group);
/* The weakest of a lease's groups. */
GuardLayer lease_guard(const Lease *lease);
/* Why that layer and no other, in words, or NULL if memory is short; freed by the caller. */
char *ledger_group_guard_text(const Ledger *ledger, size_t group);

/* Between the manager's own files: */

/* Adds a lease around `record` (taken over). Returns 0 and *ret, borrowed, or -errno. */
_nodiscard_ int ledger_add_lease(Ledger *ledger, LeaseRecord *record, Lease **ret_lease);

/* Holds one lease against the world just read (manager_account.c). Returns 0 or -errno. */
_nodiscard_ int lease_reconcile(Lease *lease);

/*
 * Notes the place of a VF that a lease takes, and that its PF is to get no drivers for new VFs if
 * they could be born into its group. Returns 0 or -errno.
 */
_nodiscard_ int seal_record_vf(const Ledger *ledger, LeaseRecord *record,
                                  const PciDevice *device);

/* Marks a device of a lease as gone; it is told once it is known why (manager_loss.c). */
void loss_mark(LeaseDevice *device);

/* Tells of a lost device of which nobody has been told yet, with what is known. */
void loss_tell(Lease *lease, LeaseDevice *device);

/* Tells of the losses whose causes are known, and of what happens to PFs of leased VFs. */
void loss_tell_all(Lease *lease);

/*
 * The descriptors that a virtual function has had since it was taken back, borrowed copies of the
 * lease's. Returns false if it is none.
 */
bool recreate_find_returned(const Lease *lease, Bdf bdf, VfioFds *ret_fds);

/* Whether a lost device that is there again is for manager_review_vfs() to take back. */
bool recreate_awaits(const Lease *lease, Bdf bdf);

/*
 * Brings lost virtual functions back where the lease's rule says so: once for each loss, and not
 * twice within a minute (manager_recreate.c).
 */
void lease_review_vfs(Lease *lease);

/* The guard's worker has ended. Returns whether a restore has waited for that, and goes on. */
bool guard_end_worker(Lease *lease);

/*
 * Puts on record, and tells, that a host driver had or has a joiner. Saved with the record's next
 * saving. Returns 0 or -ENOMEM.
 */
_nodiscard_ int lease_note_breach(Lease *lease, LeaseDevice *device, const char *driver);

/* What tells a device of the world from others, its revision included. */
Fingerprint world_fingerprint(const Ledger *ledger, const PciDevice *device);

/* Whether the kernel keeps host drivers out of the lease's group `number` by itself. */
bool guard_is_owned(const Lease *lease, int32_t number);

/*
 * Puts the slots that lead into the groups on record to be sealed, where the mode leaves claiming to
 * the owner: they are shut before the first driver leaves. Returns 0 or -errno.
 */
_nodiscard_ int seal_record_slots(const Ledger *ledger, LeaseRecord *record);

/* Whether the lease's group `number` is claimed, by us or, as far as is seen, by its owner. */
bool claims_cover(const Lease *lease, int32_t number);
/* Whether such a claim may end before the lease does. */
bool claims_may_end(const Lease *lease);

/*
 * Begins to look for the owner's claims, in the modes where they can be seen (manager_claim.c); for a
 * lease that `is_new` there are none yet. Returns 0 or -ENOMEM.
 */
_nodiscard_ int claims_watch(Lease *lease, bool is_new);
/* Whether it is not known yet what the owner of a lease that was taken up has claimed. */
bool claims_are_unknown(const Lease *lease);
void claims_forget(Lease *lease);

/* The uid may open the nodes of the lease, if it has any, or may not any more. Return 0, a Refusal or -errno. */
_nodiscard_ int claims_grant_nodes(Lease *lease, char **ret_message);
_nodiscard_ int claims_revoke_nodes(Lease *lease, char **ret_message);
/* Lets the uid open them again, if somebody has taken that away or there are new ones. */
void claims_review_nodes(Lease *lease);

/* The guard that a group would have once leased in that mode. Returns 0 and *ret, or -errno. */
_nodiscard_ int plan_expect_guard(const Ledger *ledger, size_t group, LeaseMode mode,
                                      GuardLayer *ret_layer);

/* Which of two rules, each may be NULL, requires the stronger guard; NULL if neither does. */
const PolicyRule *plan_stronger_demand(const PolicyRule *demand, const PolicyRule *rule);

/* Refuses a lease that would have less of a guard than a rule requires. Returns 0, REFUSAL_TOO_WEAK
 * with *ret_message, or -errno. */
_nodiscard_ int plan_check_demand(const Ledger *ledger, size_t group, LeaseMode mode,
                                     const PolicyRule *demand, char **ret_message);

/*
 * Refuses a device that is another, or in another group, than the fingerprint of the rule that reserves
 * it. Returns 0, REFUSAL_CHANGED with *ret_message, or -errno.
 */
_nodiscard_ int plan_check_expected(const Ledger *ledger, size_t device, char **ret_message);

/*
 * Refuses a group that is not as strong as the rule requires that decides for a member of it. Returns 0,
 * REFUSAL_TOO_WEAK or REFUSAL_CHANGED with *ret_message, or -errno.
 */
_nodiscard_ int plan_check_strength(const Ledger *ledger, size_t group, size_t device,
                                       char **ret_message);

/* What the policy says of a lease: the rule that allows it, and the one that requires the most. */
void plan_record_rules(LeaseRecord *record, const PolicyRule *rule, const PolicyRule *demand);

/* Whether the lease has less of a guard than its rule requires. */
bool lease_is_weak(const Lease *lease);

/*
 * Tells when a lease's guard has become weaker than required, or is not any more, once all is done
 * for it that can be; the policy says what follows.
 */
void lease_judge_guard(Lease *lease);

/*
 * With the guard's worker idle: begins what is to be done about a joiner, if anything is. Returns
 * whether that worker is at work now.
 */
bool members_serve(Lease *lease);

/* Answers and forgets what nobody will do any more. */
void members_drop(Lease *lease);

/*
 * Brings the guard of a lease to what the world just read asks for: what is to be changed is put on
 * record, then a worker does it.
 */
void lease_review_guard(Lease *lease);

/* Forgets a lease: its file, its stored fds, itself. */
void lease_drop(Lease *lease);

/* Sets and saves the lease's state and tells the observer. Returns 0 or -errno (not saved). */
int ledger_set_state(Lease *lease, LeaseState state);

/* Answers who waits for a lease that is made: its guard will not become another by itself. */
void lease_conclude(Lease *lease);

/* Starts the worker that takes the lease's groups; `done` hears of the end. */
void lease_begin_take(Lease *lease, LeaseDone done, void *userdata);

/* Starts the worker that puts everything back, once the guard's has ended; `done` may be NULL. */
void lease_begin_restore(Lease *lease, LeaseDone done, void *userdata);

/*
 * Starts the guard's worker, which there is not, with copies of `fds` (NULL: none); `done` calls
 * manager_end_guard_worker().
 */
void guard_start_worker(Lease *lease, WorkerJob job, const VfioFds *fds,
                                void (*done)(WorkerResult *, void *));

/* Nobody gets the lease's groups until a release has put them back. */
void lease_quarantine(Lease *lease, const char *trouble);

/* Answers who waits for the lease's worker, or revokes the lease. */
void lease_answer(Lease *lease, int code, const char *message);

/* The lease's worker hangs: after that time it is called stuck, if it has not ended. */
void lease_expect_end(Lease *lease, unsigned seconds);

/*
 * Whether a worker of a former daemon still hangs at the lease; then it is given back when that has
 * ended, and not before.
 */
bool lease_await_former_worker(Lease *lease);

/* The lease's worker has ended, and with it what was said of its hanging. */
void lease_end_worker(Lease *lease);

/* Reads the world again; if that fails, a little later. */
void ledger_read_again(Ledger *ledger);

/* Tells the observer that a lease looks different. */
void ledger_tell_lease(Lease *lease);

/* A restore takes long: the lease is draining, and who waits for it hears `text`. */
void lease_restore_is_late(Lease *lease, const char *text);

/* Why a lease is not as it should be, in words; "" if it is. Borrowed. */
const char *lease_trouble(const Lease *lease);

/* Watches for the owner to let go of the lease fd. Returns 0 or -errno. */
_nodiscard_ int lease_watch_owner(Lease *lease);
