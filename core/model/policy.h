/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The policy: an ordered, immutable list of rules on who may lease which devices.
 *
 * The verdict is a function of facts and rules, and names the deciding rule. The first rule that
 * matches a device decides; a group is allowed only if every member that would be leased is.
 * Without a matching rule only root may lease.
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
 * Does the daemon itself claim the DMA of the groups, so that they are owned from the start, and
 * the groups of one lease share one address space?
 */
bool lease_mode_claims(LeaseMode mode);

const char *lease_mode_to_string(LeaseMode mode);
/* LEASE_MODE_NONE for an unknown text. */
LeaseMode lease_mode_from_string(const char *text);

/*
 * The reaction if a host driver was bound in a leased group (the daemon unbinds it in any case),
 * or if the guard is weaker than the rule requires.
 */
typedef enum PolicyBreach {
        POLICY_BREACH_KEEP = 0,   /* the lease continues; its owner is notified */
        POLICY_BREACH_REVOKE,     /* the daemon revokes the lease */
        POLICY_BREACH_QUARANTINE, /* nobody can lease the group before root releases it */
        _POLICY_BREACH_N,
} PolicyBreach;

/* Parses "keep", "revoke" or "quarantine". Returns true and *ret, or false. */
_nodiscard_ bool policy_breach_from_string(const char *text, PolicyBreach *ret);

/* The reaction if a write to sriov_numvfs of its PF removed a leased virtual function. */
typedef enum PolicyVfLoss {
        POLICY_VF_LOSS_KEEP = 0, /* the lease continues without it; its owner is notified */
        POLICY_VF_LOSS_RECREATE, /* the daemon restores the number, and the lease gets the VF again
                                  */
        _POLICY_VF_LOSS_N,
} PolicyVfLoss;

/* Parses "keep" or "recreate". Returns true and *ret, or false. */
_nodiscard_ bool policy_vf_loss_from_string(const char *text, PolicyVfLoss *ret);

/* The reaction if a device joins a leased group. */
typedef enum PolicyJoin {
        POLICY_JOIN_HOLD = 0, /* it stays, without a driver */
        POLICY_JOIN_EXPEL,    /* it is removed from the machine until the lease ends */
        _POLICY_JOIN_N,
} PolicyJoin;

/* Parses "hold" or "expel". Returns true and *ret, or false. */
_nodiscard_ bool policy_join_from_string(const char *text, PolicyJoin *ret);

/* This number of IOMMU faults within 10 s is a storm; the kernel reports only some of them. */
#define POLICY_FAULT_STORM_DEFAULT 10
#define POLICY_FAULT_STORM_MAX 1000000

#define POLICY_GRACE_DEFAULT 10 /* seconds; also without a rule */
#define POLICY_GRACE_MAX 3600
#define POLICY_COOLDOWN_MAX 3600 /* seconds */

/* The largest numeric limit on locked memory, and the value for no limit. */
#define POLICY_MEMLOCK_MAX ((int64_t)1 << 62)
#define POLICY_MEMLOCK_UNLIMITED ((uint64_t)INT64_MAX)

/* A number that a rule may compare. */
typedef struct PolicyNumber {
        bool is_set;
        uint16_t value;
} PolicyNumber;

/* A reservation, which keeps host drivers off a device: core/model/reserve.h. */
typedef struct PolicyReserve {
        bool at_boot; /* the rule reserves */
        bool park;    /* the daemon owns the group while it is not leased */

        /* Fingerprint of the expected device; unset fields are not compared. */
        PolicyNumber vendor, device;
        unsigned n_members; /* number of members of its group, ports included; 0: not compared */
        uint32_t *ids;      /* ids of all members, vendor in the high half; NULL: not compared */
        size_t n_ids;
} PolicyReserve;

/* Globs; one of them must match. */
typedef struct PolicyPatterns {
        char **globs;
        size_t n_globs;
} PolicyPatterns;

/* The devices of a rule. What is not set matches every device. */
typedef struct PolicyMatch {
        PolicyNumber vendor, device, subsystem_vendor, subsystem_device;
        PolicyNumber numa_node;
        uint32_t class_value; /* compared under class_mask */
        uint32_t class_mask;  /* 0: not compared */
        bool has_serial;
        uint64_t serial;    /* of its Device Serial Number capability */
        Tristate removable; /* UNKNOWN: not compared */
        char *path;         /* glob over the device's stable path, or NULL */
        char *address;      /* glob over the full BDF, or NULL */
        char *slot;         /* glob over the name of the slot that it or its card is in, or NULL */
        char *driver;       /* glob over its driver's name, "" if it has none; or NULL */
        unsigned group_min, group_max; /* members of its group, ports included; 0: not compared */
} PolicyMatch;

/* Who may lease the devices. */
typedef struct PolicyAccess {
        bool deny;
        uid_t *uids;
        size_t n_uids;
        gid_t *gids;
        size_t n_gids;
        PolicyPatterns units, labels; /* one of each non-empty list must match */
        unsigned modes;               /* bit 1 << LeaseMode; 0 means all */
} PolicyAccess;

/* What happens during a lease, and after it. */
typedef struct PolicyTerms {
        PolicyBreach on_breach;
        PolicyVfLoss on_vf_loss;
        PolicyJoin on_join;
        PolicyBreach on_fault_storm;
        unsigned fault_storm;
        bool exclusive_process; /* report a second process that has the lease open */
        unsigned cooldown;      /* seconds before a user may lease a released group again */
        unsigned revoke_grace;  /* seconds between the notice of a revocation and the revocation */
        DomainType type;        /* type of its groups' domains during the lease; NONE: unchanged */
        uint64_t memlock; /* bytes that the requester may lock during the lease; 0: unchanged */
} PolicyTerms;

/* What a group and its host must have before it is leased. */
typedef struct PolicyRequirements {
        GuardLayer guard;   /* the weakest acceptable guard; NONE: any */
        unsigned strength;  /* bits that must be YES, 1 << StrengthBit */
        bool needs_memlock; /* the requester's lock limit must suffice for its memory */
        PolicyBreach on_weaker;
} PolicyRequirements;

typedef struct PolicyRule {
        char *name;
        char *alias;  /* a selector for the devices for which this rule decides, or NULL */
        char *origin; /* file, line and name, "50-lab.json:12: dpdk-nics" */
        unsigned line;
        char *text; /* the rule's text, JSON on one line; NULL if not kept */
        PolicyMatch match;
        PolicyAccess access;
        PolicyTerms terms;
        PolicyRequirements require;
        bool widen; /* a lease includes all groups whose devices can reach each other */
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
        const char *unit;  /* systemd unit of the requesting process; NULL or "": none */
        const char *label; /* of the security module; NULL or "": none */
        LeaseMode mode;
} PolicyRequest;

/* A device of a request. All fields are borrowed. */
typedef struct PolicySubject {
        const Snapshot *snapshot;
        size_t device;
        const char *path; /* its stable path */
} PolicySubject;

typedef struct PolicyVerdict {
        bool allowed;
        const PolicyRule *rule; /* borrowed from the policy; NULL: the default decided */
        bool mode_refused;      /* the rule allows the requester, but not in this mode */
} PolicyVerdict;

/* Matches a glob with `*` and `?` against the whole text. */
bool policy_glob(const char *pattern, const char *text);

/*
 * Does a rule match? Unknown facts of a device match nothing. The result is UNKNOWN only for a
 * serial number that may be read later, as at boot, when no device is woken.
 */
Tristate policy_rule_matches(const PolicyRule *rule, const PolicySubject *subject);

/* The rule that decides for a device: the first that matches, or NULL. */
const PolicyRule *policy_find_rule(const Policy *policy, const PolicySubject *subject);

/* Does a rule need facts of sysfs_read_attachment()? */
bool policy_asks_attachment(const Policy *policy);

/* The verdict for one device. Root is always allowed, except by a rule with "deny". */
PolicyVerdict policy_check(const Policy *policy, const PolicySubject *subject,
                           const PolicyRequest *request);

/*
 * A sentence, which starts with the device's address: why the verdict denies, and the next step.
 * The caller frees it; NULL if memory is short.
 */
char *policy_describe_refusal(const PolicyVerdict *verdict, const PolicySubject *subject,
                              const PolicyRequest *request);
