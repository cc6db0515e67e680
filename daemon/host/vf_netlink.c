/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Attributes are length, type and payload, padded to four bytes; netlink.h takes them apart.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "daemon/host/netlink.h"
#include "daemon/host/vf_netlink.h"

static const char *const names[_VF_SETTING_N] = {
        [VF_SETTING_MAC] = "mac",          [VF_SETTING_VLAN] = "vlan",
        [VF_SETTING_RATE] = "rate",        [VF_SETTING_SPOOFCHK] = "spoofchk",
        [VF_SETTING_LINK_STATE] = "state", [VF_SETTING_TRUST] = "trust",
};

const char *vf_setting_to_string(VfSetting setting)
{
        return setting < _VF_SETTING_N ? names[setting] : "";
}

bool vf_settings_differ(const VfSettings *a, const VfSettings *b, VfSetting setting)
{
        if (!(a->known & b->known & 1U << setting))
                return false;
        switch (setting) {
        case VF_SETTING_MAC:
                return memcmp(a->mac, b->mac, sizeof(a->mac)) != 0;
        case VF_SETTING_VLAN:
                return a->vlan != b->vlan || a->qos != b->qos ||
                       (a->vlan != 0 && a->vlan_protocol != b->vlan_protocol);
        case VF_SETTING_RATE:
                return a->min_rate != b->min_rate || a->max_rate != b->max_rate;
        case VF_SETTING_SPOOFCHK:
                return a->spoofchk != b->spoofchk;
        case VF_SETTING_LINK_STATE:
                return a->link_state != b->link_state;
        case VF_SETTING_TRUST:
                return a->trust != b->trust;
        case _VF_SETTING_N:
                break;
        }
        return false;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* A message under construction; each attribute is padded, so that the next one is aligned. */
typedef struct Writer {
        uint8_t *data;
        size_t n;
} Writer;

static void write_bytes(Writer *writer, const void *bytes, size_t n_bytes)
{
        memcpy(writer->data + writer->n, bytes, n_bytes);
        writer->n += n_bytes;
        while (writer->n % NLA_ALIGNTO != 0)
                writer->data[writer->n++] = 0;
}

/* Begins an attribute whose payload is written next. Returns where, for end(). */
static size_t begin(Writer *writer, uint16_t type)
{
        const struct nlattr head = {.nla_type = type};
        size_t at = writer->n;

        write_bytes(writer, &head, sizeof(head));
        return at;
}

static void end(Writer *writer, size_t at)
{
        uint16_t length = (uint16_t)(writer->n - at);

        memcpy(writer->data + at, &length, sizeof(length));
}

static void write_attribute(Writer *writer, uint16_t type, const void *payload, size_t n_payload)
{
        size_t at = begin(writer, type);

        write_bytes(writer, payload, n_payload);
        end(writer, at);
}

static Writer begin_message(uint8_t *buffer, uint16_t type, uint16_t flags, int interface)
{
        Writer writer = {.data = buffer};
        const struct nlmsghdr head = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags};
        const struct ifinfomsg info = {.ifi_index = interface};

        write_bytes(&writer, &head, sizeof(head));
        write_bytes(&writer, &info, sizeof(info));
        return writer;
}

static size_t end_message(const Writer *writer)
{
        uint32_t length = (uint32_t)writer->n;

        memcpy(writer->data, &length, sizeof(length));
        return writer->n;
}

size_t vf_netlink_ask(uint8_t buffer[static VF_NETLINK_ASK_SIZE], int interface)
{
        Writer writer = begin_message(buffer, RTM_GETLINK, 0, interface);
        const uint32_t filter = RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS;

        write_attribute(&writer, IFLA_EXT_MASK, &filter, sizeof(filter));
        return end_message(&writer);
}

static void write_setting(Writer *writer, uint32_t vf, const VfSettings *settings,
                          VfSetting setting)
{
        struct ifla_vf_mac mac = {.vf = vf};
        const struct ifla_vf_vlan_info vlan = {
                .vf = vf,
                .vlan = settings->vlan,
                .qos = settings->qos,
                /* Drivers that store no protocol refuse any but 802.1Q. */
                .vlan_proto = htons(settings->vlan_protocol ? (uint16_t)settings->vlan_protocol
                                                            : ETH_P_8021Q),
        };
        const struct ifla_vf_rate rate = {vf, settings->min_rate, settings->max_rate};
        const struct ifla_vf_spoofchk spoofchk = {vf, settings->spoofchk};
        const struct ifla_vf_link_state state = {vf, settings->link_state};
        const struct ifla_vf_trust trust = {vf, settings->trust};
        size_t list;

        switch (setting) {
        case VF_SETTING_MAC:
                memcpy(mac.mac, settings->mac, sizeof(mac.mac));
                return write_attribute(writer, IFLA_VF_MAC, &mac, sizeof(mac));
        case VF_SETTING_VLAN:
                list = begin(writer, IFLA_VF_VLAN_LIST);
                write_attribute(writer, IFLA_VF_VLAN_INFO, &vlan, sizeof(vlan));
                return end(writer, list);
        case VF_SETTING_RATE:
                return write_attribute(writer, IFLA_VF_RATE, &rate, sizeof(rate));
        case VF_SETTING_SPOOFCHK:
                return write_attribute(writer, IFLA_VF_SPOOFCHK, &spoofchk, sizeof(spoofchk));
        case VF_SETTING_LINK_STATE:
                return write_attribute(writer, IFLA_VF_LINK_STATE, &state, sizeof(state));
        case VF_SETTING_TRUST:
                return write_attribute(writer, IFLA_VF_TRUST, &trust, sizeof(trust));
        case _VF_SETTING_N:
                break;
        }
}

size_t vf_netlink_order(uint8_t buffer[static VF_NETLINK_ASK_SIZE], int interface, unsigned vf,
                        const VfSettings *settings, VfSetting setting)
{
        Writer writer = begin_message(buffer, RTM_SETLINK, NLM_F_ACK, interface);
        size_t list = begin(&writer, IFLA_VFINFO_LIST);
        size_t info = begin(&writer, IFLA_VF_INFO);

        write_setting(&writer, vf, settings, setting);
        end(&writer, info);
        end(&writer, list);
        return end_message(&writer);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Copies a structure of `n` bytes that begins with the number of a VF, which must be `vf`. */
static bool take(NetlinkSpan payload, uint32_t vf, void *structure, size_t n)
{
        uint32_t number;

        if (payload.n < n)
                return false;
        memcpy(&number, payload.data, sizeof(number));
        memcpy(structure, payload.data, n);
        return number == vf;
}

/* Two numbers: the VF's, and a value, all ones if the driver does not know it. */
static int parse_value(NetlinkSpan payload, uint32_t vf, VfSettings *settings, VfSetting setting,
                       uint32_t *ret_value)
{
        uint32_t pair[2];

        if (!take(payload, vf, pair, sizeof(pair)))
                return -EBADMSG;
        if (pair[1] == UINT32_MAX)
                return 0;
        *ret_value = pair[1];
        settings->known |= 1U << setting;
        return 0;
}

/* The kernel lists one VLAN; the older attribute beside the list lacks the protocol. */
static int parse_vlans(NetlinkSpan list, uint32_t vf, VfSettings *settings)
{
        struct ifla_vf_vlan_info vlan;
        NetlinkSpan payload;
        uint16_t type;
        int r;

        while ((r = netlink_next_attribute(&list, &type, &payload)) > 0) {
                if (type != IFLA_VF_VLAN_INFO || settings->known & 1U << VF_SETTING_VLAN)
                        continue;
                if (!take(payload, vf, &vlan, sizeof(vlan)))
                        return -EBADMSG;
                settings->vlan = vlan.vlan;
                settings->qos = vlan.qos;
                settings->vlan_protocol = ntohs(vlan.vlan_proto);
                settings->known |= 1U << VF_SETTING_VLAN;
        }
        return r;
}

static int parse_setting(uint16_t type, NetlinkSpan payload, uint32_t vf, VfSettings *settings)
{
        struct ifla_vf_mac mac;
        struct ifla_vf_rate rate;

        switch (type) {
        case IFLA_VF_MAC:
                if (!take(payload, vf, &mac, sizeof(mac)))
                        return -EBADMSG;
                memcpy(settings->mac, mac.mac, sizeof(mac.mac));
                settings->known |= 1U << VF_SETTING_MAC;
                return 0;
        case IFLA_VF_RATE:
                if (!take(payload, vf, &rate, sizeof(rate)))
                        return -EBADMSG;
                settings->min_rate = rate.min_tx_rate;
                settings->max_rate = rate.max_tx_rate;
                settings->known |= 1U << VF_SETTING_RATE;
                return 0;
        case IFLA_VF_VLAN_LIST:
                return parse_vlans(payload, vf, settings);
        case IFLA_VF_SPOOFCHK:
                return parse_value(payload, vf, settings, VF_SETTING_SPOOFCHK, &settings->spoofchk);
        case IFLA_VF_LINK_STATE:
                return parse_value(payload, vf, settings, VF_SETTING_LINK_STATE,
                                   &settings->link_state);
        case IFLA_VF_TRUST:
                return parse_value(payload, vf, settings, VF_SETTING_TRUST, &settings->trust);
        default:
                return 0; /* not one of the saved settings */
        }
}

/* Reads the settings if their first attribute names `vf`. Returns 0, _E_NONE or -EBADMSG. */
static int parse_info(NetlinkSpan info, uint32_t vf, VfSettings *ret_settings)
{
        VfSettings settings = {.known = 0};
        NetlinkSpan rest = info, payload;
        uint32_t number;
        uint16_t type;

        int r = netlink_next_attribute(&rest, &type, &payload);
        if (r <= 0 || payload.n < sizeof(number))
                return -EBADMSG;
        memcpy(&number, payload.data, sizeof(number));
        if (number != vf)
                return VF_NETLINK_E_NONE;
        while ((r = netlink_next_attribute(&info, &type, &payload)) > 0) {
                r = parse_setting(type, payload, vf, &settings);
                if (r < 0)
                        return r;
        }
        if (r == 0)
                *ret_settings = settings;
        return r;
}

/* Finds the VF in the list and reads its settings. */
static int parse_list(NetlinkSpan list, uint32_t vf, VfSettings *ret_settings)
{
        NetlinkSpan payload;
        uint16_t type;
        int r;

        while ((r = netlink_next_attribute(&list, &type, &payload)) > 0) {
                if (type != IFLA_VF_INFO)
                        continue;
                r = parse_info(payload, vf, ret_settings);
                if (r != VF_NETLINK_E_NONE)
                        return r;
        }
        return r < 0 ? r : VF_NETLINK_E_NONE;
}

static int parse_link(NetlinkSpan message, int interface, uint32_t vf, VfSettings *ret_settings)
{
        struct ifinfomsg info;
        NetlinkSpan payload;
        uint16_t type;
        int r;

        if (message.n < sizeof(info))
                return -EBADMSG;
        memcpy(&info, message.data, sizeof(info));
        if (info.ifi_index != interface)
                return VF_NETLINK_E_NONE;
        netlink_advance(&message, sizeof(info));
        while ((r = netlink_next_attribute(&message, &type, &payload)) > 0)
                if (type == IFLA_VFINFO_LIST)
                        return parse_list(payload, vf, ret_settings);
        return r < 0 ? r : VF_NETLINK_E_NONE;
}

int vf_netlink_parse(const void *data, size_t n_data, int interface, unsigned vf,
                     VfSettings *ret_settings)
{
        NetlinkSpan rest = {data, n_data}, payload;
        uint16_t type, flags;

        int r = netlink_next_message(&rest, &type, &flags, &payload);
        if (r <= 0)
                return -EBADMSG;
        if (type == RTM_NEWLINK)
                return parse_link(payload, interface, vf, ret_settings);
        r = type == NLMSG_ERROR ? netlink_parse_error(payload) : -EBADMSG;
        return r == 0 ? -EBADMSG : r; /* no acknowledgement was asked for */
}

int vf_netlink_parse_ack(const void *data, size_t n_data)
{
        NetlinkSpan rest = {data, n_data}, payload;
        uint16_t type, flags;

        int r = netlink_next_message(&rest, &type, &flags, &payload);
        return r <= 0 || type != NLMSG_ERROR ? -EBADMSG : netlink_parse_error(payload);
}
