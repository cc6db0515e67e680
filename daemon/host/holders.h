/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Holders: the processes that have a device node open, or a VFIO descriptor of given groups or
 * devices.
 *
 * The kernel waits for them when a device is to leave VFIO, and does not name them. They are found
 * by the device numbers of their descriptors, not by names: a device number is the same in every
 * container. The search through /proc takes time for each descriptor: for workers.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/probe/process.h"
#include "daemon/host/helper.h"
#include "daemon/host/host.h"
#include "daemon/host/vfio.h"

#define HOLDERS_MAX 4096 /* reported at most; a machine has few */

typedef struct Holder {
        int32_t pid;
        uint32_t uid; /* real */
        uint64_t start; /* in ticks since boot: tells it from a later process with that pid */
        uint32_t node;  /* which node of the search it has open, with `each` */
        bool certain;   /* false: it has a VFIO device open, perhaps another one */
        char comm[PROCESS_NAME_SIZE];
        char unit[PROCESS_UNIT_SIZE]; /* its systemd unit, from its cgroup; "" if unknown */
} Holder;

typedef struct HolderList {
        Holder *items; /* by pid, then by node */
        size_t n_items;
} HolderList;

/* A device node, or (in tests) a file in its place. */
typedef enum HolderNodeKind {
        HOLDER_FILE,
        HOLDER_CHARACTER,
        HOLDER_BLOCK,
} HolderNodeKind;

typedef struct HolderNode {
        HolderNodeKind kind;
        uint64_t device; /* its number, or that of the file system */
        uint64_t inode;  /* of a file */
} HolderNode;

/* What to search for. */
typedef struct HolderSearch {
        HolderNode *nodes;
        size_t n_nodes;
        Bdf *devices;
        size_t n_devices;
        pid_t daemon; /* skipped with its children: they have copies, */
        pid_t keeper; /* as has the service manager, which keeps them */
        bool each; /* node is told of, everybody counts, and who may not be looked at is an error */
        bool strict; /* a process that cannot be read is an error; not sent */
} HolderSearch;

enum {
        _HOLDERS_E_SUCCESS,
        HOLDERS_E_UNSEEN, /* the helper does not answer, and some processes may not be read */
};

/* The message for that: the missing unit, and the command that starts it again. */
#define HOLDERS_UNSEEN                                                                             \
        "isolationd cannot find the processes that have it open, because isolationd-look cannot "  \
        "be reached: systemctl restart isolationd.service"

/* Frees the content of a search or a list, but not itself. */
void holder_search_clear(HolderSearch *search);
void holder_list_clear(HolderList *list);

/*
 * Finds what a file is, by its name in a directory or by a descriptor (AT_EMPTY_PATH). Returns
 * whether there is such a file.
 */
bool holder_node_look(int directory, const char *name, int flags, HolderNode *ret_node);

/* Adds a copy of a node. Returns 0 or -ENOMEM. */
_nodiscard_ int holder_search_add_node(HolderSearch *search, const HolderNode *node);

/*
 * Adds a kernel group's node, or a device and its VFIO character device, if there is one. Do not
 * block. Return 0 or -ENOMEM.
 */
_nodiscard_ int holder_search_add_group(HolderSearch *search, const HostPaths *host, int32_t group);
_nodiscard_ int holder_search_add_device(HolderSearch *search, const HostPaths *host, Bdf bdf);

/*
 * Adds the nodes of the descriptors of groups and devices among `fds`: the name of a node is
 * removed as soon as the kernel begins to take the device from VFIO. Returns 0 or -ENOMEM.
 */
_nodiscard_ int holder_search_add_fds(HolderSearch *search, const VfioFds *fds);

/*
 * Searches all processes. Leaves out processes that end meanwhile, and those that may not be read,
 * unless `each` is set or the search is strict (-EACCES). Returns 0 and *ret, which the caller
 * clears, or -errno.
 */
_nodiscard_ int holders_find(const HostPaths *host, const HolderSearch *search, HolderList *ret);

/*
 * Reads when a process began, as in Holder: with its number it identifies one process until the
 * machine is rebooted. Does not block. Returns false if there is no such process.
 */
bool holder_read_start(const HostPaths *host, int32_t pid, uint64_t *ret_start);

/*
 * Kills the processes that certainly hold, through pidfds. Each is checked again once its pidfd is
 * open, so that no other process with that number is killed. *ret_n gets how many were. Returns 0
 * or -errno.
 */
_nodiscard_ int holders_kill(const HostPaths *host, const HolderSearch *search,
                             const HolderList *list, size_t *ret_n);

/*
 * The same two through the privileged helper, which may read the descriptors of all processes
 * (daemon/host/helper.h): finds holders, and kills them with `kill`; *ret_n gets how many. Without
 * a helper the caller looks with its own rights. Blocks. Returns 0, HOLDERS_E_UNSEEN with no
 * process killed, or -errno.
 */
_nodiscard_ int holders_look(const HostPaths *host, const HolderSearch *search, bool kill,
                             HolderList *ret, size_t *ret_n);

/* The helper's part: a task of the privileged helper. */
int holders_serve(const HostPaths *host, const HelperRequest *request, int fd, HelperReply *reply,
                  int *ret_fd);

/* A list as a descriptor of memory and back: from the worker to the daemon. Return the fd, or 0, or
 * -errno. */
_nodiscard_ int holders_to_fd(const HolderList *list);
_nodiscard_ int holders_from_fd(int fd, HolderList *ret);

/*
 * "4711 qemu (vm.service), 4712 dpdk": the first few and how many more; "nobody" if there is none.
 * Returns a text that the caller frees, or NULL if memory is short.
 */
char *holders_describe(const HolderList *list);
