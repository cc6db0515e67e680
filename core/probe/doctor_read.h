/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reads the doctor's facts that a snapshot lacks: firmware tables, modules and their parameters,
 * kernel lockdown, Thunderbolt domains, limits.
 */

#include "core/model/base.h"
#include "core/model/doctor.h"

/* The paths to read. A NULL path is skipped, and its facts are unknown. */
typedef struct DoctorPaths {
        const char *sysfs;
        const char *modules;         /* /lib/modules; the kernel release is appended */
        const char *const *modprobe; /* directories of modprobe.d(5), NULL-terminated */
        const char *proc;
} DoctorPaths;

/* This machine's. */
extern const DoctorPaths doctor_paths_live;

/*
 * Reads the facts; `release` is the kernel whose modules are read. Facts that cannot be read are
 * unknown. Wakes no device.
 */
void doctor_read(const DoctorPaths *paths, const char *release, DoctorFacts *ret_facts);
