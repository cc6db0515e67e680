/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The fake host's sentinel is linked in place of the real one; this is for who turns the loop.
 */

#include <stdbool.h>

/* Has the loop take the reports there are. Returns whether there were some. */
bool fakeprocess_wake(void);
