/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The type of a group's default domain, the one that its devices are in while nobody else's: what
 * the kernel lets one write there, and when.
 *
 * From DMA to DMA-FQ it goes at any time. Everything else needs the group to be free of drivers
 * that do DMA in the kernel's name and of owners; before 6.5 also to have but one device, with no
 * driver at all. Devices that the platform does not trust stay at DMA (kernel-facts 5).
 */

#include "core/model/groups.h"
#include "core/model/refusal.h"

typedef enum DomainType {
        DOMAIN_TYPE_NONE = 0,
        DOMAIN_TYPE_IDENTITY, /* no translation */
        DOMAIN_TYPE_DMA,      /* unmapped memory is out of reach at once */
        DOMAIN_TYPE_DMA_FQ,   /* … after a moment: faster */
        DOMAIN_TYPE_AUTO,     /* what the kernel would have chosen */
        _DOMAIN_TYPE_N,
} DomainType;

/* "identity", "DMA", "DMA-FQ", "auto"; "" for NONE. */
const char *domain_type_to_string(DomainType type);

/* NONE for any other text. */
DomainType domain_type_from_string(const char *text);

typedef struct DomainTypeChange {
        const Snapshot *snapshot;
        const Group *group;
        DomainType to;
        bool is_single_only; /* a kernel before 6.5 */
        bool is_unbound;     /* its devices' drivers will have been taken away by then */
} DomainTypeChange;

/*
 * What stands against a change as far as it can be seen. Returns 0 if nothing does, a Refusal with
 * *ret_text (freed by the caller), or -ENOMEM.
 */
_nodiscard_ int domain_type_check(const DomainTypeChange *change, char **ret_text);
