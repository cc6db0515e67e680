/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Merges the entries of one function: from a list, from its details, from a listing of groups.
 *
 * One entry fills the unknown facts of the other. If both know a fact and differ, the text is from
 * two boots or two machines, and the reader refuses it.
 */

#include "core/probe/lspci_reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/model/text.h"

#define DIFFERENCES_MAX 8 /* largest number in a message */

typedef struct Differences {
        char *text;
        size_t n;
} Differences;

static int entry_compare(const void *a, const void *b)
{
        const LspciEntry *x = a, *y = b;
        int order = bdf_compare(x->device.bdf, y->device.bdf);

        return order != 0 ? order : (x->seq > y->seq) - (x->seq < y->seq);
}

static bool facts_differ(Tristate a, Tristate b)
{
        return a != TRISTATE_UNKNOWN && b != TRISTATE_UNKNOWN && a != b;
}

static bool acs_differs(const PciFacts *a, const PciFacts *b)
{
        if (facts_differ(a->acs.present, b->acs.present))
                return true;
        return a->acs.present == TRISTATE_YES && b->acs.present == TRISTATE_YES &&
               (a->acs.cap != b->acs.cap || a->acs.ctrl != b->acs.ctrl);
}

/* A bridge has one secondary bus. Of its subordinate bus, a path gives only a lower bound. */
static bool buses_differ(const LspciEntry *a, const LspciEntry *b)
{
        const PciFacts *x = &a->device.facts, *y = &b->device.facts;

        if (facts_differ(x->buses_known, y->buses_known))
                return true;
        if (x->buses_known != TRISTATE_YES || y->buses_known != TRISTATE_YES)
                return false;
        if (x->secondary_bus != y->secondary_bus)
                return true;
        if (a->has_buses_at_least || b->has_buses_at_least)
                return (!a->has_buses_at_least && x->subordinate_bus < y->subordinate_bus) ||
                       (!b->has_buses_at_least && y->subordinate_bus < x->subordinate_bus);
        return x->subordinate_bus != y->subordinate_bus;
}

/* Ids decide; names only if one of the two has no ids. */
static bool ids_differ(const LspciEntry *a, const LspciEntry *b)
{
        const PciDevice *x = &a->device, *y = &b->device;
        bool have_numbers = x->ids.device != 0 && y->ids.device != 0;

        if (have_numbers)
                return x->ids.device != y->ids.device ||
                       (!a->has_named_vendor && !b->has_named_vendor &&
                        x->ids.vendor != y->ids.vendor);
        return a->title_hash != 0 && b->title_hash != 0 && a->title_hash != b->title_hash;
}

/* The difference of two entries of a function, or NULL. */
static const char *find_difference(const LspciEntry *a, const LspciEntry *b)
{
        const PciDevice *x = &a->device, *y = &b->device;

        if (ids_differ(a, b))
                return "another device";
        if (x->ids.class_code >> 8 != 0 && y->ids.class_code >> 8 != 0 &&
            x->ids.class_code >> 8 != y->ids.class_code >> 8)
                return "another class";
        if (x->kernel_group >= 0 && y->kernel_group >= 0 && x->kernel_group != y->kernel_group)
                return "another group";
        if (acs_differs(&x->facts, &y->facts))
                return "another Access Control Services setting";
        if (buses_differ(a, b))
                return "other bus numbers";
        if (facts_differ(x->facts.pcie, y->facts.pcie) ||
            (x->facts.pcie == TRISTATE_YES && y->facts.pcie == TRISTATE_YES &&
             x->facts.pcie_type != y->facts.pcie_type))
                return "another type";
        return NULL;
}

static int add_difference(Differences *differences, const LspciText *texts, const LspciEntry *a,
                          const LspciEntry *b, const char *what)
{
        char address[BDF_TEXT_SIZE], *grown;
        /* For a group, the line of the group is more useful than that of the title. */
        bool is_group = strstr(what, "group") != NULL;
        const char *name_a = texts[is_group ? a->group_source : a->source].name,
                   *name_b = texts[is_group ? b->group_source : b->source].name;

        if (differences->n++ >= DIFFERENCES_MAX)
                return 0;
        grown = text_print("%s%s%s differs between %s:%zu and %s:%zu (%s)",
                           differences->text ? differences->text : "",
                           differences->text ? "; " : "", bdf_format(a->device.bdf, address),
                           name_a, is_group ? a->group_line : a->line, name_b,
                           is_group ? b->group_line : b->line, what);
        if (!grown)
                return -ENOMEM;
        free(differences->text);
        differences->text = grown;
        return 0;
}

static void merge_buses(LspciEntry *kept, const LspciEntry *other)
{
        PciFacts *facts = &kept->device.facts;
        const PciFacts *others = &other->device.facts;

        if (facts->buses_known != TRISTATE_YES || others->buses_known != TRISTATE_YES) {
                if (facts->buses_known == TRISTATE_UNKNOWN)
                        kept->has_buses_at_least = other->has_buses_at_least;
                return;
        }
        if (others->subordinate_bus > facts->subordinate_bus)
                facts->subordinate_bus = others->subordinate_bus;
        kept->has_buses_at_least &= other->has_buses_at_least;
}

/* Bytes contain registers that words do not show. */
static void merge_acs(LspciEntry *kept, const LspciEntry *other)
{
        if (kept->has_acs || !other->has_acs)
                return;
        kept->has_acs = true;
        kept->device.facts.acs = other->device.facts.acs;
}

static void merge_group(LspciEntry *kept, const LspciEntry *other)
{
        /* A group number takes precedence over "no group", and that over "unknown". */
        if (kept->device.kernel_group < 0 &&
            kept->device.kernel_group < other->device.kernel_group) {
                kept->device.kernel_group = other->device.kernel_group;
                kept->group_line = other->group_line;
                kept->group_source = other->group_source;
        }
        if (kept->maybe_group < 0)
                kept->maybe_group = other->maybe_group;
}

/* Keeps the entry with more facts, and fills its unknown facts from the other. */
static void merge_entries(LspciEntry *kept, const LspciEntry *other)
{
        LspciEntry less = *other;

        if (other->has_details && !kept->has_details) {
                less = *kept;
                *kept = *other;
        }
        merge_buses(kept, &less);
        merge_acs(kept, &less);
        lspci_merge_facts(&kept->device.facts, &less.device.facts);
        merge_group(kept, &less);
        kept->has_details |= less.has_details;
        kept->is_vmd |= less.is_vmd;
        kept->is_on_root |= less.is_on_root;
        kept->is_cut |= less.is_cut;
        if (kept->device.ids.device == 0 &&
            (less.device.ids.device != 0 || kept->device.ids.vendor == 0)) {
                kept->device.ids.vendor = less.device.ids.vendor;
                kept->device.ids.device = less.device.ids.device;
                kept->has_named_vendor = less.has_named_vendor;
        }
        if (kept->title_hash == 0)
                kept->title_hash = less.title_hash;
        if (kept->device.ids.class_code == 0)
                kept->device.ids.class_code = less.device.ids.class_code;
        if (kept->device.sysfs.driver[0] == '\0')
                memcpy(kept->device.sysfs.driver, less.device.sysfs.driver,
                       sizeof(less.device.sysfs.driver));
        if (kept->slot[0] == '\0')
                memcpy(kept->slot, less.slot, sizeof(less.slot));
        if (!kept->vfs.known)
                kept->vfs = less.vfs;
}

/*
 * Merges log entries of a function, entries[first..end) in order of time, into the last: a removed
 * function may come back in another group. Two groups without a removal between them are from two
 * boots.
 */
static void fold_log(LspciEntry *entries, size_t first, size_t end, size_t *ret_last,
                     const LspciEntry *ret_two[static 2])
{
        size_t last = SNAPSHOT_NONE;

        ret_two[0] = NULL;
        for (size_t i = first; i < end; i++) {
                const LspciEntry *before = last == SNAPSHOT_NONE ? NULL : &entries[last];

                if (!entries[i].is_logged)
                        continue;
                if (before && !before->is_removed && !entries[i].is_removed &&
                    before->device.kernel_group != entries[i].device.kernel_group) {
                        ret_two[0] = before;
                        ret_two[1] = &entries[i];
                }
                last = i;
        }
        *ret_last = last;
}

/*
 * Merges entries[first..end) of one function into the entry `*to`. Returns whether an entry
 * remains.
 */
static int merge_function(LspciEntry *entries, size_t first, size_t end, LspciEntry *to,
                          const LspciText *texts, Differences *differences)
{
        const LspciEntry *two[2];
        bool any = false;
        LspciEntry kept;
        size_t last;
        int r = 0;

        fold_log(entries, first, end, &last, two);
        if (two[0])
                r = add_difference(differences, texts, two[0], two[1], "another group");
        for (size_t i = first; i < end && r == 0; i++) {
                const char *what = NULL;

                if (entries[i].is_logged && (i != last || entries[i].is_removed))
                        continue;
                if (!any) {
                        kept = entries[i];
                        any = true;
                        continue;
                }
                what = find_difference(&kept, &entries[i]);
                if (what)
                        r = add_difference(differences, texts, &kept, &entries[i], what);
                merge_entries(&kept, &entries[i]);
        }
        if (r < 0)
                return r;
        if (any)
                *to = kept;
        return any;
}

int lspci_merge(Lspci *lspci, const LspciText *texts)
{
        Differences differences = {0};
        _cleanup_(freep) char *text = NULL;
        size_t n = 0, end;
        int r = 0;

        if (lspci->n > 0)
                qsort(lspci->entries, lspci->n, sizeof(*lspci->entries), entry_compare);
        for (size_t first = 0; first < lspci->n && r >= 0; first = end) {
                for (end = first + 1; end < lspci->n && bdf_equal(lspci->entries[first].device.bdf,
                                                                  lspci->entries[end].device.bdf);
                     end++)
                        ;
                r = merge_function(lspci->entries, first, end, &lspci->entries[n], texts,
                                   &differences);
                n += r > 0;
        }
        text = differences.text;
        if (r < 0)
                return r;
        lspci->n = n;
        if (differences.n == 0)
                return 0;
        *lspci->ret_message = text_print("%s%s: give the text of one boot of one machine", text,
                                         differences.n > DIFFERENCES_MAX ? "; and more" : "");
        return *lspci->ret_message ? LSPCI_E_INVALID : -ENOMEM;
}
