/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Structures over a packet socket between two processes of ours, with one descriptor at most, and
 * what does not fit into a packet as memory behind a descriptor.
 */

#include <stddef.h>

#include "core/model/base.h"

/* Sends `n` bytes, and `fd` unless it is -1. Returns 0 or -errno. */
_nodiscard_ int packet_send(int socket_fd, const void *data, size_t n, int fd);

/*
 * Receives a packet of exactly `n` bytes; `flags` are recvmsg(2)'s. *ret_fd, the caller's, is -1 if
 * none came with it. Returns 1, 0 at the end or if there is none now, or -errno (-EBADMSG: it has
 * another size).
 */
_nodiscard_ int packet_receive(int socket_fd, void *data, size_t n, int flags, int *ret_fd);

/* Memory with a copy of `n` bytes in it. Returns the descriptor, the caller's, or -errno. */
_nodiscard_ int packet_memory_make(const char *name, const void *data, size_t n);

/*
 * What is in such memory, with a NUL after it. Returns 0, *ret (freed by the caller) and *ret_n, or
 * -errno (-EBADMSG: more than `max` bytes).
 */
_nodiscard_ int packet_memory_read(int fd, size_t max, void **ret, size_t *ret_n);
