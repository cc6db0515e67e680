/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The guard process's orders on their way to a helper: a packet, and memory with the places, one
 * after the other, each NUL-ended.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/guard/watch.h"
#include "daemon/host/helper.h"
#include "daemon/host/packet.h"

#define PLACES_BYTES_MAX ((size_t)16 << 20)

typedef struct Order {
        uint32_t version; /* HELPER_VERSION */
        uint32_t gate;
} Order;

int watch_order(const GuardOrders *orders, int socket_fd)
{
        const Order order = {.version = HELPER_VERSION, .gate = orders->gate};
        _cleanup_(freep) char *text = NULL;
        size_t n = 0;
        FILE *stream = open_memstream(&text, &n);

        if (!stream)
                return -ENOMEM;
        for (size_t i = 0; i < orders->places.n_items; i++)
                (void)fwrite(orders->places.items[i], 1, strlen(orders->places.items[i]) + 1,
                             stream);
        if (fclose(stream) != 0)
                return -ENOMEM;
        _cleanup_(closep) int fd = packet_memory_make("places", text, n);
        return fd < 0 ? fd : packet_send(socket_fd, &order, sizeof(order), fd);
}

static int read_orders(GuardOrders *orders, int socket_fd)
{
        _cleanup_(freep) void *data = NULL;
        _cleanup_(closep) int fd = -1;
        Order order;
        size_t n = 0;

        int r = packet_receive(socket_fd, &order, sizeof(order), 0, &fd);
        if (r <= 0)
                return r < 0 ? r : -EPIPE;
        if (order.version != HELPER_VERSION)
                return -EPROTO;
        r = packet_memory_read(fd, PLACES_BYTES_MAX, &data, &n);
        const char *text = data;
        orders->gate = order.gate;
        for (size_t at = 0; r == 0 && at < n; at += strlen(text + at) + 1)
                r = places_add(&orders->places, text + at);
        return r;
}

_Noreturn void watch_serve(const HostPaths *host, int socket_fd)
{
        GuardOrders orders = {.host = *host};

        int r = read_orders(&orders, socket_fd);
        if (r == 0)
                watch_run(&orders, socket_fd);
        GuardReport report = {.kind = GUARD_REPORT_FAILED, .code = r};
        (void)snprintf(report.text, sizeof(report.text), "the orders did not arrive: %s",
                       strerror(-r));
        (void)watch_report(socket_fd, &report, 0);
        _exit(1);
}
