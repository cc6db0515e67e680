/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each type is read, compared, written, and read back. This may be repeated. */

#include <errno.h>
#include <string.h>

#include "daemon/host/iommu_group.h"
#include "daemon/lease/types.h"

static int set_type(const HostPaths *host, const LeaseGroup *group, const char *type,
                    char **ret_message)
{
        _cleanup_(freep) char *now = NULL;

        int r = iommu_group_read_type(host, group->number, &now);
        if (r < 0 || strcmp(now, type) == 0)
                return r;
        return iommu_group_write_type(host, group->number, type, ret_message);
}

int lease_types_set(const HostPaths *host, const LeaseRecord *record, char **ret_message)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < record->n_groups; i++)
                if (record->groups[i].type[0])
                        r = set_type(host, &record->groups[i], record->groups[i].type, ret_message);
        return r;
}

int lease_types_restore(const HostPaths *host, const LeaseRecord *record, char **ret_message)
{
        int first = 0;

        for (size_t i = 0; i < record->n_groups; i++) {
                const LeaseGroup *group = &record->groups[i];
                _cleanup_(freep) char *message = NULL;

                if (!group->type_before[0])
                        continue;
                int r = set_type(host, group, group->type_before, &message);
                host_keep_first(r, &message, &first, ret_message);
        }
        return first;
}
