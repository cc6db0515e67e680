/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Who may take what: an ordered list of rules, compiled and immutable.
 *
 * The verdict is a function of facts and rules and names the rule that decided. The first rule that
 * matches a device decides for it; a group is allowed only if every member that would be handed out
 * is. Without a matching rule only root may lease.
 */

#include <stdint.h>
#include <sys/types.h>

#include "core/model/base.h"
#include "core/model/domain_type.h"
#include "core/model/guard.h"
#include "core/model/snapshot.h"

typedef enum LeaseMode {
        LEASE_MODE_NONE = 0,
        LEASE_MODE_VFIO,            /* groups in a container */
        LEASE_MODE_IOMMUFD,         /* devices bound to an iommufd */
        LEASE_MODE_IOMMUFD_UNBOUND, /* the same descriptors, for programs that bind by themselves */
        LEASE_MODE_GROUP_FD,        /* groups; the container is the owner's */
        LEASE_MODE_PATH,            /* no descriptor: the owner may open the nodes */
        _LEASE_MODE_N,
} LeaseMode;

/*
 * Whether the daemon claims the DMA of the groups itself, so that they are owned from the first
 * instant and the groups of one lease are known to share one address space.
 */
bool lease_mode_claims(LeaseMode mode);

const char *lease_mode_to_string(LeaseMode mode);
/* LEASE_MODE_NONE if the text is no mode. */
LeaseMode lease_mode_from_string(const char *text);

/*
 * What follows when what was promised did not hold: a host driver got into a leased group (besides
 * that it is thrown out), or the guard is weaker than the rule demands.
 */
typedef enum PolicyBreach {
        POLICY_BREACH_KEEP = 0,   /* the lease goes on; its owner is told */
        POLICY_BREACH_REVOKE,     /* it is given back */
        POLICY_BREACH_QUARANTINE, /* nobody gets the group before somebody has looked at it */
        _POLICY_BREACH_N,
} PolicyBreach;

/* Returns true and *ret, or false if the text is none of "keep", "revoke" and "quarantine". */
_nodiscard_ bool policy_breach_from_string(const char *text, PolicyBreach *ret);

/* What follows when somebody took a leased virtual function away by its PF's sriov_numvfs. */
typedef enum PolicyVfLoss {
        POLICY_VF_LOSS_KEEP = 0, /* the lease goes on without it; its owner is told */
        POLICY_VF_LOSS_RECREATE, /* the number is written back, and the lease gets it again */
        _POLICY_VF_LOSS_N,
} PolicyVfLoss;

/* Returns true and *ret, or false if the text is neither "keep" nor "recreate". */
_nodiscard_ bool policy_vf_loss_from_string(const char *text, PolicyVfLoss *ret);

/* What becomes of a device that joins a leased group. */
typedef enum PolicyJoin {
        POLICY_JOIN_HOLD = 0, /* it stays, without a driver */
        POLICY_JOIN_EXPEL,    /* it is taken off the machine until the lease ends */
        _POLICY_JOIN_N,
} PolicyJoin;

/* Returns true and *ret, or false if the text is neither "hold" nor "expel". */
_nodiscard_ bool policy_join_from_string(const char *text, PolicyJoin *ret);

/* So many faults of the IOMMU within ten seconds are a storm; the kernel tells of few of them. */
#define POLICY_FAULT_STORM_DEFAULT 10
#define POLICY_FAULT_STORM_MAX 1000000

#define POLICY_GRACE_DEFAULT 10 /* seconds; also of what no rule speaks of */
#define POLICY_GRACE_MAX 3600
#define POLICY_COOLDOWN_MAX 3600 /* seconds */

/* The largest limit on locked memory that is a number, and what stands for none. */
#define POLICY_MEMLOCK_MAX ((int64_t)1 << 62)
#define POLICY_MEMLOCK_UNLIMITED ((uint64_t)INT64_MAX)

/* Keeping a device from the host's drivers: core/model/reserve.h. */
typedef struct PolicyReserve {
        bool at_boot; /* there is a reservation */
        bool park;    /* the daemon owns the group while nobody has it */

        /* Fingerprint, of what must be there: what is unset is not asked. */
        bool has_vendor, has_device;
        uint16_t vendor;
        uint16_t device;
        unsigned n_members; /* of the device's group, ports included; 0: not asked */
        uint32_t *ids;      /* of all members, vendor in the high half; NULL: not asked */
        size_t n_ids;
} PolicyReserve;

/* Globs of which one has to fit. */
typedef struct PolicyPatterns {
        char **globs;
        size_t n_globs;
} PolicyPatterns;

typedef struct PolicyRule {
        char *name;
        char *origin; /* file, line and name, "50-lab.json:12: dpdk-nics" */
        unsigned line;
        char *text; /* as it is written, JSON on one line; NULL if that was not kept */

        /* Match: what is unset matches everything. */
        bool has_vendor, has_device, has_class;
        uint16_t vendor;
        uint16_t device;
        uint32_t class_value; /* compared under class_mask */
        uint32_t class_mask;
        bool has_subsystem_vendor, has_subsystem_device, has_serial, has_numa_node;
        uint16_t subsystem_vendor, subsystem_device;
        uint64_t serial;    /* of its Device Serial Number capability */
        uint16_t numa_node;
        Tristate removable; /* UNKNOWN: not asked */
        char *path;         /* glob over the device's stable path, or NULL */
        char *address;      /* glob over the full BDF, or NULL */
        char *slot;         /* glob over the name of the slot that it or its card is in, or NULL */
        char *driver;       /* glob over its driver's name, "" if it has none; or NULL */
        unsigned group_min, group_max; /* members of its group, ports included; 0: not asked */

        /* Lease. */
        bool deny;
        uid_t *uids;
        size_t n_uids;
        gid_t *gids;
        size_t n_gids;
        PolicyPatterns units, labels; /* one of each must fit, where there are any */
        unsigned modes;               /* bit 1 << LeaseMode; 0 means all */
        PolicyBreach on_breach;
        PolicyVfLoss on_vf_loss;
        PolicyJoin on_join;
        PolicyBreach on_fault_storm;
        unsigned fault_storm;
        bool exclusive_process; /* a second process that has a lease open is told of */
        unsigned cooldown;      /* seconds until a user may have a group again that he gave back */
        unsigned revoke_grace;  /* seconds from the word that a lease is revoked until it is */
        DomainType type; /* of its groups' domains while it lasts; NONE: as they are */
        uint64_t memlock; /* bytes that who asks may lock while it lasts; 0: as many as before */

        /* Demands. */
        GuardLayer guard; /* the weakest that will do; NONE: whatever there is */
        unsigned strength;  /* bits that must be known to hold, 1 << StrengthBit */
        bool needs_memlock; /* who says how much memory it will map must be allowed to */
        PolicyBreach on_weaker;

        bool widen; /* a lease takes all groups in whose devices can reach each other */
        PolicyReserve reserve;
} PolicyRule;

typedef struct Policy {
        PolicyRule *rules;
        size_t n_rules;
} Policy;

Policy *policy_free(Policy *policy);
DEFINE_CLEANUP(Policy *, policy_free);

typedef struct PolicyRequest {
        uid_t uid;
        const gid_t *gids;
        size_t n_gids;
        const char *unit;  /* the service manager's, of the process that asks; NULL or "": none */
        const char *label; /* of the security module; NULL or "": none */
        LeaseMode mode;
} PolicyRequest;

/* A device that a policy is asked about. All is borrowed. */
typedef struct PolicySubject {
        const Snapshot *snapshot;
        size_t device;
        const char *path; /* its stable path */
} PolicySubject;

typedef struct PolicyVerdict {
        bool allowed;
        const PolicyRule *rule; /* borrowed from the policy; NULL: the default decided */
        bool mode_refused;      /* the rule knows the requester, but not for this mode */
} PolicyVerdict;

/* Glob with `*` and `?` over the whole text. */
bool policy_glob(const char *pattern, const char *text);

/*
 * Whether a rule matches. What is not known of a device fits nothing; UNKNOWN is said only of a serial
 * number that may yet be read, as at boot, where no device is woken.
 */
Tristate policy_rule_matches(const PolicyRule *rule, const PolicySubject *subject);

/* The rule that decides for a device: the first that matches, or NULL. */
const PolicyRule *policy_find_rule(const Policy *policy, const PolicySubject *subject);

/* Does any rule ask what only sysfs_read_attachment() finds out? */
bool policy_asks_attachment(const Policy *policy);

/* The verdict for one device. Root is allowed whatever the rules say, except where a rule says deny. */
PolicyVerdict policy_check(const Policy *policy, const PolicySubject *subject,
                           const PolicyRequest *request);

/*
 * Why a verdict says no, and what to do about it, in a sentence that starts with the device's address.
 * The caller frees it; NULL if memory is short.
 */
char *policy_describe_refusal(const PolicyVerdict *verdict, const PolicySubject *subject,
                              const PolicyRequest *request);
