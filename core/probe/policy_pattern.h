/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reads patterns of a rule; refuses one that can never match, with its place.
 *
 * All return 0 and *ret_text (freed by the caller), POLICY_E_INVALID, or -ENOMEM.
 */

#include "core/probe/policy_reader.h"

/* For the full address of a device. */
_nodiscard_ int policy_read_address_pattern(PolicyReader *reader, json_object *value,
                                            char **ret_text);

/* For its stable path (core/model/path.h). */
_nodiscard_ int policy_read_path_pattern(PolicyReader *reader, json_object *value, char **ret_text);

/* For the name of a unit of the service manager. */
_nodiscard_ int policy_read_unit_pattern(PolicyReader *reader, json_object *value, char **ret_text);

/* For the name of a slot or a driver, which have no brackets. */
_nodiscard_ int policy_read_name_pattern(PolicyReader *reader, json_object *value, char **ret_text);
