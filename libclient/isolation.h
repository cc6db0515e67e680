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
        uint16_t vendor;
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
        const char *type;  /* default domain type, "" if unknown */
        const char *guard; /* "none", "reactive", "gated", "sealed", "owned" */
        const char *guard_evidence; /* why that one, a sentence; "" if it is not told */
        const char *state; /* "free", or the state of its lease: "preparing", "leased",
                            * "parked" (the daemon has it until somebody leases it), "breached",
                            * "releasing", "draining", "quarantined" */
        uint32_t lease;    /* 0 if none */

        /* Of the sound partition only; empty and false elsewhere. */
        const char *const *assumes; /* NULL-terminated: "root-complex", "sriov" */
        bool spoofable; /* no port up to the root checks the requester id of a member */
} iso_group;

typedef struct iso_lease {
        uint32_t id;
        const char *const *groups;  /* NULL-terminated group ids */
        const char *const *devices; /* NULL-terminated addresses of what was handed out */
        const char *const *held;    /* NULL-terminated addresses of joiners */
        uid_t uid;
        const char *unit;
        const char *mode;     /* "vfio", "iommufd" */
        const char *lifetime; /* "fd", "persistent" */
        const char *guard;
        const char *required_guard; /* the weakest that the policy accepts, or "none" */
        const char *state;
        uint64_t since_usec; /* since the epoch */
        const char *rule;
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
 * The groups of one partition, sorted by id: "kernel", the kernel's rules replayed; "observed", what
 * its iommu_group links say; "sound", who can really reach whom. What no IOMMU covers, on a machine
 * that has one, is in no group of "kernel". A daemon host has no "sound" one. Lives as long as the
 * view. Returns 0, ISO_E_INVALID (no such partition), ISO_E_UNSUPPORTED (not of a daemon host) or
 * -errno.
 */
int iso_host_partition(iso_host *host, const char *name, const iso_group **ret_groups,
                       size_t *ret_n);

/*
 * Why the members of a group of this host are together: reasons that join two of them each, and all
 * of them. Of a daemon host only the groups of iso_host_groups() have any. Lives as long as the view.
 * Returns 0, ISO_E_UNSUPPORTED (another group of a daemon host) or -errno.
 */
int iso_host_reasons(iso_host *host, const iso_group *group, const iso_reason **ret_reasons,
                     size_t *ret_n);

typedef struct iso_mismatch {
        const char *device;          /* address */
        const char *const *observed; /* NULL-terminated: its company in the kernel, itself included */
        const char *const *computed; /* NULL-terminated: its company by the rules */
        const char *cause; /* "unknown", "override-patch", "command-line", … see isoctl(1) */
        const char *text;  /* one sentence */
} iso_mismatch;

typedef struct iso_comparison {
        size_t n_devices;
        size_t n_observed_groups;
        const iso_mismatch *mismatches; /* by address */
        size_t n_mismatches;
        const char *const *too_fine; /* NULL-terminated ids of observed groups with a peer outside */
} iso_comparison;

/*
 * Holds the kernel's groups against the kernel's rules and against who can really reach whom. Lives
 * as long as the view. Returns 0, ISO_E_UNSUPPORTED (a daemon host) or -errno.
 */
int iso_host_compare(iso_host *host, const iso_comparison **ret);

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

typedef struct iso_separator {
        const char *port; /* address of the first port on the way up that redirects, or "" */
        const char *text; /* one sentence, with the ACS bits seen */
} iso_separator;

/*
 * What keeps two of the view's devices apart: ret[0] on the way up from `a`, ret[1] from `b`. Lives
 * as long as the view. Returns 0, ISO_E_UNSUPPORTED (a daemon host), ISO_E_INVALID (they are
 * together) or -errno.
 */
int iso_host_separators(iso_host *host, const iso_device *a, const iso_device *b,
                        const iso_separator **ret);

/*
 * The machine of a sysfs or file host with one thing changed, as a host of its own that cannot be
 * refreshed: the card that `card` is a function of moved to another port; ACS control set as the
 * kernel's config_acs= does ("1x0@0000:00:1c.0"); a function taken out. Its groups are what the
 * rules give. Or a card of one plain function plugged into `port` while the machine runs: then the
 * groups are the kernel's as they are, and the card joins one or not; *ret_card, the new host's, is
 * that card. Nothing is done to the machine. Returns 0, ISO_E_INVALID (it cannot be, and why),
 * ISO_E_UNSUPPORTED (a daemon host) or -errno; iso_host_message() of `host` has the sentence.
 */
int iso_host_what_if_move(iso_host *host, const iso_device *card, const iso_device *port,
                          iso_host **ret);
int iso_host_what_if_acs(iso_host *host, const char *spec, iso_host **ret);
int iso_host_what_if_add(iso_host *host, const iso_device *port, iso_host **ret,
                         const iso_device **ret_card);
int iso_host_what_if_remove(iso_host *host, const iso_device *device, iso_host **ret);

typedef struct iso_acquire_options {
        const char *mode;     /* NULL: the daemon's choice */
        const char *lifetime; /* NULL: "fd" */
        bool with_members;
        bool force;
        uint64_t timeout_usec; /* how long to wait for the answer; 0: 120 seconds */
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

/* Gives a lease back; returns when the host's drivers are bound again. */
int iso_release(iso_host *host, uint32_t lease);

/*
 * Takes a device that joined a lease (`held`) into it: it is bound to vfio-pci. *ret (to be freed
 * with iso_grant_free()) has what is new: in mode iommufd the device's fd; in mode vfio nothing, the
 * group's fd gives the device, or a new "group:N" if the kernel's group had ended with its last
 * device, and all mappings with it. Its lease_fd is -1.
 */
int iso_take_device(iso_host *host, uint32_t lease, const char *address, iso_grant **ret);

/* Takes such a device off the machine until the lease ends. For root. */
int iso_expel_device(iso_host *host, uint32_t lease, const char *address);

typedef struct iso_event {
        const char *event; /* "ready", "device-added", "device-removed", "device-changed",
                            * "group-changed", "lease-added", "lease-changed", "lease-removed",
                            * "device-joined", "device-lost", "device-returned", "pf-changed",
                            * "breached", "guard-weakened" */
        const char *device; /* address or "" */
        const char *group;  /* id or "" (of a lease, its first) */
        uint32_t lease;     /* 0 if none */
        const char *driver; /* for device-changed and breached; "" otherwise */
        const char *state;  /* "" if it does not apply */
        bool in_owner_address_space; /* device-joined: the kernel attached the device to the I/O
                                      * address space of the lease's owner (from 6.12 on) */
        const char *cause; /* device-lost, pf-changed: why, in words; "" otherwise */
        bool same; /* device-returned: it is the one that was lost there; told after device-joined */
        const char *difference;     /* device-returned: what differs if it is another one, or "" */
        const char *guard;          /* guard-weakened: what there is; "" otherwise */
        const char *required_guard; /* guard-weakened: what the policy requires; "" otherwise */
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
#endif
