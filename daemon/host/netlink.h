/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Parses netlink(7) messages and their attributes one by one. Assumes no alignment, and reads
 * nothing beyond the given length.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/model/base.h"

typedef struct NetlinkSpan {
        const uint8_t *data;
        size_t n;
} NetlinkSpan;

/* Removes `n` bytes and their padding, which the last item may lack, from the front. */
void netlink_advance(NetlinkSpan *span, size_t n);

/* Takes one attribute off the front; its payload is borrowed. Returns 1, 0 at the end, or -EBADMSG.
 */
_nodiscard_ int netlink_next_attribute(NetlinkSpan *rest, uint16_t *ret_type,
                                       NetlinkSpan *ret_payload);

/* Removes one message from the front. Same returns. */
_nodiscard_ int netlink_next_message(NetlinkSpan *rest, uint16_t *ret_type, uint16_t *ret_flags,
                                     NetlinkSpan *ret_payload);

/* Reads the -errno in an NLMSG_ERROR, 0 for an acknowledgement; -EBADMSG for anything else. */
_nodiscard_ int netlink_parse_error(NetlinkSpan message);
