/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The record of reserved devices: those whose driver_override is ours, and the rules that reserve
 * them.
 *
 * The file is written before a device is touched, so an undo finds all that was done, and nothing
 * else.
 */

#include <stdbool.h>

#include "core/model/base.h"
#include "core/model/bdf.h"

#define RESERVE_RECORD_NAME "reserved"

typedef struct ReservedDevice {
        Bdf bdf;
        char *rule;   /* origin of the rule that reserves it */
        bool is_new;  /* not in the file that was read */
        bool is_gone; /* left out when the record is written */
} ReservedDevice;

typedef struct ReserveRecord {
        ReservedDevice *devices;
        size_t n_devices;
} ReserveRecord;

/* Frees the content of the record, but not the record. */
void reserve_record_deinit(ReserveRecord *record);
static inline void reserve_record_deinitp(ReserveRecord *record)
{
        reserve_record_deinit(record);
}

/*
 * Finds the entry of a device that is not gone, or NULL; borrowed until the next
 * reserve_record_add().
 */
ReservedDevice *reserve_record_find(const ReserveRecord *record, Bdf bdf);

/* Adds a device, or changes the rule of one that is there. Returns 0 or -ENOMEM. */
_nodiscard_ int reserve_record_add(ReserveRecord *record, Bdf bdf, const char *rule);

/*
 * Reads the record in an open directory into an empty `record`; without a file it stays empty.
 * Returns 0, -EBADMSG if the file is invalid (it is renamed to "reserved.rejected"), or -errno.
 */
_nodiscard_ int reserve_record_load(int directory, ReserveRecord *record);

/* Replaces the file; removes it if the record is empty. Returns 0 or -errno. */
_nodiscard_ int reserve_record_save(int directory, const ReserveRecord *record);
