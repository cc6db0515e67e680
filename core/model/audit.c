/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table. An id is never used again for anything else: journals are kept for long. */

#include "core/model/audit.h"

#include <string.h>

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
