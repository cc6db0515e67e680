/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Methods are tried one by one, so that the report can name the one that worked: `reset_method`
 * selects the method, `reset` runs it, and `reset_method` is restored. A bus is reset by the
 * bridge's reset_subordinate.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "daemon/host/reset.h"

typedef struct Work {
        const HostPaths *host;
        const Snapshot *snapshot;
        const bool *mine;
        bool *done; /* per device of the snapshot: reset by a bus reset */
        FILE *report;
} Work;

void reset_read_methods(const HostPaths *host, Bdf bdf, char text[static RESET_TEXT_SIZE])
{
        _cleanup_(freep) char *methods = NULL;

        int r = host_read_device(host, bdf, "reset_method", &methods);
        (void)snprintf(text, RESET_TEXT_SIZE, "%s", r == 0 ? methods : "");
}

int reset_write_methods(const HostPaths *host, Bdf bdf, const char *text, char **ret_message)
{
        char path[PATH_MAX], now[RESET_TEXT_SIZE], address[BDF_TEXT_SIZE];
        int r = 0;

        reset_read_methods(host, bdf, now);
        if (strcmp(now, text) == 0)
                return 0;
        (void)host_device_path(host, bdf, "reset_method", path);
        if (access(path, F_OK) < 0)
                return errno == ENOENT ? 0 : -errno;
        r = host_write_text(path, text[0] ? text : "\n");
        reset_read_methods(host, bdf, now);
        if (strcmp(now, text) == 0)
                return 0;
        return host_refuse_write(r, ret_message, "%s: reset_method reads \"%s\" and not \"%s\"",
                                 bdf_format(bdf, address), now, text);
}

/* Returns the method that worked, or NULL with *ret_error, 0 if there was no method to try. */
static const char *reset_function(const Work *work, Bdf bdf, const ResetPlan *plan,
                                  const char *offered, int *ret_error)
{
        _cleanup_(freep) char *message = NULL;
        const char *used = NULL;

        *ret_error = 0;
        for (size_t i = 0; !used && i < plan->n_methods; i++) {
                int r = reset_write_methods(work->host, bdf, plan->methods[i], &message);
                if (r == 0)
                        r = host_write_device(work->host, bdf, "reset", "1");
                if (r == 0)
                        used = plan->methods[i];
                else
                        *ret_error = r < 0 ? r : -EIO;
                free(TAKE_PTR(message));
        }
        /* If this write fails, lease/clean.c restores reset_method from the record. */
        int r = reset_write_methods(work->host, bdf, offered, &message);
        if (r < 0)
                *ret_error = r;
        return used;
}

static int reset_bus(const Work *work, size_t bridge)
{
        const PciDevice *device = &work->snapshot->devices[bridge];
        char address[BDF_TEXT_SIZE];

        int r = host_write_device(work->host, device->bdf, "reset_subordinate", "1");
        if (r < 0)
                return r;
        (void)bdf_format(device->bdf, address);
        for (size_t i = 0; i < work->snapshot->n_devices; i++) {
                char text[BDF_TEXT_SIZE];

                if (work->done[i] || !reset_reaches(work->snapshot, bridge, i))
                        continue;
                work->done[i] = true;
                (void)fprintf(work->report, "%s bus below %s\n",
                              bdf_format(work->snapshot->devices[i].bdf, text), address);
        }
        return 0;
}

static void reset_one(const Work *work, size_t index)
{
        const PciDevice *device = &work->snapshot->devices[index];
        char offered[RESET_TEXT_SIZE], text[BDF_TEXT_SIZE], other[BDF_TEXT_SIZE];
        ResetPlan plan;
        int error;

        (void)bdf_format(device->bdf, text);
        reset_read_methods(work->host, device->bdf, offered);
        reset_plan(work->snapshot, index, offered, work->mine, &plan);
        const char *used = reset_function(work, device->bdf, &plan, offered, &error);
        if (used) {
                (void)fprintf(work->report, "%s %s\n", text, used);
                return;
        }
        if (plan.bridge != SNAPSHOT_NONE) {
                int r = reset_bus(work, plan.bridge);
                if (r == 0)
                        return;
                error = error < 0 ? error : r == -ENOENT ? 0 : r;
        }
        (void)fprintf(work->report, "%s not reset: ", text);
        if (error < 0)
                (void)fprintf(work->report, "%s\n", strerror(-error));
        else if (plan.slot_watches)
                (void)fprintf(work->report,
                              "it cannot be reset alone, and the slot takes a reset of its bus for "
                              "a card that is pulled\n");
        else if (plan.outsider != SNAPSHOT_NONE)
                (void)fprintf(work->report,
                              "it cannot be reset alone, and with its bus %s would be\n",
                              bdf_format(work->snapshot->devices[plan.outsider].bdf, other));
        else
                (void)fprintf(work->report, "the kernel knows no way\n");
}

int reset_devices(const HostPaths *host, const Snapshot *snapshot, const size_t *devices,
                  size_t n_devices, const bool *mine, char **ret_report)
{
        _cleanup_(freep) bool *done = calloc(snapshot->n_devices + 1, sizeof(*done));
        char *text = NULL;
        size_t size = 0;
        FILE *report = done ? open_memstream(&text, &size) : NULL;

        if (!report)
                return -ENOMEM;
        const Work work = {host, snapshot, mine, done, report};
        for (size_t i = 0; i < n_devices; i++)
                if (!done[devices[i]])
                        reset_one(&work, devices[i]);
        if (fclose(report) != 0) {
                free(text);
                return -ENOMEM;
        }
        *ret_report = text;
        return 0;
}
