/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Names that people write in policy files, turned into the numbers that rules compare.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/model/base.h"

enum {
        _POLICY_NAMES_E_SUCCESS,
        POLICY_NAMES_E_UNKNOWN, /* nobody of that name */
};

/* Ask the system's user database. Return 0, POLICY_NAMES_E_UNKNOWN, or -errno. */
_nodiscard_ int policy_user_by_name(const char *name, uid_t *ret_uid);
_nodiscard_ int policy_group_by_name(const char *name, gid_t *ret_gid);

/* A vendor or device id: one to four hexadecimal digits, with or without 0x. */
_nodiscard_ bool policy_parse_id(const char *text, uint16_t *ret_id);

/*
 * A class: two, four or six hexadecimal digits (base class, subclass, interface), with or without
 * 0x, or the name of a base class ("network").
 */
_nodiscard_ bool policy_parse_class(const char *text, uint32_t *ret_value, uint32_t *ret_mask);
