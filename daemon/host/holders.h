/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Holders: the processes that have a VFIO descriptor of given groups or devices open.
 *
 * The kernel waits for them when a device is to leave VFIO, and names nobody. They are found by what
 * their descriptors are, not by names: a device number is the same in every container. Looking
 * through /proc takes as long as there are descriptors: a worker's work.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/host/host.h"
#include "daemon/host/vfio.h"

#define HOLDERS_MAX 4096 /* that are told of; a machine has few */

typedef struct Holder {
        int32_t pid;
        uint32_t uid;   /* real */
        uint64_t start; /* in the kernel's ticks since boot: tells it from a later one of that pid */
        bool certain;   /* else it has a VFIO device open that cannot be told from another's */
        char comm[32];
        char unit[128]; /* systemd's, from its cgroup; "" if unknown */
} Holder;

typedef struct HolderList {
        Holder *items; /* by pid */
        size_t n_items;
} HolderList;

/* A device node, or (in tests) a file that stands for one. */
typedef struct HolderNode {
        bool is_device;
        uint64_t device; /* its number, or that of the file system */
        uint64_t inode;  /* of a file */
} HolderNode;

/* What is looked for. */
typedef struct HolderSearch {
        HolderNode *nodes;
        size_t n_nodes;
        Bdf *devices;
        size_t n_devices;
        pid_t daemon; /* it and its children have copies, */
        pid_t keeper; /* as has the service manager that keeps them for it */
} HolderSearch;

/* Forgets what a search or a list holds, not itself. */
void holder_search_clear(HolderSearch *search);
void holder_list_clear(HolderList *list);

/* Adds a copy of a node. Returns 0 or -ENOMEM. */
_nodiscard_ int holder_search_add_node(HolderSearch *search, const HolderNode *node);

/*
 * Adds a kernel group's node, or a device and its VFIO character device, if there is one. Do not
 * block. Return 0 or -ENOMEM.
 */
_nodiscard_ int holder_search_add_group(HolderSearch *search, const HostPaths *host, int32_t group);
_nodiscard_ int holder_search_add_device(HolderSearch *search, const HostPaths *host, Bdf bdf);

/*
 * Adds what the groups' and devices' descriptors among `fds` are: a node's name is gone as soon as
 * the kernel begins to take the device from VFIO. Returns 0 or -ENOMEM.
 */
_nodiscard_ int holder_search_add_fds(HolderSearch *search, const VfioFds *fds);

/*
 * Looks through all processes. What ends meanwhile, or may not be looked at, is left out. Returns 0
 * and *ret, which the caller clears, or -errno.
 */
_nodiscard_ int holders_find(const HostPaths *host, const HolderSearch *search, HolderList *ret);

/*
 * When a process began, as in Holder: with its number it names one process for as long as the machine
 * runs. Does not block. Returns false if there is no such process.
 */
bool holder_read_start(const HostPaths *host, int32_t pid, uint64_t *ret_start);

/*
 * Kills those that hold for certain, by pidfds: each is looked at again once its pidfd is open, so
 * that no other process of that number is hit. *ret_n gets how many were. Returns 0 or -errno.
 */
_nodiscard_ int holders_kill(const HostPaths *host, const HolderSearch *search,
                             const HolderList *list, size_t *ret_n);

/* A list as a descriptor of memory and back: from the worker to the daemon. Return the fd, or 0, or
 * -errno. */
_nodiscard_ int holders_to_fd(const HolderList *list);
_nodiscard_ int holders_from_fd(int fd, HolderList *ret);

/*
 * "4711 qemu (vm.service), 4712 dpdk": the first few and how many more; "nobody" if there is none.
 * Returns a text that the caller frees, or NULL if memory is short.
 */
char *holders_describe(const HolderList *list);
