/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The capability walk over configuration spaces made byte by byte: valid ones, and every way in
 * which a device, a truncated dump or a missing privilege can spoil them.
 */

#include "core/model/pcicap.h"
#include "tap.h"

typedef struct Config {
        uint8_t bytes[4096];
        size_t n_readable; /* reads beyond fail */
        unsigned n_reads;
} Config;

static bool config_read(void *context, unsigned offset, uint32_t *ret_value)
{
        Config *config = context;

        config->n_reads++;
        CHECK(offset % 4 == 0 && offset + 4 <= sizeof(config->bytes));
        if (offset + 4 > config->n_readable)
                return false;
        *ret_value = (uint32_t)config->bytes[offset] | (uint32_t)config->bytes[offset + 1] << 8 |
                     (uint32_t)config->bytes[offset + 2] << 16 |
                     (uint32_t)config->bytes[offset + 3] << 24;
        return true;
}

static void put16(Config *config, unsigned offset, unsigned value)
{
        config->bytes[offset] = (uint8_t)value;
        config->bytes[offset + 1] = (uint8_t)(value >> 8);
}

static void put32(Config *config, unsigned offset, uint32_t value)
{
        put16(config, offset, value & 0xffff);
        put16(config, offset + 2, value >> 16);
}

static void put_extended(Config *config, unsigned offset, unsigned id, unsigned next)
{
        put32(config, offset, id | 1U << 16 | (uint32_t)next << 20);
}

/* A root port: power management at 0x40, PCI Express at 0x50; AER, then ACS with SV and RR on. */
static Config root_port(void)
{
        Config config = {.n_readable = 4096};

        put16(&config, 0x00, 0x8086);
        put16(&config, 0x06, 0x0010);
        config.bytes[0x0e] = 0x81;
        config.bytes[0x34] = 0x40;
        put16(&config, 0x40, 0x5001);
        put16(&config, 0x50, 0x0010);
        put16(&config, 0x52, 0x0042);
        put_extended(&config, 0x100, 0x0001, 0x148);
        put_extended(&config, 0x148, 0x000d, 0);
        put16(&config, 0x14c, 0x001f);
        put16(&config, 0x14e, 0x0005);
        return config;
}

static PciFacts walk(Config *config, unsigned size)
{
        PciFacts facts;

        config->n_reads = 0;
        pcicap_read(config_read, config, size, &facts);
        CHECK(config->n_reads < 1200); /* bounded for any list */
        return facts;
}

static void test_good(void)
{
        Config config = root_port();
        PciFacts facts = walk(&config, 4096);

        CHECK_NUMBER(facts.present, TRISTATE_YES);
        CHECK_NUMBER(facts.header_type, 1);
        CHECK(facts.multifunction_bit == TRISTATE_YES);
        CHECK_NUMBER(facts.pcie, TRISTATE_YES);
        CHECK_NUMBER(facts.pcie_type, PCIE_TYPE_ROOT_PORT);
        CHECK_NUMBER(facts.acs.present, TRISTATE_YES);
        CHECK_NUMBER(facts.acs.offset, 0x148);
        CHECK_NUMBER(facts.acs.cap, 0x1f);
        CHECK_NUMBER(facts.acs.ctrl, 0x05);
        CHECK_NUMBER(facts.caps.ari, TRISTATE_NO);
        CHECK_NUMBER(facts.caps.sriov, TRISTATE_NO);
        CHECK_NUMBER(facts.caps.flr, TRISTATE_NO);
        CHECK_NUMBER(facts.serial, TRISTATE_NO);
        CHECK_NUMBER(facts.caps.ats_enabled, TRISTATE_NO);
        /* Header 2, buses 1, pointer 1, power management, PCI Express, AER, ACS with 2 registers.
         */
        CHECK_NUMBER(config.n_reads, 10);
}

static void test_dword_registers(void)
{
        Config config = root_port();

        put32(&config, 0x14c, 0x0000001f);
        put32(&config, 0x150, 0x0000001d);
        CHECK_NUMBER(walk(&config, 4096).acs.dword4, 0x1f);
        CHECK_NUMBER(walk(&config, 4096).acs.dword8, 0x1d);
        CHECK_NUMBER(walk(&config, 4096).acs.ctrl, 0);
}

static void test_no_capabilities(void)
{
        Config config = root_port();
        PciFacts facts;

        put16(&config, 0x06, 0);
        facts = walk(&config, 256);
        CHECK_NUMBER(facts.pcie, TRISTATE_NO);
        CHECK_NUMBER(facts.acs.present, TRISTATE_NO);
        CHECK_NUMBER(facts.caps.flr, TRISTATE_NO);
        CHECK_NUMBER(facts.serial, TRISTATE_NO);
        CHECK_NUMBER(config.n_reads, 3);
        config.bytes[0x0e] = 0;
        CHECK_NUMBER(walk(&config, 256).buses_known, TRISTATE_NO);
        CHECK_NUMBER(config.n_reads, 2); /* an endpoint has no buses to ask for */
}

/* An endpoint: PCI Express at 0x40, Advanced Features at 0x60; DSN, ATS, PRI and PASID. */
static Config endpoint(void)
{
        Config config = {.n_readable = 4096};

        put16(&config, 0x06, 0x0010);
        config.bytes[0x34] = 0x40;
        put16(&config, 0x40, 0x6010);
        put32(&config, 0x44, 1U << 28);
        put16(&config, 0x60, 0x0013);
        config.bytes[0x63] = 0x03;
        put_extended(&config, 0x100, 0x0003, 0x120);
        put32(&config, 0x104, 0x89abcdef);
        put32(&config, 0x108, 0x01234567);
        put_extended(&config, 0x120, 0x000f, 0x130);
        put32(&config, 0x124, 0x80000020);
        put_extended(&config, 0x130, 0x0013, 0x140);
        put_extended(&config, 0x140, 0x001b, 0);
        return config;
}

static void test_endpoint(void)
{
        Config config = endpoint();
        PciFacts facts = walk(&config, 4096);

        CHECK_NUMBER(facts.caps.flr, TRISTATE_YES);
        CHECK_NUMBER(facts.serial, TRISTATE_YES);
        CHECK(facts.serial_number == 0x0123456789abcdefULL);
        CHECK_NUMBER(facts.caps.ats, TRISTATE_YES);
        CHECK_NUMBER(facts.caps.ats_enabled, TRISTATE_YES);
        CHECK_NUMBER(facts.caps.pri, TRISTATE_YES);
        CHECK_NUMBER(facts.caps.pasid, TRISTATE_YES);
        CHECK_NUMBER(facts.acs.present, TRISTATE_NO);
        CHECK_NUMBER(facts.buses_known, TRISTATE_NO);
        /* Header 2, pointer, PCI Express with 1, serial with 2, ATS with 1, PRI, PASID. */
        CHECK_NUMBER(config.n_reads, 12);
        put32(&config, 0x124, 0x00000020);
        CHECK_NUMBER(walk(&config, 4096).caps.ats_enabled, TRISTATE_NO);
        memset(config.bytes + 0x124, 0xff, 4);
        CHECK_NUMBER(walk(&config, 4096).caps.ats, TRISTATE_YES);
        CHECK_NUMBER(walk(&config, 4096).caps.ats_enabled, TRISTATE_UNKNOWN);
        memset(config.bytes + 0x108, 0xff, 4);
        CHECK_NUMBER(walk(&config, 4096).serial, TRISTATE_UNKNOWN);
        put_extended(&config, 0x140, 0x0002, 0x100); /* loops before PASID */
        CHECK_NUMBER(walk(&config, 4096).caps.pasid, TRISTATE_UNKNOWN);
        CHECK_NUMBER(walk(&config, 4096).caps.pri, TRISTATE_YES);
        put_extended(&config, 0x100, 0x0001, 0xff8);
        put_extended(&config, 0xff8, 0x0003, 0); /* no room for the number */
        CHECK_NUMBER(walk(&config, 4096).serial, TRISTATE_UNKNOWN);
}

/* By PCI Express, by Advanced Features, by neither, or unknown. */
static void test_flr(void)
{
        Config config = endpoint();

        put32(&config, 0x44, 0);
        CHECK_NUMBER(walk(&config, 4096).caps.flr, TRISTATE_YES);
        config.bytes[0x63] = 0x01;
        CHECK_NUMBER(walk(&config, 4096).caps.flr, TRISTATE_NO);
        put16(&config, 0x60, 0x4013); /* loops */
        CHECK_NUMBER(walk(&config, 4096).caps.flr, TRISTATE_UNKNOWN);
        CHECK_NUMBER(walk(&config, 4096).pcie, TRISTATE_YES);
        put32(&config, 0x44, 1U << 28); /* found before the loop */
        CHECK_NUMBER(walk(&config, 4096).caps.flr, TRISTATE_YES);
        put16(&config, 0x60, 0x0013);
        memset(config.bytes + 0x44, 0xff, 4);
        CHECK_NUMBER(walk(&config, 4096).caps.flr, TRISTATE_UNKNOWN);
        config.bytes[0x34] = 0x60; /* conventional */
        CHECK_NUMBER(walk(&config, 256).caps.flr, TRISTATE_NO);
        config.bytes[0x63] = 0x02;
        CHECK_NUMBER(walk(&config, 256).caps.flr, TRISTATE_YES);
        CHECK_NUMBER(config.n_reads, 4);
        config.n_readable = 64;
        CHECK_NUMBER(walk(&config, 256).caps.flr, TRISTATE_UNKNOWN);
}

/* A port's PCI Express capability tells whether it has a slot; without one nothing more is read. */
static void test_slot_of_port(void)
{
        Config config = root_port();

        CHECK_NUMBER(walk(&config, 4096).caps.hotplug_slot, TRISTATE_NO);
        CHECK_NUMBER(config.n_reads, 10);
        put16(&config, 0x52, 0x0142);
        CHECK_NUMBER(walk(&config, 4096).caps.hotplug_slot, TRISTATE_NO);
        CHECK_NUMBER(config.n_reads, 11);
        put32(&config, 0x64, 1U << 6);
        CHECK_NUMBER(walk(&config, 4096).caps.hotplug_slot, TRISTATE_YES);
        put16(&config, 0x52, 0x0162); /* a downstream port */
        CHECK_NUMBER(walk(&config, 4096).caps.hotplug_slot, TRISTATE_YES);
        put16(&config, 0x52, 0x0152); /* called an upstream one: the kernel may know better */
        CHECK_NUMBER(walk(&config, 4096).caps.hotplug_slot, TRISTATE_YES);
        put16(&config, 0x52, 0x0052);
        CHECK_NUMBER(walk(&config, 4096).caps.hotplug_slot, TRISTATE_NO);
        put16(&config, 0x52, 0x0142);
        config.n_readable = 0x64; /* the slot's register is not in the dump */
        CHECK_NUMBER(walk(&config, 4096).caps.hotplug_slot, TRISTATE_UNKNOWN);
        config.n_readable = 0x50;
        CHECK_NUMBER(walk(&config, 4096).caps.hotplug_slot, TRISTATE_UNKNOWN);
        config.n_readable = 4096;
        memset(config.bytes + 0x64, 0xff, 4);
        CHECK_NUMBER(walk(&config, 4096).caps.hotplug_slot, TRISTATE_UNKNOWN);
}

/* Conventional PCI has a capability for it; a list that is cut off may have it in the rest. */
static void test_slot_of_bridge(void)
{
        Config config = root_port();

        put16(&config, 0x52, 0x0072); /* PCI Express to PCI */
        CHECK_NUMBER(walk(&config, 4096).caps.hotplug_slot, TRISTATE_NO);
        put16(&config, 0x50, 0x7010);
        put16(&config, 0x70, 0x000c);
        CHECK_NUMBER(walk(&config, 4096).caps.hotplug_slot, TRISTATE_YES);
        put16(&config, 0x70, 0x4005); /* loops */
        CHECK_NUMBER(walk(&config, 4096).caps.hotplug_slot, TRISTATE_UNKNOWN);
        CHECK_NUMBER(walk(&config, 4096).pcie, TRISTATE_YES);

        config.bytes[0x34] = 0x70; /* conventional */
        put16(&config, 0x70, 0x000c);
        CHECK_NUMBER(walk(&config, 256).caps.hotplug_slot, TRISTATE_YES);
        CHECK_NUMBER(walk(&config, 256).pcie, TRISTATE_NO);
        put16(&config, 0x70, 0x0005);
        CHECK_NUMBER(walk(&config, 256).caps.hotplug_slot, TRISTATE_NO);
        put16(&config, 0x70, 0x7005);
        CHECK_NUMBER(walk(&config, 256).caps.hotplug_slot, TRISTATE_UNKNOWN);
        put16(&config, 0x06, 0); /* no list at all */
        CHECK_NUMBER(walk(&config, 256).caps.hotplug_slot, TRISTATE_NO);

        config.bytes[0x0e] = 2; /* CardBus is a slot */
        CHECK_NUMBER(walk(&config, 256).caps.hotplug_slot, TRISTATE_YES);
        config.bytes[0x0e] = 0; /* an endpoint has none */
        config.n_readable = 64;
        CHECK_NUMBER(walk(&config, 256).caps.hotplug_slot, TRISTATE_NO);
        config.bytes[0x0e] = 0x7f; /* an unknown type */
        CHECK_NUMBER(walk(&config, 256).caps.hotplug_slot, TRISTATE_UNKNOWN);
        config.bytes[0x0e] = 1;
        config.n_readable = 0x0c;
        CHECK_NUMBER(walk(&config, 256).caps.hotplug_slot, TRISTATE_UNKNOWN);
}

static void test_buses(void)
{
        Config config = root_port();

        put32(&config, 0x18, 0x00090502);
        CHECK_NUMBER(walk(&config, 4096).buses_known, TRISTATE_YES);
        CHECK_NUMBER(walk(&config, 4096).secondary_bus, 5);
        CHECK_NUMBER(walk(&config, 4096).subordinate_bus, 9);
        config.bytes[0x0e] = 2;
        CHECK_NUMBER(walk(&config, 256).secondary_bus, 5);
        config.n_readable = 0x18;
        CHECK_NUMBER(walk(&config, 256).buses_known, TRISTATE_UNKNOWN);
}

static void test_unprivileged(void)
{
        Config config = root_port();
        PciFacts facts;

        config.n_readable = 64;
        facts = walk(&config, 4096);
        CHECK_NUMBER(facts.present, TRISTATE_YES);
        CHECK_NUMBER(facts.header_known, TRISTATE_YES);
        CHECK_NUMBER(facts.pcie, TRISTATE_UNKNOWN);
        CHECK_NUMBER(facts.acs.present, TRISTATE_UNKNOWN);
        CHECK_NUMBER(facts.caps.flr, TRISTATE_UNKNOWN);
        CHECK_NUMBER(facts.serial, TRISTATE_UNKNOWN);
        CHECK_NUMBER(facts.caps.ats_enabled, TRISTATE_UNKNOWN);
        CHECK_NUMBER(facts.buses_known, TRISTATE_YES);
        config.n_readable = 0;
        facts = walk(&config, 4096);
        CHECK_NUMBER(facts.present, TRISTATE_UNKNOWN);
        CHECK_NUMBER(facts.header_known, TRISTATE_UNKNOWN);
}

static void test_short_dump(void)
{
        Config config = root_port();
        PciFacts facts;

        /* A capability before the end is a fact; one that was not found is unknown. */
        config.n_readable = 256;
        facts = walk(&config, 4096);
        CHECK_NUMBER(facts.pcie, TRISTATE_YES);
        CHECK_NUMBER(facts.acs.present, TRISTATE_UNKNOWN);
        config.n_readable = 0x14c;
        CHECK_NUMBER(walk(&config, 4096).acs.present, TRISTATE_UNKNOWN);
        config.n_readable = 64;
        CHECK_NUMBER(walk(&config, 64).acs.present, TRISTATE_UNKNOWN);
        /* Every PCI Express function has more than 256 bytes; of others these are all. */
        config.n_readable = 256;
        CHECK_NUMBER(walk(&config, 256).acs.present, TRISTATE_UNKNOWN);
        CHECK_NUMBER(walk(&config, 256).caps.ats_enabled, TRISTATE_UNKNOWN);
        config.bytes[0x34] = 0;
        CHECK_NUMBER(walk(&config, 256).pcie, TRISTATE_NO);
        CHECK_NUMBER(walk(&config, 256).acs.present, TRISTATE_NO);
}

static void test_gone(void)
{
        Config config = {.n_readable = 4096};
        PciFacts facts;

        memset(config.bytes, 0xff, sizeof(config.bytes));
        facts = walk(&config, 4096);
        CHECK_NUMBER(facts.present, TRISTATE_NO);
        CHECK_NUMBER(facts.pcie, TRISTATE_UNKNOWN);
        CHECK_NUMBER(facts.acs.present, TRISTATE_UNKNOWN);

        /* The device disappears half-way: the control word would read as "everything on". */
        config = root_port();
        memset(config.bytes + 0x14c, 0xff, 4);
        CHECK_NUMBER(walk(&config, 4096).acs.present, TRISTATE_UNKNOWN);
        memset(config.bytes + 0x100, 0xff, 0xf00);
        facts = walk(&config, 4096);
        CHECK_NUMBER(facts.pcie, TRISTATE_YES);
        CHECK_NUMBER(facts.acs.present, TRISTATE_UNKNOWN);
}

static void test_virtual_function(void)
{
        Config config = root_port();

        /* Vendor and device read all-ones in a virtual function that is present. */
        put32(&config, 0x00, 0xffffffff);
        CHECK_NUMBER(walk(&config, 4096).present, TRISTATE_YES);
}

static void test_standard_loops(void)
{
        Config config = root_port();

        put16(&config, 0x50, 0x4005); /* back to 0x40, and no PCI Express */
        CHECK_NUMBER(walk(&config, 4096).pcie, TRISTATE_UNKNOWN);
        put16(&config, 0x40, 0x4001); /* to itself */
        CHECK_NUMBER(walk(&config, 4096).pcie, TRISTATE_UNKNOWN);
        put16(&config, 0x40, 0x1001); /* into the header */
        CHECK_NUMBER(walk(&config, 4096).pcie, TRISTATE_UNKNOWN);
        /* A proper end, but only PCI Express has ACS. */
        put16(&config, 0x40, 0x0001);
        CHECK_NUMBER(walk(&config, 4096).pcie, TRISTATE_UNKNOWN);
        put_extended(&config, 0x100, 0x0001, 0); /* without it */
        CHECK_NUMBER(walk(&config, 4096).pcie, TRISTATE_NO);
        config.bytes[0x34] = 0x43; /* the low bits are reserved */
        CHECK_NUMBER(walk(&config, 4096).pcie, TRISTATE_NO);
        config.bytes[0x34] = 0;
        CHECK_NUMBER(walk(&config, 4096).pcie, TRISTATE_NO);
}

static void test_extended_loops(void)
{
        Config config = root_port();

        put_extended(&config, 0x148, 0x0002, 0x100); /* back to the front */
        CHECK_NUMBER(walk(&config, 4096).acs.present, TRISTATE_UNKNOWN);
        put_extended(&config, 0x148, 0x0002, 0x148); /* to itself */
        CHECK_NUMBER(walk(&config, 4096).acs.present, TRISTATE_UNKNOWN);
        put_extended(&config, 0x148, 0x0002, 0x040); /* into the standard part */
        CHECK_NUMBER(walk(&config, 4096).acs.present, TRISTATE_UNKNOWN);
        put_extended(&config, 0x148, 0x000d, 0x100); /* found before it loops: a fact */
        CHECK_NUMBER(walk(&config, 4096).acs.present, TRISTATE_YES);
        CHECK_NUMBER(walk(&config, 4096).caps.sriov, TRISTATE_UNKNOWN);
}

static void test_edges(void)
{
        Config config = root_port();

        /* ACS in the last dword has no registers. */
        put_extended(&config, 0x100, 0x000d, 0xffc);
        put_extended(&config, 0x100, 0x0001, 0xffc);
        put_extended(&config, 0xffc, 0x000d, 0);
        CHECK_NUMBER(walk(&config, 4096).acs.present, TRISTATE_UNKNOWN);

        /* An empty extended list. */
        put32(&config, 0x100, 0);
        CHECK_NUMBER(walk(&config, 4096).acs.present, TRISTATE_NO);

        /* CardBus has its pointer elsewhere. */
        config.bytes[0x0e] = 2;
        config.bytes[0x14] = 0x50;
        config.bytes[0x34] = 0;
        CHECK_NUMBER(walk(&config, 256).pcie, TRISTATE_YES);
}

static void test_other_capabilities(void)
{
        Config config = root_port();
        PciFacts facts;

        put_extended(&config, 0x148, 0x000e, 0x160);
        put_extended(&config, 0x160, 0x000f, 0x180);
        put_extended(&config, 0x180, 0x0010, 0);
        facts = walk(&config, 4096);
        CHECK_NUMBER(facts.caps.ari, TRISTATE_YES);
        CHECK_NUMBER(facts.caps.ats, TRISTATE_YES);
        CHECK_NUMBER(facts.caps.sriov, TRISTATE_YES);
        CHECK_NUMBER(facts.acs.present, TRISTATE_NO);
}

static void test_pch(void)
{
        Config config = root_port();
        PciFacts facts = {0};

        pcicap_read_pch(config_read, &config, &facts);
        CHECK_NUMBER(facts.pch_redirect, TRISTATE_NO);
        put32(&config, 0xd8, 1U << 26);
        pcicap_read_pch(config_read, &config, &facts);
        CHECK_NUMBER(facts.pch_redirect, TRISTATE_YES);
        config.n_readable = 64;
        pcicap_read_pch(config_read, &config, &facts);
        CHECK_NUMBER(facts.pch_redirect, TRISTATE_UNKNOWN);
}

int main(void)
{
        static const TapTest tests[] = {
                {"a root port with ACS", test_good},
                {"ACS registers as dwords", test_dword_registers},
                {"no capability list", test_no_capabilities},
                {"what an endpoint can do", test_endpoint},
                {"function level reset", test_flr},
                {"the slot of a port", test_slot_of_port},
                {"the slots of a bridge", test_slot_of_bridge},
                {"the buses of a bridge", test_buses},
                {"no privilege", test_unprivileged},
                {"a short dump", test_short_dump},
                {"a device that is gone", test_gone},
                {"a virtual function has no ids", test_virtual_function},
                {"looping standard lists", test_standard_loops},
                {"looping extended lists", test_extended_loops},
                {"edges of the space", test_edges},
                {"ARI, ATS and SR-IOV", test_other_capabilities},
                {"an Intel PCH port's own register", test_pch},
        };

        return tap_run(tests);
}
