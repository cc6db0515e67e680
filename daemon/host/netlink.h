/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What libmnl leaves to its user: one request and the kernel's answer to it, and lengths that are
 * checked to the end (the loops of libmnl stop silently at a wrong length).
 *
 * libmnl reads headers in place. Each buffer is aligned for them, as by malloc(3).
 */

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/base.h"

/* The size of a buffer for a request and its answer. A part of a dump has at most 32 KiB; the list
 * of VFs, as one attribute, has less than 64 KiB. */
#define NETLINK_SIZE (1U << 18)

/* Begins a request: the message's header, which it returns, and `n_header` zero bytes behind it for
 * the header of the family. */
struct nlmsghdr *netlink_begin(void *buffer, uint16_t type, uint16_t flags, size_t n_header);

/* Sends a request on a new socket. Returns the socket, owned by the caller, or -errno. */
_nodiscard_ int netlink_send(int protocol, const struct nlmsghdr *request);

/*
 * Receives a part of the answer into NETLINK_SIZE bytes; `flags` are those of recv(2). Returns its
 * length, or -errno (-EBADMSG: empty, too long, or not sent by the kernel).
 */
_nodiscard_ ssize_t netlink_receive(int fd, void *buffer, int flags);

/* Sends the request that is in the buffer, and receives the answer into it. Same returns. */
_nodiscard_ ssize_t netlink_ask(int protocol, void *buffer, int flags);

/* Whether the first message in `n` bytes has a valid length. */
bool netlink_is_whole(const struct nlmsghdr *message, size_t n);

/* Reads the -errno in an NLMSG_ERROR, 0 for an acknowledgement; -EBADMSG for anything else. */
_nodiscard_ int netlink_parse_ack(const void *data, size_t n_data);

/*
 * Finds the attributes in a message behind the header of the family, or in another attribute: sets
 * found[type] for each type below `n_found`, to the last attribute of that type. Returns 0, or
 * -EBADMSG if the length of any attribute is wrong.
 */
_nodiscard_ int netlink_find(const struct nlmsghdr *message, size_t n_header,
                             const struct nlattr **found, size_t n_found);
_nodiscard_ int netlink_find_nested(const struct nlattr *nest, const struct nlattr **found,
                                    size_t n_found);
