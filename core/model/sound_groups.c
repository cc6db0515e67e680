/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The sound partition: joins all devices that can reach each other past the IOMMU.
 *
 * The kernel only looks upward from a device: does every port on the path to the root redirect?
 * This file also asks which requests may come down to it. The partition is the closure of the
 * kernel's groups and of eight kinds of edges, applied in order. Each edge names the function that
 * lets a request pass, and the ACS bits that would stop it (PCIe Base Specification 6.12).
 *
 * The devices below a port are joined completely or not at all. So an edge marks ports with a
 * *culprit*, and one pass from the top down applies it to all devices below. Two devices that are
 * already joined keep their first reason.
 *
 * A function of unknown type counts as every type that is possible.
 */

#include "core/model/doubt.h"
#include "core/model/groups.h"
#include "core/model/partition.h"
#include "core/model/quirks.h"
#include "core/model/sound_notes.h"

#include <errno.h>

typedef struct Sound {
        const Snapshot *snapshot;
        size_t *above;    /* the forest of joined devices */
        uint8_t *missing; /* ACS bits each function lacks */
        size_t *leaf;     /* per bridge: a leaf function below it, or NONE */
        size_t *culprit;  /* current edge, per device: what lets requests pass, or NONE */
        size_t *first;    /* of the current edge, per bridge or PF: the first culprit, or NONE */
        ReasonList reasons;
        int error; /* of the first allocation that failed */
} Sound;

static void sound_deinitp(Sound *sound)
{
        free(sound->above);
        free(sound->missing);
        free(sound->leaf);
        free(sound->culprit);
        free(sound->first);
        free(sound->reasons.reasons);
}

static int sound_init(Sound *sound)
{
        const Snapshot *snapshot = sound->snapshot;
        size_t n = snapshot->n_devices + 1;

        sound->above = calloc(n, sizeof(*sound->above));
        sound->missing = calloc(n, sizeof(*sound->missing));
        sound->leaf = calloc(n, sizeof(*sound->leaf));
        sound->culprit = calloc(n, sizeof(*sound->culprit));
        sound->first = calloc(n, sizeof(*sound->first));
        if (!sound->above || !sound->missing || !sound->leaf || !sound->culprit || !sound->first)
                return -ENOMEM;

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                sound->above[i] = i;
                sound->missing[i] = acs_missing(snapshot, i);
                sound->leaf[i] = SNAPSHOT_NONE;
        }
        for (size_t k = snapshot->n_devices; k > 0; k--) {
                size_t i = snapshot->probe_order[k - 1];
                size_t parent = snapshot->devices[i].parent;

                if (parent != SNAPSHOT_NONE)
                        sound->leaf[parent] = sound->leaf[i] != SNAPSHOT_NONE ? sound->leaf[i] : i;
        }
        return 0;
}

static void forget(size_t *list, size_t n)
{
        for (size_t i = 0; i < n; i++)
                list[i] = SNAPSHOT_NONE;
}

/* Joins two devices unless they are joined already; `bits` are the relevant ones of SV|RR|CR|UF. */
static void join(Sound *sound, ReasonRule rule, size_t a, size_t b, size_t at, uint8_t bits)
{
        size_t x = partition_find(sound->above, a), y = partition_find(sound->above, b);
        Reason reason = {
                .rule = rule,
                .a = a,
                .b = b,
                .at = at,
                .missing = sound->missing[at] & bits,
                .acs = bits ? sound->snapshot->devices[at].facts.acs.present : TRISTATE_UNKNOWN,
        };
        int r;

        if (x == y)
                return;
        sound->above[x] = y;
        r = reason_list_add(&sound->reasons, &reason);
        if (r < 0 && sound->error == 0)
                sound->error = r;
}

/* Joins `index` with the devices that send requests through the culprit `at`. */
static void join_to_culprit(Sound *sound, ReasonRule rule, size_t index, size_t at, uint8_t bits)
{
        size_t source = sound->leaf[at] != SNAPSHOT_NONE ? sound->leaf[at] : at;

        join(sound, rule, index, source != index ? source : at, at, bits);
}

/* Joins everything below each port that has a culprit, the port included. */
static void join_below(Sound *sound, ReasonRule rule, uint8_t bits)
{
        const Snapshot *snapshot = sound->snapshot;

        for (size_t k = 0; k < snapshot->n_devices; k++) {
                size_t i = snapshot->probe_order[k], parent = snapshot->devices[i].parent;
                size_t inherited = parent != SNAPSHOT_NONE ? sound->culprit[parent] : SNAPSHOT_NONE;

                if (inherited != SNAPSHOT_NONE)
                        join_to_culprit(sound, rule, i, inherited, bits);
                if (sound->culprit[i] != SNAPSHOT_NONE)
                        join_to_culprit(sound, rule, i, sound->culprit[i], bits);
                else
                        sound->culprit[i] = inherited;
        }
}

/* One past the last device of the slot that `start` is the first of. */
static size_t slot_end(const Snapshot *snapshot, size_t start)
{
        size_t end = start + 1;

        while (end < snapshot->n_devices &&
               bdf_same_slot(snapshot->devices[start].bdf, snapshot->devices[end].bdf))
                end++;
        return end;
}

/* Joins the members of the kernel's groups. */
static int join_kernel(Sound *sound, const Partition *kernel)
{
        for (size_t g = 0; g < kernel->n_groups; g++) {
                for (size_t i = 0; i < kernel->groups[g].n_reasons; i++) {
                        const Reason *reason = &kernel->groups[g].reasons[i];
                        int r = reason_list_add(&sound->reasons, reason);

                        if (r < 0)
                                return r;
                        sound->above[partition_find(sound->above, reason->a)] =
                                partition_find(sound->above, reason->b);
                }
        }
        return 0;
}

/* 1. Every master on a conventional bus reaches every target on it. */
static void edge_shared_bus(Sound *sound)
{
        const PciDevice *devices = sound->snapshot->devices;

        for (size_t i = 0; i < sound->snapshot->n_devices; i++) {
                size_t parent = devices[i].parent;

                if (parent != SNAPSHOT_NONE && !port_is_link(&devices[parent]) &&
                    !port_is_upstream(&devices[parent]))
                        join(sound, REASON_SHARED_BUS, i, parent, parent, 0);
        }
}

/*
 * 2. Functions that share a requester id. The kernel's groups already cover ids of bridges and
 * missing endpoints.
 */
static void edge_alias(Sound *sound)
{
        const Snapshot *snapshot = sound->snapshot;
        const PciDevice *devices = snapshot->devices;
        size_t bus = 0;

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                AliasMask mask;

                if (!bdf_same_bus(devices[bus].bdf, devices[i].bdf))
                        bus = i;
                if (devices[i].real_dma != SNAPSHOT_NONE)
                        join(sound, REASON_REAL_DMA_DEVICE, i, devices[i].real_dma,
                             devices[i].real_dma, 0);
                if (!known_alias_mask(&devices[i], &mask))
                        continue;
                for (size_t j = bus;
                     j < snapshot->n_devices && bdf_same_bus(devices[j].bdf, devices[i].bdf); j++)
                        if (alias_mask_has(&mask, devices[j].bdf.devfn))
                                join(sound, REASON_DMA_ALIAS, i, j, i, 0);
        }
}

/*
 * 3. Functions of one device: of one slot or, below a link, of the bus, which has only one device
 * (6.13).
 */
static void edge_functions(Sound *sound)
{
        const Snapshot *snapshot = sound->snapshot;
        const PciDevice *devices = snapshot->devices;

        for (size_t start = 0, end; start < snapshot->n_devices; start = end) {
                size_t culprit = SNAPSHOT_NONE;

                end = slot_end(snapshot, start);
                for (size_t i = start; i < end && culprit == SNAPSHOT_NONE; i++)
                        if (!devices[i].place.is_vf && sound->missing[i] & ACS_RR)
                                culprit = i;
                for (size_t i = start; i < end && culprit != SNAPSHOT_NONE; i++)
                        if (!devices[i].place.is_vf)
                                join(sound, REASON_FUNCTION_PEER, i, culprit, culprit, ACS_RR);
        }

        forget(sound->first, snapshot->n_devices);
        for (size_t i = snapshot->n_devices; i > 0; i--)
                if (!devices[i - 1].place.is_vf && devices[i - 1].parent != SNAPSHOT_NONE &&
                    sound->missing[i - 1] & ACS_RR)
                        sound->first[devices[i - 1].parent] = i - 1;
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                size_t parent = devices[i].parent;

                if (!devices[i].place.is_vf && parent != SNAPSHOT_NONE &&
                    port_is_link(&devices[parent]) && sound->first[parent] != SNAPSHOT_NONE)
                        join(sound, REASON_FUNCTION_PEER, i, sound->first[parent],
                             sound->first[parent], ACS_RR);
        }
}

/* 4. Downstream ports of one switch: a request that enters one leaves by another. */
static void edge_switch(Sound *sound)
{
        const Snapshot *snapshot = sound->snapshot;
        const PciDevice *devices = snapshot->devices;

        forget(sound->first, snapshot->n_devices);
        forget(sound->culprit, snapshot->n_devices);
        for (size_t i = snapshot->n_devices; i > 0; i--)
                if (devices[i - 1].parent != SNAPSHOT_NONE && sound->missing[i - 1] & ACS_RR &&
                    port_may_be_downstream(snapshot, i - 1))
                        sound->first[devices[i - 1].parent] = i - 1;
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (devices[i].parent != SNAPSHOT_NONE && port_may_be_downstream(snapshot, i))
                        sound->culprit[i] = sound->first[devices[i].parent];
        join_below(sound, REASON_SWITCH_PEER, ACS_RR);
}

/* 5. A request that a port turns around reaches the port itself, or its switch. */
static void edge_turn_around(Sound *sound)
{
        const Snapshot *snapshot = sound->snapshot;

        forget(sound->culprit, snapshot->n_devices);
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                size_t parent = snapshot->devices[i].parent;
                bool downstream = port_may_be_downstream(snapshot, i);

                if (!(sound->missing[i] & (ACS_UF | ACS_CR)) ||
                    !(downstream || port_may_be_root(snapshot, i)))
                        continue;
                sound->culprit[i] = i;
                if (downstream && parent != SNAPSHOT_NONE)
                        join_to_culprit(sound, REASON_TURNED_AROUND, parent, i, ACS_UF | ACS_CR);
        }
        join_below(sound, REASON_TURNED_AROUND, ACS_UF | ACS_CR);
}

/*
 * 6. If a device's port accepts any requester id, the edge reaches up to the next port that
 * checks.
 */
static int edge_forged_id(Sound *sound)
{
        _cleanup_(freep) SourceCheck *checks = NULL;
        const Snapshot *snapshot = sound->snapshot;
        int r = source_checks_find(snapshot, sound->missing, &checks);

        if (r < 0)
                return r;
        forget(sound->culprit, snapshot->n_devices);
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const SourceCheck *check;

                if (snapshot->devices[i].parent == SNAPSHOT_NONE)
                        continue;
                check = &checks[snapshot->devices[i].parent];
                if (check->lacking != SNAPSHOT_NONE)
                        sound->culprit[check->checking != SNAPSHOT_NONE ? check->checking
                                                                        : check->top] =
                                check->lacking;
        }
        join_below(sound, REASON_FORGED_ID, ACS_SV);
        return 0;
}

/* 7. Root ports of one slot: as 3, and the devices below them. */
static void edge_root_ports(Sound *sound)
{
        const Snapshot *snapshot = sound->snapshot;

        forget(sound->culprit, snapshot->n_devices);
        for (size_t start = 0, end; start < snapshot->n_devices; start = end) {
                size_t culprit = SNAPSHOT_NONE;

                end = slot_end(snapshot, start);
                for (size_t i = start; i < end && culprit == SNAPSHOT_NONE; i++)
                        if (port_may_be_root(snapshot, i) && sound->missing[i] & ACS_RR)
                                culprit = i;
                for (size_t i = start; i < end && culprit != SNAPSHOT_NONE; i++)
                        if (port_may_be_root(snapshot, i))
                                sound->culprit[i] = culprit;
        }
        join_below(sound, REASON_ROOT_PORT_PEER, ACS_RR);
}

/* 8. Functions of one SR-IOV device that has ACS, but switched off. */
static void edge_virtual_functions(Sound *sound)
{
        const Snapshot *snapshot = sound->snapshot;
        const PciDevice *devices = snapshot->devices;

        forget(sound->first, snapshot->n_devices);
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                size_t physfn = devices[i].physfn;

                if (physfn == SNAPSHOT_NONE || sound->first[physfn] != SNAPSHOT_NONE)
                        continue;
                if (function_may_talk(snapshot, physfn))
                        sound->first[physfn] = physfn;
                else if (function_may_talk(snapshot, i))
                        sound->first[physfn] = i;
        }
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                size_t physfn = devices[i].physfn;
                size_t culprit = physfn != SNAPSHOT_NONE ? sound->first[physfn] : SNAPSHOT_NONE;

                if (culprit == SNAPSHOT_NONE)
                        continue;
                join(sound, REASON_VIRTUAL_FUNCTION, i, culprit, culprit, ACS_RR);
                join(sound, REASON_VIRTUAL_FUNCTION, physfn, culprit, culprit, ACS_RR);
        }
}

/* Devices that a missing bridge may lead to (doubt.h). */
static int edge_unknown(Sound *sound)
{
        _cleanup_(doubt_deinitp) Doubt doubt = {0};
        int r = doubt_find(sound->snapshot, &doubt);

        for (size_t i = 0; r == 0 && doubt.sound && i < sound->snapshot->n_devices; i++)
                if (doubt.sound[i])
                        join(sound, REASON_UNKNOWN_PARENT, i, doubt.orphan, doubt.orphan, 0);
        return r;
}

/* Builds the partition from the joined devices. */
static int sound_finish(Sound *sound, Partition **ret_partition)
{
        _cleanup_(partition_freep) Partition *partition = NULL;
        size_t n = sound->snapshot->n_devices;
        int r;

        for (size_t i = 0; i < n; i++)
                sound->culprit[i] = partition_find(sound->above, i);
        r = partition_build(sound->snapshot, sound->culprit, n, &sound->reasons, &partition);
        if (r < 0)
                return r;
        r = sound_notes_fill(sound->snapshot, sound->missing, partition);
        if (r < 0)
                return r;
        *ret_partition = TAKE_PTR(partition);
        return 0;
}

int sound_groups_compute(const Snapshot *snapshot, const Partition *kernel,
                         Partition **ret_partition)
{
        _cleanup_(sound_deinitp) Sound sound = {.snapshot = snapshot};
        int r = sound_init(&sound);

        if (r < 0)
                return r;
        r = join_kernel(&sound, kernel);
        if (r < 0)
                return r;
        edge_shared_bus(&sound);
        edge_alias(&sound);
        edge_functions(&sound);
        edge_switch(&sound);
        edge_turn_around(&sound);
        r = edge_forged_id(&sound);
        if (r < 0)
                return r;
        edge_root_ports(&sound);
        edge_virtual_functions(&sound);
        r = edge_unknown(&sound);
        if (r < 0)
                return r;
        if (sound.error < 0)
                return sound.error;
        return sound_finish(&sound, ret_partition);
}
