/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ISOLATION_H
#define ISOLATION_H

/*
 * libisolation: isolation groups seen, taken and given back.
 *
 * A *host* is a source of devices and groups: the daemon on the system bus, a sysfs tree (this
 * machine's or a copy), or a file that holds a machine. Reading is the same for all. Only a daemon
 * host leases.
 *
 * A host holds one consistent view, read by iso_host_open_*() and again by iso_host_refresh().
 * Pointers to devices, groups and leases belong to the host and live until the next refresh or
 * iso_host_free(). Strings in them are never NULL; an absent value is "".
 *
 * Every function that can fail returns 0, a negative errno (something is broken), or a positive
 * `enum iso_error` (an expected refusal). iso_host_message() then says, in a sentence for people,
 * what was refused, why, and what to do next.
 *
 * Not thread-safe per host; different hosts are independent. The library writes nothing to stdout,
 * stderr or a log, and installs no signal handlers.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Expected refusals; each is a D-Bus error org.isolationd1.Error.* and an exit code of isoctl. */
enum iso_error {
        ISO_E_SUCCESS = 0,
        ISO_E_NOT_FOUND,      /* no device, group or lease of that name */
        ISO_E_BUSY,           /* leased to somebody else */
        ISO_E_NOT_VIABLE,     /* the group cannot be handed out as it is */
        ISO_E_CRITICAL,       /* the host lives on a device in the group */
        ISO_E_POLICY_DENIED,  /* a rule, or the default, says no */
        ISO_E_NOT_AUTHORIZED, /* the caller may not do this to this object */
        ISO_E_TOO_WEAK,       /* the isolation is weaker than demanded */
        ISO_E_CHANGED,        /* the machine is not what the request was made for */
        ISO_E_STUCK,          /* the kernel does not answer, or a deadline passed */
        ISO_E_QUOTA,          /* a limit of the caller is reached */
        ISO_E_INVALID,        /* the request makes no sense */
        ISO_E_UNSUPPORTED,    /* this machine, kernel or host cannot do it */
        ISO_E_KERNEL_REFUSED, /* the kernel said no to a step that should have worked */
        ISO_E_QUARANTINED,    /* the group needs repair */
        ISO_E_NO_DAEMON,      /* the bus or the daemon cannot be reached */
};

/* The name after "org.isolationd1.Error.", e.g. "NotViable"; "" for ISO_E_SUCCESS. */
const char *iso_error_name(int error);

/* The exit code that isoctl ends with for what a function here returned: 1 for -errno, 0 to 9. */
int iso_error_exit_code(int error);

typedef struct iso_host iso_host;

typedef struct iso_device {
        const char *address;        /* "0000:01:00.0" */
        const char *id;             /* stable path, "0000:00/02.0/00.0" */
        const char *parent;         /* address of the bridge above, "" on a root bus */
        const char *group;          /* id of its group, "" if none */
        const char *computed_group; /* id of the group the kernel's rules give, computed */
        int kernel_group;           /* N of iommu_groups/N, or -1 */
        bool group_unknown;         /* what was read does not tell whether it is in one */
        uint16_t vendor;            /* 0 if it is not known, as with the next */
        uint16_t device;
        uint32_t class_code; /* 24 bits */
        const char *driver;  /* "" if unbound */
        const char *state;   /* "host", "free", "reserved", "leased", "parked", "held" */
        const char *iommu;   /* /sys/class/iommu name, "" if not covered */
        uint32_t lease;      /* 0 if none */
} iso_device;

typedef struct iso_reason {
        const char *rule; /* "upstream-acs", … see org.isolationd1(5) */
        const char *a;    /* addresses */
        const char *b;
        const char *at;
        const char *const *missing; /* NULL-terminated ACS bit names, e.g. "SV" */
        const char *text;           /* one sentence */
} iso_reason;

typedef struct iso_group {
        const char *id;
        const char *partition;      /* that it is of: "kernel", "observed", "sound" */
        int kernel_group;           /* -1 if the kernel has none */
        const char *const *devices; /* NULL-terminated sorted addresses */
        size_t n_devices;
        const char *type;           /* default domain type, "" if unknown */
        const char *guard;          /* "none", "reactive", "gated", "sealed", "owned" */
        const char *guard_evidence; /* why that one, a sentence; "" if it is not told */
        const char *state;          /* "free", or the state of its lease: "preparing", "leased",
                                     * "parked" (the daemon has it until somebody leases it), "breached",
                                     * "revoking", "releasing", "draining", "stuck", "quarantined" */
        uint32_t lease;             /* 0 if none */
        uint32_t n_waiters;         /* requests that wait for it */

        /* Of the sound partition only; empty and false elsewhere. */
        const char *const *assumes; /* NULL-terminated: "root-complex", "sriov" */
        bool spoofable;             /* no port up to the root checks the requester id of a member */
} iso_group;

/* What the kernel's log has told of a leased device. */
typedef struct iso_fault {
        const char *device;
        uint64_t count;   /* at least so many: the kernel holds back what comes too fast */
        uint64_t address; /* I/O virtual, of the last one */
} iso_fault;

typedef struct iso_lease {
        uint32_t id;
        const char *const *groups;  /* NULL-terminated group ids */
        const char *const *devices; /* NULL-terminated addresses of what was handed out */
        const char *const *held;    /* NULL-terminated addresses of joiners */
        uid_t uid; /* (uid_t)-1: another user's lease, of which only root is shown more than groups,
                    * devices, held, guard and state; the other texts and lists are empty then */
        const char *unit;
        const char *mode;     /* "vfio", "iommufd", "iommufd-unbound", "group-fd", "path" */
        const char *lifetime; /* "fd", "persistent", "connection" */
        const char *guard;
        const char *required_guard; /* the weakest that the policy accepts, or "none" */
        const char *memory_warning; /* why its owner may not map the memory it spoke of, or "" */
        const char *state;
        uint64_t since_usec; /* since the epoch */
        const char *rule;
        const char *address_space; /* "one" for all groups; "owner": as the owner makes them */
        const char *accounting;    /* of pinned memory: "process", or "owner": as the owner has it */
        const char *const *nodes;  /* NULL-terminated paths that may be opened: modes "path" and
                                    * "group-fd" */
        const iso_fault *faults; /* of the IOMMU, since the daemon began */
        size_t n_faults;
        const char *trouble; /* why it is draining, stuck or quarantined, in words; "" if it is not */
} iso_lease;

/*
 * Opens the daemon on the system bus (activating it) and reads its view. Returns 0,
 * ISO_E_NO_DAEMON, or -errno. On a positive return *ret is set too, good only for
 * iso_host_message() and iso_host_free().
 */
int iso_host_open_daemon(iso_host **ret);

/*
 * Opens a sysfs tree: "/sys", or a copy. Reads the machine there with the same rules. Leases and
 * guards are not visible. Returns 0, ISO_E_NOT_FOUND, ISO_E_INVALID (no PCI tree) or -errno.
 */
int iso_host_open_sysfs(const char *root, iso_host **ret);

/*
 * Opens whatever holds a machine, told apart by its content: a sysfs tree, a snapshot
 * (isolationd.snapshot(5)), or the output of lspci -v, -vv, -x, -xxx or -xxxx; "-" is standard
 * input, which a refresh cannot read again. What such a text does not tell is unknown, and never
 * makes devices look isolated. Returns 0, ISO_E_NOT_FOUND, ISO_E_INVALID (none of these, or with
 * mistakes, or a flag that is none) or -errno.
 */
enum iso_open_flags {
        ISO_OPEN_WITHOUT_DRIVERS = 1 << 0, /* not asked for: `driver` and `state` are "" */
};
int iso_host_open_file(const char *path, unsigned flags, iso_host **ret);

/*
 * The same with a listing of the machine's groups beside the output of lspci (`groups` may be NULL): as
 * scripts print it, as find(1) lists /sys/kernel/iommu_groups, or as the kernel logs it. ISO_E_INVALID
 * too where both tell a group and differ, or where `path` tells its groups itself.
 */
int iso_host_open_file_with_groups(const char *path, const char *groups, unsigned flags,
                                   iso_host **ret);

enum iso_snapshot_flags {
        ISO_SNAPSHOT_ANONYMISE = 1 << 0, /* without serial numbers and most of the command line */
};

/*
 * Writes what a sysfs or file host has read, as JSON of schema isolationd.snapshot/1, to `fd`,
 * which stays open. Returns 0, ISO_E_UNSUPPORTED (a daemon host, or one opened without drivers),
 * ISO_E_INVALID (a flag that is none), or -errno.
 */
int iso_host_write_snapshot(iso_host *host, unsigned flags, int fd);

/* Reads the view again. Returns as open does. */
int iso_host_refresh(iso_host *host);

/* Frees a host (NULL is fine); returns NULL. Leases taken through it live on. */
iso_host *iso_host_free(iso_host *host);

/* The sentence for the last failure on this host, "" if none. Valid until the next call on it. */
const char *iso_host_message(const iso_host *host);

/* All devices sorted by address, all groups, all leases; *ret_n gets the count. */
const iso_device *iso_host_devices(const iso_host *host, size_t *ret_n);
const iso_group *iso_host_groups(const iso_host *host, size_t *ret_n);
const iso_lease *iso_host_leases(const iso_host *host, size_t *ret_n);

/*
 * Why this machine refuses leases (no IOMMU, no VFIO, an old kernel) and what to do about it, in
 * words; "" if it does not. Read with the view and valid as long. A sysfs tree only tells of a
 * missing IOMMU.
 */
const char *iso_host_obstacle(const iso_host *host);

/*
 * Finds what a selector names: an address (long or short), a stable id, "group:N", (daemon and
 * sysfs only) an interface or block device name, or (sysfs and file only) "slot:NAME" or a serial
 * number "00-1b-21-ff-ff-3a-4c-5d", with or without "serial:" in front, of which the first function
 * is meant. *ret_device is NULL where the selector names
 * a group, *ret_group where the device is in none. Returns 0, ISO_E_NOT_FOUND, or -errno.
 */
int iso_host_resolve(iso_host *host, const char *selector, const iso_device **ret_device,
                     const iso_group **ret_group);

/* Finds a lease by its number ("7") or by anything iso_host_resolve() takes. */
int iso_host_resolve_lease(iso_host *host, const char *selector, const iso_lease **ret_lease);

/*
 * The groups of one partition, sorted by id: "kernel", the kernel's rules replayed; "observed",
 * what its iommu_group links say; "sound", who can really reach whom. What no IOMMU covers, on a
 * machine that has one, is in no group of "kernel". A daemon host has no "sound" one. Lives as long
 * as the view. Returns 0, ISO_E_INVALID (no such partition), ISO_E_UNSUPPORTED (not of a daemon
 * host) or -errno.
 */
int iso_host_partition(iso_host *host, const char *name, const iso_group **ret_groups,
                       size_t *ret_n);

/*
 * Why the members of a group of this host are together: reasons that join two of them each, and all
 * of them. Of a daemon host only the groups of iso_host_groups() have any. Lives as long as the
 * view. Returns 0, ISO_E_UNSUPPORTED (another group of a daemon host) or -errno.
 */
int iso_host_reasons(iso_host *host, const iso_group *group, const iso_reason **ret_reasons,
                     size_t *ret_n);

typedef struct iso_strength {
        const char *bit;   /* "translated", "p2p", "msi", "claimable", "resettable", "trusted-ats",
                            * "pasid" */
        const char *value; /* "yes", "no", "unknown" */
        const char *text;  /* the evidence, one sentence */
} iso_strength;

/*
 * How strong the isolation of one of the view's groups is; *ret_n gets how many bits there are.
 * Lives as long as the view. Returns 0, ISO_E_UNSUPPORTED (an older daemon), ISO_E_NOT_FOUND or
 * ISO_E_NO_DAEMON (gone by now), or -errno.
 */
int iso_host_strength(iso_host *host, const iso_group *group, const iso_strength **ret,
                      size_t *ret_n);

/* A process that has a VFIO descriptor open. */
typedef struct iso_holder {
        pid_t pid;
        uid_t uid;
        const char *comm; /* the command's name */
        const char *unit; /* systemd's, "" if it is in none */
        bool certain;     /* no: it has a device open, which may be another group's */
} iso_holder;

/*
 * Who has a lease of the view open, or a group of it, leased or not; the daemon's own copies do not
 * count. For the lease's owner and root. Lives as long as the view. Returns 0, ISO_E_UNSUPPORTED (no
 * daemon host, or an older daemon), ISO_E_NOT_FOUND (gone by now), another refusal, or -errno.
 */
int iso_host_lease_holders(iso_host *host, const iso_lease *lease, const iso_holder **ret,
                           size_t *ret_n);
int iso_host_group_holders(iso_host *host, const iso_group *group, const iso_holder **ret,
                           size_t *ret_n);

typedef struct iso_region {
        uint64_t start, end; /* both are of it */
        const char *kind;    /* the kernel's word: "direct", "direct-relaxable", "reserved", "msi" */
} iso_region;

/*
 * The addresses that an owner of one of the view's groups must not map, with *ret_n how many. Lives
 * as long as the view. Returns 0, ISO_E_UNSUPPORTED (no daemon host, or an older one), or what calls
 * of the daemon return.
 */
int iso_host_regions(iso_host *host, const iso_group *group, const iso_region **ret, size_t *ret_n);

/*
 * Sets the type of the group's default domain: "identity", "DMA", "DMA-FQ" or "auto". Returns 0,
 * ISO_E_NOT_VIABLE or ISO_E_BUSY with the kernel's condition that is not met, ISO_E_NOT_AUTHORIZED,
 * or another of the daemon's refusals; the view is as before until it is refreshed.
 */
int iso_set_group_type(iso_host *host, const iso_group *group, const char *type);

#define ISO_WAIT_FOREVER UINT64_MAX

typedef struct iso_acquire_options {
        const char *mode;     /* or several, "iommufd,vfio", the first that will do; NULL: the
                               * daemon's choice */
        const char *lifetime; /* NULL: "fd"; "persistent"; "connection": ends with this host's
                               * connection to the bus */
        bool with_members;
        bool force;
        uint64_t timeout_usec; /* how long to wait for the answer, once the groups can be had;
                                * 0: 120 seconds */
        uint64_t wait_usec;    /* how long to wait for whoever has them; 0: not at all,
                                * ISO_WAIT_FOREVER: until they can be had. First come, first served;
                                * a place in the queue survives a restart of the daemon. Ends with
                                * ISO_E_BUSY */
        const char *driver;    /* a VFIO driver for all devices; NULL: the best for each */
        const uid_t *uid; /* "path", "group-fd": who may open the nodes; NULL: the caller; another
                           * is for root */
        const char *type; /* of the groups' domains, "DMA" or "DMA-FQ"; NULL: the policy's */
        uint64_t memory;  /* bytes that the devices are to reach; 0: not said */
        bool release_console; /* root only: takes the host's console off their screens */
} iso_acquire_options;

typedef struct iso_fd {
        const char *name; /* "container", "iommufd", "group:5", "device:0000:01:00.0" */
        int fd;           /* O_CLOEXEC */
} iso_fd;

/* What iso_acquire() hands out. */
typedef struct iso_grant {
        uint32_t lease;
        int lease_fd; /* O_CLOEXEC; with lifetime "fd" the lease ends when its last copy closes */
        iso_fd *fds;
        size_t n_fds;
} iso_grant;

/*
 * Leases the groups that `selectors` (NULL-terminated) name. Blocks until the daemon answers.
 * Returns 0 and *ret (iso_grant_free() closes the fds and frees it), a positive refusal, or -errno.
 */
int iso_acquire(iso_host *host, const char *const *selectors, const iso_acquire_options *options,
                iso_grant **ret);

/* Closes the fds still in the grant and frees it (NULL is fine); returns NULL. */
iso_grant *iso_grant_free(iso_grant *grant);

typedef struct iso_plan_member {
        const char *address;
        bool is_taken;           /* else it stays as it is: a bridge */
        const char *driver;      /* that it has, "" if none */
        const char *driver_then; /* that it would have */
} iso_plan_member;

/* What iso_acquire() would do. */
typedef struct iso_plan {
        int refusal;                /* ISO_E_…, as far as can be foreseen; 0: none */
        const char *message;        /* why, or "" */
        const char *mode;           /* "" if it would not come that far, as the rest */
        const char *guard;          /* that will hold */
        const char *rule;           /* that allows it */
        const char *memory_warning; /* as the lease would have it, or "" */
        const char *const *groups;  /* NULL-terminated ids */
        const iso_plan_member *members;
        size_t n_members;
        const char *const *steps;    /* NULL-terminated, in their order */
        const char *const *critical; /* NULL-terminated: what the host lives on, a sentence each */
} iso_plan;

/*
 * Plays a request through without doing anything. Returns 0 and *ret (freed with iso_plan_free())
 * also if it would be refused; a positive refusal or -errno if nobody can tell.
 */
int iso_plan_lease(iso_host *host, const char *const *selectors, const iso_acquire_options *options,
                   iso_plan **ret);

/* Frees a plan (NULL is fine); returns NULL. */
iso_plan *iso_plan_free(iso_plan *plan);

typedef struct iso_repair_report {
        const char *const *lines; /* NULL-terminated: what was done, or would be */
        unsigned n_left;          /* how much still needs it */
} iso_repair_report;

/*
 * Puts back what could not be put back: leases in quarantine, and what bears a lease's mark while
 * no lease has it. `selectors` (NULL-terminated) limits it to leases by number, groups and devices;
 * none: all. Returns 0 and *ret (freed with iso_repair_report_free()), a positive refusal, or
 * -errno.
 */
int iso_repair(iso_host *host, const char *const *selectors, bool dry_run, iso_repair_report **ret);

/* Frees a report (NULL is fine); returns NULL. */
iso_repair_report *iso_repair_report_free(iso_repair_report *report);

/* Gives a lease back; returns when the host's drivers are bound again. */
int iso_release(iso_host *host, uint32_t lease);

typedef struct iso_reset {
        const char *device; /* address */
        const char *text;   /* how: "flr", "bus below 0000:00:02.0", …; or "not reset: " and why */
} iso_reset;

/* The same, and tells what was reset; lives as long as the view. */
int iso_release_resets(iso_host *host, uint32_t lease, const iso_reset **ret, size_t *ret_n);

typedef struct iso_revoke_options {
        bool kill;              /* who has it open after the grace */
        bool has_grace;         /* else it is the policy's */
        uint32_t grace_seconds; /* 0 to 3600 */
} iso_revoke_options;

/*
 * Takes a lease away from its owner, who is told and has a while to let go; returns when it is given
 * back, and tells what was reset, as iso_release_resets() does. `options` may be NULL.
 */
int iso_revoke(iso_host *host, uint32_t lease, const iso_revoke_options *options,
               const iso_reset **ret, size_t *ret_n);

/*
 * Resets a device of the view that is free, or leased by the caller, and nobody else: alone, or with
 * all that is on its bus if that is as free or of the same lease. Returns 0, also if there was no way,
 * which is told then; a refusal, or -errno. What is told lives as long as the view.
 */
int iso_reset_device(iso_host *host, const iso_device *device, const iso_reset **ret,
                     size_t *ret_n);

/*
 * Makes somebody else the owner of a lease: the connection `name` on the bus (":1.42"), or, by
 * root, a user (`name` is NULL). What has been handed out stays where it is. Returns 0, a positive
 * refusal, or -errno.
 */
int iso_transfer(iso_host *host, uint32_t lease, const char *name, uid_t uid);

/*
 * The descriptors of a lease anew, for its owner: *ret (to be freed with iso_grant_free()). Of a
 * lease with lifetime "fd", the lease_fd is another copy: the lease ends when the last one closes.
 */
int iso_get_descriptors(iso_host *host, uint32_t lease, iso_grant **ret);

/*
 * Takes a device that joined a lease (`held`) into it: it is bound to vfio-pci. *ret (to be freed
 * with iso_grant_free()) has what is new: in mode iommufd the device's fd; in mode vfio nothing,
 * the group's fd gives the device, or a new "group:N" if the kernel's group had ended with its last
 * device, and all mappings with it. Its lease_fd is -1.
 */
int iso_take_device(iso_host *host, uint32_t lease, const char *address, iso_grant **ret);

/* Takes such a device off the machine until the lease ends. For root. */
int iso_expel_device(iso_host *host, uint32_t lease, const char *address);

typedef struct iso_event {
        const char *event;           /* "ready", "device-added", "device-removed", "device-changed",
                                      * "group-changed", "lease-added", "lease-changed", "lease-removed",
                                      * "device-joined", "device-lost", "device-returned", "pf-changed",
                                      * "breached", "guard-weakened", "second-holder", "fault",
                                      * "revoked" */
        const char *device;          /* address or "" */
        const char *group;           /* id or "" (of a lease, its first) */
        uint32_t lease;              /* 0 if none */
        const char *driver;          /* for device-changed and breached; "" otherwise */
        const char *state;           /* "" if it does not apply */
        bool in_owner_address_space; /* device-joined: the kernel attached the device to the I/O
                                      * address space of the lease's owner (from 6.12 on) */
        const char *cause;           /* device-lost, pf-changed: why, in words; "" otherwise */
        bool same; /* device-returned: it is the one that was lost there; told after device-joined
                    */
        const char *difference;     /* device-returned: what differs if it is another one, or "" */
        const char *guard;          /* guard-weakened: what there is; "" otherwise */
        const char *required_guard; /* guard-weakened: what the policy requires; "" otherwise */
        pid_t pid;        /* second-holder: the process, its command's name and systemd unit; */
        const char *comm; /* 0 and "" otherwise */
        const char *unit;
        const char *access; /* fault: "read", "write", "interrupt", "unknown"; "" otherwise */
        uint64_t address;   /* fault: where, I/O virtual, and how many there were of this device */
        uint64_t count;
        uint32_t grace_seconds; /* revoked: until the lease is given back; 0 otherwise */
        bool kill;              /* revoked: who has it open then is killed */
} iso_event;

/* Called for each event; a nonzero return ends iso_monitor() with that value. */
typedef int (*iso_event_handler)(const iso_event *event, void *userdata);

/*
 * Follows a daemon host until the handler returns nonzero, the daemon's bus goes away
 * (ISO_E_NO_DAEMON), or something breaks (-errno). The first event is "ready": everything after it
 * is seen. A daemon that restarts is followed across the restart: what differs then is told as
 * events, and "ready" comes again. A group that comes or goes is a "group-changed", without a state
 * if it went. The host's view is not refreshed. Strings of an event live until the handler returns;
 * the handler must not use this host.
 */
int iso_monitor(iso_host *host, iso_event_handler handler, void *userdata);

/* Version of the library, "0.1.0". */
const char *iso_version(void);

#ifdef __cplusplus
}
#endif

#include "isolation_analysis.h"
#include "isolation_policy.h"

#endif
