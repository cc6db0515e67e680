/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Checks whether a host can keep devices apart: turns facts into findings.
 *
 * Each check is about one condition of isolation, and gives one finding with its evidence, why it
 * matters and how to fix it. A check that does not apply to a machine gives no finding. UNKNOWN is
 * a level of its own: a check that could not be made never counts as passed.
 */

#include <stdint.h>

#include "core/model/base.h"
#include "core/model/compare.h"
#include "core/model/groups.h"
#include "core/model/memlock.h"
#include "core/model/snapshot.h"

typedef enum DoctorLevel {
        DOCTOR_UNKNOWN = 0,
        DOCTOR_OK,
        DOCTOR_WARN, /* weaker than possible, or partly not working */
        DOCTOR_FAIL, /* devices are not isolated, or cannot be leased */
        _DOCTOR_LEVEL_N,
} DoctorLevel;

typedef enum DoctorModule {
        DOCTOR_MODULE_VFIO_PCI,
        DOCTOR_MODULE_TYPE1, /* vfio_iommu_type1 */
        DOCTOR_MODULE_IOMMUFD,
        _DOCTOR_MODULE_N,
} DoctorModule;

/* Parameters of modules that reduce isolation. */
typedef enum DoctorParameter {
        DOCTOR_TYPE1_UNSAFE,   /* vfio_iommu_type1.allow_unsafe_interrupts */
        DOCTOR_IOMMUFD_UNSAFE, /* iommufd.allow_unsafe_interrupts */
        DOCTOR_NOIOMMU,        /* vfio.enable_unsafe_noiommu_mode */
        _DOCTOR_PARAMETER_N,
} DoctorParameter;

typedef struct DoctorSwitch {
        Tristate loaded;     /* the value of the loaded module */
        Tristate configured; /* the value that modprobe sets: modprobe.d(5) */
} DoctorSwitch;

typedef enum DoctorLockdown {
        DOCTOR_LOCKDOWN_UNKNOWN = 0,
        DOCTOR_LOCKDOWN_NONE,
        DOCTOR_LOCKDOWN_INTEGRITY,
        DOCTOR_LOCKDOWN_CONFIDENTIALITY,
} DoctorLockdown;

/* Intel VT-d Specification 8.1, DMA Remapping Reporting Structure: flags. */
enum {
        DMAR_INTR_REMAP = 0x01,
        DMAR_X2APIC_OPT_OUT = 0x02,
        DMAR_PLATFORM_OPT_IN = 0x04, /* DMA_CTRL_PLATFORM_OPT_IN_FLAG */
};

/* Facts that the snapshot lacks; all zero means all unknown. */
typedef struct DoctorFacts {
        Tristate groups_told; /* the source shows the kernel's groups, if there are any */
        Tristate modules[_DOCTOR_MODULE_N]; /* loaded, built in, or available */
        DoctorSwitch parameters[_DOCTOR_PARAMETER_N];
        DoctorLockdown lockdown;
        Tristate dmar;      /* firmware has this table (Intel) */
        Tristate dmar_read; /* the next is valid */
        uint8_t dmar_flags;
        Tristate ivrs_opt_in;        /* AMD's table says that firmware blocks DMA */
        Tristate external_ports;     /* there is a Thunderbolt or USB4 domain */
        Tristate external_protected; /* all of them report protection by the IOMMU */
        bool is_live;                /* of this machine: the next field is valid */
        MemlockLimit memlock;
} DoctorFacts;

/* The machine to check. Borrowed. */
typedef struct DoctorCase {
        const Snapshot *snapshot;     /* with its traits, if known */
        const Partition *observed;    /* its partition */
        const Comparison *comparison; /* of its partitions */
        const DoctorFacts *facts;
} DoctorCase;

typedef struct DoctorFinding {
        const char *id;
        DoctorLevel level;
        const char *what; /* a few words */
        char *evidence;   /* a sentence. Owned. */
        const char *why;  /* it matters */
        const char *fix;  /* "" if no fix is needed */
} DoctorFinding;

typedef struct Diagnosis {
        DoctorFinding *findings; /* in the order of the checks. Owned. */
        size_t n_findings;
} Diagnosis;

/* Runs all checks. Returns 0 or -ENOMEM; the caller frees *ret. */
_nodiscard_ int doctor_examine(const DoctorCase *subject, Diagnosis **ret_diagnosis);

Diagnosis *diagnosis_free(Diagnosis *diagnosis);
DEFINE_CLEANUP(Diagnosis *, diagnosis_free);

/* "unknown", "ok", "warn", "fail". */
const char *doctor_level_to_string(DoctorLevel level);

/* The kernel's name of a module, and the names of a parameter and its module. */
const char *doctor_module_name(DoctorModule module);
void doctor_parameter_name(DoctorParameter parameter, const char **ret_module,
                           const char **ret_name);

/*
 * Is this line of modules.dep or modules.builtin about the module? In module names, - and _ are
 * equal.
 */
bool doctor_line_is_module(const char *line, const char *module);

/*
 * Whether a line of modprobe.d(5) switches a parameter on (YES) or off (NO); UNKNOWN if it is not
 * about it.
 */
Tristate doctor_line_sets(const char *line, const char *module, const char *parameter);
