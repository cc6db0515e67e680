/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Tries one kind of hot-plug driver after the other, in the order in which the kernel gives them a
 * slot.
 *
 * If the kernel controls hot-plug natively, a port has a hot-plug service that only pciehp may
 * drive. Otherwise acpiphp drives each port below which the firmware describes a place for a card,
 * whether or not it shows a slot for it. Other drivers show their slots, with a file that switches
 * the power.
 */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/probe/cleanup.h"
#include "daemon/guard/slot.h"

#define SERVICES "bus/pci_express/devices"
#define PCIEHP "bus/pci_express/drivers/pciehp"
#define SLOTS "bus/pci/slots"
#define ACPIPHP "module/acpiphp"

/* A service's name ends in its kind as a bit of the last two digits, ":pcie204". */
#define SERVICE_HOTPLUG 0x4

/* Called for each entry of a directory until it returns true. */
typedef bool (*EntryMatches)(const HostPaths *host, const char *directory, const char *name,
                             const void *context);

/* Finds the first entry that matches. Returns 0 and *ret (freed by the caller), NULL if there is
 * none or no such directory, or -errno. */
static int find_entry(const HostPaths *host, const char *directory, EntryMatches matches,
                      const void *context, char **ret_name)
{
        *ret_name = NULL;
        _cleanup_(closedirp) DIR *dir = host_open_directory("%s/%s", host->sysfs, directory);
        if (!dir)
                return errno == ENOENT ? 0 : -errno;
        for (struct dirent *entry; (entry = readdir(dir));) {
                if (entry->d_name[0] == '.' || !matches(host, directory, entry->d_name, context))
                        continue;
                *ret_name = strdup(entry->d_name);
                return *ret_name ? 0 : -ENOMEM;
        }
        return 0;
}

static bool is_hotplug_service(const HostPaths *host, const char *directory, const char *name,
                               const void *context)
{
        const PciDevice *port = context;
        char text[BDF_TEXT_SIZE];
        size_t n = strlen(bdf_format(port->bdf, text));

        return strncmp(name, text, n) == 0 && strncmp(name + n, ":pcie", strlen(":pcie")) == 0 &&
               strtoul(name + n + strlen(":pcie"), NULL, 16) & SERVICE_HOTPLUG;
}

/*
 * Whether the entry is a place below the port that the firmware describes: an object with an
 * address.
 */
static bool is_place(const HostPaths *host, const char *directory, const char *name,
                     const void *context)
{
        return host_has("%s/%s/%s/adr", host->sysfs, directory, name);
}

/* Reads the number that the bus below has now. */
static bool read_secondary_bus(const HostPaths *host, Bdf port, unsigned long *ret_bus)
{
        _cleanup_(freep) char *text = NULL;
        char *end;

        if (host_read_device(host, port, "secondary_bus_number", &text) < 0)
                return false;
        *ret_bus = strtoul(text, &end, 10);
        return end != text && *end == '\0' && *ret_bus <= UINT8_MAX;
}

/* Whether the entry is a slot on the bus below the port that a driver can switch on. */
static bool is_served_slot(const HostPaths *host, const char *directory, const char *name,
                           const void *context)
{
        const PciDevice *port = context;
        _cleanup_(freep) char *address = NULL;
        char whole[BDF_TEXT_SIZE + 2];
        unsigned long bus;
        Bdf bdf;

        if (!host_has("%s/%s/%s/power", host->sysfs, directory, name) ||
            host_read_at(&address, "%s/%s/%s/address", host->sysfs, directory, name) < 0)
                return false;
        (void)snprintf(whole, sizeof(whole), "%.*s.0", BDF_TEXT_SIZE - 1, address);
        if (!bdf_parse(whole, &bdf) || bdf.domain != port->bdf.domain)
                return false;
        return read_secondary_bus(host, port->bdf, &bus) && bdf.bus == bus;
}

static bool acpiphp_is_off(const HostPaths *host)
{
        _cleanup_(freep) char *text = NULL;

        if (!host_has("%s/" ACPIPHP, host->sysfs))
                return true;
        int r = host_read_at(&text, "%s/" ACPIPHP "/parameters/disable", host->sysfs);
        return r == 0 && strcmp(text, "Y") == 0;
}

/* Finds a place below the port where ACPI may announce a card. Returns 0 or -errno. */
static int find_place(const HostPaths *host, const PciDevice *port, char **ret_place)
{
        char path[PATH_MAX], name[BDF_TEXT_SIZE];

        *ret_place = NULL;
        if (acpiphp_is_off(host))
                return 0;
        (void)snprintf(path, sizeof(path), "bus/pci/devices/%s/firmware_node",
                       bdf_format(port->bdf, name));
        return find_entry(host, path, is_place, NULL, ret_place);
}

int slot_find(const HostPaths *host, const PciDevice *port, Slot *ret_slot)
{
        _cleanup_(freep) char *service = NULL, *place = NULL, *slot = NULL;
        Slot found = {.server = SLOT_SERVER_UNKNOWN};

        int r = find_entry(host, SERVICES, is_hotplug_service, port, &service);
        if (r == 0 && !service)
                r = find_place(host, port, &place);
        if (r == 0 && !service && !place)
                r = find_entry(host, SLOTS, is_served_slot, port, &slot);
        if (r < 0)
                return r;
        if (service) {
                found.server = SLOT_SERVER_PCIEHP;
                found.is_shut = !host_has("%s/" PCIEHP "/%s", host->sysfs, service);
        } else if (strcmp(port->sysfs.driver, "shpchp") == 0) {
                found.server = SLOT_SERVER_SHPCHP;
        } else if (place) {
                found.server = SLOT_SERVER_ACPI;
        } else if (slot) {
                found.server = SLOT_SERVER_OTHER;
                (void)snprintf(found.name, sizeof(found.name), "%s", slot);
        } else if (port->facts.caps.hotplug_slot == TRISTATE_NO) {
                found.server = SLOT_SERVER_NONE;
        }
        *ret_slot = found;
        return 0;
}

/* Describes which driver keeps the slot open. */
static void describe(const Slot *slot, const char *port, FILE *stream)
{
        switch (slot->server) {
        case SLOT_SERVER_UNKNOWN:
                (void)fprintf(stream,
                              "a card may be added below %s, and the driver that would add it is "
                              "unknown",
                              port);
                return;
        case SLOT_SERVER_PCIEHP:
                (void)fprintf(stream, "pciehp serves %s", port);
                return;
        case SLOT_SERVER_ACPI:
                (void)fprintf(stream, "%s is served by ACPI hotplug, which cannot be sealed", port);
                return;
        case SLOT_SERVER_SHPCHP:
                (void)fprintf(stream, "%s is served by shpchp, which cannot be sealed", port);
                return;
        case SLOT_SERVER_OTHER:
                (void)fprintf(stream,
                              "%s is served by the hotplug driver of slot %s, which cannot "
                              "be sealed",
                              port, slot->name);
                return;
        case SLOT_SERVER_NONE:
                return;
        }
}

int slot_survey(const HostPaths *host, const Snapshot *snapshot, const size_t *ports,
                size_t n_ports, GuardFacts *facts, char **ret_open)
{
        _cleanup_(freep) char *text = NULL;
        size_t n_text = 0;
        FILE *stream = open_memstream(&text, &n_text);
        int r = stream ? 0 : -ENOMEM;

        facts->n_ports = n_ports;
        facts->n_slots = facts->n_unsealable = facts->n_sealed = 0;
        for (size_t i = 0; r == 0 && i < n_ports; i++) {
                const PciDevice *port = &snapshot->devices[ports[i]];
                char name[BDF_TEXT_SIZE];
                Slot slot;

                r = slot_find(host, port, &slot);
                if (r < 0 || slot.server == SLOT_SERVER_NONE)
                        continue;
                facts->n_slots++;
                facts->n_sealed += slot.is_shut;
                facts->n_unsealable += slot.server != SLOT_SERVER_PCIEHP;
                if (slot.is_shut)
                        continue;
                if (ftell(stream) > 0)
                        (void)fputs("; ", stream);
                describe(&slot, bdf_format(port->bdf, name), stream);
        }
        if (stream && fclose(stream) != 0 && r == 0)
                r = -ENOMEM;
        if (r == 0 && ret_open)
                *ret_open = TAKE_PTR(text);
        return r;
}
