/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The cause of a device's loss, from two readings of the same machine. */

#include <stdio.h>
#include <string.h>

#include "core/model/loss.h"
#include "tests/unit/tap.h"
#include "tests/unit/topology.h"

#define PF "03:00.0"
#define VF "03:00.2"
#define CARD "04:00.0"

/* A PF with two VFs and a card, each behind a port; omit the last row to lose that device. */
static const Part parts[] = {
        {"00:02.0", NULL, PCIE_TYPE_ROOT_PORT, PART_ACS_ON, .kernel_group = 1},
        {"00:03.0", NULL, PCIE_TYPE_ROOT_PORT, PART_ACS_ON, .kernel_group = 2},
        {PF, "00:02.0", PCIE_TYPE_ENDPOINT, 0, 0x8086, 0x10c9, .kernel_group = 3},
        {"03:00.1", "00:02.0", PCIE_TYPE_ENDPOINT, 0, 0x8086, 0x10ca, .physfn = PF,
         .kernel_group = 4},
        {VF, "00:02.0", PCIE_TYPE_ENDPOINT, 0, 0x8086, 0x10ca, .physfn = PF, .kernel_group = 5},
        {CARD, "00:03.0", PCIE_TYPE_ENDPOINT, 0, .kernel_group = 6},
};

/* The changes in a reading. */
typedef struct Reading {
        const char *gone[3];   /* addresses */
        const char *pf_driver; /* "" if NULL */
        const char *vf_driver; /* of VF and card; "" if NULL */
        unsigned inode;        /* of VF and card */
        bool is_let_go;        /* the VF has no physfn any more */
} Reading;

static const Reading usual = {.pf_driver = "igb", .vf_driver = "vfio-pci", .inode = 7};

static bool is_gone(const Reading *reading, const char *bdf)
{
        for (size_t i = 0; i < ARRAY_SIZE(reading->gone) && reading->gone[i]; i++)
                if (strcmp(reading->gone[i], bdf) == 0)
                        return true;
        return false;
}

static void set(Snapshot *snapshot, const char *bdf, const char *driver, unsigned inode)
{
        PciDevice *device = &snapshot->devices[topology_find(snapshot, bdf)];

        (void)snprintf(device->sysfs.driver, sizeof(device->sysfs.driver), "%s",
                       driver ? driver : "");
        device->sysfs.inode = inode;
}

static Snapshot *read_machine(const Reading *reading)
{
        Part there[ARRAY_SIZE(parts)];
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                if (is_gone(reading, parts[i].bdf))
                        continue;
                there[n] = parts[i];
                if (reading->is_let_go && strcmp(parts[i].bdf, VF) == 0)
                        there[n].physfn = NULL;
                n++;
        }
        Snapshot *snapshot = topology_build(there, n);
        for (size_t i = 0; i < n; i++)
                if (strcmp(there[i].bdf, VF) == 0 || strcmp(there[i].bdf, CARD) == 0)
                        set(snapshot, there[i].bdf, reading->vf_driver, reading->inode);
        if (!is_gone(reading, PF))
                set(snapshot, PF, reading->pf_driver, 1);
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (snapshot->devices[i].place.is_vf)
                        snapshot->devices[i].place.vf_index = snapshot->devices[i].bdf.devfn - 1U;
        return snapshot;
}

static Bdf parse(const char *text)
{
        Bdf bdf = {0};

        CHECK(bdf_parse(text, &bdf));
        return bdf;
}

/*
 * Judges the loss of `bdf` between two readings; `before` is NULL if there was none. "…" after the
 * cause marks a device that may only be about to go.
 */
static void check_loss(const char *bdf, const Reading *before, const Reading *now, bool settled,
                       const char *cause)
{
        _cleanup_(snapshot_freep) Snapshot *first = read_machine(&usual);
        _cleanup_(snapshot_freep) Snapshot *old = before ? read_machine(before) : NULL;
        _cleanup_(snapshot_freep) Snapshot *new = read_machine(now);
        _cleanup_(freep) char *text = NULL;
        VfPlace place;
        const char *cut;
        bool is_vf = vf_place_find(first, topology_find(first, bdf), &place);
        const Loss loss = {parse(bdf), is_vf ? &place : NULL, old, new};

        CHECK_NUMBER(loss_is_settled(&loss), settled);
        cut = strstr(cause, "…");
        CHECK_NUMBER(loss_is_final(&loss), !cut);
        text = loss_describe(&loss);
        if (CHECK(text && strncmp(text, cause, strlen(text)) == 0))
                CHECK_NUMBER(strlen(text), cut ? (size_t)(cut - cause) : strlen(cause));
        else
                printf("# have %s, want %s\n", text ? text : "nothing", cause);
}

static void test_causes_of_a_vf(void)
{
        const char *all_gone = "sriov_numvfs of 0000:03:00.0 went from 2 to 0";
        const char *unbound = "0000:03:00.0 was unbound from igb…";
        const Reading none = {{"03:00.1", VF}, "igb"};
        const Reading part = {{VF}, "igb"};
        const Reading let_go = {.pf_driver = "igb", .inode = 7, .is_let_go = true};
        const Reading without_pf = {{"03:00.1", VF, PF}};
        const Reading free = {{"03:00.1", VF}};
        const Reading let_go_free = {.inode = 7, .is_let_go = true};
        const Reading another = {.pf_driver = "igb", .vf_driver = "igbvf", .inode = 8};

        check_loss(VF, &usual, &none, false, all_gone);
        check_loss(VF, &none, &none, true, all_gone);
        check_loss(VF, NULL, &none, true, all_gone);
        check_loss(VF, &part, &none, false, all_gone);
        check_loss(VF, &usual, &let_go, true, all_gone);
        check_loss(VF, &usual, &part, false, "unplugged or removed…");
        check_loss(VF, &part, &part, true, "unplugged or removed…");
        check_loss(VF, &usual, &without_pf, true, "0000:03:00.0 is gone too");
        check_loss(VF, &usual, &another, true,
                   "sriov_numvfs of 0000:03:00.0 went from 2 to 0 and to 2");
        /* A PF that loses its driver may be about to go. */
        check_loss(VF, &usual, &free, false, unbound);
        check_loss(VF, &free, &free, true, unbound);
        check_loss(VF, NULL, &free, true, unbound);
        check_loss(VF, &free, &without_pf, true, "0000:03:00.0 is gone too");
        check_loss(VF, &usual, &let_go_free, false, unbound);
        check_loss(VF, &let_go_free, &let_go_free, true, unbound);
}

static void test_causes_of_others(void)
{
        const Reading gone = {{CARD}, "igb"};
        const Reading again = {.pf_driver = "igb", .vf_driver = "igb", .inode = 8};
        const Reading driverless = {.pf_driver = "igb", .inode = 7};

        check_loss(CARD, &usual, &gone, true, "unplugged or removed");
        check_loss(CARD, NULL, &gone, true, "unplugged or removed");
        check_loss(CARD, &usual, &again, true, "unplugged or removed, and now back in its place");
        /* A device without its driver may be about to go itself. */
        check_loss(CARD, &usual, &driverless, false, "its driver vfio-pci was unbound…");
        check_loss(CARD, &driverless, &driverless, true, "its driver vfio-pci was unbound…");
        check_loss(VF, &driverless, &driverless, true, "its driver vfio-pci was unbound…");
}

/* The cause reported for the PF while the VF still exists. */
static void check_pf(const Reading *before, const Reading *now, const char *want)
{
        _cleanup_(snapshot_freep) Snapshot *old = before ? read_machine(before) : NULL;
        _cleanup_(snapshot_freep) Snapshot *new = read_machine(now);
        _cleanup_(freep) char *text = NULL;
        const VfPlace place = {.pf = parse(PF), .n_vfs = 2};
        const Loss loss = {parse(VF), &place, old, new};

        CHECK_NUMBER(loss_describe_pf(&loss, &text), 0);
        CHECK_STRING(text ? text : "nothing", want);
}

static void test_what_becomes_of_the_pf(void)
{
        const Reading unbound = {.vf_driver = "vfio-pci", .inode = 7};
        const Reading other = {.pf_driver = "pf", .vf_driver = "vfio-pci", .inode = 7};

        check_pf(NULL, &usual, "nothing");
        check_pf(&usual, &usual, "nothing");
        check_pf(&usual, &unbound, "0000:03:00.0 was unbound from igb");
        check_pf(&unbound, &usual, "0000:03:00.0 was bound to igb");
        check_pf(&usual, &other, "0000:03:00.0 was unbound from igb and bound to pf");
        check_pf(&usual, &(Reading){{"03:00.1"}, "igb"},
                 "1 of 2 virtual functions of 0000:03:00.0 are left");
        check_pf(&(Reading){{"03:00.1"}, "igb"}, &usual, "nothing");
        check_pf(&usual, &(Reading){{PF}}, "0000:03:00.0 is gone");
}

static void test_places(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = read_machine(&usual);
        size_t vf = topology_find(snapshot, VF), card = topology_find(snapshot, CARD);
        VfPlace place;

        CHECK(!vf_place_find(snapshot, card, &place));
        CHECK(!vf_place_find(snapshot, topology_find(snapshot, PF), &place));
        if (!CHECK(vf_place_find(snapshot, vf, &place)))
                return;
        CHECK(bdf_equal(place.pf, parse(PF)));
        CHECK_NUMBER(place.index, 1);
        CHECK_NUMBER(place.n_vfs, 2);
        CHECK_STRING(place.pf_driver, "igb");
        CHECK(vf_place_fits(&place, snapshot, vf));
        CHECK(!vf_place_fits(&place, snapshot, topology_find(snapshot, "03:00.1")));
        CHECK(!vf_place_fits(&place, snapshot, card));
        place.device++;
        CHECK(!vf_place_fits(&place, snapshot, vf));
        place.device--;
        snapshot->devices[vf].place.vf_index = place.index = VF_INDEX_NONE;
        CHECK(!vf_place_fits(&place, snapshot, vf)); /* it is unknown which one it was */
}

static void test_births(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = read_machine(&usual);
        size_t vf = topology_find(snapshot, VF);

        CHECK(!vf_place_is_shared(snapshot, vf));
        snapshot->devices[topology_find(snapshot, CARD)].kernel_group =
                snapshot->devices[vf].kernel_group;
        CHECK(vf_place_is_shared(snapshot, vf));
        snapshot->devices[vf].kernel_group = -1;
        snapshot->devices[topology_find(snapshot, CARD)].kernel_group = -1;
        CHECK(!vf_place_is_shared(snapshot, vf));
}

int main(void)
{
        static const TapTest tests[] = {
                {"the causes of a virtual function's loss", test_causes_of_a_vf},
                {"the causes of any other loss", test_causes_of_others},
                {"what becomes of the PF", test_what_becomes_of_the_pf},
                {"places of virtual functions", test_places},
                {"where virtual functions are born", test_births},
        };

        return tap_run(tests);
}
