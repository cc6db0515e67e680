/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The kernel's audit: a record there of what becomes of leases, beside the journal's, for machines
 * whose audit has to be complete. Writing one takes CAP_AUDIT_WRITE: an aide does it.
 */

#include "daemon/host/helper.h"

#define KERNEL_AUDIT_TEXT_MAX 8192

/* Has a text (core/model/audit.h) recorded. Does not wait, and tells nobody if there is no audit.
 */
void kernel_audit_tell(const HostPaths *host, const char *text);

/* The far side: a task of the aide's. */
int kernel_audit_serve(const HostPaths *host, const HelperRequest *request, int fd, HelperReply *reply,
                       int *ret_fd);
