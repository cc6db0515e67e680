/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Writes what happens to leases to the kernel's audit, besides the journal, for machines whose
 * audit has to be complete. Writing needs CAP_AUDIT_WRITE, so a privileged helper does it.
 */

#include "daemon/host/helper.h"

#define KERNEL_AUDIT_TEXT_MAX 8192

/*
 * Records a text (core/model/audit.h). Does not wait. Reports nothing, even if there is no audit.
 */
void kernel_audit_tell(const HostPaths *host, const char *text);

/* The helper's part: a task of the privileged helper. */
int kernel_audit_serve(const HostPaths *host, const HelperRequest *request, int fd, HelperReply *reply,
                       int *ret_fd);
