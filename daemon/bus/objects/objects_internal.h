/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared by the files of daemon/bus/objects only: short forms for vtables, and descriptions in XML.
 */

#include "daemon/bus/objects/objects.h"

/* The head of a function that appends the value of a property to `reply`; `userdata` is a BusView.
 */
#define BUS_GETTER(name)                                                                           \
        int name(sd_bus *bus, const char *path, const char *interface, const char *property,       \
                 sd_bus_message *reply, void *userdata, sd_bus_error *error)

#define BUS_CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

/* A method in a vtable: who may call it is in the table of methods (daemon/bus/request.c). */
#define BUS_METHOD(member, args, result)                                                           \
        SD_BUS_METHOD_WITH_ARGS(member, SD_BUS_ARGS(args), SD_BUS_RESULT(result), method_dispatch, \
                                SD_BUS_VTABLE_UNPRIVILEGED)

/* Describes the object at BUS_ROOT or a path below it, in XML. Returns 0 and *ret, or -ENOMEM. */
_nodiscard_ int introspect_path(Bus *bus, const char *path, char **ret_xml);
