/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A walk from a device up to its users, shared by the parts of the critical-device check.
 *
 * Each part is called in turn (critical.c). It pushes names onto the chain on the way up, reports a
 * use with the present chain, and pops the names again.
 */

#include <dirent.h>

#include "daemon/host/critical.h"

#define CRITICAL_CHAIN_MAX 24
#define CRITICAL_VISITS_MAX 16384 /* no machine has so many; a loop would */

/* A part returns this when `found` wants to stop. */
#define CRITICAL_STOP 1

typedef struct CriticalWalk {
        const HostPaths *host;
        Bdf bdf;
        const char *chain[CRITICAL_CHAIN_MAX]; /* the device's address first; borrowed */
        size_t n_chain;
        size_t n_visits;
        size_t n_told;
        CriticalFound found;
        void *userdata;
} CriticalWalk;

/* The names in a directory, sorted by bytes. */
typedef struct NameList {
        struct dirent **entries;
        int n;
        bool is_missing; /* there is no such directory */
} NameList;

/*
 * Reads the directory that the format names; entries that begin with a dot are left out. Returns 0,
 * also if there is no such directory, or -errno.
 */
_nodiscard_ int name_list_read(NameList *list, const char *format, ...) _printf_(2, 3);
void name_list_clear(NameList *list);

/*
 * Reports a use: the chain, then `end` if it is not NULL. The sentence is the formatted text and,
 * in brackets, the chain. Returns 0 to go on, CRITICAL_STOP, or -ENOMEM.
 */
_nodiscard_ int critical_tell(CriticalWalk *walk, CriticalKind kind, const char *end,
                              const char *format, ...) _printf_(4, 5);

/* Pushes a name; -ELOOP if the chain or the walk is too long for any real machine. */
_nodiscard_ int critical_push(CriticalWalk *walk, const char *name);
void critical_pop(CriticalWalk *walk);

/* Whether /sys/class/CLASS/NAME leads into the device's directory. */
bool critical_is_below(const CriticalWalk *walk, const char *class_name, const char *name);

/* The parts. Return 0, CRITICAL_STOP, or -errno when the host cannot be read. */
_nodiscard_ int critical_walk_block(CriticalWalk *walk);
_nodiscard_ int critical_walk_net(CriticalWalk *walk);
_nodiscard_ int critical_walk_display(CriticalWalk *walk);
_nodiscard_ int critical_walk_open(CriticalWalk *walk);

/*
 * Visits directories of sysfs that belong to the device though they are elsewhere: of a multipath
 * NVMe subsystem, or of the firmware's framebuffer. `visit` gets each path and may push.
 */
typedef int (*CriticalVisit)(CriticalWalk *walk, const char *path, void *userdata);
_nodiscard_ int critical_visit_subsystems(CriticalWalk *walk, CriticalVisit visit, void *userdata);
_nodiscard_ int critical_visit_framebuffers(CriticalWalk *walk, CriticalVisit visit,
                                            void *userdata);
