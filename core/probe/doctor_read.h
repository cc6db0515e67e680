/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the doctor asks beside the snapshot: firmware's tables, modules and their parameters, the
 * kernel's lockdown, Thunderbolt's domains, limits.
 */

#include "core/model/base.h"
#include "core/model/doctor.h"

/* Where to look; NULL is not looked at, and what it would have told is not known. */
typedef struct DoctorPaths {
        const char *sysfs;
        const char *modules;         /* /lib/modules; the release is put behind it */
        const char *const *modprobe; /* directories of modprobe.d(5), NULL-terminated */
        const char *proc;
} DoctorPaths;

/* This machine's. */
extern const DoctorPaths doctor_paths_live;

/*
 * Reads; `release` is of the kernel that the modules are of. What cannot be read is not known. Only
 * reads, wakes no device.
 */
void doctor_read(const DoctorPaths *paths, const char *release, DoctorFacts *ret_facts);
