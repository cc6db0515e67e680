/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Compares the grouping with the naive reference. Eight bytes draw a machine, one byte selects its
 * kind, and each three bytes after them change a fact of one of its functions. Both implementations
 * must make the same groups, for the kernel and for the sound partition.
 */

#include <string.h>

#include "core/model/groups.h"
#include "fuzz.h"
#include "tests/reference/naive.h"
#include "tests/reference/random.h"

#define CHANGE 3
#define CHANGES_MAX 64
#define DEVICES_MAX 40

static Snapshot *draw(const uint8_t *data)
{
        Random random = {.state = 1};
        const RandomOptions options = {
                .tidy = data[8] & 1,
                .redirecting = data[8] & 2,
                .unknown = data[8] & 4 ? 100 : 0,
                .n_devices_max = DEVICES_MAX,
        };

        memcpy(&random.state, data, sizeof(random.state));
        random.state |= 1; /* a state of zero draws nothing but zeroes */
        return random_topology(&random, &options);
}

static Tristate take_tristate(uint8_t byte)
{
        return (Tristate)(byte % 3);
}

/* Changes facts only: the places stay those of a possible machine. */
static void change(Snapshot *snapshot, const uint8_t *data)
{
        PciFacts *facts = &snapshot->devices[data[0] % snapshot->n_devices].facts;

        switch (data[1] % 8) {
        case 0:
                facts->acs.present = take_tristate(data[2]);
                break;
        case 1:
                facts->acs.ctrl = data[2];
                break;
        case 2:
                facts->acs.cap = data[2];
                break;
        case 3:
                facts->pcie = take_tristate(data[2]);
                break;
        case 4:
                facts->pcie_type = data[2] & 0xf;
                break;
        case 5:
                facts->multifunction_bit = tristate_from_bool(data[2] & 1);
                break;
        case 6:
                facts->header_known = take_tristate(data[2]);
                break;
        default:
                facts->caps.ari = take_tristate(data[2]);
                break;
        }
}

/* Together in one exactly if together in the other. */
static void must_agree(const Partition *partition, const size_t *groups, size_t n)
{
        for (size_t i = 0; i < n; i++)
                for (size_t k = i + 1; k < n; k++)
                        MUST((partition->group_of[i] == partition->group_of[k]) ==
                             (groups[i] == groups[k]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_data)
{
        _cleanup_(partition_freep) Partition *kernel = NULL, *sound = NULL;
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(freep) size_t *groups = NULL;

        if (n_data < 9)
                return 0;
        snapshot = draw(data);
        for (size_t i = 9, n = 0; i + CHANGE <= n_data && n < CHANGES_MAX; i += CHANGE, n++)
                change(snapshot, data + i);
        MUST(snapshot_finish(snapshot) == 0);

        groups = calloc(snapshot->n_devices + 1, sizeof(*groups));
        MUST(groups);
        MUST(kernel_groups_compute(snapshot, &kernel) == 0);
        naive_replay(snapshot, groups);
        must_agree(kernel, groups, snapshot->n_devices);
        MUST(sound_groups_compute(snapshot, kernel, &sound) == 0);
        naive_sound(snapshot, groups);
        must_agree(sound, groups, snapshot->n_devices);
        return 0;
}
