/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The daemon's aides: processes of the service manager's with the rights that the daemon itself
 * does without, each for a few tasks and nothing else (daemon/helper/main.c).
 *
 * One looks at everybody's descriptors and disks, one changes what the kernel lets only few change,
 * one waits for functions that come (the sentinel). They are asked over a socket that is root's;
 * what they are told is a structure, never a path or a command.
 */

#include <stdint.h>

#include "daemon/host/host.h"

/* Where their sockets are; each has the name of its role. */
#define HELPER_DIRECTORY "/run/isolationd/aide"

typedef enum HelperRole {
        HELPER_LOOK,
        HELPER_SET,
        HELPER_WATCH,
        _HELPER_ROLE_N,
} HelperRole;

/* "look", "set", "watch". */
const char *helper_role_to_string(HelperRole role);

typedef enum HelperTask {
        HELPER_FIND,     /* holders; the descriptor is the search's, as of the answer's list */
        HELPER_KILL,     /* the same, and ends them */
        HELPER_SET_TYPE, /* of a kernel group's default domain: `text` */
        HELPER_COUNT_BY_PROCESS, /* memory that is pinned through the descriptor, an iommufd */
        HELPER_AUDIT,       /* the descriptor's text for the kernel's audit; nobody reads the reply */
        HELPER_EXCLUSIVE,   /* whether somebody has the descriptor's block device for exclusive use */
        HELPER_SET_MEMLOCK, /* what the descriptor's process may lock: daemon/host/memlock.c */
        _HELPER_TASK_N,
} HelperTask;

/* Of what goes over the socket; daemon and aides may be of different packages for a moment. */
#define HELPER_VERSION 1

typedef struct HelperRequest {
        uint32_t version; /* set by aide_ask() */
        uint32_t task;
        int32_t group;
        char text[64];
} HelperRequest;

typedef struct HelperReply {
        int32_t code; /* 0, a Refusal with `message` or what else the task says, or -errno */
        uint32_t reserved;
        uint64_t number; /* of those killed */
        char message[1008];
} HelperReply;

/*
 * What does a task in the aide. `fd` is what came with the request, or -1; *ret_fd, which is -1,
 * goes back. Returns the reply's code.
 */
typedef int (*HelperServe)(const HostPaths *host, const HelperRequest *request, int fd,
                         HelperReply *reply, int *ret_fd);

/* There is none to ask: the caller does it itself, with what rights it has. */
enum {
        HELPER_NONE = 1,
};

/*
 * Asks, and waits for the answer: for a worker, not for the event loop. `fd`, the caller's, goes
 * along unless it is -1; *ret_fd, then the caller's too, is -1 if none came back. Returns 0 with
 * *reply, AIDE_NONE, or -errno.
 */
_nodiscard_ int helper_ask(const HostPaths *host, HelperRole role, HelperRequest *request, int fd,
                         HelperReply *reply, int *ret_fd);

/*
 * Connects to an aide's socket; `flags` are socket(2)'s, SOCK_NONBLOCK for who must not wait.
 * Returns the descriptor, the caller's, or -errno; -ENOENT if there is none to ask.
 */
_nodiscard_ int helper_connect(const HostPaths *host, HelperRole role, int flags);
