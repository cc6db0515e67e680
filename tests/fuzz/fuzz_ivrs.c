/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The input is firmware's IVRS table. The machine has a function in some slots of the first buses.
 * Bytes behind a complete table change nothing.
 */

#include "fuzz.h"

#include "check_json.h"
#include "core/probe/ivrs.h"

#include <string.h>

#define BUSES 3
#define SLOTS 4

static Snapshot *machine(void)
{
        Snapshot *snapshot = NULL;

        MUST(snapshot_new(&snapshot) == 0);
        for (unsigned bus = 0; bus < BUSES; bus++)
                for (unsigned slot = 0; slot < SLOTS; slot++) {
                        PciDevice device = {
                                .bdf = {0, (uint8_t)bus, (uint8_t)(slot << 3)},
                                .kernel_group = -1,
                        };

                        MUST(snapshot_add(snapshot, &device) == 0);
                }
        MUST(snapshot_finish(snapshot) == 0);
        return snapshot;
}

static void check_applied(const IvrsTable *table)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = machine();

        ivrs_apply(table, snapshot);
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];

                MUST(!device->place.has_ivrs_alias ||
                     device->place.ivrs_alias_devfn != device->bdf.devfn);
        }
        check_json(snapshot);
}

static void check_same(const uint8_t *data, size_t n_data, const IvrsTable *whole)
{
        _cleanup_(ivrs_table_deinit) IvrsTable again = {0};

        MUST(ivrs_parse(data, n_data, &again) >= 0);
        MUST(again.n_aliases == whole->n_aliases);
        MUST(again.n_aliases == 0 ||
             memcmp(again.aliases, whole->aliases, again.n_aliases * sizeof(*again.aliases)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_data)
{
        _cleanup_(ivrs_table_deinit) IvrsTable table = {0};
        _cleanup_(freep) uint8_t *longer = NULL;
        int r = ivrs_parse(data, n_data, &table);
        uint32_t length;

        MUST(r == 0 || r == IVRS_E_NOT_WHOLE);
        MUST(table.n_aliases <= n_data / 4);
        for (size_t i = 0; i < table.n_aliases; i++)
                MUST(table.aliases[i].first <= table.aliases[i].last);
        check_applied(&table);
        if (r != 0)
                return 0;

        /* Bytes behind the table do not belong to it. */
        memcpy(&length, data + 4, sizeof(length));
        MUST(length <= n_data);
        longer = malloc(n_data + 64);
        MUST(longer);
        memcpy(longer, data, n_data);
        memset(longer + n_data, 0x42, 64);
        check_same(longer, n_data + 64, &table);
        return 0;
}
