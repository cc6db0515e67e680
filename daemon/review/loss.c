/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reports what a lease has lost, with the cause.
 *
 * A loss counts at once, for the guard and for the record. It is reported when two readings agree
 * on it, since the kernel removes virtual functions one by one. If more losses may follow, as when
 * a driver is unbound before its device is removed, it is reported when it still holds a little
 * later, or when the device is back.
 */

#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/guard/seal.h"
#include "daemon/review/review_internal.h"

/* How long to wait for a device that may be about to be removed. */
#define LEAVING_USEC 900000ULL

/*
 * Finds the loss. `place` is filled if the device was a VF that is not on record as one: a joiner.
 */
static Loss loss_of(const Lease *lease, Bdf bdf, VfPlace *place)
{
        const Ledger *ledger = lease->ledger;
        const LeaseVf *vf = lease_record_find_vf(lease->record, bdf);
        Loss loss = {
                .bdf = bdf,
                .place = vf ? &vf->place : NULL,
                .before = ledger->before ? ledger->before->snapshot : NULL,
                .now = ledger->world->snapshot,
        };
        size_t index = loss.before ? snapshot_find(loss.before, bdf) : SNAPSHOT_NONE;

        if (!vf && index != SNAPSHOT_NONE && vf_place_find(loss.before, index, place))
                loss.place = place;
        return loss;
}

void loss_mark(LeaseDevice *device)
{
        device->lost = device->loss.untold = true;
        device->loss.usec = clock_usec(CLOCK_MONOTONIC);
        device->loss.given_up = false;
}

void loss_report(Lease *lease, LeaseDevice *device)
{
        const LedgerObserver *observer = &lease->ledger->observer;
        VfPlace place;
        const Loss loss = loss_of(lease, device->bdf, &place);
        _cleanup_(freep) char *cause = loss_describe(&loss);
        char text[BDF_TEXT_SIZE];

        if (!device->loss.untold)
                return;
        device->loss.untold = false;
        device->loss.recreate = loss_find_cause(&loss) == LOSS_NUMVFS;
        /* Somebody who unbinds a driver by hand wants it to stay unbound. */
        device->loss.given_up = loss_find_cause(&loss) == LOSS_DRIVER;
        log_notice("lease %u: %s is %s: %s", lease->record->id, bdf_format(device->bdf, text),
                   device->loss.given_up ? "lost to its owner" : "gone from the machine",
                   cause ? cause : "");
        if (observer->lost)
                observer->lost(lease, device->bdf, cause ? cause : "", observer->userdata);
}

static bool is_here(const LeaseRecord *record, Bdf bdf)
{
        const LeaseDevice *device = lease_record_find(record, bdf);

        return device && !device->lost;
}

/* Whether this VF is here, and is the first one of its PF. Each PF is reported once. */
static bool is_first_of_pf(const LeaseRecord *record, size_t i)
{
        for (size_t k = 0; k < i; k++)
                if (bdf_equal(record->vfs[k].place.pf, record->vfs[i].place.pf) &&
                    is_here(record, record->vfs[k].bdf))
                        return false;
        return is_here(record, record->vfs[i].bdf);
}

static void report_pfs(const Lease *lease)
{
        const LedgerObserver *observer = &lease->ledger->observer;
        const LeaseRecord *record = lease->record;

        for (size_t i = 0; i < record->n_vfs; i++) {
                const Loss loss = loss_of(lease, record->vfs[i].bdf, NULL);
                _cleanup_(freep) char *text = NULL;

                if (!is_first_of_pf(record, i))
                        continue;
                int r = loss_describe_pf(&loss, &text);
                if (r < 0)
                        log_broken(r);
                if (!text)
                        continue;
                log_notice("lease %u: %s", record->id, text);
                if (observer->pf_changed)
                        observer->pf_changed(lease, record->vfs[i].place.pf, text,
                                             observer->userdata);
        }
}

void loss_report_all(Lease *lease)
{
        LeaseRecord *record = lease->record;
        VfPlace place;

        report_pfs(lease);
        for (size_t i = 0; i < record->n_devices; i++) {
                const Loss loss = loss_of(lease, record->devices[i].bdf, &place);

                if (!record->devices[i].loss.untold)
                        continue;
                /* A joiner that was held has no VF record in which to wait. */
                if (loss.place != &place && !loss_is_settled(&loss))
                        ledger_read_soon(lease->ledger);
                else if (loss.place != &place && !loss_is_final(&loss) &&
                         clock_usec(CLOCK_MONOTONIC) - record->devices[i].loss.usec < LEAVING_USEC)
                        ledger_read_later(lease->ledger);
                else
                        loss_report(lease, &record->devices[i]);
        }
}
