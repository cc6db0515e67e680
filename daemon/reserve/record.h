/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What was reserved: the devices whose driver_override is ours, and the rules that asked for it.
 *
 * The file is on disk before a device is touched, so that undoing finds all that was done, and
 * nothing else.
 */

#include <stdbool.h>

#include "core/model/base.h"
#include "core/model/bdf.h"

#define RESERVE_RECORD_NAME "reserved"

typedef struct ReservedDevice {
        Bdf bdf;
        char *rule;   /* origin of the rule that reserves it */
        bool is_new;  /* not on the file that was read */
        bool is_gone; /* left out when the record is written */
} ReservedDevice;

typedef struct ReserveRecord {
        ReservedDevice *devices;
        size_t n_devices;
} ReserveRecord;

/* Frees what the record holds, not the record. */
void reserve_record_deinit(ReserveRecord *record);
static inline void reserve_record_deinitp(ReserveRecord *record)
{
        reserve_record_deinit(record);
}

/* The entry of a device that is not gone, or NULL; borrowed until the next reserve_record_add(). */
ReservedDevice *reserve_record_find(const ReserveRecord *record, Bdf bdf);

/* Adds a device, or gives the one that is there another rule. Returns 0 or -ENOMEM. */
_nodiscard_ int reserve_record_add(ReserveRecord *record, Bdf bdf, const char *rule);

/* Text of a record, and back. The second returns 0, -EBADMSG for anything but such a text, or
 * -ENOMEM; `record` is to be empty. */
_nodiscard_ int reserve_record_to_json(const ReserveRecord *record, char **ret_text);
_nodiscard_ int reserve_record_from_json(const char *text, ReserveRecord *record);

/*
 * Reads the record in an open directory into an empty `record`; none is an empty one. Returns 0,
 * -EBADMSG if it makes no sense (it is renamed to "reserved.rejected" then), or -errno.
 */
_nodiscard_ int reserve_record_load(int directory, ReserveRecord *record);

/* Replaces the file; an empty record has none. Returns 0 or -errno. */
_nodiscard_ int reserve_record_save(int directory, const ReserveRecord *record);
