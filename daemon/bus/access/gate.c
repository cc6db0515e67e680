/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The gate follows the stream by the fixed head of each message: 16 bytes, which give the length of
 * the header fields and of the body (D-Bus Specification, Message Format). Lines of the
 * authentication come before the first message; none of them begins like a message.
 *
 * The gate never reads beyond the current message, and neither does sd-bus. So descriptors stay
 * with their message: the kernel delivers them with the first byte that they were sent with.
 */

#include "daemon/bus/access/gate.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/probe/cleanup.h"

#define HEAD_SIZE 16
#define METHOD_CALL 1 /* the type of a message */
#define CHUNK_SIZE (64 << 10)
#define CHUNKS_PER_TURN 256
#define BYTES_PER_TURN (1 << 20)
#define FDS_MAX 253 /* SCM_MAX_FD of Linux */

typedef enum Stage {
        STAGE_BEGIN, /* the first byte of a message or a line */
        STAGE_LINE,  /* a line of the authentication */
        STAGE_HEAD,  /* the rest of the fixed head */
        STAGE_PASS,  /* bytes that are passed on */
        STAGE_DROP,  /* bytes that are not */
} Stage;

struct Gate {
        int bus, outer, inner; /* inner: -1 after gate_take_inner() */
        Stage stage;
        size_t n_left;    /* bytes of this stage */
        size_t n_dropped; /* bytes to drop after it */
        unsigned char head[HEAD_SIZE];
        unsigned char chunk[CHUNK_SIZE];
        size_t at, n; /* in the chunk: bytes passed on, and bytes received */
        int fds[FDS_MAX];
        size_t n_fds;   /* that go with the chunk's first byte */
        bool has_begun; /* messages have begun; authentication is over */
        bool is_closed;
};

int gate_new(int bus, Gate **ret_gate)
{
        _cleanup_(gate_freep) Gate *gate = calloc(1, sizeof(*gate));
        int ends[2];

        if (!gate)
                return -ENOMEM;
        gate->outer = gate->inner = -1;
        gate->bus = fcntl(bus, F_DUPFD_CLOEXEC, 3);
        if (gate->bus < 0 ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
                return -errno;
        gate->outer = ends[0];
        gate->inner = ends[1];
        *ret_gate = TAKE_PTR(gate);
        return 0;
}

static void drop_fds(Gate *gate)
{
        while (gate->n_fds > 0)
                (void)close(gate->fds[--gate->n_fds]);
}

Gate *gate_free(Gate *gate)
{
        if (!gate)
                return NULL;
        drop_fds(gate);
        closep(&gate->bus);
        closep(&gate->outer);
        closep(&gate->inner);
        free(gate);
        return NULL;
}

int gate_take_inner(Gate *gate)
{
        int fd = gate->inner;

        gate->inner = -1;
        return fd;
}

int gate_wait_fd(const Gate *gate)
{
        return gate->at < gate->n ? gate->outer : gate->bus;
}

short gate_wait_events(const Gate *gate)
{
        return gate->at < gate->n ? EV_WRITE : gate->is_closed ? 0 : EV_READ;
}

/* Keeps the descriptors that came with the received bytes. */
static void keep_fds(Gate *gate, struct msghdr *message)
{
        for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
             header = CMSG_NXTHDR(message, header)) {
                size_t n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < n; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
                        if (gate->n_fds < FDS_MAX)
                                gate->fds[gate->n_fds++] = fd;
                        else
                                (void)close(fd);
                }
        }
}

/*
 * Receives up to `n` bytes. Returns their number, 0 if there are none now or the bus has closed, or
 * -errno.
 */
static ssize_t receive(Gate *gate, void *data, size_t n)
{
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
        } control;
        struct iovec part = {.iov_base = data, .iov_len = n};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof(control)};

        ssize_t got = recvmsg(gate->bus, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        keep_fds(gate, &message);
        if (got == 0) {
                gate->is_closed = true;
                (void)shutdown(gate->outer, SHUT_WR);
        }
        return got;
}

/* Passes the chunk on. Returns 1 if it is empty, 0 if the socket has no room, or -errno. */
static int pass_on(Gate *gate)
{
        while (gate->at < gate->n) {
                union {
                        struct cmsghdr header;
                        char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
                } control = {.header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
                struct iovec part = {.iov_base = gate->chunk + gate->at,
                                     .iov_len = gate->n - gate->at};
                struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

                if (gate->n_fds > 0) {
                        control.header.cmsg_len = CMSG_LEN(gate->n_fds * sizeof(int));
                        memcpy(CMSG_DATA(&control.header), gate->fds, gate->n_fds * sizeof(int));
                        message.msg_control = &control;
                        message.msg_controllen = CMSG_SPACE(gate->n_fds * sizeof(int));
                }
                ssize_t sent = sendmsg(gate->outer, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
                if (sent < 0)
                        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
                drop_fds(gate);
                gate->at += (size_t)sent;
        }
        gate->at = gate->n = 0;
        return 1;
}

static void fill(Gate *gate, const void *data, size_t n)
{
        memcpy(gate->chunk + gate->n, data, n);
        gate->n += n;
}

static uint32_t read_length(const Gate *gate, size_t at)
{
        uint32_t value;

        memcpy(&value, gate->head + at, sizeof(value));
        return gate->head[0] == 'l' ? le32toh(value) : be32toh(value);
}

/* The head is complete: decides whether to pass on the message, its head only, or nothing. */
static void judge(Gate *gate)
{
        const size_t body = read_length(gate, 4);
        const size_t fields = ((size_t)read_length(gate, 12) + 7) & ~(size_t)7;
        const size_t max = gate->head[1] == METHOD_CALL ? GATE_CALL_MAX : GATE_MESSAGE_MAX;

        if (HEAD_SIZE + fields > max) {
                drop_fds(gate);
                gate->stage = STAGE_DROP;
                gate->n_left = fields + body;
                return;
        }
        gate->stage = STAGE_PASS;
        gate->n_left = fields + body;
        gate->n_dropped = 0;
        if (HEAD_SIZE + fields + body > max) {
                drop_fds(gate);
                memset(gate->head + 4, 0, sizeof(uint32_t));
                gate->n_left = fields;
                gate->n_dropped = body;
        }
        fill(gate, gate->head, HEAD_SIZE);
}

/* Moves to the next stage if these `n` bytes end the current one. */
static void advance(Gate *gate, size_t n)
{
        gate->n_left -= n;
        if (gate->n_left > 0)
                return;
        if (gate->stage == STAGE_HEAD) {
                judge(gate);
        } else if (gate->stage == STAGE_PASS && gate->n_dropped > 0) {
                gate->stage = STAGE_DROP;
                gate->n_left = gate->n_dropped;
                gate->n_dropped = 0;
        } else {
                gate->stage = STAGE_BEGIN;
        }
        if (gate->n_left == 0 && gate->stage != STAGE_BEGIN)
                advance(gate, 0);
}

/* Receives the next bytes of the stage. Returns as receive(). */
static ssize_t take(Gate *gate)
{
        unsigned char *into = gate->chunk;

        if (gate->stage == STAGE_BEGIN && gate->has_begun) {
                gate->stage = STAGE_HEAD;
                gate->n_left = HEAD_SIZE;
        }
        size_t max = gate->n_left < CHUNK_SIZE ? gate->n_left : CHUNK_SIZE;

        if (gate->stage == STAGE_BEGIN || gate->stage == STAGE_LINE)
                max = 1;
        if (gate->stage == STAGE_HEAD)
                into = gate->head + HEAD_SIZE - gate->n_left;
        ssize_t n = receive(gate, into, max);
        if (n <= 0)
                return n;
        switch (gate->stage) {
        case STAGE_BEGIN:
                if (into[0] == 'l' || into[0] == 'B') {
                        gate->has_begun = true;
                        gate->head[0] = into[0];
                        gate->stage = STAGE_HEAD;
                        gate->n_left = HEAD_SIZE - 1;
                        break;
                }
                __attribute__((fallthrough));
        case STAGE_LINE:
                gate->stage = into[0] == '\n' ? STAGE_BEGIN : STAGE_LINE;
                gate->n = 1;
                break;
        case STAGE_PASS:
                gate->n = (size_t)n;
                advance(gate, (size_t)n);
                break;
        case STAGE_HEAD:
                advance(gate, (size_t)n);
                break;
        case STAGE_DROP:
                drop_fds(gate);
                advance(gate, (size_t)n);
                break;
        }
        return n;
}

int gate_turn(Gate *gate)
{
        size_t n_bytes = 0;

        for (unsigned i = 0; i < CHUNKS_PER_TURN && n_bytes < BYTES_PER_TURN; i++) {
                int r = pass_on(gate);
                if (r <= 0 || gate->is_closed)
                        return r < 0 ? r : 0;
                ssize_t n = take(gate);
                if (n <= 0)
                        return (int)n;
                n_bytes += (size_t)n;
        }
        return 1;
}
