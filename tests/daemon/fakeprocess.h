/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The guard process of the fake host, linked in place of the real one. This header is for tests
 * that turn the event loop.
 */

#include <stdbool.h>

/* Makes the loop read the pending reports. Returns whether there were any. */
bool fakeprocess_wake(void);
