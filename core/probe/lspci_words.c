/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reads lspci's words about a function.
 *
 * Each capability is a section, from its "Capabilities: [" to the next. A capability that is not
 * listed is absent only if the listing is complete: lspci had the rights, and the chain is not
 * broken.
 */

#include <stdio.h>
#include <string.h>

#include "core/probe/lspci_entry.h"

#define ACS_NEEDED (ACS_SV | ACS_RR | ACS_CR | ACS_UF)

/* A part of the words; the text continues after it. */
typedef struct Section {
        const char *text;
        size_t n;
} Section;

typedef struct Listing {
        bool shown;    /* capabilities were listed */
        bool in_doubt; /* no rights, or a broken chain */
} Listing;

static const struct {
        const char *name;
        uint8_t type;
} pcie_types[] = {
        {"Root Complex Integrated Endpoint", PCIE_TYPE_RC_ENDPOINT},
        {"Root Complex Event Collector", PCIE_TYPE_RC_EVENT_COLLECTOR},
        {"Legacy Endpoint", PCIE_TYPE_LEGACY_ENDPOINT},
        {"Endpoint", PCIE_TYPE_ENDPOINT},
        {"Root Port", PCIE_TYPE_ROOT_PORT},
        {"Upstream Port", PCIE_TYPE_UPSTREAM},
        {"Downstream Port", PCIE_TYPE_DOWNSTREAM},
        {"PCI-Express to PCI/PCI-X Bridge", PCIE_TYPE_PCIE_TO_PCI},
        {"PCI/PCI-X Bridge", PCIE_TYPE_PCIE_TO_PCI},
        {"PCI/PCI-X to PCI-Express Bridge", PCIE_TYPE_PCI_TO_PCIE},
};

static const struct {
        const char *name;
        uint16_t bit;
} acs_bits[] = {
        {"SrcValid", ACS_SV},    {"TransBlk", ACS_TB},    {"ReqRedir", ACS_RR},
        {"CmpltRedir", ACS_CR},  {"UpstreamFwd", ACS_UF}, {"EgressCtrl", ACS_EC},
        {"DirectTrans", ACS_DT},
};

/*
 * Does the text start with `pattern`? Its spaces also match line ends, because lines get wrapped.
 */
static bool goes_on(const char *text, size_t n, const char *pattern)
{
        size_t i = 0;

        for (; pattern[i]; i++)
                if (i >= n || (text[i] != pattern[i] && !(pattern[i] == ' ' && text[i] == '\n')))
                        return false;
        return true;
}

/* The text after the first `pattern` of the section, or NULL. */
static const char *find(Section section, const char *pattern)
{
        const char *end = section.text + section.n, *p = section.text;

        while ((p = memchr(p, pattern[0], (size_t)(end - p)))) {
                if (goes_on(p, (size_t)(end - p), pattern))
                        return p + strlen(pattern);
                p++;
        }
        return NULL;
}

static Section rest_of(Section section, const char *from)
{
        return (Section){from, section.n - (size_t)(from - section.text)};
}

static bool starts(Section section, const char *pattern)
{
        return goes_on(section.text, section.n, pattern);
}

/* Reads a number after `pattern`; returns false if there is none. */
static bool find_number(Section section, const char *pattern, int base, uint32_t *ret)
{
        const char *at = find(section, pattern);
        unsigned long value;
        char *end;

        if (!at)
                return false;
        at += *at == ' ' || *at == '\n';
        if (*at == '-' || *at == '+' || *at == ' ' || *at == '\n')
                return false;
        value = strtoul(at, &end, base);
        if (end == at || value > UINT32_MAX)
                return false;
        *ret = (uint32_t)value;
        return true;
}

/* Reads "NAME+" or "NAME-" in the section. */
static Tristate find_switch(Section section, const char *name)
{
        const char *at = find(section, name);

        if (!at || at >= section.text + section.n)
                return TRISTATE_UNKNOWN;
        return *at == '+' ? TRISTATE_YES : *at == '-' ? TRISTATE_NO : TRISTATE_UNKNOWN;
}

static Section line_of(Section section)
{
        const char *end = memchr(section.text, '\n', section.n);

        return (Section){section.text, end ? (size_t)(end - section.text) : section.n};
}

/* Reads the bits of a line "ACSCap: SrcValid+ …". Returns false if a relevant bit is missing. */
static bool find_acs(Section section, const char *pattern, const char *before, uint16_t *ret_bits)
{
        const char *at = find(section, pattern), *end = NULL;
        Section line;

        if (!at)
                return false;
        line = rest_of(section, at);
        if (before)
                end = find(line, before);
        if (end)
                line.n = (size_t)(end - line.text);
        *ret_bits = 0;
        for (size_t i = 0; i < ARRAY_SIZE(acs_bits); i++) {
                Tristate bit = find_switch(line, acs_bits[i].name);

                if (bit == TRISTATE_YES)
                        *ret_bits |= acs_bits[i].bit;
                else if (bit == TRISTATE_UNKNOWN && acs_bits[i].bit & ACS_NEEDED)
                        return false;
        }
        return true;
}

/*
 * Capability and control, PCIe Base Specification 7.7.11; lspci -v alone does not print their
 * bits.
 */
static void read_acs(Section section, uint16_t offset, PciFacts *facts)
{
        uint16_t capability, control;

        if (!find_acs(section, "ACSCap:", "ACSCtl:", &capability) ||
            !find_acs(section, "ACSCtl:", NULL, &control))
                return;
        facts->acs.present = TRISTATE_YES;
        facts->acs.offset = offset;
        facts->acs.cap = capability;
        facts->acs.ctrl = control;
        facts->acs.dword4 = (uint32_t)control << 16 | capability;
        facts->acs.dword8_unread = true;
}

/* "(Slot+)" on the first line; the kind of slot is on another line, with -vv. */
static Tristate read_express_slot(Section section, uint8_t type)
{
        const char *at = find(section, "SltCap:");
        Tristate slot = find_switch(line_of(section), "(Slot");

        if (type == PCIE_TYPE_UPSTREAM)
                return TRISTATE_NO;
        if (type == PCIE_TYPE_PCIE_TO_PCI)
                return TRISTATE_UNKNOWN; /* another capability decides */
        if (slot != TRISTATE_YES)
                return slot;
        return at ? find_switch(rest_of(section, at), "HotPlug") : TRISTATE_UNKNOWN;
}

/* "(v2) Root Port (Slot+), MSI 00": the text after the word Express. */
static void read_express(Section section, PciFacts *facts)
{
        uint32_t number;
        Tristate flr;

        if (starts(section, "(v") && section.n > 5)
                section = rest_of(section, section.text + strlen("(v2) "));
        for (size_t i = 0; i < ARRAY_SIZE(pcie_types); i++)
                if (starts(section, pcie_types[i].name)) {
                        facts->pcie = TRISTATE_YES;
                        facts->pcie_type = pcie_types[i].type;
                        break;
                }
        if (starts(section, "Unknown type ") && find_number(section, "Unknown type", 10, &number) &&
            number <= 0xf) {
                facts->pcie = TRISTATE_YES;
                facts->pcie_type = (uint8_t)number;
        }

        if (facts->caps.hotplug_slot == TRISTATE_UNKNOWN && facts->pcie == TRISTATE_YES)
                facts->caps.hotplug_slot = read_express_slot(section, facts->pcie_type);

        /* Ports have no such bit, so lspci does not print it for them. */
        if (!find(section, "DevCap:"))
                return;
        flr = find_switch(section, "FLReset");
        facts->caps.flr = flr == TRISTATE_UNKNOWN ? TRISTATE_NO : flr;
}

/* "00-11-22-33-44-55-66-77", the most significant byte first. */
static void read_serial(Section section, PciFacts *facts)
{
        uint64_t number = 0;

        for (size_t i = 0; i < 8; i++) {
                char digits[3] = {0}, *end;

                if (section.n < i * 3 + 2 || (i > 0 && section.text[i * 3 - 1] != '-'))
                        return;
                memcpy(digits, section.text + i * 3, 2);
                number = number << 8 | strtoul(digits, &end, 16);
                if (end != digits + 2)
                        return;
        }
        facts->serial = TRISTATE_YES;
        facts->serial_number = number;
}

static void read_sriov(Section section, LspciEntry *entry)
{
        LspciVfs vfs = {0};

        entry->device.facts.caps.sriov = TRISTATE_YES;
        vfs.known =
                find(section, "IOVCtl:") &&
                find_switch(rest_of(section, find(section, "IOVCtl:")), "Enable") == TRISTATE_YES &&
                find_number(section, "Number of VFs:", 10, &vfs.n) &&
                find_number(section, "VF offset:", 10, &vfs.offset) &&
                find_number(section, "stride:", 10, &vfs.stride);
        if (vfs.known)
                entry->vfs = vfs;
}

/* One capability; `section` starts behind its "Capabilities: [". */
static void read_capability(Section section, LspciEntry *entry)
{
        PciFacts *facts = &entry->device.facts;
        uint16_t offset = (uint16_t)(strtoul(section.text, NULL, 16) & 0xfff);
        const char *at = memchr(section.text, ']', section.n < 16 ? section.n : 16);

        if (!at)
                return;
        at += 1 + (at[1] == ' ' || at[1] == '\n');
        section = rest_of(section, at);
        if (starts(section, "Express ")) {
                read_express(rest_of(section, at + strlen("Express ")), facts);
        } else if (starts(section, "Access Control Services")) {
                read_acs(section, offset, facts);
        } else if (starts(section, "Alternative Routing-ID Interpretation")) {
                facts->caps.ari = TRISTATE_YES;
        } else if (starts(section, "Single Root I/O Virtualization")) {
                read_sriov(section, entry);
        } else if (starts(section, "Address Translation Service")) {
                facts->caps.ats = TRISTATE_YES;
                at = find(section, "ATSCtl:");
                if (at)
                        facts->caps.ats_enabled = find_switch(rest_of(section, at), "Enable");
        } else if (starts(section, "Page Request Interface")) {
                facts->caps.pri = TRISTATE_YES;
        } else if (starts(section, "Process Address Space ID")) {
                facts->caps.pasid = TRISTATE_YES;
        } else if (starts(section, "Device Serial Number ")) {
                read_serial(rest_of(section, at + strlen("Device Serial Number ")), facts);
        } else if (starts(section, "PCI Advanced Features")) {
                if (find_switch(section, "FLR") == TRISTATE_YES)
                        facts->caps.flr = TRISTATE_YES;
        } else if ((starts(section, "Hot-plug capable") || starts(section, "#0c ")) &&
                   facts->header_type == 1) {
                facts->caps.hotplug_slot = TRISTATE_YES;
        }
}

static Listing read_capabilities(Section words, LspciEntry *entry)
{
        static const char *const doubts[] = {"Capabilities: <", "<chain looped>", "<chain broken>",
                                             "<unreadable>", "<invalid>"};
        static const char start[] = "Capabilities: [";
        const char *at = find(words, start);
        /* Drivers come after capabilities: without them, the text may be cut off in between. */
        bool may_go_on = entry->is_last && at && !find(words, "Kernel driver in use:") &&
                         !find(words, "Kernel modules:");
        Listing listing = {.shown = at != NULL, .in_doubt = entry->is_cut || may_go_on};

        for (size_t i = 0; i < ARRAY_SIZE(doubts); i++)
                listing.in_doubt |= find(words, doubts[i]) != NULL;
        while (at) {
                Section section = rest_of(words, at);
                const char *next = find(section, start);

                if (next)
                        section.n = (size_t)(next - at) - strlen(start);
                read_capability(section, entry);
                at = next;
        }
        return listing;
}

/* A capability that a complete listing lacks is absent. */
static void settle_absent(Section words, Listing listing, PciFacts *facts)
{
        const char *status = find(words, "Status:");
        bool has_list = !status || find_switch(rest_of(words, status), "Cap") != TRISTATE_NO;
        struct {
                Tristate *fact;
                const char *inside; /* a line of the capability, whose first line may be lost */
        } extended[] = {
                {&facts->caps.sriov, "IOVCap:"},   {&facts->caps.ari, "ARICap:"},
                {&facts->caps.ats, "ATSCap:"},     {&facts->caps.pri, "PRICtl:"},
                {&facts->caps.pasid, "PASIDCap:"}, {&facts->serial, NULL},
        };

        if (listing.in_doubt || (has_list && !listing.shown))
                return;
        if (facts->pcie == TRISTATE_UNKNOWN && !find(words, "] Express") && !find(words, "DevCap:"))
                facts->pcie = TRISTATE_NO;
        if (facts->acs.present == TRISTATE_UNKNOWN && !find(words, "] Access Control Services") &&
            !find(words, "ACSCap:"))
                facts->acs.present = TRISTATE_NO;
        for (size_t i = 0; i < ARRAY_SIZE(extended); i++)
                if (*extended[i].fact == TRISTATE_UNKNOWN &&
                    !(extended[i].inside && find(words, extended[i].inside)))
                        *extended[i].fact = TRISTATE_NO;
        if (facts->caps.ats == TRISTATE_NO)
                facts->caps.ats_enabled = TRISTATE_NO;
        if (facts->pcie == TRISTATE_NO && pcicap_needs_express(facts))
                facts->pcie = TRISTATE_UNKNOWN;
        if (facts->pcie == TRISTATE_NO && facts->caps.flr == TRISTATE_UNKNOWN)
                facts->caps.flr = TRISTATE_NO;
        if (facts->caps.hotplug_slot == TRISTATE_UNKNOWN &&
            (facts->pcie == TRISTATE_NO ||
             (facts->pcie == TRISTATE_YES && facts->pcie_type == PCIE_TYPE_PCIE_TO_PCI)))
                facts->caps.hotplug_slot = TRISTATE_NO;
}

/* "Bus: primary=00, secondary=01, subordinate=05", in hexadecimal. */
static void read_header(Section words, PciDevice *device)
{
        const char *at = find(words, "Bus: primary=");
        PciFacts *facts = &device->facts;
        uint32_t secondary, subordinate;

        if (find(words, "Unknown header type")) {
                facts->present = device->ids.vendor == 0xffff ? TRISTATE_NO : TRISTATE_UNKNOWN;
                return;
        }
        facts->present = TRISTATE_YES;
        facts->header_known = TRISTATE_YES; /* the multi-function bit comes later */
        if (!at) {
                facts->buses_known = facts->caps.hotplug_slot = TRISTATE_NO;
                return;
        }
        facts->header_type = device->ids.class_code >> 8 == 0x0607 ? 2 : 1;
        if (facts->header_type == 2)
                facts->caps.hotplug_slot = TRISTATE_YES;
        if (find_number(rest_of(words, at), "secondary=", 16, &secondary) && secondary <= 0xff &&
            find_number(rest_of(words, at), "subordinate=", 16, &subordinate) &&
            subordinate <= 0xff) {
                facts->buses_known = TRISTATE_YES;
                facts->secondary_bus = (uint8_t)secondary;
                facts->subordinate_bus = (uint8_t)subordinate;
        }
}

/* The rest of the line after `pattern`, up to a character of `stops`. */
static void copy_value(Section words, const char *pattern, const char *stops, char *text,
                       size_t n_text)
{
        const char *at = find(words, pattern);
        size_t n;

        if (!at)
                return;
        at += strspn(at, " ");
        n = strcspn(at, stops);
        if (n > 0 && n < n_text) {
                memcpy(text, at, n);
                text[n] = '\0';
        }
}

static void read_subsystem(Section words, PciDevice *device)
{
        const char *at = find(words, "Subsystem:");
        size_t n = at ? strcspn(at, "\n") : 0;
        unsigned vendor, id;

        /* "[1028:0001]" at the end of the line, or ("-n") alone. */
        if (n >= 10 && at[n - 1] == ']' && sscanf(at + n - 11, "[%4x:%4x]", &vendor, &id) == 2) {
                device->ids.subsystem_vendor = (uint16_t)vendor;
                device->ids.subsystem_device = (uint16_t)id;
        } else if (n == 10 && sscanf(at, " %4x:%4x", &vendor, &id) == 2) {
                device->ids.subsystem_vendor = (uint16_t)vendor;
                device->ids.subsystem_device = (uint16_t)id;
        }
}

/*
 * Reads "IOMMU group: 12" in the details. It precedes resources, capabilities and drivers: if the
 * last function of a text has none of these, the line may have been cut off.
 */
static int32_t read_group(Section words, const LspciEntry *entry)
{
        static const char *const later[] = {
                "Region ",       "Memory at ",    "I/O ports at ",         "Expansion ROM at ",
                "Bus: primary=", "Capabilities:", "Kernel driver in use:", "Kernel modules:"};
        uint32_t group;

        if (find_number(words, "IOMMU group:", 10, &group) ||
            find_number(words, "IOMMU group", 10, &group))
                return group <= INT32_MAX ? (int32_t)group : KERNEL_GROUP_UNKNOWN;
        if (!entry->has_details || entry->is_cut || find(words, "IOMMU group"))
                return KERNEL_GROUP_UNKNOWN;
        if (!entry->is_last)
                return KERNEL_GROUP_NONE;
        for (size_t i = 0; i < ARRAY_SIZE(later); i++)
                if (find(words, later[i]))
                        return KERNEL_GROUP_NONE;
        return KERNEL_GROUP_UNKNOWN;
}

/* Whether a text occurs twice. A bridge's subsystem is a line of its own, and a capability as well. */
static bool occurs_twice(Section words, const char *text)
{
        const size_t back = strlen(text) + strlen("] "); /* find() returns the end of the match */
        size_t n = 0;

        for (const char *at = find(words, text); at; at = find(words, text)) {
                n += (size_t)(at - words.text) < back || strncmp(at - back, "] ", 2) != 0;
                words = rest_of(words, at);
        }
        return n > 1;
}

/* A line that lspci prints once per function occurs twice: the title in between is missing. */
static bool is_mixed(Section words)
{
        static const char *const once[] = {
                "Control: I/O", "Status: Cap",  "Flags: ",    "IOMMU group",
                "Subsystem: ",  "Bus: primary", "] Express ", "Kernel driver in use:"};

        for (size_t i = 0; i < ARRAY_SIZE(once); i++)
                if (occurs_twice(words, once[i]))
                        return true;
        return false;
}

void lspci_read_words(LspciEntry *entry, const char *words)
{
        static const char *const details[] = {
                "Control:", "Status:", "Flags:", "Bus: primary=", "Capabilities:"};
        const Section all = {words, strlen(words)};
        PciDevice *device = &entry->device;
        int32_t group;

        for (size_t i = 0; i < ARRAY_SIZE(details); i++)
                entry->has_details |= find(all, details[i]) != NULL;
        entry->is_mixed = is_mixed(all);
        group = read_group(all, entry);
        if (group != KERNEL_GROUP_UNKNOWN || entry->is_mixed)
                device->kernel_group = entry->is_mixed ? KERNEL_GROUP_UNKNOWN : group;
        copy_value(all, "Kernel driver in use:", " \n", device->sysfs.driver,
                   sizeof(device->sysfs.driver));
        copy_value(all, "Physical Slot:", "\n", entry->slot, sizeof(entry->slot));
        read_subsystem(all, device);
        if (!entry->has_details || entry->is_mixed)
                return;

        read_header(all, device);
        if (device->facts.present == TRISTATE_YES)
                settle_absent(all, read_capabilities(all, entry), &device->facts);
}
