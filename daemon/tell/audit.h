/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Writes what happens to leases to the journal, with an id and fields (core/model/audit.h): which
 * user took what, by which rule, and how it ended. Without a journal it is an ordinary line. The
 * kernel's audit, if there is one, gets the same fields.
 */

#include "core/model/audit.h"
#include "core/model/refusal.h"
#include "daemon/host/host.h"
#include "daemon/lease/record.h"

typedef struct Lease Lease;
typedef struct Ledger Ledger;

/*
 * From now on writes to the kernel's audit too, through the helper of `host`, which is borrowed.
 * NULL ends that.
 */
void audit_set_host(const HostPaths *host);

/*
 * Writes an entry of a lease with its present guard; of one that ends, with the guard that it had
 * while it was with its owner. The text is the message of the entry.
 */
_printf_(3, 4) void audit_lease(AuditEvent event, const Lease *lease, const char *format, ...);

/* Writes an entry about one device of it, which has joined. */
_printf_(4, 5) void audit_device(AuditEvent event, const Lease *lease, Bdf bdf, const char *format,
                                 ...);

/* A refused request. */
typedef struct AuditRefusal {
        uid_t uid;
        const char *unit;
        const char *const *selectors; /* as the requester wrote them, NULL-terminated */
        Refusal refusal;
        const char *message;
        const char *rule; /* the policy rule that refused it, or NULL */
} AuditRefusal;

/*
 * Writes an entry about a refusal. The groups and devices are those that the selectors name now; a
 * selector that names none is written as it is. A client that asks again and again does not fill
 * the journal: further refusals are only counted.
 */
void audit_refusal(const Ledger *ledger, const AuditRefusal *refusal);
