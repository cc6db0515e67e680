/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is put on the journal so that it can be found again: events of leases, each with an id of
 * its own (sd-id128(3)) and fields. The one table; the daemon writes by it, isoctl history reads by
 * it, and a test holds the message catalog and the manual to it.
 */

#include "core/model/base.h"

typedef enum AuditEvent {
        AUDIT_NONE = 0,
        AUDIT_TAKEN,       /* somebody has it now */
        AUDIT_REFUSED,     /* somebody was not given it */
        AUDIT_FORCED,      /* taken although the host lives on it */
        AUDIT_JOINED,      /* a device came into a leased group */
        AUDIT_TRANSFERRED, /* it is somebody else's */
        AUDIT_REVOKED,     /* its owner was told to let go */
        AUDIT_BREACHED,    /* a driver of the host got in */
        AUDIT_QUARANTINED, /* it could not be put back */
        AUDIT_REPAIRED,    /* what was left was put back */
        AUDIT_GIVEN_BACK,  /* the host has it again */
        _AUDIT_N,
} AuditEvent;

/* Fields of an entry, without those of the journal itself; repeated where there are several. */
#define AUDIT_FIELD_EVENT "ISOLATIOND_EVENT"
#define AUDIT_FIELD_LEASE "ISOLATIOND_LEASE"
#define AUDIT_FIELD_GROUP "ISOLATIOND_GROUP"
#define AUDIT_FIELD_DEVICE "ISOLATIOND_DEVICE"
#define AUDIT_FIELD_OWNER_UID "ISOLATIOND_OWNER_UID"
#define AUDIT_FIELD_OWNER_UNIT "ISOLATIOND_OWNER_UNIT"
#define AUDIT_FIELD_RULE "ISOLATIOND_RULE"
#define AUDIT_FIELD_MODE "ISOLATIOND_MODE"
#define AUDIT_FIELD_GUARD "ISOLATIOND_GUARD"
#define AUDIT_FIELD_ENDED "ISOLATIOND_ENDED"     /* of what is given back: how it came to that */
#define AUDIT_FIELD_REFUSAL "ISOLATIOND_REFUSAL" /* of what is refused: the error's name */

/* "taken", "given-back", …; "" for NONE. */
const char *audit_event_to_string(AuditEvent event);

/* Its MESSAGE_ID, 32 hexadecimal digits; "" for NONE. */
const char *audit_event_id(AuditEvent event);

/* How much it matters, as syslog counts: 3 an error, 6 a piece of information. */
int audit_event_priority(AuditEvent event);

/* By its id, which need not end with a NUL; NONE if it is no event's. */
AuditEvent audit_event_from_id(const char *id, size_t n_id);

/*
 * The same for the kernel's audit, whose messages are words: "op=taken lease=\"3\" … res=success".
 * Of `fields`, "NAME=value", those are told that are ours; a value that could be taken for
 * something else is in hexadecimal digits, as audit's readers expect it. Returns a text that the
 * caller frees, or NULL if memory is short.
 */
char *audit_kernel_text(AuditEvent event, const char *const *fields, size_t n_fields);
