/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the daemon reports to the outside: the bus sets these callbacks and sends signals from them.
 *
 * Each may be NULL. Their arguments are borrowed for the call.
 */

#include "core/model/fault.h"
#include "core/model/guard.h"
#include "daemon/host/holders.h"
#include "daemon/lease/record.h"

typedef struct Lease Lease;

typedef enum Change {
        CHANGE_ADDED,
        CHANGE_REMOVED,
        CHANGE_CHANGED,
} Change;

typedef struct LedgerObserver {
        void (*device)(Change change, const char *address, void *userdata);
        void (*group)(Change change, const char *id, void *userdata);
        void (*lease)(Change change, uint32_t id, void *userdata);
        void (*joined)(const Lease *lease, Bdf bdf, bool in_address_space, void *userdata);
        void (*lost)(const Lease *lease, Bdf bdf, const char *cause, void *userdata);
        /*
         * `difference` from the device that was lost there, "" if it is the same; `taken`: the
         * lease has the device again, else the device is blocked.
         */
        void (*returned)(const Lease *lease, Bdf bdf, const char *difference, bool taken,
                         void *userdata);
        void (*pf_changed)(const Lease *lease, Bdf pf, const char *cause, void *userdata);
        void (*weakened)(const Lease *lease, GuardLayer layer, void *userdata);
        void (*breached)(const Lease *lease, Bdf bdf, const char *driver, GuardLayer layer,
                         void *userdata);
        void (*fault)(const Lease *lease, const LeaseDevice *device, const IommuFault *fault,
                      void *userdata);
        void (*revoked)(const Lease *lease, unsigned grace_seconds, void *userdata);
        void (*second_holder)(const Lease *lease, const Holder *holder, void *userdata);
        void (*policy)(void *userdata); /* the policy files are refused, or accepted again */
        /* A lease or a waiter ends with this name on the bus: names_forget() reports its end. */
        void (*needs_name)(const char *name, void *userdata);
        void *userdata;
} LedgerObserver;
