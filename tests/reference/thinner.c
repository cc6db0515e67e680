/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Compares the reading of a part of a machine with the reading of the whole.
 */

#include "thinner.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

void reading_deinit(Reading *reading)
{
        partition_free(reading->observed);
        partition_free(reading->sound);
        partition_free(reading->kernel);
        snapshot_free(reading->snapshot);
}

void reading_take(Reading *reading, Snapshot *snapshot)
{
        *reading = (Reading){.snapshot = snapshot};
        if (kernel_groups_compute(snapshot, &reading->kernel) < 0 ||
            sound_groups_compute(snapshot, reading->kernel, &reading->sound) < 0 ||
            observed_groups_compute(snapshot, NULL, &reading->observed) < 0)
                abort();
}

/* The group that would be leased with the device. */
static const Partition *unit_of(const Reading *reading, size_t index)
{
        return reading->observed->group_of[index] != SNAPSHOT_NONE ? reading->observed
                                                                   : reading->kernel;
}

/* Is this function missing although a remaining function is below it or is named by it? */
static bool is_missed(const Reading *whole, const Reading *thin, size_t index)
{
        const Bdf bdf = whole->snapshot->devices[index].bdf;

        for (size_t i = 0; i < whole->snapshot->n_devices; i++) {
                const PciDevice *device = &whole->snapshot->devices[i];
                size_t there = snapshot_find(thin->snapshot, device->bdf);
                const PciDevice *left =
                        there != SNAPSHOT_NONE ? &thin->snapshot->devices[there] : NULL;

                if (left &&
                    (device->parent == index ||
                     (left->place.is_vf && bdf_equal(left->place.physfn_bdf, bdf)) ||
                     (left->place.has_real_dma && bdf_equal(left->place.real_dma_bdf, bdf))))
                        return true;
        }
        return false;
}

/* Per group of `partition`: has it lost a member without a remaining trace? */
static bool *find_losers(const Reading *whole, const Reading *thin, const Partition *partition)
{
        bool *losers = calloc(partition->n_groups + 1, sizeof(*losers));

        if (!losers)
                abort();
        for (size_t i = 0; i < whole->snapshot->n_devices; i++)
                if (partition->group_of[i] != SNAPSHOT_NONE &&
                    snapshot_find(thin->snapshot, whole->snapshot->devices[i].bdf) ==
                            SNAPSHOT_NONE &&
                    !is_missed(whole, thin, i))
                        losers[partition->group_of[i]] = true;
        return losers;
}

/* Returns two devices of a group of `before` that `after` has apart, or false. */
static bool find_apart(const Reading *whole, const Reading *thin, const Partition *before,
                       const Partition *after, size_t ret[static 2])
{
        _cleanup_(freep) bool *losers = find_losers(whole, thin, before);

        for (size_t g = 0; g < before->n_groups; g++) {
                size_t first = SNAPSHOT_NONE, at = 0;

                for (size_t i = 0; !losers[g] && i < before->groups[g].n_members; i++) {
                        size_t index = before->groups[g].members[i];
                        size_t other =
                                snapshot_find(thin->snapshot, whole->snapshot->devices[index].bdf);

                        if (other == SNAPSHOT_NONE)
                                continue;
                        if (first == SNAPSHOT_NONE) {
                                first = other;
                                at = index;
                        } else if (after->group_of[first] != after->group_of[other]) {
                                ret[0] = at;
                                ret[1] = index;
                                return true;
                        }
                }
        }
        return false;
}

static bool has_same_members(const Reading *whole, size_t a, const Reading *thin, size_t b)
{
        const Partition *p = unit_of(whole, a), *q = unit_of(thin, b);
        const Group *x = &p->groups[p->group_of[a]], *y = &q->groups[q->group_of[b]];

        if (x->n_members != y->n_members)
                return false;
        for (size_t i = 0; i < x->n_members; i++)
                if (!bdf_equal(whole->snapshot->devices[x->members[i]].bdf,
                               thin->snapshot->devices[y->members[i]].bdf))
                        return false;
        return true;
}

static Strength *strength_of(const Reading *reading, size_t index)
{
        const Partition *unit = unit_of(reading, index);
        Strength *strength = NULL;

        if (strength_compute(reading->snapshot, unit, unit->group_of[index], reading->sound,
                             &strength) < 0)
                abort();
        return strength;
}

/* Has its bus lost a function without a trace? A reset of the bus then no longer reaches it. */
static bool has_lost_neighbour(const Reading *whole, const Reading *thin, size_t index)
{
        const PciDevice *devices = whole->snapshot->devices;

        for (size_t i = 0; i < whole->snapshot->n_devices; i++)
                if (bdf_same_bus(devices[i].bdf, devices[index].bdf) &&
                    snapshot_find(thin->snapshot, devices[i].bdf) == SNAPSHOT_NONE &&
                    !is_missed(whole, thin, i))
                        return true;
        return false;
}

/* Returns a device and a bit that has changed to yes, or false. */
static bool find_stronger(const Reading *whole, const Reading *thin, unsigned what,
                          size_t *ret_device, StrengthBit *ret_bit)
{
        _cleanup_(freep) bool *losers = find_losers(whole, thin, whole->sound);

        for (size_t i = 0; i < thin->snapshot->n_devices; i++) {
                size_t index = snapshot_find(whole->snapshot, thin->snapshot->devices[i].bdf);
                _cleanup_(strength_freep) Strength *before = NULL, *after = NULL;
                const Partition *unit = unit_of(thin, i);

                if (index == SNAPSHOT_NONE || losers[whole->sound->group_of[index]] ||
                    unit->groups[unit->group_of[i]].members[0] != i ||
                    !has_same_members(whole, index, thin, i))
                        continue;
                before = strength_of(whole, index);
                after = strength_of(thin, i);
                for (StrengthBit bit = 0; bit < _STRENGTH_N; bit++)
                        if ((what & THIN_BIT(bit)) && after->bits[bit].value == TRISTATE_YES &&
                            before->bits[bit].value != TRISTATE_YES &&
                            (bit != STRENGTH_RESETTABLE ||
                             !has_lost_neighbour(whole, thin, index))) {
                                *ret_device = index;
                                *ret_bit = bit;
                                return true;
                        }
        }
        return false;
}

static void report(const Reading *whole, const char *where, const char *what, size_t a, size_t b)
{
        char one[BDF_TEXT_SIZE], other[BDF_TEXT_SIZE];

        printf("# %s: %s: %s %s\n", where, what, bdf_format(whole->snapshot->devices[a].bdf, one),
               bdf_format(whole->snapshot->devices[b].bdf, other));
}

bool thin_check(const Reading *whole, const Reading *thin, const char *where, unsigned what)
{
        size_t apart[2], device;
        StrengthBit bit;
        bool good = true;

        if (what & THIN_PARTITIONS && find_apart(whole, thin, whole->kernel, thin->kernel, apart)) {
                report(whole, where, "the kernel's partition parts", apart[0], apart[1]);
                good = false;
        }
        if (what & THIN_PARTITIONS && find_apart(whole, thin, whole->sound, thin->sound, apart)) {
                report(whole, where, "the sound partition parts", apart[0], apart[1]);
                good = false;
        }
        if (find_stronger(whole, thin, what, &device, &bit)) {
                report(whole, where, strength_bit_to_string(bit), device, device);
                good = false;
        }
        return good;
}

size_t thin_most(size_t usual)
{
        const char *most = getenv("ISO_THIN_MOST");

        return most ? strtoul(most, NULL, 10) : usual;
}

size_t thin_step(size_t n, size_t most)
{
        return most == 0 || n <= most ? 1 : (n + most - 1) / most;
}

char *thin_read_file(const char *path, size_t *ret_n)
{
        FILE *file = fopen(path, "re");
        char *text = NULL;
        long size;

        if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0)
                abort();
        rewind(file);
        text = malloc((size_t)size + 1);
        if (!text || fread(text, 1, (size_t)size, file) != (size_t)size)
                abort();
        (void)fclose(file);
        *ret_n = (size_t)size;
        return text;
}

static int is_dump(const struct dirent *entry)
{
        const char *end = strrchr(entry->d_name, '.');

        return end && strcmp(end, ".txt") == 0;
}

int thin_run(bool (*check)(const char *path, size_t most), size_t usual, void (*tell)(void))
{
        const char *corpus = getenv("ISO_CORPUS");
        struct dirent **entries = NULL;
        bool failed = false;
        int n = corpus && *corpus ? scandir(corpus, &entries, is_dump, alphasort) : 0;

        if (!corpus || !*corpus) {
                printf("1..0 # SKIP ISO_CORPUS names no directory of dumps\n");
                return 0;
        }
        printf("1..%d\n", n > 0 ? n : 1);
        if (n <= 0)
                printf("not ok 1 - no dumps in %s\n", corpus);
        for (int i = 0; i < n; i++) {
                char path[4096];
                bool good;

                (void)snprintf(path, sizeof(path), "%s/%s", corpus, entries[i]->d_name);
                good = check(path, thin_most(usual));
                printf("%s %d - %s\n", good ? "ok" : "not ok", i + 1, entries[i]->d_name);
                (void)fflush(stdout);
                failed |= !good;
                free(entries[i]);
        }
        free(entries);
        tell();
        return failed || n <= 0;
}
