/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The suppositions. Like the kernel, all leave out devices that no IOMMU covers. */

#include "core/model/compare_suppose.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ACS_NEEDED (ACS_SV | ACS_RR | ACS_CR | ACS_UF)

const char *compare_find_token(const Snapshot *snapshot, const char *token)
{
        const char *line = snapshot->command_line ?: "";

        for (const char *at = strstr(line, token); at; at = strstr(at + 1, token))
                if (at == line || strchr(" =,;", at[-1]))
                        return at;
        return NULL;
}

/* A capability without any ACS bit has nothing to switch on. */
static void vouch_for(PciDevice *device)
{
        device->facts.acs.present = TRISTATE_YES;
        device->facts.acs.cap = device->facts.acs.ctrl = 0;
        device->facts.acs.dword4 = device->facts.acs.dword8 = 0;
}

/* The kernel numbers groups in the order in which it adds their first devices. */
typedef struct Met {
        int32_t kernel_group;
        size_t place;
        size_t index;
} Met;

static int met_compare(const void *a, const void *b)
{
        const Met *x = a, *y = b;

        if (x->kernel_group != y->kernel_group)
                return x->kernel_group < y->kernel_group ? -1 : 1;
        return x->place < y->place ? -1 : x->place > y->place;
}

static bool suppose_order(Snapshot *snapshot)
{
        _cleanup_(freep) Met *met = calloc(snapshot->n_devices + 1, sizeof(*met));
        bool changed = false;

        if (!met)
                return false;
        for (size_t k = 0; k < snapshot->n_devices; k++) {
                size_t i = snapshot->probe_order[k];

                met[k] = (Met){snapshot->devices[i].kernel_group, k, i};
        }
        qsort(met, snapshot->n_devices, sizeof(*met), met_compare);
        for (size_t k = 0; k < snapshot->n_devices; k++) {
                changed |= snapshot->probe_order[k] != met[k].index;
                snapshot->probe_order[k] = met[k].index;
        }
        return changed;
}

/* Does the option have "id:VVVV:DDDD" of this device? */
static bool is_named(const char *words, const PciDevice *device)
{
        char id[sizeof("id:ffff:ffff")];
        const char *end = words + strcspn(words, " "), *found;

        (void)snprintf(id, sizeof(id), "id:%04x:%04x", device->ids.vendor, device->ids.device);
        found = strstr(words, id);
        return found && found < end;
}

static bool has_word(const char *words, const char *word)
{
        const char *found = strstr(words, word);

        return found && found < words + strcspn(words, " ");
}

bool compare_apply_override(Snapshot *snapshot, const char *words)
{
        bool changed = false;

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                PciDevice *device = &snapshot->devices[i];
                bool port = device->pcie_type == PCIE_TYPE_ROOT_PORT ||
                            device->pcie_type == PCIE_TYPE_DOWNSTREAM;

                if (device->facts.pcie != TRISTATE_YES || device->facts.acs.present != TRISTATE_NO)
                        continue;
                if (!is_named(words, device) && !(port && has_word(words, "downstream")) &&
                    !(!port && device->multifunction == TRISTATE_YES &&
                      has_word(words, "multifunction")))
                        continue;
                vouch_for(device);
                changed = true;
        }
        return changed;
}

static bool suppose_override(Snapshot *snapshot)
{
        const char *words = compare_find_token(snapshot, "pcie_acs_override=");

        return words && compare_apply_override(snapshot, words);
}

static bool suppose_acs_on(Snapshot *snapshot)
{
        bool changed = false;

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                PciFacts *facts = &snapshot->devices[i].facts;

                if (facts->acs.present == TRISTATE_YES) {
                        changed |= (facts->acs.cap & ~facts->acs.ctrl & ACS_NEEDED) != 0 ||
                                   (facts->acs.dword4 & ~facts->acs.dword8 & ACS_NEEDED) != 0;
                        facts->acs.ctrl |= ACS_NEEDED;
                        facts->acs.dword8 |= ACS_NEEDED;
                }
                changed |= facts->pch_redirect == TRISTATE_NO;
                if (facts->pch_redirect == TRISTATE_NO)
                        facts->pch_redirect = TRISTATE_YES;
        }
        return changed;
}

static bool suppose_acs_off(Snapshot *snapshot)
{
        bool changed = false;

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                PciFacts *facts = &snapshot->devices[i].facts;

                if (facts->acs.present != TRISTATE_YES)
                        continue;
                changed |= ((facts->acs.ctrl | facts->acs.dword8) & ACS_NEEDED) != 0;
                facts->acs.ctrl &= (uint16_t)~ACS_NEEDED;
                facts->acs.dword8 &= ~(uint32_t)ACS_NEEDED;
        }
        return changed;
}

static bool suppose_quirk(Snapshot *snapshot)
{
        bool changed = false;

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                PciDevice *device = &snapshot->devices[i];

                if (device->facts.pcie != TRISTATE_YES || device->facts.acs.present != TRISTATE_NO)
                        continue;
                vouch_for(device);
                changed = true;
        }
        return changed;
}

const Supposition compare_suppositions[] = {
        {COMPARE_UNCOVERED, NULL, NULL},
        {COMPARE_ORDER, NULL, suppose_order},
        {COMPARE_OVERRIDE, "pcie_acs_override=", suppose_override},
        {COMPARE_COMMAND_LINE, "config_acs=", suppose_acs_on},
        {COMPARE_COMMAND_LINE, "config_acs=", suppose_acs_off},
        {COMPARE_COMMAND_LINE, "disable_acs_redir=", suppose_acs_on},
        {COMPARE_COMMAND_LINE, "disable_acs_redir=", suppose_acs_off},
        {COMPARE_ACS_CHANGED, NULL, suppose_acs_on},
        {COMPARE_ACS_CHANGED, NULL, suppose_acs_off},
        {COMPARE_QUIRK_UNKNOWN, NULL, suppose_quirk},
};
const size_t compare_n_suppositions = ARRAY_SIZE(compare_suppositions);

int compare_suppose(const Snapshot *snapshot, const Supposition *supposition,
                    Partition **ret_partition)
{
        _cleanup_(snapshot_freep) Snapshot *copy = NULL;
        int r;

        *ret_partition = NULL;
        if (supposition->token && !compare_find_token(snapshot, supposition->token))
                return 0;
        if (!supposition->apply)
                return kernel_groups_compute_covered(snapshot, ret_partition);
        r = snapshot_copy(snapshot, &copy);
        if (r < 0)
                return r;
        if (!supposition->apply(copy))
                return 0;
        return kernel_groups_compute_covered(copy, ret_partition);
}
