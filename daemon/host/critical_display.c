/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From a device to the console that is shown on it.
 *
 * A framebuffer belongs to the device if its class link runs through the device's directory. A
 * framebuffer without any PCI device is the firmware's; it is shown on the boot VGA device.
 * Consoles are bound to framebuffers as a whole (/sys/class/vtconsole). A serial port may be the
 * kernel's console.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "daemon/host/critical_walk.h"

#define CONSOLE_NAME_SIZE 128

/* Finds a bound console whose name has `what` in it. Returns 1 with its name, 0, or -errno. */
static int find_console(const HostPaths *host, const char *what,
                        char console[static CONSOLE_NAME_SIZE])
{
        _cleanup_(name_list_clear) NameList list = {.n = 0};

        int r = name_list_read(&list, "%s/class/vtconsole", host->sysfs);
        for (int i = 0; r == 0 && i < list.n; i++) {
                _cleanup_(freep) char *bound = NULL, *name = NULL;
                const char *entry = list.entries[i]->d_name;

                r = host_read_at(&bound, "%s/class/vtconsole/%s/bind", host->sysfs, entry);
                if (r == 0)
                        r = host_read_at(&name, "%s/class/vtconsole/%s/name", host->sysfs, entry);
                if (r == 0 && bound[0] == '1' && strstr(name, what)) {
                        (void)snprintf(console, CONSOLE_NAME_SIZE, "%.32s: %.80s", entry, name);
                        return 1;
                }
        }
        return r == -ENOENT ? 0 : r;
}

static int is_boot_vga(const CriticalWalk *walk)
{
        _cleanup_(freep) char *text = NULL;

        int r = host_read_device(walk->host, walk->bdf, "boot_vga", &text);
        return r == -ENOENT ? 0 : r < 0 ? r : text[0] == '1';
}

/* Whether the class link of a framebuffer runs through no PCI device. */
static bool is_firmwares(const HostPaths *host, const char *framebuffer)
{
        char target[PATH_MAX];
        Bdf bdf;

        if (host_read_target_at(target, "%s/class/graphics/%s", host->sysfs, framebuffer) < 0)
                return false; /* an attribute of the class */
        char *rest = target;
        for (char *part; (part = strsep(&rest, "/"));)
                if (bdf_parse(part, &bdf))
                        return false;
        unsigned number;
        return sscanf(framebuffer, "fb%u", &number) == 1; /* not fbcon */
}

/* Calls `visit` with the name of each framebuffer that is shown on the device. */
static int for_each_framebuffer(CriticalWalk *walk, bool only_firmwares, CriticalVisit visit,
                                void *userdata)
{
        _cleanup_(name_list_clear) NameList list = {.n = 0};

        int boot = is_boot_vga(walk);
        if (boot < 0)
                return boot;
        int r = name_list_read(&list, "%s/class/graphics", walk->host->sysfs);
        for (int i = 0; r == 0 && i < list.n; i++) {
                const char *name = list.entries[i]->d_name;

                if ((boot && is_firmwares(walk->host, name)) ||
                    (!only_firmwares && critical_is_below(walk, "graphics", name)))
                        r = visit(walk, name, userdata);
        }
        return r;
}

static int tell_framebuffer(CriticalWalk *walk, const char *name, void *userdata)
{
        const char *console = userdata;

        int r = critical_push(walk, name);
        if (r < 0)
                return r;
        r = critical_tell(walk, CRITICAL_DISPLAY, console, "%s shows the host's console",
                          walk->chain[0]);
        critical_pop(walk);
        return r;
}

typedef struct Visitor {
        CriticalVisit visit;
        void *userdata;
} Visitor;

static int visit_device(CriticalWalk *walk, const char *name, void *userdata)
{
        const Visitor *visitor = userdata;
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/class/graphics/%s/device", walk->host->sysfs, name);
        return visitor->visit(walk, path, visitor->userdata);
}

int critical_visit_framebuffers(CriticalWalk *walk, CriticalVisit visit, void *userdata)
{
        Visitor visitor = {visit, userdata};

        return for_each_framebuffer(walk, true, visit_device, &visitor);
}

/* The text console of a VGA card has no framebuffer. */
static int walk_text_console(CriticalWalk *walk)
{
        char console[CONSOLE_NAME_SIZE];

        int r = is_boot_vga(walk);
        if (r > 0)
                r = find_console(walk->host, "VGA", console);
        if (r <= 0)
                return r;
        return critical_tell(walk, CRITICAL_DISPLAY, console, "%s shows the host's console",
                             walk->chain[0]);
}

static int walk_framebuffers(CriticalWalk *walk)
{
        char console[CONSOLE_NAME_SIZE];

        int r = find_console(walk->host, "frame buffer", console);
        if (r <= 0)
                return r;
        return for_each_framebuffer(walk, false, tell_framebuffer, console);
}

static int walk_serial(CriticalWalk *walk)
{
        _cleanup_(name_list_clear) NameList list = {.n = 0};

        int r = name_list_read(&list, "%s/class/tty", walk->host->sysfs);
        for (int i = 0; r == 0 && i < list.n; i++) {
                _cleanup_(freep) char *text = NULL;
                const char *name = list.entries[i]->d_name;

                if (!critical_is_below(walk, "tty", name))
                        continue;
                r = host_read_at(&text, "%s/class/tty/%s/console", walk->host->sysfs, name);
                if (r == -ENOENT)
                        r = 0; /* no serial line */
                else if (r == 0 && text[0] == 'Y')
                        r = critical_tell(walk, CRITICAL_SERIAL, name,
                                          "%s has the kernel's console", walk->chain[0]);
        }
        return r;
}

int critical_walk_display(CriticalWalk *walk)
{
        int r = walk_framebuffers(walk);
        if (r == 0)
                r = walk_text_console(walk);
        return r == 0 ? walk_serial(walk) : r;
}
