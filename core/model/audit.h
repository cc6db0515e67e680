/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Events of leases in the journal, each with its own id (sd-id128(3)) and fields. The daemon
 * writes them and isoctl history reads them from this one table; a test compares it with the
 * message catalog and the manual.
 */

#include "core/model/base.h"

typedef enum AuditEvent {
        AUDIT_NONE = 0,
        AUDIT_TAKEN,       /* the daemon has leased the devices */
        AUDIT_REFUSED,     /* the daemon refused a request */
        AUDIT_FORCED,      /* leased by force although the host uses a device */
        AUDIT_JOINED,      /* a device joined a leased group */
        AUDIT_TRANSFERRED, /* the lease has another owner */
        AUDIT_REVOKED,     /* the daemon revokes the lease */
        AUDIT_BREACHED,    /* a host driver was bound in a leased group */
        AUDIT_QUARANTINED, /* the devices could not be restored */
        AUDIT_REPAIRED,    /* a repair restored the devices */
        AUDIT_GIVEN_BACK,  /* the host has the devices again */
        _AUDIT_N,
} AuditEvent;

/*
 * Fields of an entry, without those of the journal itself; a field with several values is
 * repeated.
 */
#define AUDIT_FIELD_EVENT "ISOLATIOND_EVENT"
#define AUDIT_FIELD_LEASE "ISOLATIOND_LEASE"
#define AUDIT_FIELD_GROUP "ISOLATIOND_GROUP"
#define AUDIT_FIELD_DEVICE "ISOLATIOND_DEVICE"
#define AUDIT_FIELD_OWNER_UID "ISOLATIOND_OWNER_UID"
#define AUDIT_FIELD_OWNER_UNIT "ISOLATIOND_OWNER_UNIT"
#define AUDIT_FIELD_RULE "ISOLATIOND_RULE"
#define AUDIT_FIELD_MODE "ISOLATIOND_MODE"
#define AUDIT_FIELD_GUARD "ISOLATIOND_GUARD"
#define AUDIT_FIELD_ENDED "ISOLATIOND_ENDED"     /* given-back: the cause */
#define AUDIT_FIELD_REFUSAL "ISOLATIOND_REFUSAL" /* refused: the name of the error */

/* "taken", "given-back", …; "" for NONE. */
const char *audit_event_to_string(AuditEvent event);

/* Its MESSAGE_ID, 32 hexadecimal digits; "" for NONE. */
const char *audit_event_id(AuditEvent event);

/* The syslog priority: 3 is an error, 6 is information. */
int audit_event_priority(AuditEvent event);

/* Finds an event by its id, which need not end with a NUL; NONE if there is none. */
AuditEvent audit_event_from_id(const char *id, size_t n_id);

/*
 * Formats an event for the kernel's audit log: "op=taken lease=\"3\" … res=success". Uses our own
 * names among `fields` ("NAME=value"); writes a value with special characters in hexadecimal
 * digits, as audit readers expect. Returns a text that the caller frees, or NULL if memory is
 * short.
 */
char *audit_kernel_text(AuditEvent event, const char *const *fields, size_t n_fields);
