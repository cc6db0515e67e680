/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What must hold of any snapshot's text: it is read again, is written again as it was, and the
 * machine in it has the same groups.
 */

#include "core/model/snapshot.h"

void check_json(const Snapshot *snapshot);
