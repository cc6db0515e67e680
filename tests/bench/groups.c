/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The grouping alone, on machines made in memory: its time, its memory, and the dwords of
 * configuration space read per function. Prints one line per figure: NAME VALUE.
 */

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/model/groups.h"

#define ROUNDS 15
#define RUNS 5
#define ROOT_PORTS 15
#define DOWNSTREAM_PORTS 4
#define FUNCTIONS 8
#define CONFIG_SIZE 4096

typedef struct Making {
        Snapshot *snapshot;
        size_t left;
} Making;

static void die(const char *what)
{
        fprintf(stderr, "bench: %s\n", what);
        exit(1);
}

static void add(Making *making, Bdf bdf, const Bdf *parent, PcieType type, bool acs)
{
        PciDevice device = {
                .bdf = bdf,
                .ids = {.vendor = 0x8086, .device = 0x10d3},
                .place = {.root_domain = bdf.domain},
                .kernel_group = -1,
                .facts =
                        {
                                .present = TRISTATE_YES,
                                .header_known = TRISTATE_YES,
                                .header_type = type != PCIE_TYPE_ENDPOINT,
                                .multifunction_bit =
                                        type == PCIE_TYPE_ENDPOINT ? TRISTATE_YES : TRISTATE_NO,
                                .pcie = TRISTATE_YES,
                                .pcie_type = type,
                                .acs = {.present = tristate_from_bool(acs),
                                        .cap = 0x1d,
                                        .ctrl = 0x1d},
                                .caps = {.ari = TRISTATE_NO},
                        },
        };

        if (parent) {
                device.place.has_parent = true;
                device.place.parent_bdf = *parent;
        }
        if (making->left == 0)
                return;
        making->left--;
        if (snapshot_add(making->snapshot, &device) < 0)
                die("out of memory");
}

/* A switch below a root port, as tests/bench/tree.py has it. Returns the next free bus. */
static uint8_t add_switch(Making *making, Bdf port, uint8_t bus, bool acs)
{
        const Bdf up = {.domain = port.domain, .bus = bus};

        add(making, up, &port, PCIE_TYPE_UPSTREAM, false);
        for (uint8_t n = 0; n < DOWNSTREAM_PORTS; n++) {
                const Bdf down = {
                        .domain = port.domain,
                        .bus = (uint8_t)(bus + 1),
                        .devfn = (uint8_t)(n << 3),
                };
                add(making, down, &up, PCIE_TYPE_DOWNSTREAM, acs);
                for (uint8_t function = 0; function < FUNCTIONS; function++) {
                        const Bdf card = {
                                .domain = port.domain,
                                .bus = (uint8_t)(bus + 2 + n),
                                .devfn = function,
                        };
                        add(making, card, &down, PCIE_TYPE_ENDPOINT, false);
                }
        }
        return (uint8_t)(bus + 2 + DOWNSTREAM_PORTS);
}

static Snapshot *make(size_t n_functions)
{
        Making making = {.left = n_functions};

        if (snapshot_new(&making.snapshot) < 0)
                die("out of memory");
        for (uint32_t domain = 0; making.left > 0; domain++) {
                uint8_t bus = 1;

                for (uint8_t slot = 1; slot <= ROOT_PORTS; slot++) {
                        const Bdf port = {.domain = domain, .devfn = (uint8_t)(slot << 3)};

                        add(&making, port, NULL, PCIE_TYPE_ROOT_PORT, slot % 2);
                        bus = add_switch(&making, port, bus, slot % 2);
                }
        }
        return making.snapshot;
}

static double now_ms(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static Snapshot *make_finished(size_t n_functions)
{
        Snapshot *snapshot = make(n_functions);

        if (snapshot_finish(snapshot) < 0)
                die("out of memory");
        return snapshot;
}

/* The minimum of several runs: it excludes the load of other processes. */
static double time_groups(const Snapshot *snapshot, int runs)
{
        double best = 1e9;

        for (int run = 0; run < runs; run++) {
                _cleanup_(partition_freep) Partition *partition = NULL;
                double start = now_ms();

                if (kernel_groups_compute(snapshot, &partition) < 0)
                        die("out of memory");
                double spent = now_ms() - start;
                if (spent < best)
                        best = spent;
        }
        return best;
}

static int compare_doubles(const void *a, const void *b)
{
        const double *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

/*
 * Measures few and many functions alternately. The processor's speed may change, so the benchmark
 * compares adjacent runs and takes the median of their ratios.
 */
static void compare_sizes(size_t n_few, size_t n_many)
{
        _cleanup_(snapshot_freep) Snapshot *few = make_finished(n_few);
        _cleanup_(snapshot_freep) Snapshot *many = make_finished(n_many);
        double best_few = 1e9, best_many = 1e9, ratios[ROUNDS];

        for (int round = 0; round < ROUNDS; round++) {
                double of_few = time_groups(few, RUNS), of_many = time_groups(many, RUNS);

                ratios[round] = of_many / of_few;
                best_few = of_few < best_few ? of_few : best_few;
                best_many = of_many < best_many ? of_many : best_many;
        }
        qsort(ratios, ROUNDS, sizeof(*ratios), compare_doubles);
        printf("kernel_ms_%zu %.3f\nkernel_ms_%zu %.3f\n", n_few, best_few, n_many, best_many);
        printf("kernel_ratio %.2f\n", ratios[ROUNDS / 2]);
}

static void weigh(size_t n_functions)
{
        size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
        _cleanup_(snapshot_freep) Snapshot *snapshot = make(n_functions);
        _cleanup_(partition_freep) Partition *partition = NULL;

        if (snapshot_finish(snapshot) < 0 || kernel_groups_compute(snapshot, &partition) < 0)
                die("out of memory");
        size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
        printf("bytes_per_function %.0f\n", (double)(after - before) / (double)n_functions);
}

typedef struct Counted {
        uint8_t bytes[CONFIG_SIZE];
        unsigned n_reads;
} Counted;

static bool read_counted(void *context, unsigned offset, uint32_t *ret_value)
{
        Counted *counted = context;

        counted->n_reads++;
        memcpy(ret_value, counted->bytes + offset, sizeof(*ret_value));
        return true;
}

/* The `config` file of one function of the tree. */
static void count_reads(const char *path, const char *name)
{
        Counted counted = {.n_reads = 0};
        PciFacts facts;

        FILE *file = fopen(path, "re");
        if (!file || fread(counted.bytes, 1, CONFIG_SIZE, file) != CONFIG_SIZE)
                die(path);
        (void)fclose(file);
        pcicap_read(read_counted, &counted, CONFIG_SIZE, &facts);
        printf("config_dwords_%s %u\n", name, counted.n_reads);
}

/* A card that has just appeared in a machine of that size: for an instruction counter. */
static int predict(size_t n_functions)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = make(n_functions);
        _cleanup_(partition_freep) Partition *partition = NULL;
        size_t card = n_functions / 2;
        int32_t group;

        if (snapshot_finish(snapshot) < 0 || kernel_groups_compute(snapshot, &partition) < 0)
                die("out of memory");
        for (size_t i = 0; i < n_functions; i++)
                snapshot->devices[i].kernel_group = (int32_t)partition->group_of[i];
        while (snapshot->devices[card].facts.header_type != 0 ||
               bdf_function(snapshot->devices[card].bdf))
                card++;
        if (kernel_groups_predict(snapshot, card, &group, NULL) < 0)
                die("out of memory");
        return group == (int32_t)partition->group_of[card] ? 0 : 1;
}

int main(int argc, char **argv)
{
        if (argc == 3 && strcmp(argv[1], "predict") == 0)
                return predict(strtoul(argv[2], NULL, 10));
        if (argc != 3)
                die("usage: groups CONFIG-OF-A-CARD CONFIG-OF-A-PORT, or groups predict FUNCTIONS");
        compare_sizes(4096, 65536);
        weigh(65536);
        count_reads(argv[1], "card");
        count_reads(argv[2], "port");
        return 0;
}
