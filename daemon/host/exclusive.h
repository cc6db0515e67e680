/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Has the kernel given a block device to somebody for exclusive use?
 *
 * Whoever mounts a disk, in whatever namespace, has it as one of several of a file system, or
 * exports it, has claimed it. No file of /sys or /proc tells of that; an open(2) with O_EXCL fails.
 * The daemon may open no disk, so that an aide does it: it is handed the node, which the daemon can
 * name without opening it, and opens nothing but block devices, to read.
 */

#include <sys/types.h>

#include "daemon/host/helper.h"

enum {
        EXCLUSIVE_TAKEN = 1,
};

/*
 * Asks for the block device that sysfs calls `name`. Returns EXCLUSIVE_TAKEN, 0 if nobody has it or
 * it is not there to be had, or -errno if that cannot be told. It may wait for a slow disk: for a
 * worker.
 */
_nodiscard_ int exclusive_look(const HostPaths *host, const char *name, dev_t number);

/* The aide's part (AideServe): `fd` is the node, as of O_PATH. The reply's code is as above. */
int exclusive_serve(const HostPaths *host, const HelperRequest *request, int fd, HelperReply *reply,
                    int *ret_fd);
