/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A host made of files: a tree like /sys and /dev, and the kernel's reaction to each write there.
 *
 * All state is in the tree, so that a daemon, its workers, the next daemon and the test see the
 * same state. In programs that use it, the daemon's functions that change a host are wrapped by the
 * linker (meson.build). Each write passes faults.h and is then done as the kernel does it
 * (fakehost_kernel.c). A write that the model does not know ends the program.
 */

#include "daemon/host/host.h"

/* A screen: the console driver on it, and the platform device with the firmware's framebuffer. */
#define FAKEHOST_CONSOLE "vtcon1"
#define FAKEHOST_FRAMEBUFFER "efi-framebuffer.0"

/* A function that the machine may have. */
typedef struct FakeDevice {
        const char *address;
        const char *parent; /* the port above, or NULL on the root bus */
        unsigned type;      /* PcieType */
        int group;
        const char *driver;   /* the host's own driver for it; NULL if it has none */
        const char *override; /* the override that is set from boot on, or NULL */
        uint8_t bus_below;    /* of a port */
        bool multifunction;
        bool has_slot; /* a port that pciehp serves */
        bool has_open_slot; /* or a slot that cannot be sealed */
        bool has_vfs;
        bool is_away; /* absent at boot */
        const char *resets; /* its reset_method, or NULL */
} FakeDevice;

/*
 * Builds a machine; parents come first in the table, which the caller owns. One machine at a time.
 */
void fakehost_make(const FakeDevice *devices, size_t n_devices, HostPaths *ret_host);
void fakehost_remove(void);

/* The machine's table: by index (NULL behind the last) and by address (NULL if there is none). */
const FakeDevice *fakehost_at(size_t index);
const FakeDevice *fakehost_find(const char *address);

/* The user that gets leases by path. */
#define FAKEHOST_UID 1000

#define FAKEHOST_PATH_SIZE 512
#define FAKEHOST_NAME_SIZE 64

/* Writes the full path of a path below the root of the tree into `path`, and returns `path`. */
const char *fakehost_path(char path[static FAKEHOST_PATH_SIZE], const char *format, ...)
        _printf_(2, 3);
bool fakehost_has(const char *format, ...) _printf_(1, 2); /* is there such a path? */

bool fakehost_is_present(const FakeDevice *device);
/* The driver that is bound to the device, and its override; each "" if none. Both return `name`. */
const char *fakehost_driver(const FakeDevice *device, char name[static FAKEHOST_NAME_SIZE]);
const char *fakehost_override(const FakeDevice *device, char name[static FAKEHOST_NAME_SIZE]);
/* Has VFIO used the device without a reset since? */
bool fakehost_is_used(const FakeDevice *device);
/* The hot-plug service of a port, "0000:00:02.0:pcie004"; returns `name`. */
const char *fakehost_service(const FakeDevice *port, char name[static FAKEHOST_NAME_SIZE]);

/*
 * Inserts a card. If pciehp serves the slot, the kernel sees it at once; else the card waits there.
 */
void fakehost_plug(const char *address);
/* Removes the card, even if it is in use. */
void fakehost_unplug(const char *address);
/* Removes the card just before the next write to its override. */
void fakehost_unplug_at_write(const char *address);
/*
 * Rescans the bus, or the slot of a port (not NULL) that pciehp serves again: adds the cards that
 * wait.
 */
void fakehost_rescan(const char *port);
/*
 * Calls `added` from now on for each new function. The kernel reports a function before a driver is
 * bound to it. `path` is relative to the tree.
 */
void fakehost_watch(void (*added)(const FakeDevice *device, const char *path));
/*
 * While it is on, a new device gets its host driver only just before its override is written: the
 * kernel wins every race. Switching it off binds the host driver of each device that still waits.
 */
void fakehost_race(bool on);

/* From now on the kernel offers no VFIO character devices: only groups can be claimed. */
void fakehost_lack_cdevs(void);

/*
 * From now on the host driver does not complete its unbind from that device. A process that unbinds
 * it hangs and cannot be killed. fakehost_let_go() ends this.
 */
void fakehost_hang(const char *address);
void fakehost_let_go(const char *address);

/*
 * All state that a lease may change, as text, one line each: drivers and overrides, power
 * management and reset methods, bus mastering of devices without a driver, switches, the drivers
 * that serve slots, the cards that wait in them, and the users who may open nodes. `untouched`
 * selects the state of a host that never had a lease. The caller frees the text.
 */
char *fakehost_picture(bool untouched);

/* The kernel's answers (fakehost_kernel.c, fakehost_claims.c). Return 0 or -errno. */
int fakehost_write(const char *path, const char *text);
/* Whether a process has claimed a group; whether a member's driver satisfies `matches`. */
bool fakehost_is_claimed(int group);
bool fakehost_has_member(int group, bool (*matches)(const char *driver));
bool fakehost_is_master(const FakeDevice *device);
void fakehost_set_master(const FakeDevice *device);
int fakehost_attach(const FakeDevice *device); /* as drivers_probe, even without autoprobe */

/* The effects of a write to a screen's files (fakehost_screen.c). Return 0 or -errno. */
int fakehost_bind_console(const char *name, const char *text);
int fakehost_unbind_framebuffer(const char *name, const char *text);
int fakehost_probe_platform(const char *name, const char *text);
