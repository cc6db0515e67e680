/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Compares the model with the naive reference on many random machines.
 *
 * ISO_REFERENCE_COUNT sets how many (20 000 without it), ISO_REFERENCE_SEED the first seed. A
 * difference is printed with the seed of its machine. That seed and a count of 1 reproduce it.
 */

#include "core/model/doubt.h"
#include "core/model/groups.h"
#include "core/model/what_if.h"
#include "naive.h"
#include "random.h"
#include "tap.h"
#include "topology.h"

#define COUNT_NORMAL 20000
#define SEED_NORMAL 0x15011a7e

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

static Partition *compute(const Snapshot *snapshot)
{
        Partition *partition = NULL;

        if (kernel_groups_compute(snapshot, &partition) < 0)
                abort();
        return partition;
}

static void print_difference(const Snapshot *snapshot, const Partition *partition,
                             const size_t *groups, unsigned long seed)
{
        _cleanup_(freep) char *text = topology_text(snapshot, partition);

        printf("# seed %lu: the model says %s\n# the reference says", seed, text);
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                char a[BDF_TEXT_SIZE], b[BDF_TEXT_SIZE];

                printf(" %s:%s", bdf_format(snapshot->devices[i].bdf, a),
                       bdf_format(snapshot->devices[groups[i]].bdf, b));
        }
        printf("\n");
}

/* Are two devices together in one exactly if they are together in the other? */
static bool is_same(const Snapshot *snapshot, const Partition *partition, const size_t *groups)
{
        for (size_t a = 0; a < snapshot->n_devices; a++)
                for (size_t b = 0; b < a; b++)
                        if ((groups[a] == groups[b]) !=
                            (partition->group_of[a] == partition->group_of[b]))
                                return false;
        return true;
}

/* Returns false at a difference. */
static bool compare_one(unsigned long seed, bool tidy, unsigned unknown,
                        void (*reference)(const Snapshot *, size_t *), size_t *n_merged)
{
        Random random = seeded(seed);
        RandomOptions options = {.tidy = tidy, .unknown = unknown, .n_devices_max = 40};
        _cleanup_(snapshot_freep) Snapshot *snapshot = random_topology(&random, &options);
        _cleanup_(partition_freep) Partition *partition = compute(snapshot);
        _cleanup_(freep) size_t *groups = calloc(snapshot->n_devices + 1, sizeof(*groups));

        if (!groups)
                abort();
        reference(snapshot, groups);
        *n_merged += snapshot->n_devices - partition->n_groups;
        if (is_same(snapshot, partition, groups) && topology_reasons_connect(partition))
                return true;
        print_difference(snapshot, partition, groups, seed);
        return false;
}

static void test_replay(void)
{
        unsigned long seed = from_environment("ISO_REFERENCE_SEED", SEED_NORMAL);
        unsigned long count = from_environment("ISO_REFERENCE_COUNT", COUNT_NORMAL);
        size_t n_merged = 0;

        printf("# %lu machines from seed %lu\n", count, seed);
        for (unsigned long i = 0; i < count; i++)
                if (!CHECK(compare_one(seed + i, (seed + i) % 2, (seed + i) % 4 < 2 ? 0 : 60,
                                       naive_replay, &n_merged)))
                        return;
        printf("# %zu joins\n", n_merged);
        CHECK(count < 100 || n_merged > count / 10); /* otherwise nothing was tested */
}

static void test_closure(void)
{
        unsigned long seed = from_environment("ISO_REFERENCE_SEED", SEED_NORMAL);
        unsigned long count = (from_environment("ISO_REFERENCE_COUNT", COUNT_NORMAL) + 1) / 2;
        size_t n_merged = 0;

        for (unsigned long i = 0; i < count; i++)
                if (!CHECK(compare_one(seed + i, true, 0, naive_closure, &n_merged)))
                        return;
        CHECK(count < 100 || n_merged > count / 10);
}

/* If a and b were together, they still are. */
static bool is_coarser(const Partition *before, const Partition *after)
{
        for (size_t a = 0; a < before->n_devices; a++)
                for (size_t b = 0; b < a; b++)
                        if (before->group_of[a] == before->group_of[b] &&
                            after->group_of[a] != after->group_of[b])
                                return false;
        return true;
}

static bool degrade_one(unsigned long seed, size_t *n_degraded, size_t *n_coarser)
{
        Random random = seeded(seed);
        RandomOptions options = {.tidy = true, .unknown = seed % 2 ? 0 : 40, .n_devices_max = 30};
        _cleanup_(snapshot_freep) Snapshot *snapshot = random_topology(&random, &options);

        for (int i = 0; i < 4 && snapshot->n_devices > 0; i++) {
                _cleanup_(partition_freep) Partition *before = compute(snapshot), *after = NULL;

                *n_degraded += random_degrade(&random, snapshot);
                after = compute(snapshot);
                *n_coarser += after->n_groups < before->n_groups;
                if (is_coarser(before, after))
                        continue;
                printf("# seed %lu, step %d: less is known and more is apart\n", seed, i);
                return false;
        }
        return true;
}

static void test_unknown_never_separates(void)
{
        unsigned long seed = from_environment("ISO_REFERENCE_SEED", SEED_NORMAL);
        unsigned long count = (from_environment("ISO_REFERENCE_COUNT", COUNT_NORMAL) + 1) / 2;
        size_t n_degraded = 0, n_coarser = 0;

        for (unsigned long i = 0; i < count; i++)
                if (!CHECK(degrade_one(seed + i, &n_degraded, &n_coarser)))
                        return;
        printf("# %zu facts forgotten, %zu partitions coarser\n", n_degraded, n_coarser);
        CHECK(count < 100 || n_coarser > count / 100);
}

static bool is_leaf(const Snapshot *snapshot, size_t index)
{
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (snapshot->devices[i].parent == index || snapshot->devices[i].physfn == index ||
                    snapshot->devices[i].real_dma == index)
                        return false;
        return true;
}

/* A prediction is for a live machine, whose facts are all known. */
static bool is_whole(const Snapshot *snapshot)
{
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (device_shows_missing(&snapshot->devices[i]))
                        return false;
        return true;
}

/* Predicts the last device in probe order; all others are in their final groups. */
static Partition *make_newcomer(Snapshot *snapshot, size_t newcomer)
{
        Partition *partition;
        size_t k = 0;

        while (snapshot->probe_order[k] != newcomer)
                k++;
        for (; k + 1 < snapshot->n_devices; k++)
                snapshot->probe_order[k] = snapshot->probe_order[k + 1];
        snapshot->probe_order[k] = newcomer;
        partition = compute(snapshot);
        for (size_t i = 0; i < snapshot->n_devices; i++)
                snapshot->devices[i].kernel_group = (int32_t)partition->group_of[i];
        return partition;
}

/* Returns false if the replay and the prediction disagree. */
static bool predict_one(unsigned long seed, size_t *n_joined, size_t *n_alone)
{
        Random random = seeded(seed);
        RandomOptions options = {
                .tidy = seed % 2, .unknown = seed % 3 ? 0 : 60, .n_devices_max = 40};
        _cleanup_(snapshot_freep) Snapshot *snapshot = random_topology(&random, &options);
        _cleanup_(partition_freep) Partition *partition = NULL;
        size_t newcomer = random_below(&random, (unsigned)snapshot->n_devices);
        const Group *group;
        int32_t predicted;
        Reason reason;

        if (!is_leaf(snapshot, newcomer) || !is_whole(snapshot))
                return true;
        partition = make_newcomer(snapshot, newcomer);
        group = &partition->groups[partition->group_of[newcomer]];
        if (kernel_groups_predict(snapshot, newcomer, &predicted, &reason) < 0)
                abort();
        if (group->n_members == 1) {
                ++*n_alone;
                return predicted == -1;
        }
        ++*n_joined;
        return predicted == (int32_t)partition->group_of[newcomer] && reason.a == newcomer &&
               partition->group_of[reason.b] == partition->group_of[newcomer];
}

/* Asks one kind of question on many machines; `one` counts both kinds of answers. */
static void ask_many(bool (*one)(unsigned long, size_t *, size_t *), const char *joined,
                     const char *alone)
{
        unsigned long seed = from_environment("ISO_REFERENCE_SEED", SEED_NORMAL);
        unsigned long count = from_environment("ISO_REFERENCE_COUNT", COUNT_NORMAL);
        size_t n_joined = 0, n_alone = 0;

        for (unsigned long i = 0; i < count; i++)
                if (!CHECK(one(seed + i, &n_joined, &n_alone))) {
                        printf("# seed %lu\n", seed + i);
                        return;
                }
        printf("# %zu %s, %zu %s\n", n_joined, joined, n_alone, alone);
        CHECK(count < 100 || (n_joined > count / 10 && n_alone > count / 20));
}

/* The search, asked only about a new device, finds the same as the whole replay. */
static void test_prediction(void)
{
        ask_many(predict_one, "newcomers join a group", "do not");
}

/* Predicts a card's group below each port, and compares with a machine that has the card. */
static bool predict_ports(unsigned long seed, size_t *n_joined, size_t *n_alone)
{
        Random random = seeded(seed);
        RandomOptions options = {
                .tidy = seed % 2, .unknown = seed % 3 ? 0 : 60, .n_devices_max = 40};
        _cleanup_(snapshot_freep) Snapshot *snapshot = random_topology(&random, &options);
        _cleanup_(partition_freep) Partition *partition = compute(snapshot);

        for (size_t i = 0; i < snapshot->n_devices; i++)
                snapshot->devices[i].kernel_group = (int32_t)partition->group_of[i];
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                _cleanup_(snapshot_freep) Snapshot *grown = NULL;
                int32_t predicted, seen;
                Bdf card;

                if (what_if_add(snapshot, snapshot->devices[i].bdf, &grown, &card) != 0)
                        continue;
                if (kernel_groups_predict_below(snapshot, i, &predicted) < 0)
                        abort();
                seen = grown->devices[snapshot_find(grown, card)].kernel_group;
                if (seen >= (int32_t)partition->n_groups)
                        seen = -1; /* a group of its own */
                if (seen != predicted)
                        return false;
                ++*(seen < 0 ? n_alone : n_joined);
        }
        return true;
}

static void test_ports(void)
{
        ask_many(predict_ports, "ports below which a card joins a group", "where it does not");
}

int main(void)
{
        static const TapTest tests[] = {
                {"equal to the naive replay", test_replay},
                {"equal to the closure of pairs", test_closure},
                {"a newcomer's group is foreseen", test_prediction},
                {"so is that of a card that is not there yet", test_ports},
                {"what is unknown never separates", test_unknown_never_separates},
        };

        return tap_run(tests);
}
