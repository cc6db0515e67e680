/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The ports that lead into a group come from the kernel's own search (core/model/guard.h). */

#include "daemon/guard/seal_record.h"

#include "core/model/guard.h"
#include "core/model/loss.h"
#include "daemon/guard/seal.h"

int seal_record_slot(const HostPaths *host, LeaseRecord *record, Bdf port)
{
        _cleanup_(freep) char *service = NULL;

        int r = seal_find_slot(host, port, &service);
        if (r < 0 || !service || lease_record_has_change(record, LEASE_CHANGE_SEAL, service))
                return r;
        return lease_record_add_change(record, LEASE_CHANGE_SEAL, service);
}

int seal_record_slots(const HostPaths *host, const Snapshot *snapshot, LeaseRecord *record)
{
        int r = 0;

        for (size_t i = 0; r == 0 && !lease_mode_claims(record->mode) && i < record->n_groups;
             i++) {
                _cleanup_(freep) size_t *ports = NULL;
                size_t n = 0;

                r = guard_find_ports(snapshot, record->groups[i].number, &ports, &n);
                for (size_t k = 0; r == 0 && k < n; k++)
                        r = seal_record_slot(host, record, snapshot->devices[ports[k]].bdf);
        }
        return r;
}

int seal_record_vf(const HostPaths *host, const Snapshot *snapshot, LeaseRecord *record,
                   const PciDevice *device)
{
        LeaseVf vf = {.bdf = device->bdf, .group = device->kernel_group};
        size_t index = snapshot_find(snapshot, device->bdf);
        char text[BDF_TEXT_SIZE];

        if (!vf_place_find(snapshot, index, &vf.place))
                return 0;
        int r = lease_record_add_vf(record, &vf);
        (void)bdf_format(vf.place.pf, text);
        if (r == 0 && vf_place_is_shared(snapshot, index) &&
            !lease_record_has_change(record, LEASE_CHANGE_VFS, text) &&
            seal_finds_vfs(host, vf.place.pf))
                r = lease_record_add_change(record, LEASE_CHANGE_VFS, text);
        return r;
}
