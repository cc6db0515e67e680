/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Keeping reserved devices from the host's drivers, with no daemon running.
 *
 * Once at boot, before any module is loaded, for all devices there are; then for each that udev
 * sees coming. A device that a driver has already is not torn away from it, unless it has only just
 * come. What was done is on record, and only that is undone.
 */

#include "core/model/base.h"
#include "core/probe/trust.h"
#include "daemon/host/host.h"

typedef struct ReservePlaces {
        HostPaths host;
        const char *policy[4];  /* directories, highest precedence first; ends in NULL */
        Trust trust;            /* who may write there */
        const char *runtime;    /* "/run/isolationd" */
        const char *udev_rules; /* "/run/udev/rules.d" */
        const char *program;    /* what udev's rules run: this one */
} ReservePlaces;

enum {
        _RESERVE_E_SUCCESS,
        RESERVE_E_TROUBLE, /* not all is as the policy wants it; what is not was said */
        RESERVE_E_NOTHING, /* nothing to reserve */
};

/*
 * Brings the machine to what the policy says: blocks what is reserved, lets in what is on record
 * and not reserved any more, writes udev's rules. A policy with mistakes leaves all as it is.
 * Returns 0, RESERVE_E_TROUBLE, or -errno.
 */
_nodiscard_ int reserve_all(const ReservePlaces *places);

/*
 * The same for one device that has just come, while udev's rules are in force. Returns 0 if it is
 * blocked, RESERVE_E_NOTHING if it is not to be, RESERVE_E_TROUBLE, or -errno.
 */
_nodiscard_ int reserve_arrived(const ReservePlaces *places, Bdf bdf);

/*
 * Is a device blocked? For one that udev tells of though it has been there: what was there was
 * judged by reserve_all(), so the record is all that is looked at; there may be many. Returns 0,
 * RESERVE_E_NOTHING, or -errno.
 */
_nodiscard_ int reserve_present(const ReservePlaces *places, Bdf bdf);

/* Undoes what is on record, and takes udev's rules away. Returns 0, RESERVE_E_TROUBLE, or -errno.
 */
_nodiscard_ int reserve_undo(const ReservePlaces *places);

/* Does any rule reserve anything? Returns 0, RESERVE_E_NOTHING, RESERVE_E_TROUBLE (a mistake), or
 * -errno. */
_nodiscard_ int reserve_check(const ReservePlaces *places);
