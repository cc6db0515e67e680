/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Snapshots to text and back: every field, the fields that are omitted on request, and invalid
 * texts.
 */

#include "core/model/groups.h"
#include "core/probe/snapshot_extras.h"
#include "core/probe/snapshot_json.h"
#include "tap.h"
#include "topology.h"

#define HEAD "{\"schema\": \"isolationd.snapshot/1\", "

static char *text_of(const Snapshot *snapshot, unsigned flags)
{
        char *text = NULL;
        size_t n = 0;
        FILE *stream = open_memstream(&text, &n);

        if (CHECK(stream)) {
                CHECK_NUMBER(snapshot_json_write(snapshot, flags, stream), 0);
                (void)fclose(stream);
        }
        return text;
}

static Snapshot *snapshot_of(const char *text)
{
        _cleanup_(freep) char *message = NULL;
        Snapshot *snapshot = NULL;

        CHECK_NUMBER(snapshot_json_read("t", text, strlen(text), &snapshot, &message), 0);
        if (message)
                printf("# %s\n", message);
        return snapshot;
}

/* A device with something in every field. */
static PciDevice full_device(void)
{
        return (PciDevice){
                .bdf = {0x10000, 3, 8},
                .ids = {.vendor = 0x8086,
                        .device = 0x10fb,
                        .subsystem_vendor = 0x1028,
                        .subsystem_device = 0x0001,
                        .class_code = 0x020000},
                .facts = {.present = TRISTATE_YES,
                          .header_known = TRISTATE_YES,
                          .header_type = 1,
                          .multifunction_bit = TRISTATE_YES,
                          .pcie = TRISTATE_YES,
                          .pcie_type = PCIE_TYPE_DOWNSTREAM,
                          .acs = {.present = TRISTATE_YES,
                                  .offset = 0x148,
                                  .cap = 0x7f,
                                  .ctrl = 0x1d,
                                  .dword4 = 0x1d007f,
                                  .dword8 = 0x80000001},
                          .caps = {.sriov = TRISTATE_NO,
                                   .ari = TRISTATE_YES,
                                   .ats = TRISTATE_YES,
                                   .ats_enabled = TRISTATE_NO,
                                   .pri = TRISTATE_UNKNOWN,
                                   .pasid = TRISTATE_YES,
                                   .flr = TRISTATE_NO,
                                   .hotplug_slot = TRISTATE_YES},
                          .serial = TRISTATE_YES,
                          .serial_number = 0x0123456789abcdef,
                          .buses_known = TRISTATE_YES,
                          .secondary_bus = 4,
                          .subordinate_bus = 0xfe,
                          .pch_redirect = TRISTATE_NO},
                .place = {.parent_bdf = {0x10000, 1, 0},
                          .has_parent = true,
                          .physfn_bdf = {0x10000, 3, 0},
                          .is_vf = true,
                          .root_bus = 0xe0,
                          .root_domain = 0x10000,
                          .vf_index = 65534,
                          .real_dma_bdf = {0, 0, 0x70},
                          .has_real_dma = true,
                          .ivrs_alias_devfn = 0x31,
                          .has_ivrs_alias = true},
                .kernel_group = 17,
                .sysfs = {.removable = TRISTATE_YES,
                          .resettable = TRISTATE_NO,
                          .iommu_kind = IOMMU_KIND_DMAR,
                          .iommu = "dmar1",
                          .driver = "a \"driver\" \\"},
        };
}

static Snapshot *full_snapshot(void)
{
        PciDevice device = full_device();
        Snapshot *snapshot = NULL;

        if (snapshot_new(&snapshot) < 0 || snapshot_add(snapshot, &device) < 0)
                abort();
        device = (PciDevice){
                .bdf = {0, 2, 0}, .place.has_parent = true, .place.parent_bdf = {0, 2, 0}};
        device.kernel_group = -1;
        if (snapshot_add(snapshot, &device) < 0 ||
            snapshot_add_group(snapshot, &(KernelGroup){17, "DMA-FQ", TRISTATE_YES}) < 0 ||
            snapshot_add_group(snapshot, &(KernelGroup){2, "", TRISTATE_UNKNOWN}) < 0 ||
            snapshot_add_slot(snapshot, &(PciSlot){"12-1", {0, 2, 0}}) < 0)
                abort();
        snapshot_sort_extras(snapshot);
        snapshot->ivrs = TRISTATE_NO;
        snapshot->ivrs_read = TRISTATE_YES;
        snapshot->interrupt_remapping = TRISTATE_YES;
        (void)snprintf(snapshot->kernel_release, sizeof(snapshot->kernel_release), "6.12.57");
        snapshot->command_line = strdup("root=/dev/secret x=\"a iommu b\" intel_iommu=on quiet "
                                        "pci=noats vfio-pci.ids=1:2");
        if (snapshot_finish(snapshot) < 0)
                abort();
        return snapshot;
}

static void test_fields(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = full_snapshot(), *again = NULL;
        _cleanup_(freep) char *text = text_of(snapshot, 0);
        PciDevice want = full_device(), have;

        again = snapshot_of(text);
        if (!CHECK(again && again->n_devices == 2))
                return;
        have = again->devices[1];
        CHECK_NUMBER(have.parent, SNAPSHOT_NONE);
        CHECK(topology_facts_equal(&have.facts, &want.facts));
        CHECK(bdf_equal(have.bdf, want.bdf) &&
              bdf_equal(have.place.parent_bdf, want.place.parent_bdf));
        CHECK(bdf_equal(have.place.physfn_bdf, want.place.physfn_bdf) && have.place.is_vf &&
              have.place.has_real_dma);
        CHECK(bdf_equal(have.place.real_dma_bdf, want.place.real_dma_bdf));
        CHECK(have.place.has_ivrs_alias &&
              have.place.ivrs_alias_devfn == want.place.ivrs_alias_devfn);
        CHECK_NUMBER(have.ids.subsystem_vendor, want.ids.subsystem_vendor);
        CHECK_NUMBER(have.ids.subsystem_device, want.ids.subsystem_device);
        CHECK_NUMBER(have.ids.class_code, want.ids.class_code);
        CHECK_NUMBER(have.place.root_domain, want.place.root_domain);
        CHECK_NUMBER(have.place.root_bus, want.place.root_bus);
        CHECK_NUMBER(have.place.vf_index, want.place.vf_index);
        CHECK_NUMBER(have.kernel_group, want.kernel_group);
        CHECK_NUMBER(have.sysfs.removable, want.sysfs.removable);
        CHECK_NUMBER(have.sysfs.resettable, want.sysfs.resettable);
        CHECK_NUMBER(have.sysfs.iommu_kind, want.sysfs.iommu_kind);
        CHECK_STRING(have.sysfs.iommu, want.sysfs.iommu);
        CHECK_STRING(have.sysfs.driver, want.sysfs.driver);
        CHECK_STRING(again->kernel_release, "6.12.57");
        CHECK_STRING(again->command_line, snapshot->command_line);
        CHECK_NUMBER(again->ivrs, TRISTATE_NO);
        CHECK_NUMBER(again->ivrs_read, TRISTATE_YES);
        CHECK_NUMBER(again->interrupt_remapping, TRISTATE_YES);
        CHECK(again->n_kernel_groups == 2 && again->kernel_groups[1].direct == TRISTATE_YES);
        CHECK_STRING(again->kernel_groups[1].type, "DMA-FQ");
        CHECK(again->n_slots == 1 && bdf_equal(again->slots[0].bdf, (Bdf){0, 2, 0}));
        CHECK_STRING(again->slots[0].name, "12-1");
}

static void test_same_again(void)
{
        for (unsigned flags = 0; flags <= SNAPSHOT_JSON_ANONYMISE; flags++) {
                _cleanup_(snapshot_freep) Snapshot *snapshot = full_snapshot(), *again = NULL;
                _cleanup_(freep) char *text = text_of(snapshot, flags), *twice = NULL;

                again = snapshot_of(text);
                if (!CHECK(again))
                        return;
                twice = text_of(again, 0);
                CHECK_STRING(twice, text);
        }
}

static void test_anonymise(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = full_snapshot(), *again = NULL;
        _cleanup_(freep) char *text = text_of(snapshot, SNAPSHOT_JSON_ANONYMISE);

        CHECK(!strstr(text, "secret") && !strstr(text, "0123456789abcdef"));
        again = snapshot_of(text);
        if (!CHECK(again && again->n_devices == 2))
                return;
        CHECK_STRING(again->command_line,
                     "x=\"a iommu b\" intel_iommu=on pci=noats vfio-pci.ids=1:2");
        CHECK_STRING(again->kernel_release, "6.12.57");
        CHECK_NUMBER(again->devices[1].facts.serial, TRISTATE_YES);
        CHECK_NUMBER(again->devices[1].facts.serial_number, 0);
}

static void test_groups(void)
{
        static const Part parts[] = {
                {"00:00.0", NULL, PART_PCI, 0},
                {"00:1c.0", NULL, PCIE_TYPE_ROOT_PORT, PART_ACS_ON},
                {"00:1c.1", NULL, PCIE_TYPE_ROOT_PORT, PART_ACS_UNKNOWN, .multifunction = true},
                {"01:00.0", "00:1c.0", PCIE_TYPE_ENDPOINT, 0, .multifunction = true},
                {"01:00.1", "00:1c.0", PCIE_TYPE_ENDPOINT, 0},
                {"02:00.0", "00:1c.1", PCIE_TYPE_ENDPOINT, 0},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts)),
                                           *again = NULL;
        _cleanup_(partition_freep) Partition *before = NULL, *after = NULL;
        _cleanup_(freep) char *text = text_of(snapshot, 0), *have = NULL, *want = NULL;

        again = snapshot_of(text);
        if (!CHECK(again))
                return;
        CHECK_NUMBER(kernel_groups_compute(snapshot, &before), 0);
        CHECK_NUMBER(kernel_groups_compute(again, &after), 0);
        want = topology_text(snapshot, before);
        have = topology_text(again, after);
        CHECK_STRING(have, want);
}

/* Only an address: all else is unknown, including the bridge above. */
static void test_least(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        const PciDevice *device;

        snapshot = snapshot_of("{\"devices\": [{\"address\": \"01:00.0\", \"new\": {\"a\": [1]}}], "
                               "\"newer\": [{}], \"schema\": \"isolationd.snapshot/1\"}\n");
        if (!CHECK(snapshot && snapshot->n_devices == 1))
                return;
        device = &snapshot->devices[0];
        CHECK(device->place.has_parent && device->parent == SNAPSHOT_NONE && !device->place.is_vf);
        CHECK(device->facts.present == TRISTATE_UNKNOWN &&
              device->facts.acs.present == TRISTATE_UNKNOWN);
        CHECK_NUMBER(device->kernel_group, -1);
        CHECK(!snapshot->command_line);
}

/* Functions of one bus are below one bridge, even an unknown one. */
static void test_unknown_parents(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(partition_freep) Partition *partition = NULL;
        _cleanup_(freep) char *groups = NULL, *text = NULL;

        snapshot = snapshot_of(HEAD "\"devices\": [{\"address\": \"05:00.0\"},"
                                    "{\"address\": \"05:1f.7\"}, {\"address\": \"06:00.0\"}]}");
        if (!CHECK(snapshot))
                return;
        CHECK_NUMBER(kernel_groups_compute(snapshot, &partition), 0);
        groups = topology_text(snapshot, partition);
        CHECK_STRING(groups, "05:00.0 05:1f.7 06:00.0");
        text = text_of(snapshot, 0);
        CHECK(!strstr(text, "parent"));
}

/* Devices in a VMD's domain use its endpoint's id, whether or not each device names it. */
static void test_domains(void)
{
        _cleanup_(snapshot_freep) Snapshot *named = NULL, *unnamed = NULL;
        _cleanup_(partition_freep) Partition *partition = NULL;
        _cleanup_(freep) char *groups = NULL;

        named = snapshot_of(HEAD "\"devices\": [{\"address\": \"00:0e.0\", \"parent\": \"root\"},"
                                 "{\"address\": \"10000:00:02.0\", \"parent\": \"root\"},"
                                 "{\"address\": \"10000:00:03.0\", \"parent\": \"root\","
                                 "\"real_dma\": \"00:0e.0\"}]}");
        unnamed = snapshot_of(
                HEAD "\"devices\": [{\"address\": \"10000:00:02.0\", \"parent\": \"root\"},"
                     "{\"address\": \"10000:00:03.0\", \"parent\": \"root\"},"
                     "{\"address\": \"00:0e.0\", \"parent\": \"root\"}]}");
        if (!CHECK(named) || !CHECK(unnamed))
                return;
        CHECK_NUMBER(named->devices[1].real_dma, 0);
        CHECK(!named->devices[0].place.has_real_dma && !unnamed->devices[0].place.has_real_dma);
        CHECK(unnamed->devices[1].place.has_real_dma &&
              unnamed->devices[1].real_dma == SNAPSHOT_NONE);
        CHECK_NUMBER(kernel_groups_compute(unnamed, &partition), 0);
        groups = topology_text(unnamed, partition);
        CHECK_STRING(groups, "00:0e.0 | 10000:00:02.0 10000:00:03.0");
}

/* The dword at +4 is made of the two words: without it, it is not zero, which would lack nothing.
 */
static void test_acs_words(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;

        snapshot = snapshot_of(HEAD "\"devices\": [{\"address\": \"00:1c.0\", \"facts\": {\"acs\": "
                                    "{\"cap\": \"001d\", \"ctrl\": \"0004\"}}}]}");
        if (!CHECK(snapshot))
                return;
        CHECK_NUMBER(snapshot->devices[0].facts.acs.dword4, 0x4001d);
        CHECK(snapshot->devices[0].facts.acs.dword8_unread);
}

static void test_refused(void)
{
        static const struct {
                const char *text, *message;
        } rows[] = {
                {"", "t:1:1: expected an object"},
                {"[]", "t:1:1: expected an object"},
                {"{", "t:1:2: expected a key in quotes"},
                {"{}", "t:1:1: schema: is missing; \"isolationd.snapshot/1\" is understood"},
                {"{\"schema\": \"isolationd.snapshot/2\"}",
                 "t:1:12: schema: only \"isolationd.snapshot/1\" is understood"},
                {HEAD "\"devices\": []} x", "t:1:52: there is text after the document"},
                {HEAD "\"devices\": {}}", "t:1:48: devices: expected a list"},
                {HEAD "\"devices\": [], \"devices\": []}",
                 "t:1:52: devices: the key appears a second time"},
                {HEAD "\"ivrs\": 1, \"devices\": []}",
                 "t:1:45: ivrs: expected true, false or null"},
                {HEAD "\n\"devices\": [7]}", "t:2:13: devices[0]: expected an object"},
                {HEAD "\n\"devices\": [{}]}", "t:2:13: devices[0].address: is missing"},
                {HEAD "\n\"devices\": [{\"address\": \"00:00.0\"},\n"
                      "{\"address\": \"00:00.1\", \"facts\": {\"acs\": {\"cap\": 1}}}]}",
                 "t:3:1: devices[1].facts.acs.cap: expected hexadecimal digits as text"},
                {HEAD "\"devices\": [{\"address\": \"00:00.0\", \"facts\": {\"pcie\": true}}]}",
                 "t:1:49: devices[0].facts.pcie: expected an object, false or null"},
                {HEAD "\"devices\": [{\"address\": \"00:00.0\", \"vendor\": \"10000\"}]}",
                 "t:1:49: devices[0].vendor: the number is too large"},
                {HEAD "\"devices\": [{\"address\": \"00:00.0\", \"group\": -1}]}",
                 "t:1:49: devices[0].group: the number is out of range"},
                {HEAD "\"devices\": [{\"address\": \"00:00.0\", \"driver\": \"a\\u0000b\"}]}",
                 "t:1:49: devices[0].driver: the text contains a NUL"},
                {HEAD "\"devices\": [{\"address\": \"00:00.0\", \"ivrs_alias\": \"01:00.0\"}]}",
                 "t:1:49: devices[0].ivrs_alias: expected another function of the same bus"},
                {HEAD "\"devices\": [{\"address\": \"00:00.0\", \"ivrs_alias\": \"00:00.0\"}]}",
                 "t:1:49: devices[0].ivrs_alias: expected another function of the same bus"},
                {HEAD "\"devices\": [{\"address\": \"00:00.0\"", "t:1:70: the text is incomplete"},
                {HEAD "\"slots\": [{\"name\": \"1\", \"address\": 1}], \"devices\": []}",
                 "t:1:47: slots[0].address: expected an address like \"0000:01:00.0\""},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
                _cleanup_(freep) char *message = NULL;

                CHECK_NUMBER(snapshot_json_read("t", rows[i].text, strlen(rows[i].text), &snapshot,
                                                &message),
                             SNAPSHOT_JSON_E_INVALID);
                CHECK_STRING(message, rows[i].message);
                CHECK(!snapshot);
        }
}

int main(void)
{
        static const TapTest tests[] = {
                {"every field", test_fields},
                {"written again it is the same", test_same_again},
                {"anonymised", test_anonymise},
                {"groups are the same", test_groups},
                {"nothing but an address", test_least},
                {"bridges that nobody knows", test_unknown_parents},
                {"domains of a VMD", test_domains},
                {"words of ACS", test_acs_words},
                {"texts that are wrong", test_refused},
        };

        return tap_run(tests);
}
