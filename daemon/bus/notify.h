/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the manager's observer sees, as signals on the bus.
 */

#include "daemon/bus/bus.h"

/* Makes this bus the manager's observer. */
void bus_observe(Bus *bus);
