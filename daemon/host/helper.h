/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The privileged helpers: processes of the service manager, with rights that the daemon itself does
 * not have. Each does a few tasks and nothing else (daemon/helper/main.c).
 *
 * One reads the descriptors and disks of all processes, one makes changes that need privileges, one
 * is the guard process. The daemon asks them over a socket that only root may open. A request is a
 * structure, never a path or a command.
 */

#include <stdint.h>

#include "daemon/host/host.h"

/* The directory of their sockets. Each socket has the name of its role. */
#define HELPER_DIRECTORY "/run/isolationd/helper"

typedef enum HelperRole {
        HELPER_LOOK,
        HELPER_SET,
        HELPER_WATCH,
        _HELPER_ROLE_N,
} HelperRole;

/* "look", "set", "watch". */
const char *helper_role_to_string(HelperRole role);

typedef enum HelperTask {
        HELPER_FIND,             /* find holders; descriptors: the search there, the list back */
        HELPER_KILL,             /* the same, and kill them */
        HELPER_SET_TYPE,         /* of the default domain of a kernel group: `text` */
        HELPER_COUNT_BY_PROCESS, /* pinned memory of the descriptor, an iommufd */
        HELPER_AUDIT,       /* write the descriptor's text to the kernel's audit; reply unused */
        HELPER_EXCLUSIVE,   /* whether the descriptor's block device is in exclusive use */
        HELPER_SET_MEMLOCK, /* limits of the descriptor's process: daemon/host/memlock.c */
        _HELPER_TASK_N,
} HelperTask;

/*
 * The version of the messages. The daemon and a helper may be of different packages for a moment.
 */
#define HELPER_VERSION 1

typedef struct HelperRequest {
        uint32_t version; /* set by helper_ask() */
        uint32_t task;
        int32_t group;
        char text[64];
} HelperRequest;

typedef struct HelperReply {
        int32_t code; /* 0, a Refusal with `message`, a code of the task, or -errno */
        uint32_t reserved;
        uint64_t number; /* of processes killed */
        char message[1008];
} HelperReply;

/*
 * Does a task in the helper. `fd` came with the request, or is -1. *ret_fd is -1 before, and is
 * sent back. Returns the reply's code.
 */
typedef int (*HelperServe)(const HostPaths *host, const HelperRequest *request, int fd,
                         HelperReply *reply, int *ret_fd);

/* There is no helper: the caller does the task itself, with its own rights. */
enum {
        HELPER_NONE = 1,
};

/*
 * Asks a helper, and waits for the answer: for workers. `fd`, owned by the caller, is sent along
 * unless it is -1. *ret_fd, then owned by the caller, is -1 if none came back. Returns 0 with
 * *reply, HELPER_NONE, or -errno.
 */
_nodiscard_ int helper_ask(const HostPaths *host, HelperRole role, HelperRequest *request, int fd,
                         HelperReply *reply, int *ret_fd);

/*
 * Has a task done of which no descriptor comes back: by the helper, or here by `serve` if there is
 * none. Returns the code of the reply, or -errno.
 */
_nodiscard_ int helper_have_done(const HostPaths *host, HelperRole role, HelperServe serve,
                                 HelperRequest *request, int fd, HelperReply *reply);

/*
 * Connects to the socket of a helper; `flags` are those of socket(2), SOCK_NONBLOCK for a caller
 * that must not wait. Returns the descriptor, owned by the caller, or -errno; -ENOENT if there is
 * no helper.
 */
_nodiscard_ int helper_connect(const HostPaths *host, HelperRole role, int flags);
