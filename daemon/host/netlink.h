/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * netlink(7) messages and their attributes, taken apart one by one. Nothing is taken to be aligned,
 * and nothing is read that its length does not cover.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/model/base.h"

typedef struct NetlinkSpan {
        const uint8_t *data;
        size_t n;
} NetlinkSpan;

/* Takes `n` bytes and their padding, which the last may lack, off the front. */
void netlink_advance(NetlinkSpan *span, size_t n);

/* Takes one attribute off the front; its payload is borrowed. Returns 1, 0 at the end, or -EBADMSG.
 */
_nodiscard_ int netlink_next_attribute(NetlinkSpan *rest, uint16_t *ret_type,
                                       NetlinkSpan *ret_payload);

/* Takes one message off the front. The same returns. */
_nodiscard_ int netlink_next_message(NetlinkSpan *rest, uint16_t *ret_type, uint16_t *ret_flags,
                                     NetlinkSpan *ret_payload);

/* The -errno in an NLMSG_ERROR, 0 for an acknowledgement; -EBADMSG for what is none. */
_nodiscard_ int netlink_parse_error(NetlinkSpan message);
