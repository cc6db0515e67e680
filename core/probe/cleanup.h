/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What closes owning locals that come from the system: for _cleanup_(). Not in base.h, which the
 * pure model includes.
 */

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

static inline void closep(int *fd)
{
        if (*fd >= 0)
                (void)close(*fd);
}

static inline void closedirp(DIR **directory)
{
        if (*directory)
                (void)closedir(*directory);
}

static inline void fclosep(FILE **stream)
{
        if (*stream)
                (void)fclose(*stream);
}
