/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Which changes of a group's domain type the kernel would accept.
 */

#include "core/model/domain_type.h"
#include "tests/unit/tap.h"

static PciDevice devices[2];
static KernelGroup kernel_group;
static const Snapshot snapshot = {
        .devices = devices,
        .n_devices = 2,
        .kernel_groups = &kernel_group,
        .n_kernel_groups = 1,
};
static size_t members[] = {0, 1};
static char id[] = "0000:00/05.0";
static Group group = {.id = id, .members = members};

static void make(const char *type, size_t n_members, const char *driver)
{
        devices[0] = (PciDevice){.bdf = {.devfn = 0x05 << 3}, .kernel_group = 5};
        devices[1] = (PciDevice){.bdf = {.devfn = 0x06 << 3}, .kernel_group = 5};
        kernel_group = (KernelGroup){.number = 5};
        (void)snprintf(kernel_group.type, sizeof(kernel_group.type), "%s", type);
        (void)snprintf(devices[n_members - 1].sysfs.driver, sizeof(devices[0].sysfs.driver), "%s",
                       driver);
        group.kernel_group = 5;
        group.n_members = n_members;
}

/* The verdict, with its sentence checked; "" for none. */
static int ask(DomainTypeChange change, const char *want)
{
        _cleanup_(freep) char *text = NULL;

        change.snapshot = &snapshot;
        change.group = &group;
        int r = domain_type_check(&change, &text);
        CHECK_STRING(text ? text : "", want);
        return r;
}

static void test_words(void)
{
        for (int i = DOMAIN_TYPE_NONE + 1; i < _DOMAIN_TYPE_N; i++)
                CHECK_NUMBER(domain_type_from_string(domain_type_to_string((DomainType)i)), i);
        CHECK_NUMBER(domain_type_from_string(""), DOMAIN_TYPE_NONE);
        CHECK_NUMBER(domain_type_from_string("dma"), DOMAIN_TYPE_NONE);
        CHECK_NUMBER(domain_type_from_string("DMA-FQ "), DOMAIN_TYPE_NONE);
}

static void test_live(void)
{
        make("DMA", 2, "e1000e");
        CHECK_NUMBER(ask((DomainTypeChange){.to = DOMAIN_TYPE_DMA_FQ}, ""), 0);
        CHECK_NUMBER(ask((DomainTypeChange){.to = DOMAIN_TYPE_DMA_FQ, .is_single_only = true}, ""),
                     0);
        CHECK_NUMBER(ask((DomainTypeChange){.to = DOMAIN_TYPE_DMA}, ""), 0);
}

static void test_drivers(void)
{
        static const char words[] =
                "group 0000:00/05.0: 0000:00:06.0 is bound to e1000e, but the kernel changes the "
                "type only of a group without drivers; unbind it";

        make("DMA", 2, "e1000e");
        CHECK_NUMBER(ask((DomainTypeChange){.to = DOMAIN_TYPE_IDENTITY}, words),
                     REFUSAL_NOT_VIABLE);
        CHECK_NUMBER(ask((DomainTypeChange){.to = DOMAIN_TYPE_AUTO}, words), REFUSAL_NOT_VIABLE);
        CHECK_NUMBER(ask((DomainTypeChange){.to = DOMAIN_TYPE_IDENTITY, .is_unbound = true}, ""),
                     0);
        make("DMA-FQ", 2, "e1000e");
        CHECK_NUMBER(ask((DomainTypeChange){.to = DOMAIN_TYPE_DMA}, words), REFUSAL_NOT_VIABLE);
        make("DMA", 2, "vfio-pci"); /* does no DMA through the kernel's DMA API */
        CHECK_NUMBER(ask((DomainTypeChange){.to = DOMAIN_TYPE_IDENTITY}, ""), 0);
}

static void test_old_kernels(void)
{
        const DomainTypeChange identity = {.to = DOMAIN_TYPE_IDENTITY, .is_single_only = true};

        make("DMA", 2, "");
        CHECK_NUMBER(ask(identity, "group 0000:00/05.0 has 2 devices, but before 6.5 the kernel "
                                   "changes the type only of groups with one device"),
                     REFUSAL_NOT_VIABLE);
        make("DMA", 1, "");
        CHECK_NUMBER(ask(identity, ""), 0);
        make("DMA", 1, "vfio-pci");
        CHECK_NUMBER(ask(identity, "group 0000:00/05.0: 0000:00:05.0 is bound to vfio-pci, but the "
                                   "kernel changes the type only of a group without drivers; "
                                   "unbind it"),
                     REFUSAL_NOT_VIABLE);
}

static void test_untrusted(void)
{
        make("DMA", 1, "");
        devices[0].sysfs.removable = TRISTATE_YES;
        CHECK_NUMBER(ask((DomainTypeChange){.to = DOMAIN_TYPE_IDENTITY},
                         "group 0000:00/05.0: 0000:00:05.0 is an untrusted removable device, "
                         "and the kernel keeps such devices at type DMA"),
                     REFUSAL_NOT_VIABLE);
        make("identity", 1, "");
        devices[0].sysfs.removable = TRISTATE_YES;
        CHECK_NUMBER(ask((DomainTypeChange){.to = DOMAIN_TYPE_DMA}, ""), 0);
}

static void test_other_types(void)
{
        make("unmanaged", 1, "");
        CHECK_NUMBER(ask((DomainTypeChange){.to = DOMAIN_TYPE_DMA},
                         "group 0000:00/05.0: its domain is of type unmanaged now, which no write "
                         "changes"),
                     REFUSAL_UNSUPPORTED);
        make("", 1, "");
        CHECK_NUMBER(ask((DomainTypeChange){.to = DOMAIN_TYPE_DMA},
                         "group 0000:00/05.0: the kernel shows no type of its default domain"),
                     REFUSAL_UNSUPPORTED);
}

int main(void)
{
        static const TapTest tests[] = {
                {"words", test_words},
                {"what goes at any time", test_live},
                {"drivers in the way", test_drivers},
                {"kernels before 6.5", test_old_kernels},
                {"devices that are not trusted", test_untrusted},
                {"domains that are nobody's to change", test_other_types},
        };

        return tap_run(tests);
}
