/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the outside has been told, so that only changes are told.
 *
 * After every reading and every step of a lease the visible state is put into words and compared with
 * the words of the last time; the observer hears of the difference.
 */

#include "daemon/ledger/ledger.h"

Published *published_free(Published *published);
DEFINE_CLEANUP(Published *, published_free);

/*
 * Tells the observer what differs from the last call; nothing while the manager is quiet, and then
 * with the next call. Returns 0 or -ENOMEM (nothing told).
 */
_nodiscard_ int publish_changes(Ledger *ledger);
