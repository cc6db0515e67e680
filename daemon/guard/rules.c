/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The rules have one line for each port that blocks what joins, and a last line for devices that
 * were blocked before. udev sees the value of an attribute that it read first, not a value that it
 * has written since.
 */

#include "daemon/guard/rules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/model/guard.h"
#include "core/probe/cleanup.h"
#include "daemon/guard/places.h"
#include "daemon/host/block.h"
#include "daemon/host/file.h"

/* After the rules of reservations, which take effect where both would write. */
#define RULES_NAME "61-isolationd-lease-%" PRIu32 ".rules"
/* After udev's own rules, so that modules are loaded by then. */
#define GATE_NAME "90-isolationd-gate.rules"
#define PROGRAM ISO_LIBEXECDIR "/isolationd"

/* One file being written. */
typedef struct Rules {
        FILE *stream;
        const char *path; /* of the finished file */
        const HostPaths *host;
        const Snapshot *snapshot;
        size_t n_ports;
} Rules;

/*
 * Blocks devices right below the port, but no bridges: without their driver the kernel finds
 * nothing below them. udev may apply rules for some seconds after their file was removed, so the
 * rule checks that the file exists.
 */
static int write_port(Rules *rules, Bdf port)
{
        char place[PLACE_SIZE];

        int r = place_below(rules->host, port, place);
        if (r < 0)
                return r;
        rules->n_ports++;
        return fprintf(rules->stream,
                       "ACTION==\"add\", SUBSYSTEM==\"pci\", DEVPATH==\"%s\", "
                       "TEST==\"%s\", ATTR{class}!=\"0x0604*\", "
                       "ATTR{driver_override}==\"(null)\", "
                       "ATTR{driver_override}=\"" BLOCK_OVERRIDE "\", ENV{MODALIAS}=\"\"\n",
                       place, rules->path) < 0
                       ? -EIO
                       : 0;
}

static int write_group(Rules *rules, int32_t number)
{
        _cleanup_(freep) size_t *ports = NULL;
        size_t n = 0;

        int r = guard_find_ports(rules->snapshot, number, &ports, &n);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = write_port(rules, rules->snapshot->devices[ports[i]].bdf);
        return r;
}

/* The nodes of the group, of its devices (named once VFIO drives them), and the shared ones. */
static int write_nodes(Rules *rules, const int32_t *numbers, size_t n_numbers)
{
        const Snapshot *snapshot = rules->snapshot;
        char text[BDF_TEXT_SIZE];
        bool bad = false;

        for (size_t i = 0; i < n_numbers; i++) {
                bad |= fprintf(rules->stream,
                               "SUBSYSTEM==\"vfio\", KERNEL==\"%d\", MODE=\"0660\"\n",
                               numbers[i]) < 0;
                for (size_t k = 0; k < snapshot->n_devices; k++)
                        if (snapshot->devices[k].kernel_group == numbers[i])
                                bad |= fprintf(rules->stream,
                                               "SUBSYSTEM==\"vfio-dev\", KERNELS==\"%s\", "
                                               "MODE=\"0660\"\n",
                                               bdf_format(snapshot->devices[k].bdf, text)) < 0;
        }
        bad |= fprintf(rules->stream,
                       "SUBSYSTEM==\"misc\", KERNEL==\"vfio|iommu\", MODE=\"0660\"\n") < 0;
        return bad ? -EIO : 0;
}

static int write_all(Rules *rules, const int32_t *numbers, size_t n_numbers, bool nodes)
{
        int r = 0;

        if (fprintf(rules->stream, "# By isolationd, for as long as the lease lasts.\n") < 0)
                r = -EIO;
        for (size_t i = 0; r == 0 && i < n_numbers; i++)
                r = write_group(rules, numbers[i]);
        if (r == 0 &&
            fprintf(rules->stream,
                    "ACTION==\"add\", SUBSYSTEM==\"pci\", ATTR{driver_override}==\"" BLOCK_OVERRIDE
                    "\", ENV{MODALIAS}=\"\"\n") < 0)
                r = -EIO;
        return r == 0 && nodes ? write_nodes(rules, numbers, n_numbers) : r;
}

/* Replaces one rules file, and makes its directory if needed. */
static int replace(const char *directory, const char *name, const char *text)
{
        int r = file_make_directories(directory);
        if (r < 0)
                return r;
        _cleanup_(closep) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        return file_replace(fd, name, text, 0644);
}

int rules_write(const char *directory, const HostPaths *host, const Snapshot *snapshot, uint32_t id,
                const int32_t *numbers, size_t n_numbers, bool nodes)
{
        _cleanup_(freep) char *text = NULL;
        Rules rules = {.host = host, .snapshot = snapshot};
        char name[NAME_MAX + 1], path[PATH_MAX];
        size_t n_text = 0;

        (void)snprintf(name, sizeof(name), RULES_NAME, id);
        (void)snprintf(path, sizeof(path), "%s/" RULES_NAME, directory, id);
        rules.path = path;
        rules.stream = open_memstream(&text, &n_text);
        if (!rules.stream)
                return -errno;
        int r = write_all(&rules, numbers, n_numbers, nodes);
        if (fclose(rules.stream) != 0 && r == 0)
                r = -errno;
        return r < 0 || (rules.n_ports == 0 && !nodes) ? r : replace(directory, name, text);
}

int rules_find_ports(const Snapshot *snapshot, const LeaseRecord *record, bool *ret_any)
{
        bool any = false;

        for (size_t i = 0; !any && i < record->n_groups; i++) {
                _cleanup_(freep) size_t *ports = NULL;
                size_t n = 0;

                int r = guard_find_ports(snapshot, record->groups[i].number, &ports, &n);
                if (r < 0)
                        return r;
                any = n > 0;
        }
        *ret_any = any;
        return 0;
}

int rules_remove(const char *directory, uint32_t id)
{
        return host_remove_at("%s/" RULES_NAME, directory, id);
}

int rules_sweep(const char *directory, bool (*is_known)(uint32_t id, void *userdata),
                void *userdata)
{
        _cleanup_(closedirp) DIR *dir = opendir(directory);
        if (!dir)
                return errno == ENOENT ? 0 : -errno;
        for (struct dirent *entry; (entry = readdir(dir));) {
                char name[NAME_MAX + 1];
                uint32_t id;

                if (sscanf(entry->d_name, "61-isolationd-lease-%" SCNu32, &id) != 1)
                        continue;
                (void)snprintf(name, sizeof(name), RULES_NAME, id);
                if (strcmp(entry->d_name, name) != 0 || is_known(id, userdata))
                        continue;
                if (unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT)
                        return -errno;
        }
        return 0;
}

int rules_write_gate(const char *directory)
{
        return replace(directory, GATE_NAME,
                       "# By isolationd, for as long as drivers_autoprobe of the PCI bus is 0.\n"
                       "ACTION==\"add\", SUBSYSTEM==\"pci\", "
                       "RUN+=\"" PROGRAM " --let-in=$kernel\"\n"
                       "ACTION==\"add\", SUBSYSTEM==\"drivers\", DEVPATH==\"/bus/pci/drivers/*\", "
                       "RUN+=\"" PROGRAM " --admit=$kernel\"\n");
}

int rules_remove_gate(const char *directory)
{
        return host_remove_at("%s/" GATE_NAME, directory);
}
