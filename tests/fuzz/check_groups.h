/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What must hold of any snapshot's groups, however forged: all of the model is run over it.
 */

#include "core/model/snapshot.h"

void check_groups(const Snapshot *snapshot);
