/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the doctor reads, from a tree in which some parts are missing. */

#include "core/probe/doctor_read.h"
#include "tap.h"
#include "tree.h"

#define RELEASE "6.1.0-test"

static char directories[3][512];
static const char *const modprobe[] = {directories[1], directories[2], NULL};

/* The tree is the root directory: it has /sys, /lib/modules and modprobe.d. */
static DoctorPaths paths(void)
{
        const char *root = tree_make();

        (void)snprintf(directories[0], sizeof(directories[0]), "%s/lib", root);
        (void)snprintf(directories[1], sizeof(directories[1]), "%s/modprobe.d", root);
        (void)snprintf(directories[2], sizeof(directories[2]), "%s/none.d", root);
        return (DoctorPaths){root, directories[0], modprobe, "/proc"};
}

static void read_all(const DoctorPaths *from, DoctorFacts *facts)
{
        doctor_read(from, RELEASE, facts);
        tree_remove();
}

static void test_empty(void)
{
        const DoctorPaths from = paths();
        DoctorFacts facts;

        read_all(&from, &facts);
        CHECK_NUMBER(facts.groups_told, TRISTATE_YES);
        CHECK_NUMBER(facts.dmar, TRISTATE_UNKNOWN);
        CHECK_NUMBER(facts.modules[DOCTOR_MODULE_VFIO_PCI], TRISTATE_UNKNOWN);
        CHECK_NUMBER(facts.parameters[DOCTOR_NOIOMMU].loaded, TRISTATE_UNKNOWN);
        CHECK_NUMBER(facts.parameters[DOCTOR_NOIOMMU].configured, TRISTATE_NO);
        CHECK_NUMBER(facts.lockdown, DOCTOR_LOCKDOWN_UNKNOWN);
        CHECK_NUMBER(facts.external_ports, TRISTATE_NO);
        CHECK(facts.is_live && facts.memlock.known);
}

/* A copy of a tree gives the tree's facts only, none of the running machine. */
static void test_copy(void)
{
        const DoctorPaths live = paths(), from = {.sysfs = live.sysfs};
        DoctorFacts facts;

        tree_file("kernel/iommu_groups/0/type", "DMA\n");
        tree_file("lib/" RELEASE "/modules.dep", "a/vfio-pci.ko:\n");
        tree_file("lib/" RELEASE "/modules.builtin", "");
        read_all(&from, &facts);
        CHECK_NUMBER(facts.groups_told, TRISTATE_YES);
        CHECK_NUMBER(facts.modules[DOCTOR_MODULE_VFIO_PCI], TRISTATE_UNKNOWN);
        CHECK_NUMBER(facts.parameters[DOCTOR_NOIOMMU].configured, TRISTATE_UNKNOWN);
        CHECK(!facts.is_live);
}

static void test_modules(void)
{
        const DoctorPaths from = paths();
        DoctorFacts facts;

        tree_file("module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
        tree_file("module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "N\n");
        tree_file("lib/" RELEASE "/modules.dep", "a/b.ko:\na/vfio-pci.ko.xz: a/b.ko\n");
        tree_file("lib/" RELEASE "/modules.builtin", "a/c.ko\n");
        tree_file("modprobe.d/a.conf", "# options iommufd allow_unsafe_interrupts=1\n"
                                       "options vfio_iommu_type1 \\\n  allow_unsafe_interrupts=1");
        tree_file("modprobe.d/b.conf.off", "options iommufd allow_unsafe_interrupts=1\n");
        read_all(&from, &facts);
        CHECK_NUMBER(facts.modules[DOCTOR_MODULE_VFIO_PCI], TRISTATE_YES);
        CHECK_NUMBER(facts.modules[DOCTOR_MODULE_TYPE1], TRISTATE_YES);
        CHECK_NUMBER(facts.modules[DOCTOR_MODULE_IOMMUFD], TRISTATE_NO);
        CHECK_NUMBER(facts.parameters[DOCTOR_NOIOMMU].loaded, TRISTATE_YES);
        CHECK_NUMBER(facts.parameters[DOCTOR_TYPE1_UNSAFE].loaded, TRISTATE_NO);
        CHECK_NUMBER(facts.parameters[DOCTOR_TYPE1_UNSAFE].configured, TRISTATE_YES);
        CHECK_NUMBER(facts.parameters[DOCTOR_IOMMUFD_UNSAFE].loaded, TRISTATE_UNKNOWN);
        CHECK_NUMBER(facts.parameters[DOCTOR_IOMMUFD_UNSAFE].configured, TRISTATE_NO);
}

/* A file that cannot be read may contain anything. */
static void test_unreadable(void)
{
        const DoctorPaths from = paths();
        DoctorFacts facts;

        tree_fifo("modprobe.d/a.conf");
        tree_file("module/vfio/version", "0\n");
        read_all(&from, &facts);
        CHECK_NUMBER(facts.parameters[DOCTOR_TYPE1_UNSAFE].configured, TRISTATE_UNKNOWN);
        CHECK_NUMBER(facts.parameters[DOCTOR_NOIOMMU].loaded, TRISTATE_NO);
}

static void test_firmware(void)
{
        static const struct {
                const char *name;
                uint8_t at, flags;
                size_t n;
                Tristate dmar_read, ivrs_opt_in;
        } tables[] = {
                {"DMAR", 37, DMAR_PLATFORM_OPT_IN, 48, TRISTATE_YES, TRISTATE_UNKNOWN},
                {"DMAR", 37, 0, 20, TRISTATE_NO, TRISTATE_UNKNOWN},
                {"IVRS", 36, 2, 48, TRISTATE_UNKNOWN, TRISTATE_YES},
                {"IVRS", 36, 1, 48, TRISTATE_UNKNOWN, TRISTATE_NO},
                {"IVRS", 36, 1, 38, TRISTATE_UNKNOWN, TRISTATE_UNKNOWN},
        };

        for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
                const DoctorPaths from = paths();
                char path[64];
                uint8_t bytes[48] = {0};
                DoctorFacts facts;

                memcpy(bytes, tables[i].name, 4);
                bytes[tables[i].at] = tables[i].flags;
                (void)snprintf(path, sizeof(path), "firmware/acpi/tables/%s", tables[i].name);
                tree_bytes(path, bytes, tables[i].n);
                read_all(&from, &facts);
                CHECK_NUMBER(facts.dmar, tristate_from_bool(strcmp(tables[i].name, "DMAR") == 0));
                CHECK_NUMBER(facts.dmar_read, tables[i].dmar_read);
                CHECK_NUMBER(facts.ivrs_opt_in, tables[i].ivrs_opt_in);
                if (facts.dmar_read == TRISTATE_YES)
                        CHECK_NUMBER(facts.dmar_flags, tables[i].flags);
        }
}

static void test_lockdown(void)
{
        static const struct {
                const char *text;
                DoctorLockdown lockdown;
        } files[] = {
                {"[none] integrity confidentiality\n", DOCTOR_LOCKDOWN_NONE},
                {"none [integrity] confidentiality\n", DOCTOR_LOCKDOWN_INTEGRITY},
                {"none integrity [confidentiality]\n", DOCTOR_LOCKDOWN_CONFIDENTIALITY},
                {"", DOCTOR_LOCKDOWN_UNKNOWN},
                {NULL, DOCTOR_LOCKDOWN_NONE},
        };

        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                const DoctorPaths from = paths();
                DoctorFacts facts;

                tree_file("kernel/security/lsm", "capability\n");
                if (files[i].text)
                        tree_file("kernel/security/lockdown", files[i].text);
                read_all(&from, &facts);
                CHECK_NUMBER(facts.lockdown, files[i].lockdown);
        }
}

/* The worst domain counts. */
static void test_external_ports(void)
{
        static const struct {
                const char *first, *second;
                Tristate answer;
        } domains[] = {
                {"1\n", "1\n", TRISTATE_YES}, {"0\n", "1\n", TRISTATE_NO},
                {"1\n", "0\n", TRISTATE_NO},  {NULL, "1\n", TRISTATE_UNKNOWN},
                {NULL, "0\n", TRISTATE_NO},
        };

        for (size_t i = 0; i < ARRAY_SIZE(domains); i++) {
                const DoctorPaths from = paths();
                DoctorFacts facts;

                tree_file("bus/thunderbolt/devices/0-0/vendor", "0\n");
                tree_file("bus/thunderbolt/devices/domain0/security", "none\n");
                if (domains[i].first)
                        tree_file("bus/thunderbolt/devices/domain0/iommu_dma_protection",
                                  domains[i].first);
                tree_file("bus/thunderbolt/devices/domain1/iommu_dma_protection",
                          domains[i].second);
                read_all(&from, &facts);
                CHECK_NUMBER(facts.external_ports, TRISTATE_YES);
                CHECK_NUMBER(facts.external_protected, domains[i].answer);
        }
}

int main(void)
{
        static const TapTest tests[] = {
                {"an empty tree", test_empty},
                {"a copy", test_copy},
                {"modules and their parameters", test_modules},
                {"what cannot be read", test_unreadable},
                {"firmware's tables", test_firmware},
                {"lockdown", test_lockdown},
                {"external ports", test_external_ports},
        };

        return tap_run(tests);
}
