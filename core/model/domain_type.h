/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The type of a group's default domain, which has its devices while nobody owns the group: the
 * types that the kernel accepts, and when.
 *
 * A change from DMA to DMA-FQ is always possible. Every other change needs a group without an
 * owner and without drivers that use the kernel's DMA API. Before 6.5 the group must have only one
 * device, without any driver. Devices that the platform does not trust stay at DMA (kernel-facts
 * 5).
 */

#include "core/model/groups.h"
#include "core/model/refusal.h"

typedef enum DomainType {
        DOMAIN_TYPE_NONE = 0,
        DOMAIN_TYPE_IDENTITY, /* no translation */
        DOMAIN_TYPE_DMA,      /* unmapped memory is unreachable at once */
        DOMAIN_TYPE_DMA_FQ,   /* unmapped memory is unreachable after a moment: faster */
        DOMAIN_TYPE_AUTO,     /* the kernel's choice */
        _DOMAIN_TYPE_N,
} DomainType;

/* "identity", "DMA", "DMA-FQ", "auto"; "" for NONE. */
const char *domain_type_to_string(DomainType type);

/* NONE for another text. */
DomainType domain_type_from_string(const char *text);

typedef struct DomainTypeChange {
        const Snapshot *snapshot;
        const Group *group;
        DomainType to;
        bool is_single_only; /* a kernel before 6.5 */
        bool is_unbound;     /* its devices will be unbound before the change */
} DomainTypeChange;

/*
 * Predicts whether the kernel accepts a change. Returns 0 if it knows no obstacle, a Refusal with
 * *ret_text (freed by the caller), or -ENOMEM.
 */
_nodiscard_ int domain_type_check(const DomainTypeChange *change, char **ret_text);
