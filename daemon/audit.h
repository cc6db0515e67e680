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

/*
 * From now on the kernel's audit is told too, by the aide of `host`, which has to last. NULL ends it.
 */
void audit_set_host(const HostPaths *host);

/* Of a lease, with its guard as of now. The text is the entry's message. */
_printf_(3, 4) void audit_lease(AuditEvent event, const Lease *lease, const char *format, ...);

/*
 * Of a record alone, whatever guards it. Like all of these from the daemon's own process: a worker
 * has no way to the journal.
 */
_printf_(3, 4) void audit_record(AuditEvent event, const LeaseRecord *record, const char *format,
                                 ...);

/* Of one device of it: the one that joined. */
_printf_(4, 5) void audit_device(AuditEvent event, const Lease *lease, Bdf bdf, const char *format,
                                 ...);

/*
 * That somebody was not given what they asked for (`what`, in their words). A client that asks
 * again and again does not fill the journal: what is too much is counted.
 */
void audit_refusal(uid_t uid, const char *unit, const char *what, Refusal refusal,
                   const char *message);
