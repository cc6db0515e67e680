/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ISOLATION_H
#define ISOLATION_H

/*
 * libisolation: inspects, acquires and releases isolation groups.
 *
 * A *host* is a source of devices and groups: the daemon on the system bus, a sysfs tree (this
 * machine's or a copy), or a file that describes a machine. All are read in the same way. Only a
 * daemon host can lease.
 *
 * A host has one consistent view, which iso_host_open_*() reads and iso_host_refresh() replaces.
 * The host owns devices, groups and leases; pointers to them are valid until the next refresh or
 * iso_host_free(). Strings in them are never NULL; an absent value is "".
 *
 * Every function that can fail returns 0, a negative errno (something is broken), or a positive
 * `enum iso_error` (an expected refusal). After a failure iso_host_message() returns a sentence
 * with the refused request, the reason, and the next step.
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
        ISO_E_NOT_FOUND,      /* there is no device, group or lease of that name */
        ISO_E_BUSY,           /* leased to another owner */
        ISO_E_NOT_VIABLE,     /* the group cannot be leased in its present state */
        ISO_E_CRITICAL,       /* the host uses a device in the group */
        ISO_E_POLICY_DENIED,  /* a policy rule, or the default, denies it */
        ISO_E_NOT_AUTHORIZED, /* the caller may not do this with this object */
        ISO_E_TOO_WEAK,       /* the isolation is weaker than required */
        ISO_E_CHANGED,        /* the machine differs from the one that the request was made for */
        ISO_E_STUCK,          /* the kernel does not answer, or a timeout passed */
        ISO_E_QUOTA,          /* the caller has reached a limit */
        ISO_E_INVALID,        /* the request is malformed */
        ISO_E_UNSUPPORTED,    /* this machine, kernel or host cannot do it */
        ISO_E_KERNEL_REFUSED, /* the kernel refused a step that should succeed */
        ISO_E_QUARANTINED,    /* the group needs repair */
        ISO_E_NO_DAEMON,      /* the bus or the daemon cannot be reached */
};

/* The name after "org.isolationd1.Error.", e.g. "NotViable"; "" for ISO_E_SUCCESS. */
const char *iso_error_name(int error);

/*
 * The exit code of isoctl, 0 to 9, for the return value of a function of this library; 1 for
 * -errno.
 */
int iso_error_exit_code(int error);

typedef struct iso_host iso_host;

typedef struct iso_device {
        const char *address;        /* "0000:01:00.0" */
        const char *id;             /* stable path, "0000:00/02.0/00.0" */
        const char *parent;         /* address of the bridge above, "" on a root bus */
        const char *group;          /* id of its group, "" if none */
        const char *computed_group; /* id of the group the kernel's rules give, computed */
        int kernel_group;           /* N of iommu_groups/N, or -1 */
        bool group_unknown;         /* the input does not show whether it is in a kernel group */
        uint16_t vendor;            /* 0 if unknown, also for the next */
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
        const char *partition;      /* its partition: "kernel", "observed", "sound" */
        int kernel_group;           /* -1 if the kernel has none */
        const char *const *devices; /* NULL-terminated sorted addresses */
        size_t n_devices;
        const char *type;           /* default domain type, "" if unknown */
        const char *guard;          /* "none", "reactive", "gated", "sealed", "owned" */
        const char *guard_evidence; /* the reason for the guard, a sentence; "" if unknown */
        const char *state;          /* "free", or the state of its lease: "preparing", "leased",
                                     * "parked" (the daemon has it until somebody leases it), "breached",
                                     * "revoking", "releasing", "draining", "stuck", "quarantined" */
        uint32_t lease;             /* 0 if none */
        uint32_t n_waiters;         /* requests that wait for the group */

        /* Only in the sound partition; empty and false elsewhere. */
        const char *const *assumes; /* NULL-terminated: "root-complex", "sriov" */
        bool spoofable;             /* no port up to the root checks the requester id of a member */
} iso_group;

/* IOMMU faults of a leased device, from the kernel's log. */
typedef struct iso_fault {
        const char *device;
        uint64_t count;   /* a lower bound: the kernel limits the rate of its messages */
        uint64_t address; /* I/O virtual, of the last one */
} iso_fault;

typedef struct iso_lease {
        uint32_t id;
        const char *const *groups;  /* NULL-terminated group ids */
        const char *const *devices; /* NULL-terminated addresses of the leased devices */
        const char *const *held;    /* NULL-terminated addresses of devices that joined */
        uid_t uid; /* (uid_t)-1: another user's lease, of which only root is shown more than groups,
                    * devices, held, guard and state; the other texts and lists are empty then */
        const char *unit;
        const char *mode;     /* "vfio", "iommufd", "iommufd-unbound", "group-fd", "path" */
        const char *lifetime; /* "fd", "persistent", "connection" */
        const char *guard;
        const char *required_guard; /* the weakest guard that the policy accepts, or "none" */
        const char *memory_warning; /* why the limit on locked memory is too small, or "" */
        const char *state;
        uint64_t since_usec; /* since the epoch */
        const char *rule;
        const char *address_space; /* "one": all groups share one; "owner": the owner makes them */
        const char *accounting;    /* of pinned memory: "process", or "owner": the owner decides */
        const char *const *nodes;  /* NULL-terminated paths that may be opened: modes "path" and
                                    * "group-fd" */
        const iso_fault *faults;   /* IOMMU faults since the daemon started */
        size_t n_faults;
        const char *trouble; /* the reason if it is draining, stuck or quarantined, else "" */
} iso_lease;

/*
 * Opens the daemon on the system bus (activating it) and reads its view. Returns 0,
 * ISO_E_NO_DAEMON, or -errno. On a positive return *ret is set too, good only for
 * iso_host_message() and iso_host_free().
 */
int iso_host_open_daemon(iso_host **ret);

/*
 * Opens a sysfs tree: "/sys", or a copy, and groups its devices by the same rules as the daemon.
 * Leases and guards are not visible. Returns 0, ISO_E_NOT_FOUND, ISO_E_INVALID (no PCI tree) or
 * -errno.
 */
int iso_host_open_sysfs(const char *root, iso_host **ret);

/*
 * Opens a description of a machine and detects its kind: a sysfs tree, a snapshot
 * (isolationd.snapshot(5)), or the output of lspci -v, -vv, -x, -xxx or -xxxx; "-" is standard
 * input, which a refresh cannot read again. Facts that the text lacks are unknown, and never make
 * devices look isolated. Returns 0, ISO_E_NOT_FOUND, ISO_E_INVALID (none of these, or with errors,
 * or an unknown flag) or -errno.
 */
enum iso_open_flags {
        ISO_OPEN_WITHOUT_DRIVERS = 1 << 0, /* do not read drivers: `driver` and `state` are "" */
};
int iso_host_open_file(const char *path, unsigned flags, iso_host **ret);

/*
 * The same for the output of lspci with a separate listing of the groups (`groups` may be NULL):
 * of a script, of find(1) in /sys/kernel/iommu_groups, or of the kernel's log. Returns
 * ISO_E_INVALID also if the two contradict each other, or if `path` has groups itself.
 */
int iso_host_open_file_with_groups(const char *path, const char *groups, unsigned flags,
                                   iso_host **ret);

enum iso_snapshot_flags {
        ISO_SNAPSHOT_ANONYMISE = 1 << 0, /* without serial numbers and most of the command line */
};

/*
 * Writes the machine of a sysfs or file host to `fd`, which stays open, as JSON of schema
 * isolationd.snapshot/1. Returns 0, ISO_E_UNSUPPORTED (a daemon host, or one opened without
 * drivers), ISO_E_INVALID (an unknown flag), or -errno.
 */
int iso_host_write_snapshot(iso_host *host, unsigned flags, int fd);

/* Reads the view again. Returns the same as open. */
int iso_host_refresh(iso_host *host);

/* Frees a host (NULL is allowed); returns NULL. Its leases continue. */
iso_host *iso_host_free(iso_host *host);

/* The sentence for the last failure on this host, "" if none. Valid until the next call on it. */
const char *iso_host_message(const iso_host *host);

/* All devices sorted by address, all groups, all leases; *ret_n gets the count. */
const iso_device *iso_host_devices(const iso_host *host, size_t *ret_n);
const iso_group *iso_host_groups(const iso_host *host, size_t *ret_n);
const iso_lease *iso_host_leases(const iso_host *host, size_t *ret_n);

/*
 * A sentence: why this machine refuses leases (no IOMMU, no VFIO, an old kernel) and how to fix
 * that; "" if it does not. Valid as long as the view. A sysfs tree only shows a missing IOMMU.
 */
const char *iso_host_obstacle(const iso_host *host);

/*
 * Finds the device or group of a selector: an address ("01:00.0", with the domain, or
 * "pci_0000_01_00_0"), a stable id, "group:N", "slot:NAME", a serial number
 * ("00-1b-21-ff-ff-3a-4c-5d", "serial:..."), the name of an interface, disk, screen or RDMA device
 * (daemon and sysfs only), an alias of the policy (daemon only), or a selector of
 * iso_host_resolve_all() whose devices are in one group: then *ret_device is the first one.
 * *ret_device is NULL if the selector names a group, *ret_group if the device is in none. Returns
 * 0, ISO_E_NOT_FOUND, ISO_E_INVALID (devices of several groups, which iso_host_message() lists), or
 * -errno.
 */
int iso_host_resolve(iso_host *host, const char *selector, const iso_device **ret_device,
                     const iso_group **ret_group);

/* Finds a lease by its number ("7") or by a selector of iso_host_resolve(). */
int iso_host_resolve_lease(iso_host *host, const char *selector, const iso_lease **ret_lease);

/*
 * The groups of one partition, sorted by id: "kernel" replays the kernel's rules; "observed"
 * follows its iommu_group links; "sound" joins all devices that can reach each other past the
 * IOMMU. On a machine with an IOMMU, devices that it does not cover are in no group of "kernel". A
 * daemon host has no "sound" partition. Valid as long as the view. Returns 0, ISO_E_INVALID (no
 * such partition), ISO_E_UNSUPPORTED (not for a daemon host) or -errno.
 */
int iso_host_partition(iso_host *host, const char *name, const iso_group **ret_groups,
                       size_t *ret_n);

/*
 * The reasons that join the members of a group of this host: each joins two members, and together
 * they join all. On a daemon host only the groups of iso_host_groups() have reasons. Valid as long
 * as the view. Returns 0, ISO_E_UNSUPPORTED (another group of a daemon host) or -errno.
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
 * The strength of the isolation of a group of the view; *ret_n gets the number of bits. Valid as
 * long as the view. Returns 0, ISO_E_UNSUPPORTED (an older daemon), ISO_E_NOT_FOUND or
 * ISO_E_NO_DAEMON (the group or the daemon has gone), or -errno.
 */
int iso_host_strength(iso_host *host, const iso_group *group, const iso_strength **ret,
                      size_t *ret_n);

/* A process that has a VFIO descriptor open. */
typedef struct iso_holder {
        pid_t pid;
        uid_t uid;
        const char *comm; /* the command's name */
        const char *unit; /* systemd's, "" if it is in none */
        bool certain;     /* false: it has a VFIO device open, possibly of another group */
} iso_holder;

/*
 * The processes that have a lease or a group of the view open, leased or not; the daemon's own fds
 * do not count. Only for the lease's owner and root. Valid as long as the view. Returns 0,
 * ISO_E_UNSUPPORTED (no daemon host, or an older daemon), ISO_E_NOT_FOUND (it has gone), another
 * refusal, or -errno.
 */
int iso_host_lease_holders(iso_host *host, const iso_lease *lease, const iso_holder **ret,
                           size_t *ret_n);
int iso_host_group_holders(iso_host *host, const iso_group *group, const iso_holder **ret,
                           size_t *ret_n);

typedef struct iso_region {
        uint64_t start, end; /* inclusive */
        const char *kind; /* the kernel's name: "direct", "direct-relaxable", "reserved", "msi" */
} iso_region;

/*
 * The addresses that an owner of a group of the view must not map; *ret_n gets their number. Valid
 * as long as the view. Returns 0, ISO_E_UNSUPPORTED (no daemon host, or an older one), or an error
 * of a call to the daemon.
 */
int iso_host_regions(iso_host *host, const iso_group *group, const iso_region **ret, size_t *ret_n);

/*
 * Sets the type of the group's default domain: "identity", "DMA", "DMA-FQ" or "auto". Returns 0,
 * ISO_E_NOT_VIABLE or ISO_E_BUSY with the kernel's unmet condition, ISO_E_NOT_AUTHORIZED, or
 * another refusal of the daemon. The view does not change until it is refreshed.
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
        uint64_t timeout_usec; /* longest wait for the answer, once the groups are free; 0: 120 s */
        uint64_t wait_usec;    /* the longest wait in the queue for leased groups; 0: do not wait,
                                  ISO_WAIT_FOREVER: no limit. First come, first served; a place in the
                                  queue survives a restart of the daemon. On a timeout: ISO_E_BUSY */
        const char *driver;    /* a VFIO driver for all devices; NULL: the best for each */
        const uid_t *uid; /* "path", "group-fd": may open the nodes; NULL: the caller; other users:
                             root only */
        const char *type; /* type of the groups' domains, "DMA" or "DMA-FQ"; NULL: by the policy */
        uint64_t memory;  /* bytes that the devices will access; 0: unknown */
        bool release_console; /* root only: unbind the host's console from their screens */
} iso_acquire_options;

typedef struct iso_fd {
        const char *name; /* "container", "iommufd", "group:5", "device:0000:01:00.0" */
        int fd;           /* O_CLOEXEC */
} iso_fd;

/* The result of iso_acquire(). */
typedef struct iso_grant {
        uint32_t lease;
        int lease_fd; /* O_CLOEXEC; with lifetime "fd" the lease ends with the last copy */
        iso_fd *fds;
        size_t n_fds;
} iso_grant;

/*
 * Acquires a lease of the groups that `selectors` (NULL-terminated) name. Blocks until the daemon
 * answers. Returns 0 and *ret (iso_grant_free() closes the fds and frees it), a positive refusal,
 * or -errno.
 */
int iso_acquire(iso_host *host, const char *const *selectors, const iso_acquire_options *options,
                iso_grant **ret);

/* Closes the fds of the grant and frees it (NULL is allowed); returns NULL. */
iso_grant *iso_grant_free(iso_grant *grant);

typedef struct iso_plan_member {
        const char *address;
        bool is_taken;           /* false: it stays as it is, for instance a bridge */
        const char *driver;      /* its present driver, "" if none */
        const char *driver_then; /* its driver during the lease */
} iso_plan_member;

/* The steps and the result that iso_acquire() would have. */
typedef struct iso_plan {
        int refusal;                /* ISO_E_…, as far as it can be predicted; 0: none */
        const char *message;        /* the reason, or "" */
        const char *mode;           /* "" after an early refusal, as all below */
        const char *guard;          /* the guard of the lease */
        const char *rule;           /* the rule that allows it */
        const char *memory_warning; /* that of the lease, or "" */
        const char *const *groups;  /* NULL-terminated ids */
        const iso_plan_member *members;
        size_t n_members;
        const char *const *steps;    /* NULL-terminated, in order */
        const char *const *critical; /* NULL-terminated: a sentence for each use by the host */
} iso_plan;

/*
 * Previews a request and changes nothing. Returns 0 and *ret (freed with iso_plan_free()) also if
 * the request would be refused; a positive refusal or -errno if there is no preview.
 */
int iso_plan_lease(iso_host *host, const char *const *selectors, const iso_acquire_options *options,
                   iso_plan **ret);

/* Frees a plan (NULL is allowed); returns NULL. */
iso_plan *iso_plan_free(iso_plan *plan);

typedef struct iso_repair_report {
        const char *const *lines; /* NULL-terminated: the steps that were, or would be, executed */
        unsigned n_left;          /* number of leases and devices that still need repair */
} iso_repair_report;

/*
 * Restores devices that the daemon could not restore: those of leases in quarantine, and those
 * that bear the mark of a lease although no lease has them. `selectors` (NULL-terminated) limits
 * it to leases by number, groups and devices; none: all. Returns 0 and *ret (freed with
 * iso_repair_report_free()), a positive refusal, or -errno.
 */
int iso_repair(iso_host *host, const char *const *selectors, bool dry_run, iso_repair_report **ret);

/* Frees a report (NULL is allowed); returns NULL. */
iso_repair_report *iso_repair_report_free(iso_repair_report *report);

/* Releases a lease; returns when the host drivers are bound again. */
int iso_release(iso_host *host, uint32_t lease);

typedef struct iso_reset {
        const char *device; /* address */
        const char *text; /* "flr", "bus below 0000:00:02.0", …; or "not reset: " and the reason */
} iso_reset;

/* The same, with the resets of the devices; valid as long as the view. */
int iso_release_resets(iso_host *host, uint32_t lease, const iso_reset **ret, size_t *ret_n);

typedef struct iso_revoke_options {
        bool kill;              /* kill the processes that have it open after the grace time */
        bool has_grace;         /* false: the policy's grace time */
        uint32_t grace_seconds; /* 0 to 3600 */
} iso_revoke_options;

/*
 * Revokes a lease: notifies its owner, who has a grace time to close the devices. Returns when the
 * lease has ended, with the resets as iso_release_resets(). `options` may be NULL.
 */
int iso_revoke(iso_host *host, uint32_t lease, const iso_revoke_options *options,
               const iso_reset **ret, size_t *ret_n);

/*
 * Resets a device of the view that is unleased or leased by the caller: alone, or with its whole
 * bus if all devices there are unleased or of the same lease. Returns 0, also if no method works,
 * which *ret then reports; a refusal, or -errno. *ret is valid as long as the view.
 */
int iso_reset_device(iso_host *host, const iso_device *device, const iso_reset **ret,
                     size_t *ret_n);

/*
 * Gives a lease another owner: the connection `name` on the bus (":1.42") or, only by root, a user
 * (`name` is NULL). Fds that were handed out stay valid. Returns 0, a positive refusal, or -errno.
 */
int iso_transfer(iso_host *host, uint32_t lease, const char *name, uid_t uid);

/*
 * Gets new copies of a lease's descriptors, for its owner: *ret (to be freed with
 * iso_grant_free()). With lifetime "fd", lease_fd is another copy: the lease ends when the last
 * one is closed.
 */
int iso_get_descriptors(iso_host *host, uint32_t lease, iso_grant **ret);

/*
 * Takes a device that joined a lease (`held`) into the lease: the daemon binds it to vfio-pci.
 * *ret (to be freed with iso_grant_free()) has the new fds. In mode iommufd it is the device's fd.
 * In mode vfio there is none, because the group's fd gives the device; but if the kernel's group
 * had ended with its last device, and all mappings with it, it is a new "group:N". Its lease_fd is
 * -1.
 */
int iso_take_device(iso_host *host, uint32_t lease, const char *address, iso_grant **ret);

/* Removes such a device from the machine until the lease ends. Requires root. */
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
        const char *state;           /* "" if not applicable */
        bool in_owner_address_space; /* device-joined: the kernel attached the device to the I/O
                                      * address space of the lease's owner (from 6.12 on) */
        const char *cause;           /* device-lost, pf-changed: the cause as text; "" otherwise */
        bool same; /* device-returned: the same device as before; after device-joined */
        const char *difference; /* device-returned: the difference if it is another device, or "" */
        const char *guard;      /* guard-weakened: the present guard; "" otherwise */
        const char *required_guard; /* guard-weakened: the required guard; "" otherwise */
        pid_t pid;        /* second-holder: the process, its command's name and systemd unit; */
        const char *comm; /* 0 and "" otherwise */
        const char *unit;
        const char *access; /* fault: "read", "write", "interrupt", "unknown"; "" otherwise */
        uint64_t address;   /* fault: where, I/O virtual, and how many there were of this device */
        uint64_t count;
        uint32_t grace_seconds; /* revoked: seconds until the daemon takes it; 0 otherwise */
        bool kill;              /* revoked: the daemon then kills the processes that have it open */
} iso_event;

/* Called for each event; a nonzero return ends iso_monitor() with that value. */
typedef int (*iso_event_handler)(const iso_event *event, void *userdata);

/*
 * Monitors a daemon host until the handler returns nonzero, the bus goes away (ISO_E_NO_DAEMON),
 * or a call fails (-errno). The first event is "ready": no later change is missed. The monitor
 * continues when the daemon restarts: it reports the differences as events, and "ready" again. A
 * new or removed group is a "group-changed", without a state if it was removed. The host's view is
 * not refreshed. Strings of an event are valid until the handler returns; the handler must not use
 * this host.
 */
int iso_monitor(iso_host *host, iso_event_handler handler, void *userdata);

/* Version of the library, "0.1.0". */
const char *iso_version(void);

#ifdef __cplusplus
}
#endif

#include "isolation_analysis.h"
#include "isolation_names.h"
#include "isolation_policy.h"

#endif
