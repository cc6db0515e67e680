/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Sends structures over a packet socket between two processes of the daemon, with at most one
 * descriptor. What does not fit into a packet is sent as memory behind a descriptor.
 */

#include <stddef.h>

#include "core/model/base.h"

/* Sends `n` bytes, and `fd` unless it is -1. Returns 0 or -errno. */
_nodiscard_ int packet_send(int socket_fd, const void *data, size_t n, int fd);

/*
 * Receives a packet of exactly `n` bytes; `flags` are those of recvmsg(2). *ret_fd, owned by the
 * caller, is -1 if none came with it. Returns 1, 0 at the end or if there is none now, or -errno
 * (-EBADMSG: wrong size).
 */
_nodiscard_ int packet_receive(int socket_fd, void *data, size_t n, int flags, int *ret_fd);

/* Makes memory with a copy of `n` bytes. Returns the descriptor, owned by the caller, or -errno. */
_nodiscard_ int packet_memory_make(const char *name, const void *data, size_t n);

/*
 * Reads such memory and appends a NUL. Returns 0, *ret (freed by the caller) and *ret_n, or -errno
 * (-EBADMSG: more than `max` bytes).
 */
_nodiscard_ int packet_memory_read(int fd, size_t max, void **ret, size_t *ret_n);
