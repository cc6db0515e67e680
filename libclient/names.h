/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Names of vendors and products by their ids, from udev's hardware database or a file pci.ids.
 * A lookup is remembered, so that a machine with many equal devices is asked for once.
 */

#include <stdint.h>

#include "core/model/base.h"

typedef struct Names Names;

/* No source is opened before the first lookup. NULL if memory is short. */
Names *names_new(void);

Names *names_free(Names *names);
DEFINE_CLEANUP(Names *, names_free);

/* "Intel 82574L Gigabit Network Connection"; "" if unknown, or if memory is short. Owned by
 * `names`. */
const char *names_find(Names *names, uint16_t vendor, uint16_t device);
