/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The examination: runs the checks of all tables and collects their findings. */

#include "core/model/doctor_check.h"

#include <errno.h>

static const DoctorCheck *const tables[] = {
        doctor_iommu_checks,
        doctor_group_checks,
        doctor_kernel_checks,
};

Diagnosis *diagnosis_free(Diagnosis *diagnosis)
{
        if (diagnosis) {
                for (size_t i = 0; i < diagnosis->n_findings; i++)
                        free(diagnosis->findings[i].evidence);
                free(diagnosis->findings);
                free(diagnosis);
        }
        return NULL;
}

int doctor_examine(const DoctorCase *subject, Diagnosis **ret_diagnosis)
{
        _cleanup_(diagnosis_freep) Diagnosis *diagnosis = calloc(1, sizeof(*diagnosis));
        size_t n = 0;

        if (!diagnosis)
                return -ENOMEM;
        for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
                for (const DoctorCheck *check = tables[i]; check->id; check++)
                        n++;
        diagnosis->findings = calloc(n, sizeof(*diagnosis->findings));
        if (!diagnosis->findings)
                return -ENOMEM;
        for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
                for (const DoctorCheck *check = tables[i]; check->id; check++) {
                        DoctorFinding *finding = &diagnosis->findings[diagnosis->n_findings];

                        *finding = (DoctorFinding){
                                .id = check->id, .why = check->why, .what = "", .fix = ""};
                        if (!check->examine(subject, finding))
                                continue;
                        if (!finding->evidence)
                                return -ENOMEM;
                        diagnosis->n_findings++;
                }
        *ret_diagnosis = TAKE_PTR(diagnosis);
        return 0;
}

const char *doctor_level_to_string(DoctorLevel level)
{
        switch (level) {
        case DOCTOR_OK:
                return "ok";
        case DOCTOR_WARN:
                return "warn";
        case DOCTOR_FAIL:
                return "fail";
        case DOCTOR_UNKNOWN:
        case _DOCTOR_LEVEL_N:
                break;
        }
        return "unknown";
}
