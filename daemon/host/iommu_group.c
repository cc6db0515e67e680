/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * /sys/kernel/iommu_groups/N (kernel-facts 5). Writing a type needs CAP_SYS_ADMIN and
 * CAP_SYS_RAWIO.
 */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "daemon/host/iommu_group.h"

#define GROUP_TYPE "%s/kernel/iommu_groups/%" PRId32 "/type"

int iommu_group_read_type(const HostPaths *host, int32_t group, char **ret_type)
{
        return host_read_at(ret_type, GROUP_TYPE, host->sysfs, group);
}

/* The meaning of an errno that the kernel returns for the type of a group. */
static const char *explain(int error)
{
        switch (error) {
        case -EACCES:
                return "it wants CAP_SYS_ADMIN and CAP_SYS_RAWIO";
        case -EPERM:
        case -EBUSY:
                return "a driver or somebody else uses the group";
        case -EINVAL:
                return "a driver, the firmware or memory encryption demands another type, or the "
                       "IOMMU has none such";
        default:
                return strerror(-error);
        }
}

static int write_type(const HostPaths *host, int32_t group, const char *type, char **ret_message)
{
        _cleanup_(freep) char *now = NULL;

        int w = host_write_at(type, GROUP_TYPE, host->sysfs, group);
        int r = iommu_group_read_type(host, group, &now);
        if (r < 0)
                return r;
        if (w < 0)
                return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                                   "kernel group %" PRId32 " stays at type %s: the kernel refuses "
                                   "%s: %s",
                                   group, now, type, explain(w));
        if (strcmp(now, type) == 0 || strcmp(type, domain_type_to_string(DOMAIN_TYPE_AUTO)) == 0)
                return 0;
        return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                           "kernel group %" PRId32 " reads type %s after %s was written", group,
                           now, type);
}

int iommu_group_write_type(const HostPaths *host, int32_t group, const char *type,
                           char **ret_message)
{
        HelperRequest request = {.task = HELPER_SET_TYPE, .group = group};
        HelperReply reply;

        (void)snprintf(request.text, sizeof(request.text), "%s", type);
        int r = helper_have_done(host, HELPER_SET, iommu_group_serve, &request, -1, &reply);
        return r > 0 ? host_refuse(r, ret_message, "%s", reply.message) : r;
}

int iommu_group_serve(const HostPaths *host, const HelperRequest *request, int fd,
                      HelperReply *reply, int *ret_fd)
{
        _cleanup_(freep) char *message = NULL;

        int r = write_type(host, request->group, request->text, &message);
        (void)snprintf(reply->message, sizeof(reply->message), "%s", message ? message : "");
        return r;
}

int iommu_group_read_regions(const HostPaths *host, int32_t group, char **ret_text)
{
        return host_read_at(ret_text, "%s/kernel/iommu_groups/%" PRId32 "/reserved_regions",
                            host->sysfs, group);
}
