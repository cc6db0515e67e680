/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The table of events. Never reuse an id for another event, because journals are kept for a long
 * time.
 */

#include "core/model/audit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIELD_PREFIX "ISOLATIOND_"
/* The kernel cuts messages at 8560 bytes; a smaller limit keeps values whole. */
#define KERNEL_TEXT_MAX 8000

static const struct {
        const char *name, *id;
        int priority;
} rows[_AUDIT_N] = {
        [AUDIT_NONE] = {"", "", 6},
        [AUDIT_TAKEN] = {"taken", "0539af1e9b354b9ea372cc6edb5cf43d", 6},
        [AUDIT_REFUSED] = {"refused", "bfd29c1fc9534f62abf9952a9b48ddac", 5},
        [AUDIT_FORCED] = {"forced", "d7642f0a8ebb41e2a30438dd25ba8f8b", 4},
        [AUDIT_JOINED] = {"joined", "bf6ec1bd925b471ebe07561fff4b2e6c", 5},
        [AUDIT_TRANSFERRED] = {"transferred", "1d6a13c829044c248b6771ab56493c57", 6},
        [AUDIT_REVOKED] = {"revoked", "991fa3a43b254b6cb42f63fa40dff480", 5},
        [AUDIT_BREACHED] = {"breached", "3a10e2c701b44d13aa37cf0db021faa2", 3},
        [AUDIT_QUARANTINED] = {"quarantined", "a833f81e496b4e2c9e2eea8cdd392718", 3},
        [AUDIT_REPAIRED] = {"repaired", "d67d4b6128694b648c4b0ee4911e65ec", 6},
        [AUDIT_GIVEN_BACK] = {"given-back", "55f435e7205240ae964b0587e5f30286", 6},
};

const char *audit_event_to_string(AuditEvent event)
{
        return rows[event].name;
}

const char *audit_event_id(AuditEvent event)
{
        return rows[event].id;
}

int audit_event_priority(AuditEvent event)
{
        return rows[event].priority;
}

AuditEvent audit_event_from_id(const char *id, size_t n_id)
{
        for (AuditEvent event = AUDIT_NONE + 1; event < _AUDIT_N; event++)
                if (strlen(rows[event].id) == n_id && strncmp(rows[event].id, id, n_id) == 0)
                        return event;
        return AUDIT_NONE;
}

static bool is_plain(const char *value)
{
        for (; *value; value++)
                if ((unsigned char)*value <= ' ' || (unsigned char)*value > '~' || *value == '"' ||
                    *value == '\'')
                        return false;
        return true;
}

/*
 * Appends ` name="value"`, or the value in hexadecimal digits; there is room. Returns the new end.
 */
static char *write_field(char *at, const char *field)
{
        static const char digits[] = "0123456789ABCDEF";
        const char *value = strchr(field, '=');

        *at++ = ' ';
        for (const char *name = field + strlen(FIELD_PREFIX); name < value; name++)
                *at++ = *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name;
        *at++ = '=';
        if (is_plain(++value)) {
                *at++ = '"';
                at = stpcpy(at, value);
                *at++ = '"';
                return at;
        }
        for (; *value; value++) {
                *at++ = digits[(unsigned char)*value >> 4];
                *at++ = digits[(unsigned char)*value & 15];
        }
        return at;
}

char *audit_kernel_text(AuditEvent event, const char *const *fields, size_t n_fields)
{
        static const char no[] = " res=failed", yes[] = " res=success";
        char *text = malloc(KERNEL_TEXT_MAX);

        if (!text)
                return NULL;
        char *at = stpcpy(stpcpy(text, "op="), rows[event].name);
        for (size_t i = 0; i < n_fields; i++) {
                const char *field = fields[i];

                if (!strchr(field, '=') ||
                    strncmp(field, FIELD_PREFIX, strlen(FIELD_PREFIX)) != 0 ||
                    strncmp(field, AUDIT_FIELD_EVENT "=", strlen(AUDIT_FIELD_EVENT "=")) == 0)
                        continue;
                if (2 * strlen(field) + sizeof(yes) > (size_t)(text + KERNEL_TEXT_MAX - at))
                        break;
                at = write_field(at, field);
        }
        if (event == AUDIT_REFUSED)
                memcpy(at, no, sizeof(no));
        else
                memcpy(at, yes, sizeof(yes));
        return text;
}
