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
#include "core/model/guard.h"
#include "core/model/snapshot.h"

typedef enum LeaseMode {
        LEASE_MODE_NONE = 0,
        LEASE_MODE_VFIO,
        LEASE_MODE_IOMMUFD,
        _LEASE_MODE_N,
} LeaseMode;

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

/* Keeping a device from the host's drivers: core/model/reserve.h. */
typedef struct PolicyReserve {
        bool at_boot; /* there is a reservation */
        bool park;    /* the daemon owns the group while nobody has it */

        /* Fingerprint, of what must be there: what is unset is not asked. */
        bool has_vendor, has_device;
        uint16_t vendor;
        uint16_t device;
        unsigned n_members; /* of the device's group, ports included; 0: not asked */
} PolicyReserve;

typedef struct PolicyRule {
        char *name;
        char *origin; /* file name and rule number, "50-lab.json: dpdk-nics" */

        /* Match: what is unset matches everything. */
        bool has_vendor, has_device, has_class;
        uint16_t vendor;
        uint16_t device;
        uint32_t class_value; /* compared under class_mask */
        uint32_t class_mask;
        char *path;    /* glob over the device's stable path, or NULL */
        char *address; /* glob over the full BDF, or NULL */

        /* Lease. */
        bool deny;
        uid_t *uids;
        size_t n_uids;
        gid_t *gids;
        size_t n_gids;
        unsigned modes; /* bit 1 << LeaseMode; 0 means all */
        PolicyBreach on_breach;
        PolicyVfLoss on_vf_loss;
        PolicyJoin on_join;

        /* Demands. */
        GuardLayer guard; /* the weakest that will do; NONE: whatever there is */
        PolicyBreach on_weaker;

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
        LeaseMode mode;
} PolicyRequest;

typedef struct PolicyVerdict {
        bool allowed;
        const PolicyRule *rule; /* borrowed from the policy; NULL: the default decided */
        bool mode_refused;      /* the rule knows the requester, but not for this mode */
} PolicyVerdict;

/* Glob with `*` and `?` over the whole text. */
bool policy_glob(const char *pattern, const char *text);

/* The rule that decides for a device whose stable path is `path`: the first that matches, or NULL.
 */
const PolicyRule *policy_find_rule(const Policy *policy, const PciDevice *device, const char *path);

/* The verdict for one device whose stable path is `path`. Root is allowed whatever the rules say,
 * except where a rule says deny. */
PolicyVerdict policy_check(const Policy *policy, const PciDevice *device, const char *path,
                           const PolicyRequest *request);
