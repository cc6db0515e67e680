/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Keeps host drivers off reserved devices, without a daemon.
 *
 * It runs once at boot, before any module is loaded, for all devices; then for each device that
 * udev sees appear. It does not unbind a device that has a driver already, unless the device has
 * just appeared. What was done is on record, and only that is undone.
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
        RESERVE_E_TROUBLE, /* not all is as the policy says; the log says what */
        RESERVE_E_NOTHING, /* nothing to reserve */
};

/*
 * Makes the machine match the policy: blocks reserved devices, lets in devices that are on record
 * and no longer reserved, and writes the udev rules. A policy with errors changes nothing. Returns
 * 0, RESERVE_E_TROUBLE, or -errno.
 */
_nodiscard_ int reserve_all(const ReservePlaces *places);

/*
 * The same for one device that has just appeared, while the udev rules are in force. Returns 0 if
 * it is blocked, RESERVE_E_NOTHING if it is not reserved, RESERVE_E_TROUBLE, or -errno.
 */
_nodiscard_ int reserve_arrived(const ReservePlaces *places, Bdf bdf);

/*
 * Whether a device is blocked, for an event about a device that was there before. reserve_all() has
 * decided about it, so this reads only the record, as there may be many such events. Returns 0,
 * RESERVE_E_NOTHING, or -errno.
 */
_nodiscard_ int reserve_present(const ReservePlaces *places, Bdf bdf);

/*
 * Undoes what is on record, and removes the udev rules. Returns 0, RESERVE_E_TROUBLE, or -errno.
 */
_nodiscard_ int reserve_undo(const ReservePlaces *places);

/*
 * Whether any rule reserves a device. Returns 0, RESERVE_E_NOTHING, RESERVE_E_TROUBLE (an error in
 * the policy), or -errno.
 */
_nodiscard_ int reserve_check(const ReservePlaces *places);
