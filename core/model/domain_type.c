/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Checks the kernel's conditions in the kernel's order. Only the kernel knows its other conditions
 * (memory encryption, hardware without passthrough).
 */

#include <errno.h>
#include <string.h>

#include "core/model/domain_type.h"
#include "core/model/strength.h"
#include "core/model/text.h"

static const char *const names[_DOMAIN_TYPE_N] = {
        [DOMAIN_TYPE_NONE] = "",     [DOMAIN_TYPE_IDENTITY] = "identity",
        [DOMAIN_TYPE_DMA] = "DMA",   [DOMAIN_TYPE_DMA_FQ] = "DMA-FQ",
        [DOMAIN_TYPE_AUTO] = "auto",
};

const char *domain_type_to_string(DomainType type)
{
        return names[type];
}

DomainType domain_type_from_string(const char *text)
{
        for (int i = DOMAIN_TYPE_NONE + 1; i < _DOMAIN_TYPE_N; i++)
                if (strcmp(names[i], text) == 0)
                        return (DomainType)i;
        return DOMAIN_TYPE_NONE;
}

static int refuse(Refusal refusal, char *text, char **ret_text)
{
        if (!text)
                return -ENOMEM;
        *ret_text = text;
        return (int)refusal;
}

static int check_from(const DomainTypeChange *change, DomainType *ret_from, char **ret_text)
{
        const char *type = snapshot_group_type(change->snapshot, change->group->kernel_group);
        const char *id = change->group->id;

        *ret_from = domain_type_from_string(type);
        if (change->group->kernel_group < 0 || !type[0])
                return refuse(
                        REFUSAL_UNSUPPORTED,
                        text_print("group %s: the kernel shows no type of its default domain", id),
                        ret_text);
        if (*ret_from == DOMAIN_TYPE_NONE)
                return refuse(REFUSAL_UNSUPPORTED,
                              text_print("group %s: its domain is of type %s now, which no write "
                                         "changes",
                                         id, type),
                              ret_text);
        return 0;
}

static int check_member(const DomainTypeChange *change, const PciDevice *device, char **ret_text)
{
        const char *id = change->group->id;
        char address[BDF_TEXT_SIZE];

        (void)bdf_format(device->bdf, address);
        if (change->to != DOMAIN_TYPE_DMA && device->sysfs.removable == TRISTATE_YES)
                return refuse(REFUSAL_NOT_VIABLE,
                              text_print("group %s: %s is an untrusted removable device, and the "
                                         "kernel keeps such devices at type DMA",
                                         id, address),
                              ret_text);
        if (change->is_unbound ||
            (change->is_single_only ? !device->sysfs.driver[0]
                                    : driver_is_harmless(device->sysfs.driver)))
                return 0;
        return refuse(REFUSAL_NOT_VIABLE,
                      text_print("group %s: %s is bound to %s, but the kernel changes the type "
                                 "only of a group without drivers; unbind it",
                                 id, address, device->sysfs.driver),
                      ret_text);
}

int domain_type_check(const DomainTypeChange *change, char **ret_text)
{
        const Group *group = change->group;
        DomainType from;

        int r = check_from(change, &from, ret_text);
        if (r != 0 || from == change->to ||
            (from == DOMAIN_TYPE_DMA && change->to == DOMAIN_TYPE_DMA_FQ))
                return r;
        if (change->is_single_only && group->n_members != 1)
                return refuse(REFUSAL_NOT_VIABLE,
                              text_print("group %s has %zu devices, but before 6.5 the kernel "
                                         "changes the type only of groups with one device",
                                         group->id, group->n_members),
                              ret_text);
        for (size_t i = 0; r == 0 && i < group->n_members; i++)
                r = check_member(change, &change->snapshot->devices[group->members[i]], ret_text);
        return r;
}
