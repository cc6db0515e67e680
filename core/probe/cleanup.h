/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Cleanup functions for files, directories and descriptors, for _cleanup_(). They are not in
 * base.h, because the pure model includes that.
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
