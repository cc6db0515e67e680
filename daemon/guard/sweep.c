/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The gate is opened first. The kernel handles functions that come after that; functions that came
 * before are visible here.
 */

#include "daemon/guard/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/probe/cleanup.h"
#include "daemon/guard/gate.h"
#include "daemon/host/block.h"
#include "daemon/host/driver.h"
#include "daemon/host/vfio.h"

typedef enum Side {
        SIDE_LEASED, /* in a leased group */
        SIDE_HOST,
        SIDE_UNSURE, /* being added or removed; another one may follow */
} Side;

/*
 * Tells whose a function is now. The kernel sets its group before the uevent, and clears it after
 * removing the file in /proc/bus/pci: a function with a file and without a group is in no group.
 */
static Side find_side(const HostPaths *host, const Sweep *sweep, Bdf bdf)
{
        int32_t number;

        int r = vfio_read_group(host, bdf, &number);
        if (r == -ENOENT)
                return sweep->n_groups == 0 || gate_has_added(host, bdf) ? SIDE_HOST : SIDE_UNSURE;
        if (r < 0)
                return SIDE_UNSURE;
        for (size_t i = 0; i < sweep->n_groups; i++)
                if (sweep->groups[i] == number)
                        return SIDE_LEASED;
        return SIDE_HOST;
}

/* Refuses because the group of a function is not known, unless the function is gone. */
static int refuse_unsure(const HostPaths *host, Bdf bdf, char **ret_message)
{
        _cleanup_(freep) char *driver = NULL;
        char text[BDF_TEXT_SIZE];

        int r = driver_read(host, bdf, &driver);
        return r < 0 ? r
                     : host_refuse(REFUSAL_CHANGED, ret_message, "%s is being added or removed",
                                   bdf_format(bdf, text));
}

/* Clears our override, and makes the kernel match a driver if there was one. */
static int unblock(const HostPaths *host, const Sweep *sweep, Bdf bdf, char **ret_message)
{
        _cleanup_(freep) char *override = NULL, *driver = NULL;

        int r = driver_override_read(host, bdf, &override);
        if (r < 0 || strcmp(override, BLOCK_OVERRIDE) != 0)
                return r;
        switch (find_side(host, sweep, bdf)) {
        case SIDE_LEASED:
                return 0;
        case SIDE_UNSURE:
                return refuse_unsure(host, bdf, ret_message);
        case SIDE_HOST:
                break;
        }
        r = block_undo(host, bdf, ret_message);
        return r != 0 ? r : gate_let_in(host, bdf, true, &driver);
}

/*
 * Lets in a function that came while the gate was shut. Functions that are just being added are
 * handled elsewhere.
 */
static int let_in(const HostPaths *host, const Sweep *sweep, Bdf bdf)
{
        _cleanup_(freep) char *driver = NULL;
        char path[PATH_MAX];

        int r = place_of(host, bdf, path);
        /* Opening the gate gives up the places, so functions in them are let in too. */
        if (r < 0 || (!sweep->open_gate && places_contain(&sweep->former->places, path)) ||
            find_side(host, sweep, bdf) != SIDE_HOST)
                return r;
        return gate_let_in(host, bdf, false, &driver);
}

/* Sweeps one of all functions. */
static int sweep_one(const HostPaths *host, const Sweep *sweep, Bdf bdf, char **ret_message)
{
        int r = sweep->every_override ? unblock(host, sweep, bdf, ret_message) : 0;
        WatchFunction function;

        if (r != 0 || !sweep->former)
                return r;
        r = watchfile_find_function(host, bdf, &function);
        return r < 0 || watchfile_knows(sweep->former, &function) ? r : let_in(host, sweep, bdf);
}

static int open_gate(const HostPaths *host, char **ret_message)
{
        _cleanup_(closep) int lock = -1;

        int r = gate_lock(host, &lock);
        return r < 0 ? r : gate_write(host, true, ret_message);
}

int sweep_run(const HostPaths *host, const Sweep *sweep, char **ret_message)
{
        int code = 0;

        *ret_message = NULL;
        if (sweep->open_gate) {
                int r = open_gate(host, ret_message);
                if (r != 0)
                        return r;
        }
        for (size_t i = 0; i < sweep->n_strays; i++) {
                _cleanup_(freep) char *message = NULL;

                int r = unblock(host, sweep, sweep->strays[i], &message);
                host_keep_first(r, &message, &code, ret_message);
        }
        if (!sweep->every_override && !sweep->former)
                return code;

        _cleanup_(closedirp) DIR *dir = host_open_directory("%s/bus/pci/devices", host->sysfs);
        if (!dir)
                return -errno;
        for (struct dirent *entry; (entry = readdir(dir));) {
                _cleanup_(freep) char *message = NULL;
                Bdf bdf;

                if (!bdf_parse(entry->d_name, &bdf))
                        continue;
                int r = sweep_one(host, sweep, bdf, &message);
                host_keep_first(r, &message, &code, ret_message);
        }
        return code;
}
