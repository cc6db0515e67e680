/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Dumps of addresses and routes, as the kernel writes them and cut anywhere.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "core/probe/cleanup.h"
#include "daemon/host/net_table.h"
#include "daemon/host/netlink.h"
#include "tests/unit/tap.h"

typedef struct Dump {
        _Alignas(struct nlmsghdr) uint8_t data[1024];
        size_t n;
        size_t message; /* where the last message begins */
} Dump;

static void put(Dump *dump, const void *data, size_t n)
{
        memcpy(dump->data + dump->n, data, n);
        dump->n += n;
        while (dump->n % NLMSG_ALIGNTO)
                dump->data[dump->n++] = 0;
        uint32_t length = (uint32_t)(dump->n - dump->message);
        memcpy(dump->data + dump->message, &length, sizeof(length));
}

static void begin(Dump *dump, uint16_t type, uint16_t flags, const void *body, size_t n_body)
{
        const struct nlmsghdr head = {.nlmsg_type = type, .nlmsg_flags = NLM_F_MULTI | flags};

        dump->message = dump->n;
        put(dump, &head, sizeof(head));
        put(dump, body, n_body);
}

static void put_attribute(Dump *dump, uint16_t type, const void *data, size_t n)
{
        uint8_t attribute[64];
        const struct nlattr head = {.nla_len = (uint16_t)(sizeof(head) + n), .nla_type = type};

        memcpy(attribute, &head, sizeof(head));
        memcpy(attribute + sizeof(head), data, n);
        put(dump, attribute, sizeof(head) + n);
}

static void put_ip(Dump *dump, uint16_t type, const char *text)
{
        uint8_t address[16];
        bool is_6 = strchr(text, ':');

        CHECK_NUMBER(inet_pton(is_6 ? AF_INET6 : AF_INET, text, address), 1);
        put_attribute(dump, type, address, is_6 ? 16 : 4);
}

static void put_address(Dump *dump, int interface, const char *text, unsigned prefix)
{
        const struct ifaddrmsg head = {
                .ifa_family = strchr(text, ':') ? AF_INET6 : AF_INET,
                .ifa_prefixlen = (uint8_t)prefix,
                .ifa_index = (uint32_t)interface,
        };

        begin(dump, RTM_NEWADDR, 0, &head, sizeof(head));
        put_ip(dump, IFA_ADDRESS, text);
}

static void put_route(Dump *dump, uint8_t protocol, uint8_t type, const char *to, unsigned prefix)
{
        const struct rtmsg head = {
                .rtm_family = strchr(to, ':') ? AF_INET6 : AF_INET,
                .rtm_dst_len = (uint8_t)prefix,
                .rtm_protocol = protocol,
                .rtm_type = type,
        };

        begin(dump, RTM_NEWROUTE, 0, &head, sizeof(head));
        if (prefix > 0)
                put_ip(dump, RTA_DST, to);
}

static void end(Dump *dump, uint16_t flags)
{
        begin(dump, NLMSG_DONE, flags, &(int){0}, sizeof(int));
}

/* The result as text, "2 192.0.2.1/24, …"; returns what the parser returns. */
static int read_dump(const void *data, size_t n, char text[static 512])
{
        _cleanup_(net_table_clear) NetTable table = {.n_uses = 0};

        int r = net_table_parse(&table, data, n);
        text[0] = '\0';
        for (size_t i = 0; i < table.n_uses; i++)
                (void)snprintf(text + strlen(text), 512 - strlen(text), "%s%d %s",
                               i > 0 ? ", " : "", table.uses[i].interface, table.uses[i].text);
        return r;
}

static void test_addresses(void)
{
        Dump dump = {.n = 0};
        char text[512];

        put_address(&dump, 1, "127.0.0.1", 8);
        put_address(&dump, 2, "fe80::1", 64); /* every interface has one */
        put_address(&dump, 2, "2001:db8::1", 64);
        put_address(&dump, 3, "192.0.2.2", 32); /* the peer's, then ours */
        put_ip(&dump, IFA_LOCAL, "192.0.2.1");
        CHECK_NUMBER(read_dump(dump.data, dump.n, text), 0);
        end(&dump, 0);
        CHECK_NUMBER(read_dump(dump.data, dump.n, text), NET_TABLE_E_DONE);
        CHECK_STRING(text, "1 127.0.0.1/8, 2 2001:db8::1/64, 3 192.0.2.1/32");
}

static void test_routes(void)
{
        Dump dump = {.n = 0};
        char text[512];

        put_route(&dump, RTPROT_KERNEL, RTN_UNICAST, "192.0.2.0", 24); /* of an address */
        put_attribute(&dump, RTA_OIF, &(int){2}, 4);
        put_route(&dump, RTPROT_STATIC, RTN_LOCAL, "192.0.2.1", 32);
        put_attribute(&dump, RTA_OIF, &(int){2}, 4);
        put_route(&dump, RTPROT_BOOT, RTN_UNICAST, "ff00::", 8);
        put_attribute(&dump, RTA_OIF, &(int){2}, 4);
        put_route(&dump, RTPROT_STATIC, RTN_UNICAST, "0.0.0.0", 0);
        put_attribute(&dump, RTA_OIF, &(int){3}, 4);
        put_route(&dump, RTPROT_STATIC, RTN_UNICAST, "198.51.100.0", 24); /* one is enough */
        put_attribute(&dump, RTA_OIF, &(int){3}, 4);
        put_route(&dump, RTPROT_RA, RTN_UNICAST, "2001:db8::", 32);
        put_attribute(&dump, RTA_OIF, &(int){4}, 4);
        end(&dump, 0);
        CHECK_NUMBER(read_dump(dump.data, dump.n, text), NET_TABLE_E_DONE);
        CHECK_STRING(text, "3 default route, 4 route to 2001:db8::/32");
}

static void test_multipath(void)
{
        const struct rtnexthop hops[] = {
                {.rtnh_len = sizeof(hops[0]), .rtnh_ifindex = 5},
                {.rtnh_len = sizeof(hops[0]), .rtnh_ifindex = 6},
        };
        struct rtnexthop bad = {.rtnh_len = 4, .rtnh_ifindex = 5};
        Dump dump = {.n = 0};
        char text[512];

        put_route(&dump, RTPROT_STATIC, RTN_UNICAST, "198.51.100.0", 24);
        put_attribute(&dump, RTA_MULTIPATH, hops, sizeof(hops));
        CHECK_NUMBER(read_dump(dump.data, dump.n, text), 0);
        CHECK_STRING(text, "5 route to 198.51.100.0/24, 6 route to 198.51.100.0/24");
        put_route(&dump, RTPROT_STATIC, RTN_UNICAST, "198.51.100.0", 24);
        put_attribute(&dump, RTA_MULTIPATH, &bad, sizeof(bad));
        CHECK_NUMBER(read_dump(dump.data, dump.n, text), -EBADMSG);
}

static void test_changed_and_refused(void)
{
        Dump dump = {.n = 0}, error = {.n = 0};
        const struct nlmsgerr body = {.error = -EPERM};
        char text[512];

        put_address(&dump, 1, "127.0.0.1", 8);
        end(&dump, NLM_F_DUMP_INTR);
        CHECK_NUMBER(read_dump(dump.data, dump.n, text), NET_TABLE_E_CHANGED);
        begin(&error, NLMSG_ERROR, 0, &body, sizeof(body));
        CHECK_NUMBER(read_dump(error.data, error.n, text), -EPERM);
}

/* Cut anywhere, the dump is too short or has fewer messages; no byte beyond the end is read. */
static void test_cut(void)
{
        Dump dump = {.n = 0};
        char text[512];
        size_t n_bad = 0;

        put_address(&dump, 2, "2001:db8::1", 64);
        put_route(&dump, RTPROT_STATIC, RTN_UNICAST, "198.51.100.0", 24);
        put_attribute(&dump, RTA_OIF, &(int){3}, 4);
        for (size_t n = 0; n < dump.n; n++) {
                _cleanup_(freep) uint8_t *part = malloc(n > 0 ? n : 1);
                if (!CHECK(part))
                        return;
                memcpy(part, dump.data, n);
                int r = read_dump(part, n, text);
                CHECK(r == 0 || r == -EBADMSG);
                n_bad += r == -EBADMSG;
        }
        CHECK_NUMBER(n_bad, dump.n - 2); /* all but nothing, and the first alone */
}

/* libmnl before 1.0.5 takes such a length for a negative number. */
static void test_length_of_2_gib(void)
{
        Dump dump = {.n = 0};
        char text[512];

        put_address(&dump, 1, "127.0.0.1", 8);
        memcpy(dump.data, &(uint32_t){0x80000010}, sizeof(uint32_t));
        CHECK_NUMBER(read_dump(dump.data, dump.n, text), -EBADMSG);
}

/* An answer that another socket than the kernel's has sent. */
static void test_another_sender(void)
{
        struct sockaddr_nl address = {.nl_family = AF_NETLINK};
        socklen_t n_address = sizeof(address);
        _cleanup_(freep) void *buffer = malloc(NETLINK_SIZE);
        Dump dump = {.n = 0};

        _cleanup_(closep) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK);
        _cleanup_(closep) int other = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK);
        if (!CHECK(buffer))
                return;
        if (fd < 0 || other < 0)
                SKIP("this sandbox has no netlink between processes");
        CHECK_NUMBER(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        CHECK_NUMBER(getsockname(fd, (struct sockaddr *)&address, &n_address), 0);
        CHECK_NUMBER(netlink_receive(fd, buffer, MSG_DONTWAIT), -EAGAIN);
        end(&dump, 0);
        CHECK_NUMBER(sendto(other, dump.data, dump.n, 0, (struct sockaddr *)&address, n_address),
                     dump.n);
        CHECK_NUMBER(netlink_receive(fd, buffer, MSG_DONTWAIT), -EBADMSG);
}

/* The host of the test has at least a route to itself; its kernel is the real one. */
static void test_this_machine(void)
{
        _cleanup_(net_table_clear) NetTable table = {.n_uses = 0};

        int r = net_table_read(&table);
        if (r == -EPERM || r == -EACCES || r == -EAFNOSUPPORT || r == -EPROTONOSUPPORT)
                SKIP("this sandbox has no rtnetlink");
        CHECK_NUMBER(r, 0);
        for (size_t i = 0; i < table.n_uses; i++)
                CHECK(table.uses[i].interface > 0 && table.uses[i].text[0]);
}

int main(void)
{
        static const TapTest tests[] = {
                {"addresses", test_addresses},
                {"routes", test_routes},
                {"a route by several ways", test_multipath},
                {"a dump that changed, and one that is refused", test_changed_and_refused},
                {"a dump that is cut", test_cut},
                {"a message of 2 GiB", test_length_of_2_gib},
                {"an answer by another socket", test_another_sender},
                {"this machine's", test_this_machine},
        };

        return tap_run(tests);
}
