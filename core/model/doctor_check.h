/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A check of the doctor: a row with its id and why it matters, and a function that examines the
 * machine.
 */

#include "core/model/doctor.h"

typedef struct DoctorCheck {
        const char *id;
        const char *why;
        /* Fills level, what, evidence and fix; returns false if this does not apply here. */
        bool (*examine)(const DoctorCase *subject, DoctorFinding *finding);
} DoctorCheck;

/* NULL-terminated by id, in the order of the findings. */
extern const DoctorCheck doctor_iommu_checks[], doctor_group_checks[], doctor_kernel_checks[];

/*
 * Fills a finding; returns true. If memory is short, evidence is NULL, which doctor_examine()
 * reports.
 */
_printf_(5, 6) bool doctor_answer(DoctorFinding *finding, DoctorLevel level, const char *what,
                                  const char *fix, const char *format, ...);

/* "a, b, c and 3 more". */
#define DOCTOR_NAMES_SHOWN 4
typedef struct DoctorNames {
        char *text; /* owned; NULL if there is none, or memory is short */
        size_t n;
} DoctorNames;

void doctor_names_add(DoctorNames *names, const char *name);
/* Ends the list and returns its text; "" if it is empty. Add no names after this. */
const char *doctor_names_end(DoctorNames *names);
void doctor_names_clear(DoctorNames *names);

/* The number of functions in kernel groups. */
size_t doctor_n_covered(const Snapshot *snapshot);

/* Reads major, minor and patch version; false if the release has another form. */
typedef struct DoctorVersion {
        unsigned major, minor, patch;
} DoctorVersion;
bool doctor_version(const Snapshot *snapshot, DoctorVersion *ret);
bool doctor_version_is(const DoctorVersion *version, unsigned major, unsigned minor);

/* The first word of the kernel's command line with this prefix, for "%.*s"; NULL if none. */
const char *doctor_word(const Snapshot *snapshot, const char *begin, int *ret_n);
