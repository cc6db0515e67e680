/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Compares the sound partition with the naive reading of its table, and checks properties of both
 * partitions that hold on every machine.
 *
 * ISO_REFERENCE_COUNT and ISO_REFERENCE_SEED as in test_random.c. A fault is shrunk to a small
 * machine and printed.
 */

#include "core/model/groups.h"
#include "missing.h"
#include "naive.h"
#include "random.h"
#include "shrink.h"
#include "tap.h"
#include "topology.h"

#define COUNT_NORMAL 20000
#define SEED_NORMAL 0x50fd

static unsigned long from_environment(const char *name, unsigned long normal)
{
        const char *text = getenv(name);

        return text && text[0] ? strtoul(text, NULL, 0) : normal;
}

static Random seeded(unsigned long seed)
{
        Random random = {seed * 0x9e3779b97f4a7c15ULL + 1};

        (void)random_below(&random, 2);
        return random;
}

typedef struct Both {
        Partition *kernel, *sound;
} Both;

static Both compute(const Snapshot *snapshot)
{
        Both both = {0};

        if (kernel_groups_compute(snapshot, &both.kernel) < 0 ||
            sound_groups_compute(snapshot, both.kernel, &both.sound) < 0)
                abort();
        return both;
}

static void both_deinitp(Both *both)
{
        partition_free(both->kernel);
        partition_free(both->sound);
}

/* If a and b were together, they still are; `to` gives the new index of each device, or is NULL. */
static bool is_coarser(const Partition *before, const Partition *after, const size_t *to)
{
        for (size_t a = 0; a < before->n_devices; a++)
                for (size_t b = 0; b < a; b++)
                        if (before->group_of[a] == before->group_of[b] &&
                            after->group_of[to ? to[a] : a] != after->group_of[to ? to[b] : b])
                                return false;
        return true;
}

/* The fault: the naive reference and the model differ, or reasons do not hold. */
static bool differs(const Snapshot *snapshot, void *context)
{
        _cleanup_(both_deinitp) Both both = compute(snapshot);
        _cleanup_(freep) size_t *groups = calloc(snapshot->n_devices + 1, sizeof(*groups));

        if (!groups)
                abort();
        naive_sound(snapshot, groups);
        if (!topology_reasons_connect(both.sound) || !is_coarser(both.kernel, both.sound, NULL))
                return true;
        for (size_t a = 0; a < snapshot->n_devices; a++)
                for (size_t b = 0; b < a; b++)
                        if ((groups[a] == groups[b]) !=
                            (both.sound->group_of[a] == both.sound->group_of[b]))
                                return true;
        return false;
}

static void print_fault(const Snapshot *snapshot, ShrinkFault fault, void *context,
                        unsigned long seed)
{
        _cleanup_(snapshot_freep) Snapshot *small = shrink(snapshot, fault, context);
        _cleanup_(both_deinitp) Both both = compute(small);
        _cleanup_(freep) char *kernel = topology_text(small, both.kernel);
        _cleanup_(freep) char *sound = topology_text(small, both.sound);
        _cleanup_(freep) size_t *groups = calloc(small->n_devices + 1, sizeof(*groups));

        if (!groups)
                abort();
        naive_sound(small, groups);
        printf("# seed %lu shrunk to %zu devices:\n", seed, small->n_devices);
        shrink_print(small);
        printf("# kernel: %s\n# sound: %s\n# naive:", kernel, sound);
        for (size_t i = 0; i < small->n_devices; i++)
                printf(" %zu", groups[i]);
        printf("\n");
}

static RandomOptions options_of(unsigned long seed)
{
        return (RandomOptions){
                .tidy = seed % 3 != 0,
                .unknown = seed % 8 < 6 ? 0 : 30,
                .redirecting = seed % 4 != 0,
                .n_devices_max = 40,
        };
}

static bool compare_one(unsigned long seed, size_t n_rules[_REASON_N])
{
        Random random = seeded(seed);
        RandomOptions options = options_of(seed);
        _cleanup_(snapshot_freep) Snapshot *snapshot = random_topology(&random, &options);
        _cleanup_(both_deinitp) Both both = compute(snapshot);

        for (size_t g = 0; g < both.sound->n_groups; g++)
                for (size_t i = 0; i < both.sound->groups[g].n_reasons; i++)
                        n_rules[both.sound->groups[g].reasons[i].rule]++;
        if (!differs(snapshot, NULL))
                return true;
        print_fault(snapshot, differs, NULL, seed);
        return false;
}

static void test_naive(void)
{
        unsigned long seed = from_environment("ISO_REFERENCE_SEED", SEED_NORMAL);
        unsigned long count = from_environment("ISO_REFERENCE_COUNT", COUNT_NORMAL);
        size_t n_rules[_REASON_N] = {0};

        printf("# %lu machines from seed %lu\n", count, seed);
        for (unsigned long i = 0; i < count; i++)
                if (!CHECK(compare_one(seed + i, n_rules)))
                        return;
        for (size_t i = 0; i < _REASON_N; i++) {
                /* A conventional bus is one group for the kernel already, by id or by ACS. */
                if (i == REASON_OBSERVED || i == REASON_SHARED_BUS || i == REASON_UNKNOWN_PARENT)
                        continue;
                printf("# %zu by %s\n", n_rules[i], reason_rule_to_string((ReasonRule)i));
                CHECK(count < 1000 || n_rules[i] > count / 500); /* otherwise it was not tested */
        }
}

/* The same for machines that miss a bridge: compares the readings of devices in doubt. */
static void test_naive_missing(void)
{
        unsigned long seed = from_environment("ISO_REFERENCE_SEED", SEED_NORMAL);
        unsigned long count = (from_environment("ISO_REFERENCE_COUNT", COUNT_NORMAL) + 3) / 4;
        size_t n_missing = 0;

        for (unsigned long i = 0; i < count; i++) {
                Random random = seeded(seed + i);
                RandomOptions options = options_of(seed + i);
                _cleanup_(snapshot_freep) Snapshot *whole = random_topology(&random, &options);
                _cleanup_(snapshot_freep) Snapshot *snapshot =
                        missing_random(&random, whole, (Missing)(i % _MISSING_N));

                if (!snapshot)
                        continue;
                n_missing++;
                if (CHECK(!differs(snapshot, NULL)))
                        continue;
                print_fault(snapshot, differs, NULL, seed + i);
                return;
        }
        printf("# %zu machines without a bridge\n", n_missing);
        CHECK(count < 100 || n_missing > count / 2);
}

/* --- on every machine ------------------------------------------------------------------------ */

typedef struct Change {
        unsigned long seed;
        Bdf device; /* the device whose facts change */
        bool adds_acs;
} Change;

/* With fewer known facts no group splits. With more ACS no groups merge. */
static bool changes_wrongly(const Snapshot *snapshot, void *context)
{
        const Change *change = context;
        Random random = seeded(change->seed);
        size_t index = snapshot_find(snapshot, change->device);
        _cleanup_(snapshot_freep) Snapshot *after = NULL;
        _cleanup_(both_deinitp) Both old = {0}, new = {0};

        if (index == SNAPSHOT_NONE)
                return false;
        if (snapshot_copy(snapshot, &after) < 0)
                abort();
        old = compute(snapshot);
        if (change->adds_acs)
                add_acs(after, &after->devices[index]);
        else
                (void)random_degrade_device(&random, after, &after->devices[index]);
        new = compute(after);
        if (change->adds_acs)
                return !is_coarser(new.kernel, old.kernel, NULL) ||
                       !is_coarser(new.sound, old.sound, NULL);
        return !is_coarser(old.kernel, new.kernel, NULL) || !is_coarser(old.sound, new.sound, NULL);
}

static void check_changes(bool adds_acs)
{
        unsigned long seed = from_environment("ISO_REFERENCE_SEED", SEED_NORMAL);
        unsigned long count = (from_environment("ISO_REFERENCE_COUNT", COUNT_NORMAL) + 1) / 2;

        for (unsigned long i = 0; i < count; i++) {
                Random random = seeded(seed + i);
                RandomOptions options = options_of(seed + i);
                Change change = {.seed = seed + i, .adds_acs = adds_acs};
                _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;

                options.tidy = true; /* otherwise the kernel's result depends on the order */
                options.n_devices_max = 30;
                snapshot = random_topology(&random, &options);
                if (snapshot->n_devices == 0)
                        continue;
                change.device =
                        snapshot->devices[random_below(&random, (unsigned)snapshot->n_devices)].bdf;
                if (CHECK(!changes_wrongly(snapshot, &change)))
                        continue;
                print_fault(snapshot, changes_wrongly, &change, seed + i);
                return;
        }
}

static void test_unknown_coarsens(void)
{
        check_changes(false);
}

static void test_acs_never_merges(void)
{
        check_changes(true);
}

/* Are two devices apart in `after` that are together in `before`, where one more device is? */
static bool comes_apart(const Snapshot *before, const Snapshot *after)
{
        _cleanup_(both_deinitp) Both old = compute(before), new = compute(after);
        _cleanup_(freep) size_t *from = calloc(after->n_devices + 1, sizeof(*from));

        if (!from)
                abort();
        for (size_t a = 0; a < after->n_devices; a++)
                from[a] = snapshot_find(before, after->devices[a].bdf);
        for (size_t a = 0; a < after->n_devices; a++)
                for (size_t b = 0; b < a; b++)
                        if ((old.kernel->group_of[from[a]] == old.kernel->group_of[from[b]] &&
                             new.kernel->group_of[a] != new.kernel->group_of[b]) ||
                            (old.sound->group_of[from[a]] == old.sound->group_of[from[b]] &&
                             new.sound->group_of[a] != new.sound->group_of[b]))
                                return true;
        return false;
}

/* The fault: leaving out some bridge, in this way, separates devices. */
static bool separates(const Snapshot *snapshot, void *context)
{
        const Missing *how = context;
        _cleanup_(snapshot_freep) Snapshot *before = missing_nothing(snapshot, *how);

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                _cleanup_(snapshot_freep) Snapshot *after = missing_bridge(snapshot, i, *how);

                if (after && comes_apart(before, after))
                        return true;
        }
        return false;
}

static void test_missing_bridge(void)
{
        unsigned long seed = from_environment("ISO_REFERENCE_SEED", SEED_NORMAL);
        unsigned long count = (from_environment("ISO_REFERENCE_COUNT", COUNT_NORMAL) + 1) / 2;
        size_t n_missing = 0;

        for (unsigned long i = 0; i < count; i++) {
                Random random = seeded(seed + i);
                RandomOptions options = options_of(seed + i);
                Missing how = (Missing)(i % _MISSING_N);
                _cleanup_(snapshot_freep) Snapshot *snapshot = NULL, *before = NULL, *after = NULL;

                options.tidy = true;
                snapshot = random_topology(&random, &options);
                before = missing_nothing(snapshot, how);
                after = missing_random(&random, snapshot, how);
                n_missing += after != NULL;
                if (CHECK(!after || !comes_apart(before, after)))
                        continue;
                printf("# way %d\n", (int)how);
                print_fault(snapshot, separates, &how, seed + i);
                return;
        }
        printf("# %zu bridges left out\n", n_missing);
        CHECK(count < 100 || n_missing > count / 2);
}

static bool has_other_ids(const Partition *a, const Partition *b, const size_t *to)
{
        for (size_t i = 0; i < a->n_devices; i++)
                if (strcmp(a->groups[a->group_of[i]].id, b->groups[b->group_of[to[i]]].id) != 0)
                        return true;
        return false;
}

/* With other bus and kernel numbers and in another order: the same groups, the same ids. */
static bool is_unstable(const Snapshot *snapshot, void *context)
{
        Random random = seeded(*(unsigned long *)context);
        _cleanup_(snapshot_freep) Snapshot *after = random_renumber(&random, snapshot);
        _cleanup_(freep) size_t *to = calloc(snapshot->n_devices + 1, sizeof(*to));
        _cleanup_(both_deinitp) Both old = compute(snapshot), new = compute(after);
        _cleanup_(partition_freep) Partition *old_observed = NULL, *new_observed = NULL;

        if (!to || observed_groups_compute(snapshot, old.kernel, &old_observed) < 0 ||
            observed_groups_compute(after, new.kernel, &new_observed) < 0)
                abort();
        for (size_t i = 0; i < after->n_devices; i++)
                to[after->devices[i].facts.serial_number] = i;
        return old.kernel->n_groups != new.kernel->n_groups ||
               old.sound->n_groups != new.sound->n_groups ||
               old_observed->n_groups != new_observed->n_groups ||
               !is_coarser(old.kernel, new.kernel, to) || !is_coarser(old.sound, new.sound, to) ||
               has_other_ids(old.kernel, new.kernel, to) ||
               has_other_ids(old.sound, new.sound, to) ||
               has_other_ids(old_observed, new_observed, to);
}

static void test_stable(void)
{
        unsigned long seed = from_environment("ISO_REFERENCE_SEED", SEED_NORMAL);
        unsigned long count = (from_environment("ISO_REFERENCE_COUNT", COUNT_NORMAL) + 1) / 2;

        for (unsigned long i = 0; i < count; i++) {
                Random random = seeded(seed + i);
                RandomOptions options = options_of(seed + i);
                unsigned long context = seed + i;
                _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
                _cleanup_(both_deinitp) Both both = {0};

                options.tidy = true;
                options.unknown = 0; /* below a missing bridge, paths contain addresses */
                snapshot = random_topology(&random, &options);
                both = compute(snapshot);
                for (size_t k = 0; k < snapshot->n_devices; k++)
                        snapshot->devices[k].kernel_group = (int32_t)both.kernel->group_of[k];
                if (CHECK(!is_unstable(snapshot, &context)))
                        continue;
                print_fault(snapshot, is_unstable, &context, seed + i);
                return;
        }
}

/* A fault to shrink: some device joined by a switch's lacking port. */
static bool has_switch_peer(const Snapshot *snapshot, void *context)
{
        _cleanup_(both_deinitp) Both both = compute(snapshot);

        for (size_t g = 0; g < both.sound->n_groups; g++)
                for (size_t i = 0; i < both.sound->groups[g].n_reasons; i++)
                        if (both.sound->groups[g].reasons[i].rule == REASON_SWITCH_PEER)
                                return true;
        return false;
}

static void test_shrinking(void)
{
        RandomOptions options = {.tidy = true, .redirecting = true, .n_devices_max = 40};

        for (unsigned long seed = 1; seed < 1000; seed++) {
                Random random = seeded(seed);
                _cleanup_(snapshot_freep) Snapshot *snapshot = random_topology(&random, &options);
                _cleanup_(snapshot_freep) Snapshot *small = NULL;

                if (snapshot->n_devices < 30 || !has_switch_peer(snapshot, NULL))
                        continue;
                small = shrink(snapshot, has_switch_peer, NULL);
                CHECK(has_switch_peer(small, NULL));
                if (!CHECK(small->n_devices <= 4))
                        shrink_print(small);
                return;
        }
        CHECK(!"a large machine with such a port");
}

int main(void)
{
        static const TapTest tests[] = {
                {"sound: equal to the naive reading", test_naive},
                {"sound: also where a bridge is missing", test_naive_missing},
                {"what is unknown never separates", test_unknown_coarsens},
                {"a bridge that is not told never separates", test_missing_bridge},
                {"adding ACS never merges", test_acs_never_merges},
                {"other numbers, another order: the same groups and ids", test_stable},
                {"a fault shrinks", test_shrinking},
        };

        return tap_run(tests);
}
