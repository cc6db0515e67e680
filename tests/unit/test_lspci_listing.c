/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Listings of groups, in the forms of scripts, find(1), ls(1) and the kernel. The reader returns
 * the observed groups, and no facts that a listing cannot contain.
 */

#include "lspci_text.h"

#define HOST "00:00.0 Host bridge [0600]: Intel Corporation A [8086:3e30] (rev 07)"
#define PORT "00:01.0 PCI bridge [0604]: Intel Corporation B [8086:1901]"
#define CARD "01:00.0 VGA compatible controller [0300]: Made Up C [1234:1b80] (rev a1)"
#define GROUPS "00:00.0=0 00:01.0=1 01:00.0=1"

typedef struct Row {
        const char *name, *text;
} Row;

static const Row same[] = {
        {"headings", "IOMMU Group 0:\n\t" HOST "\nIOMMU Group 1:\n\t" PORT "\n\t" CARD "\n"},
        {"headings without a colon",
         "IOMMU group 0\n\t" HOST "\nIOMMU group 1\n\t" PORT "\n\t" CARD},
        {"resets", "IOMMU group 1\n[RESET]\t" PORT "\n\t" CARD "\nIOMMU group 0\n\t" HOST "\n"},
        {"unindented", "IOMMU Group 0:\n" HOST "\nIOMMU Group 1:\n" PORT "\n" CARD "\n"},
        {"empty lines between",
         "\nIOMMU Group 0:\n" HOST "\n\nIOMMU Group 1:\n" PORT "\n" CARD "\n"},
        {"empty lines below",
         "IOMMU Group 0:\n\n  " HOST "\n\nIOMMU Group 1:\n\n  " PORT "\n  " CARD},
        {"double-spaced",
         "IOMMU Group 0:\n\n\t" HOST "\n\nIOMMU Group 1:\n\n\t" PORT "\n\n\t" CARD "\n"},
        {"ornaments",
         "### Group 0 ###\n    " HOST "\n### Group 1 ###\n    " PORT "\n    " CARD "\n"},
        {"bullets",
         "* IOMMU Group 0:\n  - " HOST "\n* IOMMU Group 1:\n  - " PORT "\n  - " CARD "\n"},
        {"records",
         "IOMMU Group 0 \n--------------\nSlot:\t00:00.0\nClass:\tHost bridge\nIDs:    x\n\n"
         "IOMMU Group 1 \n--------------\nSlot:\t00:01.0\nClass:\tPCI bridge\n\n"
         "IOMMU Group 1 \n--------------\nSlot:\t01:00.0\nClass:\tVGA compatible controller\n"},
        {"a table", "┌──────────┬────────┬──────────────┬────────────┬────────┐\n"
                    "│ class    │ device │ id           │ iommugroup │ vendor │\n"
                    "╞══════════╪════════╪══════════════╪════════════╪════════╡\n"
                    "│ 0x060000 │ 0x3e30 │ 0000:00:00.0 │          0 │ 0x8086 │\n"
                    "├──────────┼────────┼──────────────┼────────────┼────────┤\n"
                    "│ 0x060400 │ 0x1901 │ 0000:00:01.0 │          1 │ 0x8086 │\n"
                    "│          │        │              │            │        │\n"
                    "│ 0x030000 │ 0x1b80 │ 0000:01:00.0 │          1 │ 0x1234 │\n"
                    "└──────────┴────────┴──────────────┴────────────┴────────┘\n"},
        {"types", "IOMMU Group 0 [DMA-FQ]:\n\t" HOST "\nIOMMU Group 1 (identity)\nType: x\n\t" PORT
                  "\n\t" CARD "\n"},
        {"a colon first", "IOMMU group: 0\n  " HOST "\nIOMMU group: 1\n  " PORT "\n  " CARD "\n"},
        {"each in a line", "IOMMU Group 0 " HOST "\nIOMMU Group 1 " PORT "\nIOMMU Group 1 " CARD},
        {"each, with a colon",
         "IOMMU Group 0: " HOST "\nIOMMU Group 1: " PORT "\nIOMMU Group 1: " CARD},
        {"each, plural",
         "IOMMU groups 0 " HOST "\niommu groups 1 " PORT "\nIOMMU GROUPS 1 " CARD "\n"},
        {"each, padded", "group   0  " HOST "\ngroup   1  " PORT "\ngroup   1  " CARD "\n"},
        {"ids in front", "IOMMU group 0:\t[8086:3e30] 00:00.0 Host bridge: A\n"
                         "IOMMU group 1:\t[8086:1901] 00:01.0 PCI bridge: B\n"
                         "\t[1234:1b80] 01:00.0 VGA compatible controller: C\n"},
        {"ids in front, unindented", "IOMMU group 0:[8086:3e30] 00:00.0 Host bridge: A\n"
                                     "IOMMU group 1:[8086:1901] 00:01.0 PCI bridge: B\n"
                                     "[1234:1b80] 01:00.0 VGA compatible controller: C\n"},
        {"columns", "Group 0:\t[8086:3e30]     00:00.0  Host bridge                A\n"
                    "Group 1:\t[8086:1901] [R] 00:01.0  PCI bridge                 B\n"
                    "\t\t[1234:1b80] [R] 01:00.0  VGA compatible controller  C\n"
                    "USB:\t\t[1d6b:0002]\t\t Bus 001 Device 001\n"},
        {"addresses", "IOMMU group 0: 0000:00:00.0\nIOMMU group 1: 0000:00:01.0 0000:01:00.0\n"},
        {"find", "$ find /sys/kernel/iommu_groups/ -type l\n"
                 "/sys/kernel/iommu_groups/1/devices/0000:00:01.0\n"
                 "/sys/kernel/iommu_groups/1/devices/0000:01:00.0\n"
                 "/sys/kernel/iommu_groups/0/devices/0000:00:00.0\n"},
        {"ls", "/sys/kernel/iommu_groups/0/devices:\n0000:00:00.0\n\n"
               "/sys/kernel/iommu_groups/1/devices:\n0000:00:01.0  0000:01:00.0\n"},
        {"ls -l", "/sys/kernel/iommu_groups/1/devices:\ntotal 0\n"
                  "lrwxrwxrwx 1 root root 0 Feb  4 10:29 0000:00:01.0 -> "
                  "../../../../devices/pci0000:00/0000:00:01.0\n"
                  "lrwxrwxrwx 1 root root 0 Feb  4 10:29 0000:01:00.0 -> "
                  "../../../../devices/pci0000:00/0000:00:01.0/0000:01:00.0\n\n"
                  "/sys/kernel/iommu_groups/0/devices:\ntotal 0\n"
                  "lrwxrwxrwx 1 root root 0 Feb  4 10:29 0000:00:00.0 -> "
                  "../../../../devices/pci0000:00/0000:00:00.0\n"},
        {"tree", "/sys/kernel/iommu_groups/\n├── 0\n│   ├── devices\n"
                 "│   │   └── 0000:00:00.0 -> ../../../../devices/pci0000:00/0000:00:00.0\n"
                 "│   ├── reserved_regions\n│   └── type\n└── 1\n    ├── devices\n"
                 "    │   ├── 0000:00:01.0 -> ../../../../devices/pci0000:00/0000:00:01.0\n"
                 "    │   └── 0000:01:00.0 -> "
                 "../../../../devices/pci0000:00/0000:00:01.0/0000:01:00.0\n"},
        {"log", "[    0.512345] pci 0000:00:00.0: Adding to iommu group 0\n"
                "Nov 29 10:00:00 host kernel: pci 0000:00:01.0: Adding to iommu group 1\n"
                "vfio-pci 0000:01:00.0: Adding to iommu group 1\n"
                "[    0.6] platform fd4a0000.dma: Adding to iommu group 9\n"},
        {"old log", "[    0.5] iommu: Adding device 0000:00:00.0 to group 0\n"
                    "[    0.5] iommu: Adding device 0000:00:01.0 to group 1\n"
                    "[    0.5] iommu: Adding device 0000:01:00.0 to group 1\n"},
        {"back again", "pci 0000:00:00.0: Adding to iommu group 0\n"
                       "pci 0000:01:00.0: Adding to iommu group 7\n"
                       "pci 0000:00:01.0: Adding to iommu group 1\n"
                       "pci 0000:05:00.0: Adding to iommu group 8\n"
                       "pci 0000:01:00.0: Removing from iommu group 7\n"
                       "pci 0000:05:00.0: Removing from iommu group 8\n"
                       "pci 0000:01:00.0: Adding to iommu group 1\n"},
        {"beside a list", HOST "\n" PORT "\n" CARD "\n\nIOMMU Group 0 00:00.0\n"
                               "IOMMU Group 1 00:01.0\nIOMMU Group 1 01:00.0\n"},
        {"with details",
         "IOMMU Group 0:\n\t" HOST "\n\t\tSubsystem: A [1028:0001]\n"
         "IOMMU Group 1:\n\t" PORT "\n\t\tKernel driver in use: pcieport\n\t" CARD "\n"},
        {"a title that was wrapped",
         "IOMMU Group 0:\n" HOST "\nIOMMU Group 1:\n"
         "00:01.0 PCI bridge [0604]: Intel\nCorporation B [8086:1901]\n" CARD "\n"},
};

static void test_forms(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(same); i++)
                lspci_text_check(same[i].name, same[i].text, NULL, GROUPS);
}

/* Each form also works as a second file beside lspci's text. */
static void test_second_file(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(same); i++)
                lspci_text_check(same[i].name, HOST "\n" PORT "\n" CARD "\n", same[i].text, GROUPS);
        lspci_text_check_refused(
                HOST "\n\tIOMMU group: 3\n", "IOMMU Group 0 00:00.0\n",
                "0000:00:00.0 differs between t:2 and g:1 (another group)");
}

static int32_t group_of(const Snapshot *snapshot, Bdf bdf)
{
        size_t index = snapshot_find(snapshot, bdf);

        return index == SNAPSHOT_NONE ? -1 : snapshot->devices[index].kernel_group;
}

/* Devices in one group stay in one group if the text misses a part, as far as the rest tells. */
static void check_coarser(const char *name, const Snapshot *whole, const char *text)
{
        _cleanup_(freep) char *message = NULL;
        _cleanup_(snapshot_freep) Snapshot *part = lspci_text_read(text, NULL, NULL, &message);

        for (size_t i = 0; part && i < whole->n_devices; i++)
                for (size_t k = 0; k < i; k++) {
                        int32_t a = group_of(part, whole->devices[i].bdf),
                                b = group_of(part, whole->devices[k].bdf);

                        if (a < 0 || b < 0 || a == b ||
                            whole->devices[i].kernel_group != whole->devices[k].kernel_group)
                                continue;
                        printf("# %s: apart in:\n# %s\n", name, text);
                        CHECK(false);
                        return;
                }
}

/* Every text without one of its lines, and every prefix of it. */
static void test_missing(void)
{
        char text[4096];

        for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
                _cleanup_(freep) char *message = NULL;
                _cleanup_(snapshot_freep) Snapshot *whole = NULL;
                char *more = text;

                if (strcmp(same[i].name, "back again") == 0)
                        continue; /* a log: a prefix of it is an earlier time */
                /* Two digits, of which a beginning has one. */
                for (const char *at = same[i].text; *at && more < text + sizeof(text) - 2; at++) {
                        *more++ = *at;
                        if (*at == '1' && (at == same[i].text || strchr(" \t/\xa0\x80", at[-1])) &&
                            !strchr("0123456789.", at[1]))
                                *more++ = '2';
                }
                *more = '\0';
                whole = lspci_text_read(text, NULL, NULL, &message);
                if (!CHECK(whole))
                        continue;
                for (const char *at = text; *at; at += strcspn(at, "\n") + 1) {
                        char without[4096];
                        size_t n = strcspn(at, "\n");

                        (void)snprintf(without, sizeof(without), "%.*s%s", (int)(at - text), text,
                                       at[n] ? at + n + 1 : "");
                        check_coarser(same[i].name, whole, without);
                        if (!at[n])
                                break;
                }
                for (size_t n = strlen(text); n-- > 0;) {
                        text[n] = '\0';
                        check_coarser(same[i].name, whole, text);
                }
        }
}

/* A listing tells groups and names, but neither capabilities nor places. */
static void test_unknown(void)
{
        _cleanup_(freep) char *message = NULL;
        _cleanup_(snapshot_freep) Snapshot *snapshot =
                lspci_text_read("IOMMU group 1:\t[8086:1901] 00:01.0 PCI bridge\n"
                                "/sys/kernel/iommu_groups/1/devices/0000:01:00.0\n",
                                NULL, NULL, &message);

        if (!CHECK(snapshot && snapshot->n_devices == 2))
                return;
        CHECK_NUMBER(snapshot->devices[0].ids.vendor, 0x8086);
        CHECK_NUMBER(snapshot->devices[0].ids.device, 0x1901);
        CHECK_NUMBER(snapshot->devices[0].ids.class_code, 0x060400);
        CHECK_NUMBER(snapshot->devices[0].facts.acs.present, TRISTATE_UNKNOWN);
        CHECK_NUMBER(snapshot->devices[0].facts.pcie, TRISTATE_UNKNOWN);
        CHECK_NUMBER(snapshot->devices[0].facts.buses_known, TRISTATE_UNKNOWN);
        CHECK_NUMBER(snapshot->devices[1].ids.vendor, 0);
        CHECK_NUMBER(snapshot->devices[1].ids.class_code, 0);
        CHECK_NUMBER(snapshot->devices[1].facts.header_known, TRISTATE_UNKNOWN);
}

/* The groups end where the listing ends. */
static void test_ends(void)
{
        static const struct {
                const char *name, *text, *groups;
        } rows[] = {
                {"lspci's text behind it",
                 "IOMMU Group 0:\n\t" HOST "\n00:01.0 PCI bridge: B\n\tIOMMU group: 5\n",
                 "00:00.0=0 00:01.0=5"},
                {"an empty line", "IOMMU Group 0:\n" HOST "\n\n" PORT "\n", "00:00.0=0 00:01.0=-"},
                {"a remark about one device",
                 "00:00.0 Host Bridge - A\n\n  - IOMMU group 1\n\n" PORT "\n", "00:01.0=-"},
                {"a title that is cut off",
                 "IOMMU Group 0:\n\t" HOST "\n\t01:00.0 \"VGA\nIOMMU Group 1:\n\t" PORT "\n",
                 "00:00.0=0 00:01.0=1"},
                {"links elsewhere",
                 "/sys/kernel/iommu_groups/1/devices:\n"
                 "0000:00:01.0 -> ../../../../devices/pci0000:00/0000:00:01.0\n"
                 "0000:00:02.0 -> ../../../devices/pci0000:00/0000:00:02.0\n\n"
                 "0000:00:03.0 -> ../../../../devices/pci0000:00/0000:00:03.0\n",
                 "00:01.0=1 00:02.0=- 00:03.0=-"},
                {"a prompt", "IOMMU Group 0:\n\t" HOST "\n$ lspci\n" PORT "\n",
                 "00:00.0=0 00:01.0=-"},
                {"a list behind lines", "IOMMU Group 0 " HOST "\n" PORT "\n",
                 "00:00.0=0 00:01.0=-"},
                {"a remark", HOST "\n\nIOMMU group 5 is what I want\n", "00:00.0=-"},
                {"a wrapped property",
                 HOST "\n\tFlags: bus master, latency 0, IRQ 16,\nIOMMU group 12\n" PORT
                      "\n\tFlags: fast devsel, IOMMU\ngroup 13\n",
                 "00:00.0=12 00:01.0=13"},
                {"a property without indentation",
                 HOST "\nIOMMU group: 3\n\n" PORT "\nIOMMU group: 4\n", "00:00.0=3 00:01.0=4"},
                {"a property of what is missing", "\tIOMMU group: 3\n" HOST "\n\tIOMMU group: 4\n",
                 "00:00.0=4"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                lspci_text_check(rows[i].name, rows[i].text, NULL, rows[i].groups);
}

static void test_refused(void)
{
        static const struct {
                const char *text, *message;
        } rows[] = {
                {"IOMMU Group 1:\n\t" PORT "\nIOMMU Group 2:\n\t" PORT "\n",
                 "0000:00:01.0 differs between t:2 and t:4 (another group)"},
                {"pci 0000:00:01.0: Adding to iommu group 1\npci 0000:00:01.0: Adding to iommu "
                 "group 2\n",
                 "0000:00:01.0 differs between t:1 and t:2 (another group)"},
                {"IOMMU Group 1:\n\t" PORT "\n\t\tIOMMU group: 2\n",
                 "t:3: 0000:00:01.0 is in group 2 here, but in group 1 by the heading in line"},
                {"IOMMU group: 0\n" HOST "\nIOMMU group: 1\n",
                 "t:3: the group may belong to the device above"},
                {HOST "\nIOMMU group 0\n\n" PORT "\nIOMMU group 1\n",
                 "t:2: the group may belong to the device above"},
                {"00:00.0 Host Bridge - A\n- memory\n- IOMMU group 1\n\n" PORT "\n",
                 "t:3: the group may belong to the device above"},
                {"1 " PORT "\n1 " CARD "\n2 " HOST "\n", "t:1: the number before the address may be"},
                {"1: 0000:00:01.0\n2: 0000:01:00.0\n", "t:1: this address has a line number of grep -n"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                lspci_text_check_refused(rows[i].text, NULL, rows[i].message);
}

/* The targets of links tell the path to a device. */
static void test_places(void)
{
        _cleanup_(freep) char *message = NULL;
        _cleanup_(snapshot_freep) Snapshot *snapshot = lspci_text_read(
                "0000:03:00.0 -> "
                "../../../../devices/pci0000:00/0000:00:1c.0/0000:02:00.0/0000:03:00.0\n"
                "0000:80:01.0 -> ../../../../devices/pci0000:80/0000:80:01.0\n",
                NULL, NULL, &message);

        if (!CHECK(snapshot && snapshot->n_devices == 4))
                return;
        CHECK(!snapshot->devices[0].place.has_parent);
        CHECK_NUMBER(snapshot->devices[1].parent, 0);
        CHECK_NUMBER(snapshot->devices[2].parent, 1);
        CHECK(!snapshot->devices[3].place.has_parent);
}

/* A table also tells ids; -1 means no group. */
static void test_table(void)
{
        _cleanup_(freep) char *message = NULL;
        _cleanup_(snapshot_freep) Snapshot *snapshot =
                lspci_text_read("| id | iommugroup | class | vendor | device |\n"
                                "| 0000:00:1f.0 | -1 | 0x060100 | 0x8086 | 0x1234 |\n"
                                "| 0000:00:1f.2 | 5 | 0x010601 | 0x8086 | 0x8c02 |\n\n"
                                "| 0000:00:1f.3 | 6 | 0x010601 | 0x8086 | 0x8c02 |\n",
                                NULL, NULL, &message);

        if (!CHECK(snapshot && snapshot->n_devices == 2))
                return;
        CHECK_NUMBER(snapshot->devices[0].kernel_group, -1);
        CHECK_NUMBER(snapshot->devices[1].kernel_group, 5);
        CHECK_NUMBER(snapshot->devices[1].ids.vendor, 0x8086);
        CHECK_NUMBER(snapshot->devices[1].ids.device, 0x8c02);
        CHECK_NUMBER(snapshot->devices[1].ids.class_code, 0x010601);
}

int main(void)
{
        static const TapTest tests[] = {
                {"forms of listings", test_forms},
                {"beside the text of lspci", test_second_file},
                {"with something missing", test_missing},
                {"what a listing cannot tell", test_unknown},
                {"where a listing ends", test_ends},
                {"what is refused", test_refused},
                {"columns of a table", test_table},
                {"links tell the way", test_places},
        };

        return tap_run(tests);
}
