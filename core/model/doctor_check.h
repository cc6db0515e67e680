/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a check of the doctor is made of: a row with its id and why it matters, and a function that
 * looks at the case.
 */

#include "core/model/doctor.h"

typedef struct DoctorCheck {
        const char *id;
        const char *why;
        /* Fills level, what, evidence and fix; returns false if this does not apply here. */
        bool (*examine)(const DoctorCase *subject, DoctorFinding *finding);
} DoctorCheck;

/* NULL-terminated by id; in the order in which findings are told. */
extern const DoctorCheck doctor_iommu_checks[], doctor_group_checks[], doctor_kernel_checks[];

/* Fills a finding; returns true. Without memory there is no evidence, which doctor_examine() sees.
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
/* The text, for a sentence; "" if there is none. Nothing may be added then. */
const char *doctor_names_end(DoctorNames *names);
void doctor_names_clear(DoctorNames *names);

/* How many functions are in one of the kernel's groups. */
size_t doctor_n_covered(const Snapshot *snapshot);

/* Major and minor version and what comes third; false if the release does not begin so. */
typedef struct DoctorVersion {
        unsigned major, minor, patch;
} DoctorVersion;
bool doctor_version(const Snapshot *snapshot, DoctorVersion *ret);
bool doctor_version_is(const DoctorVersion *version, unsigned major, unsigned minor);

/* A word of the kernel's command line that begins so, up to its end, for "%.*s"; NULL if none. */
const char *doctor_word(const Snapshot *snapshot, const char *begin, int *ret_n);
