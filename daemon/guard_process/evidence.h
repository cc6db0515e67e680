/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Why a group has the guard that it has, in words (Group.GuardEvidence). */

#include "daemon/ledger/ledger.h"

/* The evidence of a group in force, or NULL if memory is short. Freed by the caller. */
char *guard_evidence(const Ledger *ledger, size_t group);
