/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Converts names in policy files to the numbers that rules compare. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/model/base.h"

enum {
        _POLICY_NAMES_E_SUCCESS,
        POLICY_NAMES_E_UNKNOWN, /* there is no such name */
};

/* A vendor or device id: one to four hexadecimal digits, with or without 0x. */
_nodiscard_ bool policy_parse_id(const char *text, uint16_t *ret_id);

/* A serial number as lspci prints it, "00-1b-21-ff-ff-3a-4c-5d": the most significant byte first. */
_nodiscard_ bool policy_parse_serial(const char *text, uint64_t *ret_number);

/*
 * A class: two, four or six hexadecimal digits (base class, subclass, interface), with or without
 * 0x, or the name of a base class ("network").
 */
_nodiscard_ bool policy_parse_class(const char *text, uint32_t *ret_value, uint32_t *ret_mask);
