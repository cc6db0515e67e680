/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A lease as a value: its owner, its content, and the state of the host before.
 *
 * The record is written to /run before the host is changed, and has everything that giving the
 * groups back needs. So it is the undo journal too: restoring from it is idempotent, and works
 * after a crash at any step.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/model/base.h"
#include "core/model/bdf.h"
#include "core/model/fingerprint.h"
#include "core/model/loss.h"
#include "core/model/policy.h"
#include "daemon/host/vf_netlink.h"
#include "daemon/host/worker.h"

#define LEASE_DEVICES_MAX 4096
#define LEASE_GROUPS_MAX 256
#define LEASE_CHANGES_MAX 1024

#define LEASE_NAME_SIZE 64        /* of a driver */
#define LEASE_TYPE_SIZE 16        /* of a domain type */
#define LEASE_POWER_SIZE 8        /* of "auto", "on", "0", "1" */
#define LEASE_RESET_SIZE 64       /* of a list of reset methods */
#define LEASE_OWNER_NAME_SIZE 256 /* of a name on the bus (D-Bus specification) */
#define LEASE_BUS_ID_SIZE 33      /* of the id of a bus, 32 hexadecimal digits */

/* The VFIO driver for devices that have none made for them. */
#define LEASE_DRIVER "vfio-pci"

typedef enum LeaseState {
        LEASE_PREPARING,   /* drivers are being exchanged, the group claimed */
        LEASE_LEASED,      /* the owner has it */
        LEASE_RELEASING,   /* drivers are being restored */
        LEASE_DRAINING,    /* releasing, but the kernel waits for a process that has it open */
        LEASE_QUARANTINED, /* not restored, or by the policy: not leased until repaired */
        _LEASE_STATE_N,
} LeaseState;

typedef enum LeaseLifetime {
        LEASE_LIFETIME_FD,         /* ends when the last copy of the lease fd is closed */
        LEASE_LIFETIME_PERSISTENT, /* ends by Release */
        LEASE_LIFETIME_CONNECTION, /* ends with its owner's connection to the bus */
        _LEASE_LIFETIME_N,
} LeaseLifetime;

typedef enum LeaseRole {
        LEASE_ROLE_TAKEN,     /* bound to vfio-pci for the owner */
        LEASE_ROLE_BYSTANDER, /* a member that stays as it is: bridges */
        LEASE_ROLE_JOINER,    /* came after the lease began: held without a driver */
        _LEASE_ROLE_N,
} LeaseRole;

/* A device as the host had it: "" for a driver or an override that was unset, and what is unknown.
 */
typedef struct LeaseBefore {
        char *driver;
        char *override;
        char power[LEASE_POWER_SIZE];        /* power/control */
        char d3cold[LEASE_POWER_SIZE];       /* d3cold_allowed */
        char reset_method[LEASE_RESET_SIZE]; /* reset_method */
} LeaseBefore;

/* State of a joiner in this daemon; not on disk. */
typedef struct LeaseJoiner {
        bool blocking; /* a worker is blocking it */
        bool blocked;  /* known to be blocked */
        bool breached; /* it has a host driver, which was reported */
        bool stays;    /* do not expel it: that failed, or its owner wants it */
} LeaseJoiner;

/* IOMMU faults of a device since this daemon began; not on disk. */
typedef struct LeaseFaultCount {
        uint64_t n;
        uint64_t address; /* of the last */
} LeaseFaultCount;

/* State of a lost device; not on disk. */
typedef struct LeaseLoss {
        uint64_t usec; /* when, of CLOCK_MONOTONIC */
        bool untold;   /* the loss is not reported: its cause is not known yet */
        bool recreate; /* its PF's sriov_numvfs is to be written back */
        bool given_up; /* it is not taken back */
} LeaseLoss;

typedef struct LeaseDevice {
        Bdf bdf;
        LeaseRole role;
        bool lost;                    /* gone from the machine */
        char driver[LEASE_NAME_SIZE]; /* the VFIO driver, if it is taken */
        bool joined;             /* taken, but a joiner before: gets a host driver at the end */
        bool taking;             /* a joiner that is being taken: to be undone half-way */
        bool owed;               /* it was taken, and lost only our driver, or has come back */
        bool returned;           /* a joiner that is the lost taken device */
        Fingerprint fingerprint; /* of the taken device that is here, or was */
        LeaseBefore before;
        LeaseJoiner joiner;
        LeaseFaultCount faults;
        LeaseLoss loss;
} LeaseDevice;

/* A taken device that is a virtual function. */
typedef struct LeaseVf {
        Bdf bdf;
        VfPlace place;
        int32_t group;       /* the kernel's number of its group */
        bool returning;      /* it was lost, and is being taken back: perhaps half-done */
        bool returned;       /* its owner may ask for its new descriptors */
        VfSettings settings; /* as the host had set it; empty if it is no network card */
} LeaseVf;

/* What the guard changed on the host besides drivers; undone in reverse order. */
typedef enum LeaseChangeKind {
        LEASE_CHANGE_SEAL, /* `place`, a service of a port ("0000:00:02.1:pcie204"), was pciehp's */
        LEASE_CHANGE_VFS,  /* sriov_drivers_autoprobe of the function `place` was 1 */
        /*
         * The devices below the bridge `place` ("0000:00:02.1"), or on the root bus ("0000:00"),
         * were removed from the machine.
         */
        LEASE_CHANGE_EXPEL,
        LEASE_CHANGE_CONSOLE,     /* the console driver `place` ("vtcon1") was bound */
        LEASE_CHANGE_FRAMEBUFFER, /* the platform device `place` ("efi-framebuffer.0") had a driver
                                   */
        _LEASE_CHANGE_N,
} LeaseChangeKind;

typedef struct LeaseChange {
        LeaseChangeKind kind;
        char *place; /* a name in sysfs */
} LeaseChange;

typedef struct LeaseGroup {
        int32_t number; /* iommu_groups/N */
        char *id;
        char type[LEASE_TYPE_SIZE];        /* of its domain, as the lease wants it; or "" */
        char type_before[LEASE_TYPE_SIZE]; /* of its domain, if it is changed for the lease; or "" */
} LeaseGroup;

typedef struct LeaseOwner {
        uid_t uid;
        uid_t path_uid;                   /* who may open the nodes (nodes.h) */
        char name[LEASE_OWNER_NAME_SIZE]; /* the name on the bus that ends the lease, or "" */
        char bus[LEASE_BUS_ID_SIZE];      /* the bus that gave this name; "": not recorded */
        char *unit;
} LeaseOwner;

/* What the policy says of the lease, as of when it was made. */
typedef struct LeaseTerms {
        char *rule; /* the origin of the rule that allowed it, as are the terms */
        PolicyBreach on_breach;
        PolicyVfLoss on_vf_loss;
        PolicyJoin on_join;
        PolicyBreach on_weaker;
        GuardLayer guard; /* the required layer; NONE: any */
        PolicyBreach on_fault_storm;
        uint32_t fault_storm;   /* faults within FAULTS_STORM_SECONDS that are one */
        bool exclusive_process; /* one process may have it open; a second one is reported */
        uint32_t revoke_grace;  /* grace period of its owner in seconds */
} LeaseTerms;

typedef struct LeaseRevocation {
        uint64_t end_usec; /* when the grace period is over, of CLOCK_BOOTTIME; 0: not revoked */
        bool kill;         /* then kill processes that have it open */
} LeaseRevocation;

/* A worker that hangs. */
typedef struct LeaseWorker {
        uint32_t pid; /* 0: there is none */
        uint64_t start;
} LeaseWorker;

/* The raised limits on locked memory of the process that asked; INT64_MAX is unlimited. */
typedef struct LeaseMemlock {
        uint64_t limit;      /* raised to; 0: not raised */
        uint64_t soft, hard; /* before any lease of the process */
        uint32_t pid;
        uint64_t start;
} LeaseMemlock;

typedef struct LeaseCondition {
        bool handed_out; /* an owner has had the devices: reset them before the next one */
        bool in_hand;    /* quarantined while its owner may have it: it is still guarded */
        bool is_weaker;  /* its guard is weaker than required, which was reported */
        char *trouble;   /* why it is quarantined, or NULL */
        char *breach;    /* which host driver was bound, when, and with which guard, or NULL */
} LeaseCondition;

typedef struct LeaseRecord {
        uint32_t id;
        LeaseState state;
        LeaseMode mode;
        LeaseLifetime lifetime;
        bool parked; /* it belongs to the daemon: daemon/park/park.h */
        uint64_t since_usec;
        uint64_t recreated_usec; /* when VFs were last recreated, of CLOCK_BOOTTIME; 0: never */
        LeaseOwner owner;
        LeaseTerms terms;
        LeaseCondition condition;
        LeaseRevocation revocation;
        LeaseWorker worker;
        LeaseMemlock memlock;
        LeaseGroup *groups;
        size_t n_groups;
        LeaseDevice *devices;
        size_t n_devices;
        char **fd_names; /* by index of the fd in the service manager's store */
        size_t n_fd_names;
        LeaseVf *vfs;
        size_t n_vfs;
        LeaseChange *changes;
        size_t n_changes;
} LeaseRecord;

/* Returns 0 and an empty record, or -ENOMEM. */
_nodiscard_ int lease_record_new(LeaseRecord **ret_record);

/* Frees a record (NULL is fine); returns NULL. */
LeaseRecord *lease_record_free(LeaseRecord *record);
DEFINE_CLEANUP(LeaseRecord *, lease_record_free);

/* Append copies. Return 0, -ENOMEM or -E2BIG. */
_nodiscard_ int lease_record_add_group(LeaseRecord *record, int32_t number, const char *id);
_nodiscard_ int lease_record_add_device(LeaseRecord *record, Bdf bdf, LeaseRole role,
                                        const char *driver_before, const char *override_before);
_nodiscard_ int lease_record_add_fd_name(LeaseRecord *record, const char *name);
_nodiscard_ int lease_record_add_change(LeaseRecord *record, LeaseChangeKind kind,
                                        const char *place);

/*
 * The same, but as the first change: for a change that is undone last, and stays when the changes
 * for the guard alone are undone. Once for each place.
 */
_nodiscard_ int lease_record_put_change_first(LeaseRecord *record, LeaseChangeKind kind,
                                              const char *place);

_nodiscard_ int lease_record_add_vf(LeaseRecord *record, const LeaseVf *vf);

/* Finds the VF data of a taken device, or NULL. Borrowed. */
LeaseVf *lease_record_find_vf(const LeaseRecord *record, Bdf bdf);

/*
 * Whether giving back has to handle the device. A lost device no longer belongs to the lease,
 * except one that is still to be restored, and a VF that is being taken back.
 */
bool lease_record_has_hold(const LeaseRecord *record, const LeaseDevice *device);

/*
 * Whether the policy has quarantined it, so that somebody other than its owner has to look at it
 * first.
 */
bool lease_record_is_withheld(const LeaseRecord *record);

/* Whether its owner has it, or may still have it open, so that it is guarded. */
bool lease_record_is_in_hand(const LeaseRecord *record);

/* Whether it is restored like a taken device: its state before the lease is on record. */
bool lease_device_was_taken(const LeaseDevice *device);

/* Removes the changes from `first` on. */
void lease_record_drop_changes(LeaseRecord *record, size_t first);

/* Removes the names of fds from `first` on. */
void lease_record_drop_fd_names(LeaseRecord *record, size_t first);

/* Whether that change is on record. */
bool lease_record_has_change(const LeaseRecord *record, LeaseChangeKind kind, const char *place);

/* The device of that address, or NULL. Borrowed. */
LeaseDevice *lease_record_find(const LeaseRecord *record, Bdf bdf);

/* Whether the kernel's group `number` is part of the lease. */
bool lease_record_has_group(const LeaseRecord *record, int32_t number);

/* Writes the record as JSON. Returns 0 and *ret (freed by the caller) or -ENOMEM. */
_nodiscard_ int lease_record_to_json(const LeaseRecord *record, char **ret_text);

/*
 * Reads a record. Returns 0, -EBADMSG for anything but a complete record of a known version, or
 * -ENOMEM.
 */
_nodiscard_ int lease_record_from_json(const char *text, LeaseRecord **ret_record);

/* The version in which records are written. */
unsigned lease_record_version(void);

/*
 * Finds the first field in use that other readers of the same version may not know, and would
 * ignore; NULL if there is none. Borrowed.
 */
const char *lease_record_first_optional(const LeaseRecord *record);

/* Whether the text is a record of a version after the last one that is known here. */
bool lease_record_is_newer(const char *text);

const char *lease_state_to_string(LeaseState state);
const char *lease_lifetime_to_string(LeaseLifetime lifetime);
/* Returns true and *ret, or false if the text is none. */
_nodiscard_ bool lease_lifetime_from_string(const char *text, LeaseLifetime *ret);
