/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One function per bit. Each checks the conditions of the bit and stops at the first that does not
 * hold; otherwise an unknown condition decides.
 */

#include "core/model/strength.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/model/doubt.h"
#include "core/model/quirks.h"
#include "core/model/text.h"

typedef struct Question {
        const Snapshot *snapshot;
        const Partition *partition;
        const Partition *sound;
        size_t number;
        const Group *group;
} Question;

/* Sets the answer and its sentence; replaces an earlier answer. */
_printf_(3, 4) static void answer(StrengthFact *fact, Tristate value, const char *format, ...)
{
        va_list arguments;

        free(fact->text);
        fact->value = value;
        va_start(arguments, format);
        fact->text = text_vprint(format, arguments);
        va_end(arguments);
}

static bool is_member(const Question *question, size_t index)
{
        return question->partition->group_of[index] == question->number;
}

static const PciDevice *member(const Question *question, size_t i, char text[static BDF_TEXT_SIZE])
{
        const PciDevice *device = &question->snapshot->devices[question->group->members[i]];

        (void)bdf_format(device->bdf, text);
        return device;
}

static bool is_bridge(const PciDevice *device)
{
        return device->facts.header_known == TRISTATE_YES && device->facts.header_type != 0;
}

/* Did the reader see the kernel's groups, so that no group really means none? */
static bool knows_groups(const Snapshot *snapshot)
{
        if (snapshot->kernel_release[0] || snapshot->n_kernel_groups > 0)
                return true;
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (snapshot->devices[i].kernel_group >= 0)
                        return true;
        return false;
}

/* YES if all members have kernel groups; otherwise sets the answer. */
static bool is_grouped(const Question *question, StrengthFact *fact)
{
        for (size_t i = 0; i < question->group->n_members; i++) {
                char text[BDF_TEXT_SIZE];
                int32_t number = member(question, i, text)->kernel_group;

                if (number >= 0)
                        continue;
                if (number == KERNEL_GROUP_NONE && knows_groups(question->snapshot))
                        answer(fact, TRISTATE_NO, "No IOMMU covers %s.", text);
                else
                        answer(fact, TRISTATE_UNKNOWN, "It is unknown whether an IOMMU covers %s.",
                               text);
                return false;
        }
        return true;
}

static void ask_translated(const Question *question, StrengthFact *fact)
{
        bool known = true;

        if (!is_grouped(question, fact))
                return;
        answer(fact, TRISTATE_YES,
               "An IOMMU covers all members, and the default domain "
               "translates.");
        for (size_t i = 0; i < question->group->n_members; i++) {
                char text[BDF_TEXT_SIZE];
                const PciDevice *device = member(question, i, text);
                const KernelGroup *group =
                        snapshot_kernel_group(question->snapshot, device->kernel_group);

                if (group && strcmp(group->type, "identity") == 0) {
                        answer(fact, TRISTATE_NO,
                               "The default domain of %s's group is identity: it reaches all "
                               "memory while nobody owns it.",
                               text);
                        return;
                }
                if (known && device->sysfs.iommu_kind == IOMMU_KIND_NONE)
                        answer(fact, TRISTATE_UNKNOWN, "Which IOMMU covers %s is not known.", text);
                else if (known &&
                         (!group || !group->type[0] || strcmp(group->type, "unknown") == 0))
                        answer(fact, TRISTATE_UNKNOWN,
                               "The default domain of %s's group is not known.", text);
                known = fact->value == TRISTATE_YES;
        }
}

static bool is_unknown(const Snapshot *snapshot, size_t index)
{
        const PciDevice *device = &snapshot->devices[index];
        const PciAcs *acs = &device->facts.acs;

        return device->facts.pcie == TRISTATE_UNKNOWN || device_shows_missing(device) ||
               (quirk_unread_register(device) && !device->facts.redirect_inferred) ||
               (device->facts.pcie == TRISTATE_YES && acs->present == TRISTATE_UNKNOWN);
}

/*
 * Sets the answer if a fact about this function, on a member's way up, is unknown and p2p depends
 * on it.
 */
static bool is_in_doubt(const Question *question, size_t index, size_t at, StrengthFact *fact)
{
        const Snapshot *snapshot = question->snapshot;
        const PciDevice *device = &snapshot->devices[at];
        char text[BDF_TEXT_SIZE], member_text[BDF_TEXT_SIZE];
        /*
         * A register that was neither read nor inferred counts as off, which the partition already
         * reflects.
         */
        const char *register_name =
                device->facts.redirect_inferred ? quirk_unread_register(device) : NULL;

        (void)bdf_format(device->bdf, text);
        (void)bdf_format(snapshot->devices[index].bdf, member_text);
        if (device_shows_missing(device))
                answer(fact, TRISTATE_UNKNOWN,
                       "The input lacks the %s %s: it is unknown which other devices it leads to.",
                       doubt_missing_noun(device), text);
        else if (device_lacks_first_function(snapshot, at))
                answer(fact, TRISTATE_UNKNOWN,
                       "The input lacks the first function of the device of %s: it is unknown "
                       "whether it reaches %s.",
                       text, index == at ? "it" : member_text);
        else if (register_name)
                answer(fact, TRISTATE_UNKNOWN,
                       "It is unknown whether %s redirects: a register was not read (%s). Run "
                       "lspci -xxxx as root.",
                       text, register_name);
        else if (device->multifunction == TRISTATE_UNKNOWN && acs_missing(snapshot, at) & ACS_RR)
                answer(fact, TRISTATE_UNKNOWN,
                       "It is unknown whether %s has other functions beside it, which might reach "
                       "%s.",
                       text, index == at ? "it" : member_text);
        else
                return false;
        return true;
}

/* Is a fact about a member, a function above it, or a port beside one, unknown? */
static bool find_doubt(const Question *question, StrengthFact *fact)
{
        const Snapshot *snapshot = question->snapshot;

        for (size_t m = 0; m < question->group->n_members; m++) {
                size_t index = question->group->members[m];

                for (size_t at = index; at != SNAPSHOT_NONE; at = snapshot->devices[at].parent) {
                        size_t first = at, end;

                        while (first > 0 && bdf_same_slot(snapshot->devices[first - 1].bdf,
                                                          snapshot->devices[at].bdf))
                                first--;
                        for (end = first; end < snapshot->n_devices; end++) {
                                if (!bdf_same_slot(snapshot->devices[end].bdf,
                                                   snapshot->devices[at].bdf))
                                        break;
                                if (is_in_doubt(question, index, end, fact))
                                        return true;
                        }
                }
        }
        return false;
}

/*
 * Finds a device outside in the sound group of a member; the reason that joins it is the evidence.
 */
static void ask_p2p(const Question *question, StrengthFact *fact)
{
        const Reason *crossing = NULL;

        for (size_t i = 0; i < question->group->n_members; i++) {
                size_t s = question->sound->group_of[question->group->members[i]];
                const Group *group = &question->sound->groups[s];

                if (i > 0 && question->sound->group_of[question->group->members[i - 1]] == s)
                        continue; /* already checked */
                for (size_t k = 0; k < group->n_reasons; k++) {
                        const Reason *reason = &group->reasons[k];

                        if (is_member(question, reason->a) == is_member(question, reason->b))
                                continue;
                        if (!crossing || is_unknown(question->snapshot, crossing->at))
                                crossing = reason;
                }
        }

        if (crossing) {
                _cleanup_(freep) char *text = reason_describe(question->snapshot, crossing);

                answer(fact,
                       is_unknown(question->snapshot, crossing->at) ? TRISTATE_UNKNOWN
                                                                    : TRISTATE_NO,
                       "%s", text ?: "");
                return;
        }
        if (find_doubt(question, fact))
                return;
        answer(fact, TRISTATE_YES, "No path leads to or from a member past the IOMMU%s.",
               question->sound->groups[question->sound->group_of[question->group->members[0]]]
                                       .assumes &
                               SOUND_ASSUMES_ROOT_COMPLEX
                       ? ", if the root complex has none of its own"
                       : "");
}

static void ask_msi(const Question *question, StrengthFact *fact)
{
        switch (question->snapshot->interrupt_remapping) {
        case TRISTATE_YES:
                answer(fact, TRISTATE_YES, "Interrupts pass the IOMMU.");
                break;
        case TRISTATE_NO:
                answer(fact, TRISTATE_NO,
                       "Interrupts are not remapped: a member can raise any on the host.");
                break;
        case TRISTATE_UNKNOWN:
                answer(fact, TRISTATE_UNKNOWN, "It is unknown whether interrupts are remapped.");
                break;
        }
}

static void ask_claimable(const Question *question, StrengthFact *fact)
{
        bool known = true;

        if (!is_grouped(question, fact))
                return;
        answer(fact, TRISTATE_YES,
               "No region must stay mapped, and every driver can be unbound or may stay.");
        for (size_t i = 0; i < question->group->n_members; i++) {
                char text[BDF_TEXT_SIZE];
                const PciDevice *device = member(question, i, text);
                const KernelGroup *group =
                        snapshot_kernel_group(question->snapshot, device->kernel_group);

                if (group && group->direct == TRISTATE_YES) {
                        answer(fact, TRISTATE_NO,
                               "Firmware requires a permanent mapping for %s's group.", text);
                        return;
                }
                const bool is_harmless = driver_is_harmless(device->sysfs.driver);
                if (is_bridge(device) && !is_harmless) {
                        answer(fact, TRISTATE_NO,
                               "Bridge %s is bound to %s, which uses the kernel's DMA API.", text,
                               device->sysfs.driver);
                        return;
                }
                if (known && (!group || group->direct == TRISTATE_UNKNOWN))
                        answer(fact, TRISTATE_UNKNOWN,
                               "It is unknown whether firmware requires a permanent mapping for "
                               "%s's group.",
                               text);
                else if (known && device->facts.header_known != TRISTATE_YES && !is_harmless)
                        answer(fact, TRISTATE_UNKNOWN,
                               "It is unknown whether %s, bound to %s, is a bridge.", text,
                               device->sysfs.driver);
                known = fact->value == TRISTATE_YES;
        }
}

/* A function outside the group that a bus reset would affect, or NONE. */
static size_t find_bus_neighbour(const Question *question, size_t index)
{
        const PciDevice *devices = question->snapshot->devices;
        size_t i = index;

        while (i > 0 && devices[i - 1].bdf.domain == devices[index].bdf.domain &&
               devices[i - 1].bdf.bus == devices[index].bdf.bus)
                i--;
        for (; i < question->snapshot->n_devices &&
               devices[i].bdf.domain == devices[index].bdf.domain &&
               devices[i].bdf.bus == devices[index].bdf.bus;
             i++)
                if (!is_member(question, i))
                        return i;
        return SNAPSHOT_NONE;
}

/* Can a missing function be on the bus of this one? */
static bool may_have_unread_neighbour(const Snapshot *snapshot, size_t index)
{
        const Bdf bdf = snapshot->devices[index].bdf;

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];

                /* A missing bridge without an address may be anywhere in the domain. */
                if (device_is_orphan(device) && device->bdf.domain == bdf.domain &&
                    (bdf_same_bus(device->place.parent_bdf, bdf) ||
                     bdf_same_bus(device->place.parent_bdf, device->bdf)))
                        return true;
                if (device->place.is_vf && device->physfn == SNAPSHOT_NONE &&
                    bdf_same_bus(device->place.physfn_bdf, bdf))
                        return true;
                if (device->place.has_real_dma && device->real_dma == SNAPSHOT_NONE &&
                    bdf_same_bus(device->place.real_dma_bdf, bdf))
                        return true;
        }
        return false;
}

/* Checks one member; returns false if the answer is final. */
static bool ask_reset_of(const Question *question, size_t index, StrengthFact *fact)
{
        const PciDevice *device = &question->snapshot->devices[index];
        char text[BDF_TEXT_SIZE], other[BDF_TEXT_SIZE];

        (void)bdf_format(device->bdf, text);
        if (is_bridge(device))
                return true;
        if (device->sysfs.resettable == TRISTATE_NO) {
                answer(fact, TRISTATE_NO, "The kernel has no method to reset %s.", text);
                return false;
        }
        const Tristate flr = device->facts.caps.flr;
        if (flr == TRISTATE_YES)
                return true;
        const char *as_known = flr == TRISTATE_UNKNOWN ? " as far as is known" : "";
        const size_t neighbour = find_bus_neighbour(question, index);
        if (device->sysfs.resettable == TRISTATE_UNKNOWN)
                answer(fact, TRISTATE_UNKNOWN,
                       "%s has no function level reset%s, and it is unknown whether the kernel has "
                       "another method.",
                       text, as_known);
        else if (neighbour != SNAPSHOT_NONE)
                answer(fact, TRISTATE_UNKNOWN,
                       "%s has no function level reset%s; a bus reset would affect %s, which is in "
                       "another group.",
                       text, as_known,
                       bdf_format(question->snapshot->devices[neighbour].bdf, other));
        else if (may_have_unread_neighbour(question->snapshot, index))
                answer(fact, TRISTATE_UNKNOWN,
                       "%s has no function level reset%s; it is unknown whether a bus reset would "
                       "affect functions that the input lacks.",
                       text, as_known);
        return true;
}

static void ask_resettable(const Question *question, StrengthFact *fact)
{
        answer(fact, TRISTATE_YES, "Every member can be reset without affecting another group.");
        for (size_t i = 0; i < question->group->n_members; i++)
                if (!ask_reset_of(question, question->group->members[i], fact))
                        return;
}

static void ask_trusted_ats(const Question *question, StrengthFact *fact)
{
        answer(fact, TRISTATE_YES, "No removable member translates addresses by itself (ATS).");
        for (size_t i = 0; i < question->group->n_members; i++) {
                char text[BDF_TEXT_SIZE];
                const PciDevice *device = member(question, i, text);
                const Tristate ats = device->facts.caps.ats_enabled;
                const Tristate removable = device->sysfs.removable;

                if (ats == TRISTATE_NO || removable == TRISTATE_NO)
                        continue;
                if (ats == TRISTATE_YES && removable == TRISTATE_YES) {
                        answer(fact, TRISTATE_NO,
                               "%s is removable and has ATS switched on: its translated requests "
                               "pass the IOMMU unchecked.",
                               text);
                        return;
                }
                answer(fact, TRISTATE_UNKNOWN, "%s: whether %s is not known.", text,
                       ats == TRISTATE_UNKNOWN ? "ATS is switched on" : "it is removable");
        }
}

/*
 * Requests with a PASID must be redirected to the IOMMU from the device upward (kernel-facts 6c).
 */
static void ask_pasid(const Question *question, StrengthFact *fact)
{
        bool capable = false, known = true;
        char text[BDF_TEXT_SIZE], at[BDF_TEXT_SIZE];

        for (size_t i = 0; i < question->group->n_members; i++) {
                const PciDevice *device = member(question, i, text);

                known &= device->facts.caps.pasid != TRISTATE_UNKNOWN;
                if (device->facts.caps.pasid != TRISTATE_YES)
                        continue;
                capable = true;
                for (size_t k = question->group->members[i]; k != SNAPSHOT_NONE;
                     k = question->snapshot->devices[k].parent) {
                        uint8_t missing;

                        (void)acs_isolated(question->snapshot, k, &missing);
                        if (!(missing & (ACS_RR | ACS_UF)))
                                continue;
                        (void)bdf_format(question->snapshot->devices[k].bdf, at);
                        answer(fact,
                               is_unknown(question->snapshot, k) ? TRISTATE_UNKNOWN : TRISTATE_NO,
                               "%s does not redirect and forward all requests of %s (RR, UF).", at,
                               text);
                        return;
                }
        }
        if (capable)
                answer(fact, TRISTATE_UNKNOWN,
                       "The devices and the ports above allow it; it is unknown whether the IOMMU "
                       "does.");
        else
                answer(fact, known ? TRISTATE_NO : TRISTATE_UNKNOWN,
                       "No member is known to have "
                       "PASID.");
}

Strength *strength_free(Strength *strength)
{
        if (!strength)
                return NULL;
        for (size_t i = 0; i < _STRENGTH_N; i++)
                free(strength->bits[i].text);
        free(strength);
        return NULL;
}

int strength_compute(const Snapshot *snapshot, const Partition *partition, size_t group,
                     const Partition *sound, Strength **ret_strength)
{
        static void (*const ask[_STRENGTH_N])(const Question *, StrengthFact *) = {
                [STRENGTH_TRANSLATED] = ask_translated,
                [STRENGTH_P2P] = ask_p2p,
                [STRENGTH_MSI] = ask_msi,
                [STRENGTH_CLAIMABLE] = ask_claimable,
                [STRENGTH_RESETTABLE] = ask_resettable,
                [STRENGTH_TRUSTED_ATS] = ask_trusted_ats,
                [STRENGTH_PASID] = ask_pasid,
        };
        const Question question = {snapshot, partition, sound, group, &partition->groups[group]};
        _cleanup_(strength_freep) Strength *strength = calloc(1, sizeof(*strength));

        if (!strength)
                return -ENOMEM;
        for (size_t i = 0; i < _STRENGTH_N; i++) {
                ask[i](&question, &strength->bits[i]);
                if (!strength->bits[i].text)
                        return -ENOMEM;
        }
        *ret_strength = TAKE_PTR(strength);
        return 0;
}

const char *strength_bit_to_string(StrengthBit bit)
{
        switch (bit) {
        case STRENGTH_TRANSLATED:
                return "translated";
        case STRENGTH_P2P:
                return "p2p";
        case STRENGTH_MSI:
                return "msi";
        case STRENGTH_CLAIMABLE:
                return "claimable";
        case STRENGTH_RESETTABLE:
                return "resettable";
        case STRENGTH_TRUSTED_ATS:
                return "trusted-ats";
        case STRENGTH_PASID:
                return "pasid";
        case _STRENGTH_N:
                break;
        }
        return "";
}
