/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The files of a kernel group: the type of its default domain, and its reserved regions.
 *
 * The kernel locks the group for both, and a change that hangs may hold that lock: for workers.
 */

#include "core/model/domain_type.h"
#include "daemon/host/helper.h"
#include "daemon/host/host.h"

/* Reads the type, as the kernel writes it. Returns 0 and *ret (freed by the caller) or -errno. */
_nodiscard_ int iommu_group_read_type(const HostPaths *host, int32_t group, char **ret_type);

/*
 * Sets the type and reads it back, through the privileged helper if there is one
 * (daemon/host/helper.h). Returns 0, REFUSAL_KERNEL_REFUSED with *ret_message, or -errno (-ENOENT:
 * there is no such group).
 */
_nodiscard_ int iommu_group_write_type(const HostPaths *host, int32_t group, const char *type,
                                       char **ret_message);

/*
 * Reads the reserved regions as the kernel writes them, lines of "0xstart 0xend kind". Returns 0
 * and *ret (freed by the caller), or -errno.
 */
_nodiscard_ int iommu_group_read_regions(const HostPaths *host, int32_t group, char **ret_text);

/* The helper's part: a task of the privileged helper that sets the type. */
int iommu_group_serve(const HostPaths *host, const HelperRequest *request, int fd, HelperReply *reply,
                      int *ret_fd);
