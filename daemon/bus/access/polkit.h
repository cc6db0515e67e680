/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Polkit's decision about a call.
 */

#include "daemon/bus/call/call.h"

/*
 * Asks polkit for the action of the call's row. Returns CALL_WAITS: the call is resumed when polkit
 * grants the action, or is answered with NotAuthorized and the reason, or with Changed if its
 * object is another by then. Returns CALL_ANSWERED if polkit cannot be asked.
 */
CallVerdict polkit_ask(MethodCall *call);
