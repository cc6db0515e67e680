/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Building, finding and freeing lease records; their enums as words.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lease/record.h"
#include "daemon/base/array.h"

static const char *const state_names[_LEASE_STATE_N] = {
        [LEASE_PREPARING] = "preparing",     [LEASE_LEASED] = "leased",
        [LEASE_RELEASING] = "releasing",     [LEASE_DRAINING] = "draining",
        [LEASE_QUARANTINED] = "quarantined",
};

static const char *const lifetime_names[_LEASE_LIFETIME_N] = {
        [LEASE_LIFETIME_FD] = "fd",
        [LEASE_LIFETIME_PERSISTENT] = "persistent",
        [LEASE_LIFETIME_CONNECTION] = "connection",
};

const char *lease_state_to_string(LeaseState state)
{
        return state_names[state];
}

const char *lease_lifetime_to_string(LeaseLifetime lifetime)
{
        return lifetime_names[lifetime];
}

bool lease_lifetime_from_string(const char *text, LeaseLifetime *ret)
{
        for (int i = 0; i < _LEASE_LIFETIME_N; i++)
                if (strcmp(lifetime_names[i], text) == 0) {
                        *ret = (LeaseLifetime)i;
                        return true;
                }
        return false;
}

int lease_record_new(LeaseRecord **ret_record)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = calloc(1, sizeof(*record));
        if (!record)
                return -ENOMEM;
        /* The value until it is known better: older records lack this field. */
        record->condition.handed_out = true;
        record->terms.revoke_grace = POLICY_GRACE_DEFAULT;
        record->owner.unit = strdup("");
        record->terms.rule = strdup("");
        if (!record->owner.unit || !record->terms.rule)
                return -ENOMEM;
        *ret_record = TAKE_PTR(record);
        return 0;
}

LeaseRecord *lease_record_free(LeaseRecord *record)
{
        if (!record)
                return NULL;
        for (size_t i = 0; i < record->n_groups; i++)
                free(record->groups[i].id);
        for (size_t i = 0; i < record->n_devices; i++) {
                free(record->devices[i].before.driver);
                free(record->devices[i].before.override);
        }
        lease_record_drop_fd_names(record, 0);
        lease_record_drop_changes(record, 0);
        free(record->changes);
        free(record->vfs);
        free(record->groups);
        free(record->devices);
        free(record->fd_names);
        free(record->owner.unit);
        free(record->terms.rule);
        free(record->condition.trouble);
        free(record->condition.breach);
        free(record);
        return NULL;
}

int lease_record_add_group(LeaseRecord *record, int32_t number, const char *id)
{
        if (record->n_groups >= LEASE_GROUPS_MAX)
                return -E2BIG;
        char *copy = ARRAY_GROW(record->groups, record->n_groups) ? strdup(id) : NULL;
        if (!copy)
                return -ENOMEM;
        record->groups[record->n_groups++] = (LeaseGroup){.number = number, .id = copy};
        return 0;
}

int lease_record_add_device(LeaseRecord *record, Bdf bdf, LeaseRole role, const char *driver_before,
                            const char *override_before)
{
        if (record->n_devices >= LEASE_DEVICES_MAX)
                return -E2BIG;
        _cleanup_(freep) char *driver = strdup(driver_before);
        _cleanup_(freep) char *override = strdup(override_before);
        if (!driver || !override || !ARRAY_GROW(record->devices, record->n_devices))
                return -ENOMEM;
        record->devices[record->n_devices++] = (LeaseDevice){
                .bdf = bdf,
                .role = role,
                .driver = LEASE_DRIVER,
                .before.driver = TAKE_PTR(driver),
                .before.override = TAKE_PTR(override),
        };
        return 0;
}

int lease_record_add_fd_name(LeaseRecord *record, const char *name)
{
        char *copy = ARRAY_GROW(record->fd_names, record->n_fd_names) ? strdup(name) : NULL;
        if (!copy)
                return -ENOMEM;
        record->fd_names[record->n_fd_names++] = copy;
        return 0;
}

int lease_record_add_change(LeaseRecord *record, LeaseChangeKind kind, const char *place)
{
        if (record->n_changes >= LEASE_CHANGES_MAX)
                return -E2BIG;
        char *copy = ARRAY_GROW(record->changes, record->n_changes) ? strdup(place) : NULL;
        if (!copy)
                return -ENOMEM;
        record->changes[record->n_changes++] = (LeaseChange){.kind = kind, .place = copy};
        return 0;
}

int lease_record_add_vf(LeaseRecord *record, const LeaseVf *vf)
{
        if (record->n_vfs >= LEASE_DEVICES_MAX)
                return -E2BIG;
        if (!ARRAY_GROW(record->vfs, record->n_vfs))
                return -ENOMEM;
        record->vfs[record->n_vfs++] = *vf;
        return 0;
}

LeaseVf *lease_record_find_vf(const LeaseRecord *record, Bdf bdf)
{
        for (size_t i = 0; i < record->n_vfs; i++)
                if (bdf_equal(record->vfs[i].bdf, bdf))
                        return &record->vfs[i];
        return NULL;
}

bool lease_record_is_withheld(const LeaseRecord *record)
{
        return record->state == LEASE_QUARANTINED && record->condition.in_hand;
}

bool lease_record_is_in_hand(const LeaseRecord *record)
{
        return record->state == LEASE_LEASED || lease_record_is_withheld(record);
}

bool lease_record_has_hold(const LeaseRecord *record, const LeaseDevice *device)
{
        const LeaseVf *vf = device->lost ? lease_record_find_vf(record, device->bdf) : NULL;

        return !device->lost || device->owed || (vf && vf->returning);
}

bool lease_device_was_taken(const LeaseDevice *device)
{
        return device->role == LEASE_ROLE_TAKEN || device->owed;
}

int lease_record_put_change_first(LeaseRecord *record, LeaseChangeKind kind, const char *place)
{
        if (lease_record_has_change(record, kind, place))
                return 0;
        int r = lease_record_add_change(record, kind, place);
        if (r < 0)
                return r;
        LeaseChange added = record->changes[record->n_changes - 1];
        memmove(record->changes + 1, record->changes,
                (record->n_changes - 1) * sizeof(*record->changes));
        record->changes[0] = added;
        return 0;
}

void lease_record_drop_changes(LeaseRecord *record, size_t first)
{
        while (record->n_changes > first)
                free(record->changes[--record->n_changes].place);
}

void lease_record_drop_fd_names(LeaseRecord *record, size_t first)
{
        while (record->n_fd_names > first)
                free(record->fd_names[--record->n_fd_names]);
}

bool lease_record_has_change(const LeaseRecord *record, LeaseChangeKind kind, const char *place)
{
        for (size_t i = 0; i < record->n_changes; i++)
                if (record->changes[i].kind == kind && strcmp(record->changes[i].place, place) == 0)
                        return true;
        return false;
}

LeaseDevice *lease_record_find(const LeaseRecord *record, Bdf bdf)
{
        for (size_t i = 0; i < record->n_devices; i++)
                if (bdf_equal(record->devices[i].bdf, bdf))
                        return &record->devices[i];
        return NULL;
}

bool lease_record_has_group(const LeaseRecord *record, int32_t number)
{
        for (size_t i = 0; i < record->n_groups; i++)
                if (record->groups[i].number == number)
                        return true;
        return false;
}
