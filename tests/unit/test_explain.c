/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Pairs: the shortest chain between two devices of a group, the ports between two separate devices.
 */

#include "core/model/explain.h"
#include "tap.h"
#include "topology.h"

#define RP PCIE_TYPE_ROOT_PORT
#define UP PCIE_TYPE_UPSTREAM
#define DP PCIE_TYPE_DOWNSTREAM
#define EP PCIE_TYPE_ENDPOINT
#define ON PART_ACS_ON

static const Part parts[] = {
        {"00:1c.0", .type = RP, .acs = ON},
        {"01:00.0", "00:1c.0", .type = UP},
        {"02:00.0", "01:00.0", .type = DP, .acs = ON},
        {"02:01.0", "01:00.0", .type = DP, .acs = ACS_SV | ACS_CR | ACS_UF},
        {"03:00.0", "02:00.0", .type = EP},
        {"04:00.0", "02:01.0", .type = EP},
        {"00:02.0", .type = PCIE_TYPE_RC_ENDPOINT},
        {"00:1d.0", .type = RP, .vendor = 0x10e8, .device = 0xe004},
        {"05:00.0", "00:1d.0", .type = EP},
};

static Explanation *explain(const Snapshot *snapshot, const char *a, const char *b, bool sound)
{
        _cleanup_(partition_freep) Partition *kernel = NULL, *closure = NULL;
        Explanation *explanation = NULL;

        if (kernel_groups_compute(snapshot, &kernel) < 0 ||
            sound_groups_compute(snapshot, kernel, &closure) < 0 ||
            explain_pair(snapshot, sound ? closure : kernel, topology_find(snapshot, a),
                         topology_find(snapshot, b), &explanation) < 0)
                abort();
        return explanation;
}

/* Each reason of the chain starts where the one before ended. */
static bool is_chain(const Explanation *explanation, size_t a, size_t b)
{
        for (size_t i = 0; i < explanation->n_chain; i++) {
                const Reason *reason = &explanation->chain[i];

                if (reason->a != a && reason->b != a)
                        return false;
                a = reason->a == a ? reason->b : reason->a;
        }
        return a == b;
}

static void test_together(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        _cleanup_(explanation_freep) Explanation *pair =
                explain(snapshot, "03:00.0", "04:00.0", true);
        _cleanup_(explanation_freep) Explanation *self =
                explain(snapshot, "03:00.0", "03:00.0", true);

        CHECK(pair->together);
        CHECK_NUMBER(pair->n_chain, 1);
        CHECK(is_chain(pair, topology_find(snapshot, "03:00.0"),
                       topology_find(snapshot, "04:00.0")));
        CHECK(!pair->separators[0].text && !pair->separators[1].text);
        CHECK(self->together);
        CHECK_NUMBER(self->n_chain, 0);
}

/* The longest chain that there is: down a row of bridges to conventional PCI. */
static void test_chain(void)
{
        Part row[20];
        char texts[20][8];
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(explanation_freep) Explanation *far = NULL, *back = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
                (void)snprintf(texts[i], sizeof(texts[i]), "%02x:01.0", (unsigned)i & 0xff);
                row[i] = (Part){texts[i], i > 0 ? texts[i - 1] : NULL, .type = PART_PCI};
        }
        snapshot = topology_build(row, ARRAY_SIZE(row));
        far = explain(snapshot, "00:01.0", "13:01.0", false);
        CHECK_NUMBER(far->n_chain, 19);
        CHECK(is_chain(far, 0, 19));
        back = explain(snapshot, "13:01.0", "05:01.0", false);
        CHECK_NUMBER(back->n_chain, 14);
        CHECK(is_chain(back, 19, 5));
}

static void expect_apart(const char *a, const char *b, const char *above_a, const char *above_b)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        _cleanup_(explanation_freep) Explanation *pair = explain(snapshot, a, b, false);

        CHECK(!pair->together);
        CHECK_NUMBER(pair->n_chain, 0);
        CHECK_STRING(pair->separators[0].text, above_a);
        CHECK_STRING(pair->separators[1].text, above_b);
}

static void test_apart(void)
{
        expect_apart("03:00.0", "04:00.0",
                     "0000:02:00.0 above 0000:03:00.0 redirects: of SV|RR|CR|UF its ACS control "
                     "has SV|RR|CR|UF.",
                     "0000:00:1c.0 above 0000:04:00.0 redirects: of SV|RR|CR|UF its ACS control "
                     "has SV|RR|CR|UF.");
        expect_apart("00:02.0", "05:00.0",
                     "No port above 0000:00:02.0 redirects; what is between is the root complex.",
                     "0000:00:1d.0 above 0000:05:00.0 is known to redirect without ACS.");
}

/* Apart by a port that is inferred to redirect, and below a bridge that was not read. */
static void test_thin(void)
{
        static const Part cut[] = {
                {"00:1c.0", .type = RP, .vendor = 0x8086, .device = 0x8c10},
                {"01:00.0", "00:1c.0", .type = EP},
                {"02:00.0", "00:1d.0", .type = EP},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(cut, ARRAY_SIZE(cut));
        _cleanup_(explanation_freep) Explanation *pair = NULL;

        snapshot->devices[0].facts.pch_redirect = TRISTATE_YES;
        snapshot->devices[0].facts.redirect_inferred = true;
        pair = explain(snapshot, "01:00.0", "02:00.0", false);
        CHECK(!pair->together);
        CHECK_STRING(pair->separators[0].text,
                     "0000:00:1c.0 above 0000:01:00.0 redirected when the kernel made its groups. "
                     "Its present state is in a register that was not read (MPC at D8h).");
        CHECK_STRING(
                pair->separators[1].text,
                "The input lacks the bridge above 0000:02:00.0: it is unknown whether a port above "
                "0000:02:00.0 redirects.");
}

int main(void)
{
        static const TapTest tests[] = {
                {"together", test_together},
                {"a long chain", test_chain},
                {"apart", test_apart},
                {"apart for all that is known", test_thin},
        };

        return tap_run(tests);
}
