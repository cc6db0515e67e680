/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The gate first: what comes after it is open is the kernel's affair again, and what came before is
 * there to be seen.
 */

#include "daemon/guard/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/probe/cleanup.h"
#include "daemon/guard/block.h"
#include "daemon/guard/gate.h"
#include "daemon/host/driver.h"

static int compare(const void *a, const void *b)
{
        return bdf_compare(*(const Bdf *)a, *(const Bdf *)b);
}

static bool is_kept(const Sweep *sweep, Bdf bdf)
{
        return sweep->n_kept > 0 &&
               bsearch(&bdf, sweep->kept, sweep->n_kept, sizeof(bdf), compare);
}

/* Takes our override off, and lets a driver come if there was one. */
static int unblock(const HostPaths *host, Bdf bdf, char **ret_message)
{
        _cleanup_(freep) char *override = NULL, *driver = NULL;

        int r = driver_override_read(host, bdf, &override);
        if (r < 0 || strcmp(override, BLOCK_OVERRIDE) != 0)
                return r;
        r = block_undo(host, bdf, ret_message);
        return r != 0 ? r : gate_let_in(host, bdf, true, &driver);
}

/* One function, of all there are. */
static int sweep_one(const HostPaths *host, const Sweep *sweep, Bdf bdf, char **ret_message)
{
        _cleanup_(freep) char *driver = NULL;
        int r = 0;

        if (is_kept(sweep, bdf))
                return 0;
        if (sweep->every_override)
                r = unblock(host, bdf, ret_message);
        if (r == 0 && sweep->former && !watchfile_knows(sweep->former, bdf))
                r = gate_let_in(host, bdf, false, &driver);
        return r;
}

/* Keeps the first failure; that a function is gone is none. */
static void add(int *code, char **message, int r, char *text)
{
        if (r == 0 || r == -ENOENT || *code != 0) {
                free(text);
                return;
        }
        *code = r;
        *message = text;
}

int sweep_run(const HostPaths *host, const Sweep *sweep, char **ret_message)
{
        char path[PATH_MAX], *text = NULL;
        int code = 0;

        *ret_message = NULL;
        if (sweep->open_gate) {
                int r = gate_write(host, true, ret_message);
                if (r != 0)
                        return r;
        }
        for (size_t i = 0; i < sweep->n_strays; i++, text = NULL)
                if (!is_kept(sweep, sweep->strays[i])) {
                        int r = unblock(host, sweep->strays[i], &text);
                        add(&code, ret_message, r, text);
                }
        if (!sweep->every_override && !sweep->former)
                return code;

        (void)snprintf(path, sizeof(path), "%s/bus/pci/devices", host->sysfs);
        _cleanup_(closedirp) DIR *dir = opendir(path);
        if (!dir)
                return -errno;
        for (struct dirent *entry; (entry = readdir(dir)); text = NULL) {
                Bdf bdf;

                if (!bdf_parse(entry->d_name, &bdf))
                        continue;
                int r = sweep_one(host, sweep, bdf, &text);
                add(&code, ret_message, r, text);
        }
        return code;
}
