/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What becomes of leases, on the journal with an id and fields (core/model/audit.h): who took what,
 * by which rule, how it ended. Where no journal reads the daemon's output it is a line as any
 * other. The kernel's audit gets the same fields, where there is one.
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
 * Of a lease, with its guard as of now; of one that ends, with the one that it had while its owner
 * had it. The text is the entry's message.
 */
_printf_(3, 4) void audit_lease(AuditEvent event, const Lease *lease, const char *format, ...);

/* Of one device of it: the one that joined. */
_printf_(4, 5) void audit_device(AuditEvent event, const Lease *lease, Bdf bdf, const char *format,
                                 ...);

/* Of somebody who was not given what they asked for. */
typedef struct AuditRefusal {
        uid_t uid;
        const char *unit;
        const char *const *selectors; /* in their words, NULL-terminated */
        Refusal refusal;
        const char *message;
        const char *rule; /* of the policy, that refused it, or NULL */
} AuditRefusal;

/*
 * The groups and devices are those that the selectors mean by now; what means none is told as it
 * was said. A client that asks again and again does not fill the journal: what is too much is
 * counted.
 */
void audit_refusal(const Ledger *ledger, const AuditRefusal *refusal);
