/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Checks that hold for the groups of any snapshot, even a forged one: runs the whole model on it.
 */

#include "core/model/snapshot.h"

void check_groups(const Snapshot *snapshot);
