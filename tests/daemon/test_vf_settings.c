/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A virtual function's settings: the kernel's answers, complete, truncated and wrong; requests in
 * the form that the kernel reads; and the path from a VF to its PF's interfaces, on made trees.
 */

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "daemon/host/netlink.h"
#include "daemon/host/vf_settings.h"
#include "daemon/lease/vfs.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define INTERFACE 4

static const VfSettings some = {
        .known = (1U << _VF_SETTING_N) - 1,
        .mac = {2, 0, 0, 0, 0, 0x17},
        .vlan = 100,
        .qos = 3,
        .vlan_protocol = 0x88a8,
        .min_rate = 10,
        .max_rate = 1000,
        .spoofchk = 1,
        .link_state = 2,
        .trust = 1,
};

/* --- a kernel's answer, made by hand ---------------------------------------------------------- */

typedef struct Message {
        _Alignas(struct nlmsghdr) uint8_t data[2048];
        size_t n;
} Message;

static void put(Message *message, const void *data, size_t n)
{
        memcpy(message->data + message->n, data, n);
        message->n += (n + 3) & ~(size_t)3;
}

static size_t open_attribute(Message *message, uint16_t type)
{
        const uint16_t head[2] = {0, type};
        size_t at = message->n;

        put(message, head, sizeof(head));
        return at;
}

static void close_attribute(Message *message, size_t at)
{
        uint16_t length = (uint16_t)(message->n - at);

        memcpy(message->data + at, &length, sizeof(length));
}

static void put_attribute(Message *message, uint16_t type, const void *data, size_t n)
{
        size_t at = open_attribute(message, type);

        put(message, data, n);
        close_attribute(message, at);
        /* The kernel's length is without the padding. */
        uint16_t length = (uint16_t)(4 + n);
        memcpy(message->data + at, &length, sizeof(length));
}

static void put_pair(Message *message, uint16_t type, uint32_t vf, uint32_t value)
{
        const uint32_t pair[2] = {vf, value};

        put_attribute(message, type, pair, sizeof(pair));
}

/* A VF as rtnl_fill_vfinfo() lists it. */
static void put_vf(Message *message, uint32_t vf, const VfSettings *settings, uint32_t trust)
{
        size_t info = open_attribute(message, IFLA_VF_INFO | NLA_F_NESTED), list;
        struct ifla_vf_mac mac = {.vf = vf};
        const uint32_t vlan[3] = {vf, settings->vlan, settings->qos};
        const struct ifla_vf_vlan_info with_protocol = {vf, settings->vlan, settings->qos,
                                                        __builtin_bswap16(settings->vlan_protocol)};
        const uint32_t rate[3] = {vf, settings->min_rate, settings->max_rate};

        memcpy(mac.mac, settings->mac, sizeof(mac.mac));
        put_attribute(message, IFLA_VF_MAC, &mac, sizeof(mac));
        put_attribute(message, IFLA_VF_BROADCAST, mac.mac, sizeof(mac.mac));
        put_attribute(message, IFLA_VF_VLAN, vlan, sizeof(vlan));
        put_pair(message, IFLA_VF_TX_RATE, vf, settings->max_rate);
        put_attribute(message, IFLA_VF_RATE, rate, sizeof(rate));
        put_pair(message, IFLA_VF_SPOOFCHK, vf, settings->spoofchk);
        put_pair(message, IFLA_VF_LINK_STATE, vf, settings->link_state);
        put_pair(message, IFLA_VF_RSS_QUERY_EN, vf, UINT32_MAX);
        put_pair(message, IFLA_VF_TRUST, vf, trust);
        list = open_attribute(message, IFLA_VF_VLAN_LIST | NLA_F_NESTED);
        put_attribute(message, IFLA_VF_VLAN_INFO, &with_protocol, sizeof(with_protocol));
        close_attribute(message, list);
        close_attribute(message, info);
}

/* An interface with two VFs, the second of them `settings`. */
static Message make_link(const VfSettings *settings, uint32_t trust)
{
        Message message = {.n = 0};
        struct nlmsghdr head = {.nlmsg_type = RTM_NEWLINK};
        const struct ifinfomsg info = {.ifi_index = INTERFACE};
        size_t list;

        put(&message, &head, sizeof(head));
        put(&message, &info, sizeof(info));
        put_attribute(&message, IFLA_IFNAME, "eth0", 5);
        put_attribute(&message, IFLA_NUM_VF, &(uint32_t){2}, 4);
        list = open_attribute(&message, IFLA_VFINFO_LIST | NLA_F_NESTED);
        put_vf(&message, 0, &(VfSettings){.vlan_protocol = 0x8100}, 0);
        put_vf(&message, 1, settings, trust);
        close_attribute(&message, list);
        put_attribute(&message, IFLA_QDISC, "mq", 3);
        head.nlmsg_len = (uint32_t)message.n;
        memcpy(message.data, &head, sizeof(head));
        return message;
}

static Message make_error(int32_t error)
{
        Message message = {.n = 0};
        const struct nlmsghdr head = {.nlmsg_type = NLMSG_ERROR, .nlmsg_len = 36};

        put(&message, &head, sizeof(head));
        put(&message, &error, sizeof(error));
        put(&message, &head, sizeof(head));
        return message;
}

static int parse(const Message *message, unsigned vf, VfSettings *ret)
{
        return vf_netlink_parse(message->data, message->n, INTERFACE, vf, ret);
}

/* The same settings known, with the same values; the padding of the struct is never set. */
static bool is_same(const VfSettings *a, const VfSettings *b)
{
        for (VfSetting setting = 0; setting < _VF_SETTING_N; setting++)
                if (vf_settings_differ(a, b, setting))
                        return false;
        return a->known == b->known;
}

static void test_answers(void)
{
        Message message = make_link(&some, some.trust);
        VfSettings settings = {.known = 0};

        CHECK_NUMBER(parse(&message, 1, &settings), 0);
        CHECK(is_same(&settings, &some));
        CHECK_NUMBER(parse(&message, 0, &settings), 0);
        CHECK_NUMBER(settings.vlan, 0);
        CHECK_NUMBER(settings.vlan_protocol, 0x8100);
        CHECK_NUMBER(parse(&message, 2, &settings), VF_NETLINK_E_NONE);
        CHECK_NUMBER(vf_netlink_parse(message.data, message.n, INTERFACE + 1, 1, &settings),
                     VF_NETLINK_E_NONE);

        /* A setting that a driver does not know needs no restore. */
        message = make_link(&some, UINT32_MAX);
        CHECK_NUMBER(parse(&message, 1, &settings), 0);
        CHECK_NUMBER(settings.known, some.known & ~(1U << VF_SETTING_TRUST));
        CHECK(!vf_settings_differ(&some, &settings, VF_SETTING_TRUST));
}

static void test_errors(void)
{
        Message message = make_error(-ENODEV);
        VfSettings settings;

        CHECK_NUMBER(parse(&message, 0, &settings), -ENODEV);
        CHECK_NUMBER(netlink_parse_ack(message.data, message.n), -ENODEV);
        message = make_error(0);
        CHECK_NUMBER(netlink_parse_ack(message.data, message.n), 0);
        CHECK_NUMBER(parse(&message, 0, &settings), -EBADMSG);
        message = make_error(7);
        CHECK_NUMBER(netlink_parse_ack(message.data, message.n), -EBADMSG);
        message = make_link(&some, 0);
        CHECK_NUMBER(netlink_parse_ack(message.data, message.n), -EBADMSG);
        CHECK_NUMBER(netlink_parse_ack(message.data, 0), -EBADMSG);
}

/* A message cut anywhere, with its length adjusted: it never yields incomplete settings. */
static void test_every_prefix(void)
{
        const Message whole = make_link(&some, some.trust);

        for (size_t n = 0; n < whole.n; n++) {
                _cleanup_(freep) uint8_t *part = malloc(n + 1);
                VfSettings settings;
                uint32_t length = (uint32_t)n;

                if (!CHECK(part))
                        return;
                memcpy(part, whole.data, n);
                CHECK(vf_netlink_parse(part, n, INTERFACE, 1, &settings) == -EBADMSG);
                if (n < sizeof(struct nlmsghdr))
                        continue;
                memcpy(part, &length, sizeof(length));
                int r = vf_netlink_parse(part, n, INTERFACE, 1, &settings);
                CHECK(r == -EBADMSG || r == VF_NETLINK_E_NONE ||
                      (r == 0 && is_same(&settings, &some)));
        }
}

/* Attributes with a wrong length or a wrong VF number. */
static void test_malformed(void)
{
        const Message whole = make_link(&some, some.trust);

        for (size_t i = 32; i + 4 < whole.n; i += 4)
                for (unsigned length = 0; length < 4; length++) {
                        Message message = whole;
                        VfSettings settings = {.known = 0};

                        message.data[i] = (uint8_t)length;
                        message.data[i + 1] = 0;
                        int r = parse(&message, 1, &settings);
                        CHECK(r == 0 || r == -EBADMSG || r == VF_NETLINK_E_NONE);
                }
        Message message = {.n = 0};
        struct nlmsghdr head = {.nlmsg_type = RTM_NEWLINK};
        const struct ifinfomsg info = {.ifi_index = INTERFACE};
        VfSettings settings;

        put(&message, &head, sizeof(head));
        put(&message, &info, sizeof(info));
        size_t list = open_attribute(&message, IFLA_VFINFO_LIST);
        size_t vf = open_attribute(&message, IFLA_VF_INFO);
        put_attribute(&message, IFLA_VF_MAC, &(struct ifla_vf_mac){.vf = 1},
                      sizeof(struct ifla_vf_mac));
        put_pair(&message, IFLA_VF_TRUST, 2, 1); /* another VF's */
        close_attribute(&message, vf);
        close_attribute(&message, list);
        head.nlmsg_len = (uint32_t)message.n;
        memcpy(message.data, &head, sizeof(head));
        CHECK_NUMBER(parse(&message, 1, &settings), -EBADMSG);
}

/* A request whose header is changed into that of an answer is read as the settings it sets. */
static void test_orders(void)
{
        for (VfSetting s = 0; s < _VF_SETTING_N; s++) {
                _Alignas(struct nlmsghdr) uint8_t buffer[VF_NETLINK_ASK_SIZE];
                VfSettings settings = {.known = 0};
                struct nlmsghdr head;

                size_t n = vf_netlink_order(buffer, INTERFACE, 1, &some, s);
                memcpy(&head, buffer, sizeof(head));
                CHECK_NUMBER(head.nlmsg_len, n);
                CHECK_NUMBER(head.nlmsg_type, RTM_SETLINK);
                CHECK_NUMBER(head.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
                head.nlmsg_type = RTM_NEWLINK;
                memcpy(buffer, &head, sizeof(head));
                /* A VLAN's own number is one level deeper than readers expect it. */
                if (s == VF_SETTING_VLAN)
                        continue;
                CHECK_NUMBER(vf_netlink_parse(buffer, n, INTERFACE, 1, &settings), 0);
                CHECK_NUMBER(settings.known, 1U << s);
                CHECK(!vf_settings_differ(&settings, &some, s));
                CHECK(vf_settings_differ(&settings, &(VfSettings){.known = settings.known}, s));
        }
}

/* The request for a VLAN, byte by byte: the kernel's ifla_vf_vlan_info in two lists. */
static void test_order_of_a_vlan(void)
{
        static const uint8_t want[] = {
                28, 0, IFLA_VFINFO_LIST, 0, 24, 0, IFLA_VF_INFO, 0, 20 + 4, 0,
        };
        _Alignas(struct nlmsghdr) uint8_t buffer[VF_NETLINK_ASK_SIZE];
        struct ifla_vf_vlan_info vlan;
        uint16_t lengths[4];

        size_t n = vf_netlink_order(buffer, INTERFACE, 7, &some, VF_SETTING_VLAN);
        CHECK_NUMBER(n, 16 + 16 + 4 * 4 + sizeof(vlan));
        for (size_t i = 0; i < 4; i++)
                memcpy(&lengths[i], buffer + 32 + 4 * i, sizeof(lengths[i]));
        CHECK_NUMBER(lengths[0], sizeof(vlan) + 16);
        CHECK_NUMBER(lengths[1], sizeof(vlan) + 12);
        CHECK_NUMBER(lengths[2], sizeof(vlan) + 8);
        CHECK_NUMBER(lengths[3], sizeof(vlan) + 4);
        CHECK_NUMBER(buffer[34], want[2]);
        CHECK_NUMBER(buffer[38], want[6]);
        CHECK_NUMBER(buffer[42], IFLA_VF_VLAN_LIST);
        CHECK_NUMBER(buffer[46], IFLA_VF_VLAN_INFO);
        memcpy(&vlan, buffer + 48, sizeof(vlan));
        CHECK_NUMBER(vlan.vf, 7);
        CHECK_NUMBER(vlan.vlan, 100);
        CHECK_NUMBER(vlan.qos, 3);
        CHECK_NUMBER(vlan.vlan_proto, __builtin_bswap16(0x88a8));
}

/* --- from a VF to its PF's interfaces --------------------------------------------------------- */

#define DEVICES "bus/pci/devices/"
#define PF DEVICES "0000:03:00.0/"

static const Bdf pf = {.bus = 3};
static const Bdf vf = {.bus = 3, .devfn = 0x11};

static HostPaths make_host(void)
{
        HostPaths host = {.sysfs = tree_make(), .dev = "/nonexistent", .proc = "/nonexistent"};

        tree_file(PF "vendor", "0x8086\n");
        tree_link(PF "virtfn0", "../0000:03:02.0");
        tree_link(PF "virtfn10", "../0000:03:02.1");
        tree_link(PF "virtfnx", "../0000:03:02.1");
        tree_link(DEVICES "0000:03:02.1/physfn", "../0000:03:00.0");
        tree_link(DEVICES "0000:03:02.3/physfn", "../0000:03:00.0");
        tree_link(DEVICES "0000:03:02.4/physfn", "../0000:09:00.0");
        tree_file(PF "net/eth1/ifindex", "12\n");
        tree_file(PF "net/eth0/ifindex", "7\n");
        tree_file(PF "net/gone/uevent", "");
        tree_file(PF "net/odd/ifindex", "nonsense\n");
        return host;
}

static void test_finding(void)
{
        const HostPaths host = make_host();
        int interfaces[VF_INTERFACES_MAX];
        unsigned number = 0;
        Bdf found = {0};

        CHECK_NUMBER(vf_settings_find(&host, vf, &found, &number), 0);
        CHECK(bdf_equal(found, pf));
        CHECK_NUMBER(number, 10);
        CHECK_NUMBER(vf_settings_find(&host, pf, &found, &number), VF_SETTINGS_E_NONE);
        /* A VF that its PF does not name, one whose PF is gone, one that is gone itself. */
        for (uint8_t devfn = 0x13; devfn <= 0x15; devfn++)
                CHECK_NUMBER(
                        vf_settings_find(&host, (Bdf){.bus = 3, .devfn = devfn}, &found, &number),
                        VF_SETTINGS_E_NONE);
        CHECK_NUMBER(vf_settings_interfaces(&host, pf, interfaces), 2);
        CHECK_NUMBER(interfaces[0], 7);
        CHECK_NUMBER(interfaces[1], 12);
        CHECK_NUMBER(vf_settings_interfaces(&host, vf, interfaces), 0);
        tree_remove();
}

/* --- a live kernel, whose loopback interface has no VFs --------------------------------------- */

static void test_an_interface_without_vfs(void)
{
        int loopback = (int)if_nametoindex("lo");
        _cleanup_(freep) char *message = NULL;
        VfSettings settings;

        if (loopback <= 0)
                SKIP("there is no interface lo here");
        CHECK_NUMBER(vf_settings_read_interface(loopback, 0, &settings), VF_SETTINGS_E_NONE);
        CHECK_NUMBER(vf_settings_restore_interface(loopback, 0, &some, &message), 0);
        CHECK_NUMBER(vf_settings_read_interface(0x7ffffff0, 0, &settings), VF_SETTINGS_E_NONE);
}

/* A VF of a device that is no network card, and a VF that is gone: nothing to record or restore. */
static void test_a_lease_without_settings(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = NULL;
        _cleanup_(freep) char *message = NULL;
        LeaseVf leased = {.bdf = vf, .place = {.pf = pf, .index = 10}};
        bool changed = true;

        const HostPaths host = {.sysfs = tree_make()};
        CHECK_NUMBER(lease_record_new(&record), 0);
        CHECK_NUMBER(lease_record_add_device(record, vf, LEASE_ROLE_TAKEN, "nvme", ""), 0);
        CHECK_NUMBER(lease_record_add_vf(record, &leased), 0);
        tree_link(PF "virtfn10", "../0000:03:02.1");
        tree_link(DEVICES "0000:03:02.1/physfn", "../0000:03:00.0");
        CHECK_NUMBER(lease_vfs_save(&host, record, &changed, &message), 0);
        CHECK(!changed);
        CHECK_NUMBER(lease_vfs_restore(&host, record, &message), 0);
        record->vfs[0].settings = some;
        record->vfs[0].bdf = record->devices[0].bdf = (Bdf){.bus = 4};
        CHECK_NUMBER(lease_vfs_restore(&host, record, &message), 0);
        tree_remove();
}

int main(void)
{
        static const TapTest tests[] = {
                {"answers of the kernel", test_answers},
                {"errors of the kernel", test_errors},
                {"every prefix of an answer", test_every_prefix},
                {"malformed answers", test_malformed},
                {"orders read as what they order", test_orders},
                {"the order of a VLAN", test_order_of_a_vlan},
                {"from a virtual function to interfaces", test_finding},
                {"an interface without virtual functions", test_an_interface_without_vfs},
                {"a lease without settings", test_a_lease_without_settings},
        };

        return tap_run(tests);
}
