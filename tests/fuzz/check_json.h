/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Checks that hold for any snapshot's text: it can be read, writing it again gives the same text,
 * and the machine that was read has the same groups.
 */

#include "core/model/snapshot.h"

void check_json(const Snapshot *snapshot);
