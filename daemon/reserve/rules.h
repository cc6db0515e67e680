/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The udev rules that block what appears later, without a daemon.
 *
 * udev only sorts out, by what its rules can say, which devices may be reserved; isolationd-reserve
 * decides about those, by the policy. Of a blocked device udev forgets the modalias, so that no
 * module is loaded for it.
 */

#include "core/model/base.h"
#include "core/model/policy.h"

#define RESERVE_RULES_NAME "60-isolationd-reserved.rules"

/*
 * The rules for a policy; `program` is what they run. A string that the caller frees, or NULL if
 * memory is short.
 */
char *reserve_rules_text(const Policy *policy, const char *program);
