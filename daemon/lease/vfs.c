/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A VF of a device other than a network card has no settings, so nothing is noted or restored. */

#include <errno.h>
#include <string.h>

#include "daemon/host/vf_settings.h"
#include "daemon/lease/vfs.h"

int lease_vfs_save(const HostPaths *host, LeaseRecord *record, bool *ret_changed,
                   char **ret_message)
{
        char text[BDF_TEXT_SIZE];

        *ret_changed = false;
        for (size_t i = 0; i < record->n_vfs; i++) {
                LeaseVf *vf = &record->vfs[i];

                int r = vf_settings_read(host, vf->bdf, &vf->settings);
                if (r < 0)
                        return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                                           "%s: MAC, VLAN and the like, which giving it back "
                                           "restores, cannot be read: %s",
                                           bdf_format(vf->bdf, text), strerror(-r));
                *ret_changed |= r == 0;
        }
        return 0;
}

int lease_vfs_restore(const HostPaths *host, const LeaseRecord *record, char **ret_message)
{
        int first = 0;

        for (size_t i = 0; i < record->n_vfs; i++) {
                const LeaseVf *vf = &record->vfs[i];
                const LeaseDevice *device = lease_record_find(record, vf->bdf);
                _cleanup_(freep) char *message = NULL;

                if (!device || !lease_record_has_hold(record, device))
                        continue;
                int r = vf_settings_restore(host, vf->bdf, &vf->settings, &message);
                if (r == 0 || first != 0)
                        continue;
                first = r;
                *ret_message = TAKE_PTR(message);
        }
        return first;
}
