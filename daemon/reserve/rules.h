/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The udev rules that block devices that appear later, without a daemon.
 *
 * udev only selects devices that may be reserved, as far as its rules can. isolationd-reserve
 * decides about them by the policy. udev clears the modalias of a blocked device, so that it loads
 * no module for it.
 */

#include "core/model/base.h"
#include "core/model/policy.h"

#define RESERVE_RULES_NAME "60-isolationd-reserved.rules"

/*
 * Makes the rules for a policy; `program` is what they run. Returns a string that the caller frees,
 * or NULL if memory is short.
 */
char *reserve_rules_text(const Policy *policy, const char *program);
