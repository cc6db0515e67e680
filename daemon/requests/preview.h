/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A preview of a request, up to the point before the first change: the steps in order, what the
 * host depends on, and the guard.
 *
 * It makes the record that an acquire would write, and the steps from it, by the same code.
 */

#include "daemon/lease/steps.h"
#include "daemon/ledger/ledger.h"
#include "daemon/limits/request.h"

typedef struct PlanPreview {
        int code;                       /* as the answer to an acquire, as far as known */
        const char *message;            /* why it would be refused, or "" */
        const LeaseRecord *record;      /* NULL if it would not come that far. Borrowed */
        const TextList *steps;          /* empty without a record */
        const TextList *critical;       /* "ADDRESS: what the host has on it", a line each */
        const char *warning;            /* about memory that the owner may not map, or "" */
        GuardLayer guard;    /* the weakest of its groups */
} PlanPreview;

typedef void (*PlanPreviewDone)(const PlanPreview *preview, void *userdata);

/* Previews a request. `done` is called exactly once, before or after this returns. */
void plan_preview(Ledger *ledger, const AcquireRequest *request, PlanPreviewDone done, void *userdata);
