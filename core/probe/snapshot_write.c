/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Writes a snapshot with a line for each entry, so that diff can compare snapshots. Leaves out
 * null members, because a large machine has many.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/probe/snapshot_extras.h"
#include "core/probe/snapshot_json.h"

/* null for ""; names are ASCII, other bytes come from a forged tree. */
static void put_text(FILE *stream, const char *text)
{
        if (!text || text[0] == '\0') {
                (void)fputs("null", stream);
                return;
        }
        (void)fputc('"', stream);
        for (const char *p = text; *p; p++) {
                if (*p == '"' || *p == '\\')
                        (void)fputc('\\', stream);
                (void)fputc(*p >= ' ' && *p <= '~' ? *p : '?', stream);
        }
        (void)fputc('"', stream);
}

static void put_text_member(FILE *stream, const char *key, const char *text)
{
        if (text[0] == '\0')
                return;
        (void)fprintf(stream, ",\"%s\":", key);
        put_text(stream, text);
}

static const char *tristate_text(Tristate value)
{
        switch (value) {
        case TRISTATE_YES:
                return "true";
        case TRISTATE_NO:
                return "false";
        case TRISTATE_UNKNOWN:
                return "null";
        }
        return "null";
}

static void put_tristate(FILE *stream, const char *key, Tristate value)
{
        if (value != TRISTATE_UNKNOWN)
                (void)fprintf(stream, ",\"%s\":%s", key, tristate_text(value));
}

static void put_address(FILE *stream, const char *key, bool has, Bdf bdf)
{
        char text[BDF_TEXT_SIZE];

        if (has)
                (void)fprintf(stream, ",\"%s\":\"%s\"", key, bdf_format(bdf, text));
}

/* Starts a fact with a value. If the fact is not YES, writes it completely and returns false. */
static bool put_fact(FILE *stream, const char *key, Tristate value)
{
        if (value != TRISTATE_YES) {
                put_tristate(stream, key, value);
                return false;
        }
        (void)fprintf(stream, ",\"%s\":", key);
        return true;
}

static void put_serial(FILE *stream, const PciFacts *facts, unsigned flags)
{
        if (!put_fact(stream, "serial", facts->serial))
                return;
        if ((flags & SNAPSHOT_JSON_ANONYMISE) || facts->serial_number == 0)
                (void)fputs("true", stream);
        else
                (void)fprintf(stream, "\"%016" PRIx64 "\"", facts->serial_number);
}

static void put_acs(FILE *stream, const PciFacts *facts)
{
        if (!put_fact(stream, "acs", facts->acs.present))
                return;
        (void)fprintf(stream,
                      "{\"offset\":\"%03x\",\"cap\":\"%04x\",\"ctrl\":\"%04x\","
                      "\"dword4\":\"%08x\"",
                      facts->acs.offset, facts->acs.cap, facts->acs.ctrl, facts->acs.dword4);
        if (!facts->acs.dword8_unread || facts->redirect_inferred)
                (void)fprintf(stream, ",\"dword8\":\"%08x\"", facts->acs.dword8);
        (void)fputc('}', stream);
}

static void put_facts(FILE *stream, const PciFacts *facts, unsigned flags)
{
        (void)fprintf(stream, ",\"facts\":{\"present\":%s", tristate_text(facts->present));
        if (put_fact(stream, "header", facts->header_known))
                (void)fprintf(stream, "{\"type\":%u,\"multifunction\":%s}", facts->header_type,
                              tristate_text(facts->multifunction_bit));
        if (put_fact(stream, "pcie", facts->pcie))
                (void)fprintf(stream, "{\"type\":%u}", facts->pcie_type);
        put_acs(stream, facts);
        put_tristate(stream, "sriov", facts->caps.sriov);
        put_tristate(stream, "ari", facts->caps.ari);
        put_tristate(stream, "ats", facts->caps.ats);
        put_tristate(stream, "ats_enabled", facts->caps.ats_enabled);
        put_tristate(stream, "pri", facts->caps.pri);
        put_tristate(stream, "pasid", facts->caps.pasid);
        put_tristate(stream, "flr", facts->caps.flr);
        put_tristate(stream, "hotplug_slot", facts->caps.hotplug_slot);
        put_serial(stream, facts, flags);
        if (put_fact(stream, "buses", facts->buses_known))
                (void)fprintf(stream, "{\"secondary\":\"%02x\",\"subordinate\":\"%02x\"}",
                              facts->secondary_bus, facts->subordinate_bus);
        put_tristate(stream, "pch_redirect", facts->pch_redirect);
        if (facts->redirect_inferred)
                put_tristate(stream, "redirect_inferred", TRISTATE_YES);
        (void)fputc('}', stream);
}

static void put_place(FILE *stream, const Snapshot *snapshot, const PciDevice *device)
{
        if (!device->place.has_parent)
                (void)fputs(",\"parent\":\"root\"", stream);
        else
                put_address(stream, "parent", !snapshot_parent_is_unknown(snapshot, device),
                            device->place.parent_bdf);
        (void)fprintf(stream, ",\"root_bus\":\"%04x:%02x\"", device->place.root_domain,
                      device->place.root_bus);

        if (device->place.is_vf) {
                char text[BDF_TEXT_SIZE];

                (void)fprintf(stream, ",\"vf\":{\"physfn\":\"%s\"",
                              bdf_format(device->place.physfn_bdf, text));
                if (device->place.vf_index != VF_INDEX_NONE)
                        (void)fprintf(stream, ",\"index\":%u", device->place.vf_index);
                (void)fputc('}', stream);
        }
        put_address(stream, "real_dma", device->place.has_real_dma, device->place.real_dma_bdf);
        put_address(stream, "ivrs_alias", device->place.has_ivrs_alias,
                    (Bdf){device->bdf.domain, device->bdf.bus, device->place.ivrs_alias_devfn});
}

static void put_device(FILE *stream, const Snapshot *snapshot, const PciDevice *device,
                       unsigned flags)
{
        char text[BDF_TEXT_SIZE];

        (void)fprintf(stream, "{\"address\":\"%s\"", bdf_format(device->bdf, text));
        if (device->ids.vendor != 0)
                (void)fprintf(stream, ",\"vendor\":\"%04x\"", device->ids.vendor);
        if (device->ids.device != 0)
                (void)fprintf(stream, ",\"device\":\"%04x\"", device->ids.device);
        (void)fprintf(stream, ",\"class\":\"%06x\"", device->ids.class_code);
        if (device->ids.subsystem_vendor != 0 || device->ids.subsystem_device != 0)
                (void)fprintf(stream,
                              ",\"subsystem_vendor\":\"%04x\",\"subsystem_device\":\"%04x\"",
                              device->ids.subsystem_vendor, device->ids.subsystem_device);
        put_place(stream, snapshot, device);
        if (device->kernel_group >= 0)
                (void)fprintf(stream, ",\"group\":%d", (int)device->kernel_group);
        else if (device->kernel_group == KERNEL_GROUP_UNKNOWN)
                (void)fputs(",\"group_unknown\":true", stream);
        put_text_member(stream, "iommu", device->sysfs.iommu);
        put_text_member(stream, "iommu_kind", iommu_kind_to_string(device->sysfs.iommu_kind));
        put_text_member(stream, "driver", device->sysfs.driver);
        put_tristate(stream, "removable", device->sysfs.removable);
        put_tristate(stream, "resettable", device->sysfs.resettable);
        if (device->sysfs.has_numa_node)
                (void)fprintf(stream, ",\"numa_node\":%u", (unsigned)device->sysfs.numa_node);
        put_facts(stream, &device->facts, flags);
        (void)fputc('}', stream);
}

/* Is this word of a command line about isolation? Other words may contain secrets. */
static bool is_about_iommu(const char *word)
{
        return strstr(word, "iommu") || strstr(word, "vfio") || strncmp(word, "pci=", 4) == 0 ||
               strncmp(word, "intremap", 8) == 0 ||
               strncmp(word, "pcie_acs_override", strlen("pcie_acs_override")) == 0;
}

/* As in the kernel, words end at a space outside quotes. */
static char *reduce_command_line(const char *line)
{
        _cleanup_(freep) char *copy = strdup(line), *kept = calloc(1, strlen(line) + 1);
        size_t n = 0;

        if (!copy || !kept)
                return NULL;
        for (char *word = copy, *end; *word; word = end) {
                bool quoted = false, last;

                for (end = word; *end && (quoted || *end != ' '); end++)
                        quoted ^= *end == '"';
                last = *end == '\0';
                *end = '\0';
                if (is_about_iommu(word)) {
                        if (n > 0)
                                kept[n++] = ' ';
                        memcpy(kept + n, word, (size_t)(end - word));
                        n += (size_t)(end - word);
                }
                end += !last;
        }
        return TAKE_PTR(kept);
}

static int put_command_line(FILE *stream, const char *line, unsigned flags)
{
        _cleanup_(freep) char *reduced = NULL;

        if (line && (flags & SNAPSHOT_JSON_ANONYMISE)) {
                reduced = reduce_command_line(line);
                if (!reduced)
                        return -ENOMEM;
                line = reduced;
        }
        (void)fputs(",\n\"command_line\": ", stream);
        if (line && line[0] == '\0')
                (void)fputs("\"\"", stream); /* known to be empty */
        else
                put_text(stream, line);
        return 0;
}

static void put_extras(FILE *stream, const Snapshot *snapshot)
{
        (void)fputs(",\n\"groups\": [", stream);
        for (size_t i = 0; i < snapshot->n_kernel_groups; i++) {
                const KernelGroup *group = &snapshot->kernel_groups[i];

                (void)fprintf(stream, "%s{\"number\":%d", i ? ",\n" : "\n", (int)group->number);
                put_text_member(stream, "type", group->type);
                put_tristate(stream, "direct", group->direct);
                (void)fputc('}', stream);
        }
        (void)fputs("],\n\"slots\": [", stream);
        for (size_t i = 0; i < snapshot->n_slots; i++) {
                char text[BDF_TEXT_SIZE];

                (void)fputs(i ? ",\n{\"name\":" : "\n{\"name\":", stream);
                put_text(stream, snapshot->slots[i].name);
                (void)fprintf(stream, ",\"address\":\"%s\"}",
                              bdf_format(snapshot->slots[i].bdf, text));
        }
        (void)fputs("]", stream);
}

int snapshot_json_write(const Snapshot *snapshot, unsigned flags, FILE *stream)
{
        int r;

        (void)fputs("{\"schema\": \"" SNAPSHOT_JSON_SCHEMA "\",\n\"kernel_release\": ", stream);
        put_text(stream, snapshot->kernel_release);
        r = put_command_line(stream, snapshot->command_line, flags);
        if (r < 0)
                return r;
        (void)fprintf(stream, ",\n\"ivrs\": %s,\n\"ivrs_read\": %s,\n\"interrupt_remapping\": %s",
                      tristate_text(snapshot->ivrs), tristate_text(snapshot->ivrs_read),
                      tristate_text(snapshot->interrupt_remapping));
        put_extras(stream, snapshot);

        (void)fputs(",\n\"devices\": [", stream);
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                (void)fputs(i ? ",\n" : "\n", stream);
                put_device(stream, snapshot, &snapshot->devices[i], flags);
        }
        (void)fputs("]}\n", stream);

        errno = 0;
        if (fflush(stream) != 0 || ferror(stream))
                return errno != 0 ? -errno : -EIO;
        return 0;
}
