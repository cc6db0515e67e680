/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Whether somebody has a block device for exclusive use.
 *
 * A process that mounts a disk, in any namespace, uses it as a further disk of a file system, or
 * exports it, claims it for exclusive use. No file of /sys or /proc shows that; an open(2) with
 * O_EXCL fails. The daemon may open no disk, so a privileged helper does it. The helper receives
 * the node, which the daemon can name without opening it, and opens only block devices, read-only.
 */

#include <sys/types.h>

#include "daemon/host/helper.h"

enum {
        EXCLUSIVE_TAKEN = 1,
};

/*
 * Checks the block device that sysfs calls `name`. Returns EXCLUSIVE_TAKEN, 0 if nobody has it or
 * it does not exist, or -errno if that is not known. May wait for a slow disk: for workers.
 */
_nodiscard_ int exclusive_look(const HostPaths *host, const char *name, dev_t number);

/*
 * The helper's part (HelperServe): `fd` is the node, opened with O_PATH. The reply's code is as
 * above.
 */
int exclusive_serve(const HostPaths *host, const HelperRequest *request, int fd, HelperReply *reply,
                    int *ret_fd);
