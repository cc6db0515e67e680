/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Uses /sys/class/vtconsole/vtconN/bind and the platform bus. The check for critical devices has
 * already found what shows the console on a device: its uses of kind DISPLAY.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/guard/console.h"
#include "daemon/host/critical.h"

#define CONSOLE "%s/class/vtconsole/%s/bind"
#define FRAMEBUFFERS "%s/bus/platform/devices"

bool console_is_change(const LeaseChange *change)
{
        return change->kind == LEASE_CHANGE_CONSOLE || change->kind == LEASE_CHANGE_FRAMEBUFFER;
}

/* --- what there is ------------------------------------------------------------------------------
 */

typedef struct Search {
        const HostPaths *host;
        LeaseRecord *record;
        bool changed;
        int error;
} Search;

static void note(Search *search, LeaseChangeKind kind, const char *place)
{
        if (search->error != 0 || lease_record_has_change(search->record, kind, place))
                return;
        /* Changes for the guard alone are added and removed behind them. */
        search->error = lease_record_put_change_first(search->record, kind, place);
        search->changed = true;
}

/*
 * Notes the platform device of a framebuffer, if there is one with a driver: the firmware's
 * framebuffer.
 */
static void note_firmwares(Search *search, const char *framebuffer)
{
        _cleanup_(freep) char *device = NULL;

        int r = host_read_link_at(&device, "%s/class/graphics/%s/device", search->host->sysfs,
                                  framebuffer);
        if (r == 0 && host_has(FRAMEBUFFERS "/%s/driver", search->host->sysfs, device))
                note(search, LEASE_CHANGE_FRAMEBUFFER, device);
}

/* The chain of a use is: the device, perhaps a framebuffer, "vtcon1: (M) frame buffer device". */
static bool on_use(const CriticalUse *use, void *userdata)
{
        Search *search = userdata;
        const char *console = use->chain[use->n_chain - 1];
        char name[32];

        if (use->kind != CRITICAL_DISPLAY)
                return true;
        (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(console, ":"), console);
        /* Each change goes to the front: the console is unbound first and bound last. */
        if (use->n_chain == 3)
                note_firmwares(search, use->chain[1]);
        note(search, LEASE_CHANGE_CONSOLE, name);
        return search->error == 0;
}

int console_find(const HostPaths *host, LeaseRecord *record, bool *ret_changed)
{
        Search search = {.host = host, .record = record};

        for (size_t i = 0; search.error == 0 && i < record->n_devices; i++) {
                if (record->devices[i].role != LEASE_ROLE_TAKEN)
                        continue;
                int r = critical_list(host, record->devices[i].bdf, on_use, &search);
                if (r < 0)
                        search.error = r;
        }
        *ret_changed |= search.changed;
        return search.error;
}

/* --- letting go and taking up -------------------------------------------------------------------
 */

static int read_bound(const HostPaths *host, const char *console, bool *ret_bound)
{
        _cleanup_(freep) char *text = NULL;

        int r = host_read_at(&text, CONSOLE, host->sysfs, console);
        if (r == 0)
                *ret_bound = text[0] == '1';
        return r;
}

/*
 * A console that is gone needs neither: it went with its driver, and is bound when the driver is
 * back.
 */
static int bind_console(const HostPaths *host, const char *console, bool bound, char **ret_message)
{
        bool now = bound;

        int r = read_bound(host, console, &now);
        if (r < 0 || now == bound)
                return r == -ENOENT ? 0 : r;
        int w = host_write_at(bound ? "1" : "0", CONSOLE, host->sysfs, console);
        r = read_bound(host, console, &now);
        if (r < 0 || now == bound)
                return r == -ENOENT ? 0 : r;
        return host_refuse_write(w, ret_message, "console %s is still %s", console,
                                 now ? "bound" : "unbound");
}

/* One that is gone is neither bound nor unbound. */
static bool is_framebuffer(const HostPaths *host, const char *device, bool bound)
{
        return host_has(FRAMEBUFFERS "/%s", host->sysfs, device) &&
               host_has(FRAMEBUFFERS "/%s/driver", host->sysfs, device) == bound;
}

/*
 * The kernel removes the firmware's framebuffer for good when a driver of the card itself is bound.
 */
static int bind_framebuffer(const HostPaths *host, const char *device, bool bound,
                            char **ret_message)
{
        if (!is_framebuffer(host, device, !bound))
                return 0;
        int w = bound ? host_write_at(device, "%s/bus/platform/drivers_probe", host->sysfs)
                      : host_write_at(device, FRAMEBUFFERS "/%s/driver/unbind", host->sysfs,
                                      device);
        if (!is_framebuffer(host, device, !bound))
                return 0;
        return host_refuse_write(w, ret_message, "%s: its driver could not be %s", device,
                                 bound ? "bound again" : "unbound");
}

int console_switch(const HostPaths *host, const LeaseChange *change, bool bound, char **ret_message)
{
        return change->kind == LEASE_CHANGE_CONSOLE
                       ? bind_console(host, change->place, bound, ret_message)
                       : bind_framebuffer(host, change->place, bound, ret_message);
}
