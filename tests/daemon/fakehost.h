/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A host made of files: a tree like /sys and /dev, and what the kernel does when somebody writes
 * there.
 *
 * All state is in the tree, so that a daemon, its workers, the daemon after it and the test see the
 * same. Programs with it are linked with what the daemon does to a host wrapped (meson.build): each
 * write passes faults.h and is then done as the kernel does it (fakehost_kernel.c). What the model
 * has no answer to ends the program.
 */

#include "daemon/host/host.h"

/* A screen: the console driver on it, and the platform device with the firmware's framebuffer. */
#define FAKEHOST_CONSOLE "vtcon1"
#define FAKEHOST_FRAMEBUFFER "efi-framebuffer.0"

/* A function that may be in the machine. */
typedef struct FakeDevice {
        const char *address;
        const char *parent; /* the port above, or NULL on the root bus */
        unsigned type;      /* PcieType */
        int group;
        const char *driver;   /* the host's own for it; NULL if it has none */
        const char *override; /* what stands there from the boot on, or NULL */
        uint8_t bus_below;    /* of a port */
        bool multifunction;
        bool has_slot; /* a port that pciehp serves */
        bool has_open_slot; /* or one that nobody can shut */
        bool has_vfs;
        bool is_away; /* not there at boot */
        const char *resets; /* its reset_method, or NULL */
} FakeDevice;

/* Builds a machine; parents come first in the table, which stays the caller's. One at a time. */
void fakehost_make(const FakeDevice *devices, size_t n_devices, HostPaths *ret_host);
void fakehost_remove(void);

/* The machine's table: by index (NULL behind the last) and by address (NULL if there is none). */
const FakeDevice *fakehost_at(size_t index);
const FakeDevice *fakehost_find(const char *address);

/* Whom leases by path are for. */
#define FAKEHOST_UID 1000

#define FAKEHOST_PATH_SIZE 512
#define FAKEHOST_NAME_SIZE 64

/* A path below the root of the tree, in full; returns `path`. */
const char *fakehost_path(char path[static FAKEHOST_PATH_SIZE], const char *format, ...)
        _printf_(2, 3);
bool fakehost_has(const char *format, ...) _printf_(1, 2); /* is there such a path? */

bool fakehost_is_present(const FakeDevice *device);
/* The driver it is bound to, "" if none, and the override, "" if none; return `name`. */
const char *fakehost_driver(const FakeDevice *device, char name[static FAKEHOST_NAME_SIZE]);
const char *fakehost_override(const FakeDevice *device, char name[static FAKEHOST_NAME_SIZE]);
/* Has VFIO had it, and nobody reset it since? */
bool fakehost_is_used(const FakeDevice *device);
/* The hot-plug service of a port, "0000:00:02.0:pcie004"; returns `name`. */
const char *fakehost_service(const FakeDevice *port, char name[static FAKEHOST_NAME_SIZE]);

/* A card is pushed in: it is seen at once if pciehp serves the slot, else it waits there. */
void fakehost_plug(const char *address);
/* It is pulled out, whoever has it. */
void fakehost_unplug(const char *address);
/* It is, at the moment before its override is written the next time. */
void fakehost_unplug_at_write(const char *address);
/* A rescan of the bus, or pciehp that comes back to a port (not NULL): what waits is seen. */
void fakehost_rescan(const char *port);
/* From now on `added` hears of each function that comes, as the kernel tells of it: before it has a
 * driver. `path` is below the tree. */
void fakehost_watch(void (*added)(const FakeDevice *device, const char *path));
/*
 * While it is on, newcomers get their host driver only at the moment before their override is
 * written: the kernel wins every race. Switched off, it has come to all that still waited for it.
 */
void fakehost_race(bool on);

/* From now on the kernel has no way to claim a device by itself, only groups. */
void fakehost_lack_cdevs(void);

/*
 * From now on the host driver does not let go of that device: whoever unbinds it waits, and cannot be
 * killed. And now it does.
 */
void fakehost_hang(const char *address);
void fakehost_let_go(const char *address);

/*
 * All that a lease may change, as text, a line for each: drivers and overrides, power management and
 * reset methods, bus mastering of what has no driver, switches, who serves slots, what waits in
 * them, who may open nodes. `untouched` is how it has to be where nobody ever had a lease.
 * The caller frees it.
 */
char *fakehost_picture(bool untouched);

/* The kernel's answers (fakehost_kernel.c, fakehost_claims.c). Return 0 or -errno. */
int fakehost_write(const char *path, const char *text);
/* Whether anybody has claimed a group; whether one of its members has a driver that `matches`. */
bool fakehost_is_claimed(int group);
bool fakehost_has_member(int group, bool (*matches)(const char *driver));
bool fakehost_is_master(const FakeDevice *device);
void fakehost_set_master(const FakeDevice *device);
int fakehost_attach(const FakeDevice *device); /* as drivers_probe, whatever drivers_autoprobe is */

/* What a write to a screen's files does (fakehost_screen.c). The same returns. */
int fakehost_bind_console(const char *name, const char *text);
int fakehost_unbind_framebuffer(const char *name, const char *text);
int fakehost_probe_platform(const char *name, const char *text);
