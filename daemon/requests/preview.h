/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A request played through to the point before anything is touched: what would be done, in which
 * order, what the host lives on, and how well it would be guarded.
 *
 * It is the record that an acquire would write, and the steps that it would take from it, by the
 * same code.
 */

#include "daemon/lease/steps.h"
#include "daemon/ledger/ledger.h"
#include "daemon/limits/request.h"

typedef struct PlanPreview {
        int code;                       /* as an acquire's answer would be, as far as can be told */
        const char *message;            /* why it would be refused, or "" */
        const LeaseRecord *record;      /* NULL if it would not come that far. Borrowed */
        const LeaseStepTexts *steps;    /* empty without a record */
        const LeaseStepTexts *critical; /* "ADDRESS: what the host has on it", a line each */
        const char *warning; /* of memory that its owner may not map, or "" */
        GuardLayer guard;    /* the weakest of its groups */
} PlanPreview;

typedef void (*PlanPreviewDone)(const PlanPreview *preview, void *userdata);

/* Plays a request through. `done` is called exactly once, before or after this returns. */
void plan_preview(Ledger *ledger, const AcquireRequest *request, PlanPreviewDone done, void *userdata);
