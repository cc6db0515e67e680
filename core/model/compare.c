/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Finding the differences, and a cause for each.
 *
 * Only devices in a kernel group can be compared. Two partitions agree about a device if its two
 * groups have the same members. The comparison counts members per group, so it takes one pass.
 */

#include "core/model/compare.h"

#include "core/model/compare_suppose.h"
#include "core/model/compare_text.h"
#include "core/model/doubt.h"
#include "core/model/quirks.h"

#include <errno.h>
#include <string.h>

/* The observed groups in another partition. */
typedef struct Fit {
        size_t *group; /* per observed group: the one group of all its members, or NONE */
        size_t *n;     /* per group of the other: the number of its members in observed groups */
} Fit;

static void fit_deinitp(Fit *fit)
{
        free(fit->group);
        free(fit->n);
}

static int fit_init(const Partition *observed, const Partition *other, Fit *fit)
{
        fit->group = calloc(observed->n_groups + 1, sizeof(*fit->group));
        fit->n = calloc(other->n_groups + 1, sizeof(*fit->n));
        if (!fit->group || !fit->n)
                return -ENOMEM;
        for (size_t i = 0; i < other->n_devices; i++)
                if (other->group_of[i] != SNAPSHOT_NONE && observed->group_of[i] != SNAPSHOT_NONE)
                        fit->n[other->group_of[i]]++;
        for (size_t g = 0; g < observed->n_groups; g++) {
                const Group *group = &observed->groups[g];

                fit->group[g] = other->group_of[group->members[0]];
                for (size_t i = 1; i < group->n_members; i++)
                        if (other->group_of[group->members[i]] != fit->group[g])
                                fit->group[g] = SNAPSHOT_NONE;
        }
        return 0;
}

/* Does the other partition have the device with the members of its observed group? */
static bool fits(const Snapshot *snapshot, const Partition *observed, const Partition *other,
                 const Fit *fit, size_t index)
{
        bool is_unknown = snapshot->devices[index].kernel_group == KERNEL_GROUP_UNKNOWN;
        size_t g = observed->group_of[index];

        if (g == SNAPSHOT_NONE)
                return is_unknown || other->group_of[index] == SNAPSHOT_NONE ||
                       fit->n[other->group_of[index]] == 0;
        return fit->group[g] != SNAPSHOT_NONE &&
               fit->n[fit->group[g]] == observed->groups[g].n_members;
}

Comparison *comparison_free(Comparison *comparison)
{
        if (!comparison)
                return NULL;
        for (size_t i = 0; i < comparison->n_mismatches; i++) {
                free(comparison->mismatches[i].observed);
                free(comparison->mismatches[i].computed);
                free(comparison->mismatches[i].text);
        }
        free(comparison->mismatches);
        free(comparison->too_fine);
        free(comparison);
        return NULL;
}

/* The members of `index`'s group that are in observed groups, and itself. */
static int list_members(const Partition *partition, const Partition *observed, size_t index,
                        size_t **ret_members, size_t *ret_n)
{
        size_t g = partition->group_of[index], n = 0;
        size_t *members;

        *ret_n = 0;
        members = calloc((g != SNAPSHOT_NONE ? partition->groups[g].n_members : 0) + 1,
                         sizeof(*members));
        if (!members)
                return -ENOMEM;
        for (size_t i = 0; g != SNAPSHOT_NONE && i < partition->groups[g].n_members; i++) {
                size_t member = partition->groups[g].members[i];

                if (member == index || observed->group_of[member] != SNAPSHOT_NONE)
                        members[n++] = member;
        }
        *ret_members = members;
        *ret_n = n;
        return 0;
}

static int find_mismatches(const Snapshot *snapshot, const Partition *observed,
                           const Partition *kernel, const Fit *fit, Comparison *comparison)
{
        size_t n = 0;

        for (size_t i = 0; i < observed->n_devices; i++)
                n += !fits(snapshot, observed, kernel, fit, i);
        comparison->mismatches = calloc(n + 1, sizeof(*comparison->mismatches));
        if (!comparison->mismatches)
                return -ENOMEM;

        for (size_t i = 0; i < observed->n_devices; i++) {
                Mismatch *mismatch;
                int r;

                if (fits(snapshot, observed, kernel, fit, i))
                        continue;
                mismatch = &comparison->mismatches[comparison->n_mismatches++];
                mismatch->device = i;
                r = list_members(observed, observed, i, &mismatch->observed, &mismatch->n_observed);
                if (r == 0)
                        r = list_members(kernel, observed, i, &mismatch->computed,
                                         &mismatch->n_computed);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int index_compare(const void *a, const void *b)
{
        const size_t *x = a, *y = b;

        return *x < *y ? -1 : *x > *y;
}

static bool contains(const size_t *members, size_t n, size_t index)
{
        return n > 0 && bsearch(&index, members, n, sizeof(*members), index_compare);
}

/* Does the computed group of the device have a member that its kernel group lacks? */
static bool is_finer(const Mismatch *mismatch)
{
        for (size_t i = 0; i < mismatch->n_computed; i++)
                if (!contains(mismatch->observed, mismatch->n_observed, mismatch->computed[i]))
                        return true;
        return false;
}

/* Is a fact of the function unknown that decides whether it redirects, or where it is? */
static bool is_unreadable(const PciDevice *device)
{
        return device->facts.pcie == TRISTATE_UNKNOWN ||
               device->facts.header_known != TRISTATE_YES ||
               (device->facts.pcie == TRISTATE_YES &&
                device->facts.acs.present == TRISTATE_UNKNOWN) ||
               device_is_orphan(device) ||
               (quirk_unread_register(device) && !device->facts.redirect_inferred);
}

/* A function that joins the computed group because its facts are unknown, or NONE. */
static size_t find_unreadable(const Snapshot *snapshot, const Partition *kernel, size_t index)
{
        const Group *group = &kernel->groups[kernel->group_of[index]];

        for (size_t i = 0; i < group->n_reasons; i++)
                if (is_unreadable(&snapshot->devices[group->reasons[i].at]))
                        return group->reasons[i].at;
        return SNAPSHOT_NONE;
}

/* The same for a function whose unknown ids hide its quirks. */
static size_t find_nameless(const Snapshot *snapshot, const Partition *kernel, size_t index)
{
        const Group *group = &kernel->groups[kernel->group_of[index]];

        for (size_t i = 0; i < group->n_reasons; i++)
                if (!quirk_has_ids(&snapshot->devices[group->reasons[i].at]))
                        return group->reasons[i].at;
        return SNAPSHOT_NONE;
}

/*
 * AMD firmware lists shared ids of devices on one bus. If the table was read, this is not the
 * cause.
 */
static bool may_be_aliased(const Snapshot *snapshot, const Mismatch *mismatch)
{
        const PciDevice *device = &snapshot->devices[mismatch->device];
        bool found = false;

        if (snapshot->ivrs_read == TRISTATE_YES)
                return false;
        for (size_t i = 0; i < mismatch->n_observed; i++) {
                const PciDevice *other = &snapshot->devices[mismatch->observed[i]];

                if (contains(mismatch->computed, mismatch->n_computed, mismatch->observed[i]))
                        continue;
                if (other->sysfs.iommu_kind != IOMMU_KIND_IVHD ||
                    other->bdf.domain != device->bdf.domain || other->bdf.bus != device->bdf.bus)
                        return false;
                found = true;
        }
        return found && device->sysfs.iommu_kind == IOMMU_KIND_IVHD && !is_finer(mismatch);
}

/* Only an IOMMU with a name is known to be of another kind. */
static bool is_behind_other(const Snapshot *snapshot, size_t index)
{
        return snapshot->devices[index].sysfs.iommu_kind == IOMMU_KIND_OTHER &&
               snapshot->devices[index].sysfs.iommu[0] != '\0';
}

/* A device of either group behind an IOMMU with other grouping rules, or NONE. */
static size_t find_other_iommu(const Snapshot *snapshot, const Mismatch *mismatch)
{
        if (is_behind_other(snapshot, mismatch->device))
                return mismatch->device;
        for (size_t i = 0; i < mismatch->n_observed; i++)
                if (is_behind_other(snapshot, mismatch->observed[i]))
                        return mismatch->observed[i];
        for (size_t i = 0; i < mismatch->n_computed; i++)
                if (is_behind_other(snapshot, mismatch->computed[i]))
                        return mismatch->computed[i];
        return SNAPSHOT_NONE;
}

/* Finds a cause in the facts; fills *ret_other with the device to name. */
static CompareCause cause_by_facts(const Snapshot *snapshot, const Partition *kernel,
                                   const Mismatch *mismatch, size_t *ret_other)
{
        *ret_other = find_other_iommu(snapshot, mismatch);
        if (*ret_other != SNAPSHOT_NONE)
                return COMPARE_IOMMU_KIND;
        if (mismatch->n_observed == 0)
                return COMPARE_UNCOVERED;
        if (is_finer(mismatch))
                *ret_other = find_unreadable(snapshot, kernel, mismatch->device);
        if (*ret_other != SNAPSHOT_NONE)
                return COMPARE_UNREADABLE;
        return COMPARE_UNKNOWN;
}

/* Tries one supposition on all mismatches without a cause. */
static int try_supposition(const Snapshot *snapshot, const Partition *observed,
                           const Supposition *supposition, Comparison *comparison)
{
        _cleanup_(partition_freep) Partition *supposed = NULL;
        _cleanup_(fit_deinitp) Fit fit = {0};
        int r = compare_suppose(snapshot, supposition, &supposed);

        if (r < 0 || !supposed)
                return r;
        r = fit_init(observed, supposed, &fit);
        if (r < 0)
                return r;
        for (size_t i = 0; i < comparison->n_mismatches; i++) {
                Mismatch *mismatch = &comparison->mismatches[i];

                if (mismatch->cause == COMPARE_UNKNOWN &&
                    fits(snapshot, observed, supposed, &fit, mismatch->device))
                        mismatch->cause = supposition->cause;
        }
        return 0;
}

static int find_causes(const Snapshot *snapshot, const Partition *observed, const Partition *kernel,
                       Comparison *comparison)
{
        _cleanup_(freep) size_t *others = calloc(comparison->n_mismatches + 1, sizeof(*others));
        bool open = false;

        if (!others)
                return -ENOMEM;
        for (size_t i = 0; i < comparison->n_mismatches; i++) {
                Mismatch *mismatch = &comparison->mismatches[i];

                mismatch->cause = cause_by_facts(snapshot, kernel, mismatch, &others[i]);
                open |= mismatch->cause == COMPARE_UNKNOWN;
        }
        for (size_t i = 0; open && i < compare_n_suppositions; i++) {
                int r = try_supposition(snapshot, observed, &compare_suppositions[i], comparison);

                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < comparison->n_mismatches; i++) {
                Mismatch *mismatch = &comparison->mismatches[i];

                if (mismatch->cause == COMPARE_UNKNOWN && may_be_aliased(snapshot, mismatch))
                        mismatch->cause = COMPARE_INVISIBLE_ALIAS;
                if (mismatch->cause == COMPARE_QUIRK_UNKNOWN) {
                        others[i] = find_nameless(snapshot, kernel, mismatch->device);
                        if (others[i] != SNAPSHOT_NONE)
                                mismatch->cause = COMPARE_UNREADABLE;
                }
                mismatch->text = mismatch_describe(snapshot, mismatch, others[i]);
                if (!mismatch->text)
                        return -ENOMEM;
        }
        return 0;
}

/* Finds observed groups that share a sound group with another observed group. */
static int find_too_fine(const Partition *observed, const Partition *sound, Comparison *comparison)
{
        _cleanup_(freep) size_t *owner = calloc(sound->n_groups + 1, sizeof(*owner));
        _cleanup_(freep) bool *shared = calloc(sound->n_groups + 1, sizeof(*shared));

        comparison->too_fine = calloc(observed->n_groups + 1, sizeof(*comparison->too_fine));
        if (!owner || !shared || !comparison->too_fine)
                return -ENOMEM;
        for (size_t s = 0; s < sound->n_groups; s++)
                owner[s] = SNAPSHOT_NONE;
        for (size_t i = 0; i < observed->n_devices; i++) {
                size_t g = observed->group_of[i], s = sound->group_of[i];

                if (g == SNAPSHOT_NONE || s == SNAPSHOT_NONE)
                        continue;
                shared[s] |= owner[s] != SNAPSHOT_NONE && owner[s] != g;
                owner[s] = g;
        }
        for (size_t g = 0; g < observed->n_groups; g++)
                for (size_t i = 0; i < observed->groups[g].n_members; i++) {
                        size_t s = sound->group_of[observed->groups[g].members[i]];

                        if (s == SNAPSHOT_NONE || !shared[s])
                                continue;
                        comparison->too_fine[comparison->n_too_fine++] = g;
                        break;
                }
        return 0;
}

static void count_unread(const Snapshot *snapshot, Comparison *comparison)
{
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                comparison->n_unread += snapshot->devices[i].facts.pcie == TRISTATE_UNKNOWN;
                comparison->n_unplaced += device_is_below_unknown(snapshot, i);
        }
}

int compare_partitions(const Snapshot *snapshot, const Partition *observed, const Partition *kernel,
                       const Partition *sound, Comparison **ret_comparison)
{
        _cleanup_(comparison_freep) Comparison *comparison = calloc(1, sizeof(*comparison));
        _cleanup_(fit_deinitp) Fit fit = {0};
        int r;

        if (!comparison)
                return -ENOMEM;
        comparison->n_observed_groups = observed->n_groups;
        count_unread(snapshot, comparison);
        r = fit_init(observed, kernel, &fit);
        if (r < 0)
                return r;
        r = find_mismatches(snapshot, observed, kernel, &fit, comparison);
        if (r < 0)
                return r;
        r = find_causes(snapshot, observed, kernel, comparison);
        if (r < 0)
                return r;
        r = find_too_fine(observed, sound, comparison);
        if (r < 0)
                return r;
        *ret_comparison = TAKE_PTR(comparison);
        return 0;
}

const char *compare_cause_to_string(CompareCause cause)
{
        switch (cause) {
        case COMPARE_UNKNOWN:
                return "unknown";
        case COMPARE_IOMMU_KIND:
                return "iommu-kind";
        case COMPARE_UNCOVERED:
                return "uncovered";
        case COMPARE_UNREADABLE:
                return "unreadable";
        case COMPARE_ORDER:
                return "order";
        case COMPARE_OVERRIDE:
                return "override-patch";
        case COMPARE_COMMAND_LINE:
                return "command-line";
        case COMPARE_ACS_CHANGED:
                return "acs-changed";
        case COMPARE_QUIRK_UNKNOWN:
                return "quirk-unknown";
        case COMPARE_INVISIBLE_ALIAS:
                return "invisible-alias";
        case _COMPARE_N:
                break;
        }
        return "";
}
