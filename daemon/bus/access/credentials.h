/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The user, groups, unit and label of a connection, which the bus daemon is asked for.
 */

#include "daemon/bus/call/call.h"

/*
 * Asks the bus daemon for the caller of `call`. Returns CALL_WAITS: the call is resumed with
 * call->caller filled in, or is answered with NotAuthorized. Returns CALL_ANSWERED if the bus
 * cannot be asked.
 */
CallVerdict credentials_ask(MethodCall *call);

/* Asks for the credentials of any name; `handler` gets the bus's answer. Returns as sd-bus. */
_nodiscard_ int credentials_query(Bus *bus, const char *name, sd_bus_message_handler_t handler,
                                  void *userdata);

/* Reads the a{sv} of GetConnectionCredentials. Returns 0, or -errno if the uid is not in it. */
_nodiscard_ int method_read_credentials(sd_bus_message *reply, MethodCaller *caller);
