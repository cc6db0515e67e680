/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One table says which attribute has which part of VfSettings, for reading and for writing.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "daemon/host/netlink.h"
#include "daemon/host/vf_netlink.h"

/*
 * An attribute has the number of the VF, and then these bytes of VfSettings as they are. The VLAN's
 * protocol alone differs: two bytes in network order and two of padding.
 */
typedef struct Layout {
        const char *name;
        uint16_t type;
        uint16_t offset;
        uint16_t size; /* bytes; 4: one number, all ones if the driver does not know it */
} Layout;

static const Layout layouts[_VF_SETTING_N] = {
        [VF_SETTING_MAC] = {"mac", IFLA_VF_MAC, offsetof(VfSettings, mac), VF_MAC_SIZE},
        [VF_SETTING_VLAN] = {"vlan", IFLA_VF_VLAN_LIST, offsetof(VfSettings, vlan), 12},
        [VF_SETTING_RATE] = {"rate", IFLA_VF_RATE, offsetof(VfSettings, min_rate), 8},
        [VF_SETTING_SPOOFCHK] = {"spoofchk", IFLA_VF_SPOOFCHK, offsetof(VfSettings, spoofchk), 4},
        [VF_SETTING_LINK_STATE] = {"state", IFLA_VF_LINK_STATE, offsetof(VfSettings, link_state),
                                   4},
        [VF_SETTING_TRUST] = {"trust", IFLA_VF_TRUST, offsetof(VfSettings, trust), 4},
};

const char *vf_setting_to_string(VfSetting setting)
{
        return setting < _VF_SETTING_N ? layouts[setting].name : "";
}

bool vf_settings_differ(const VfSettings *a, const VfSettings *b, VfSetting setting)
{
        const Layout *layout = &layouts[setting];
        size_t n = layout->size;

        if (!(a->known & b->known & 1U << setting))
                return false;
        if (setting == VF_SETTING_VLAN && a->vlan == 0)
                n -= sizeof(a->vlan_protocol); /* of no VLAN */
        return memcmp((const char *)a + layout->offset, (const char *)b + layout->offset, n) != 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

static struct nlmsghdr *begin(void *buffer, uint16_t type, uint16_t flags, int interface)
{
        struct nlmsghdr *message = netlink_begin(buffer, type, flags, sizeof(struct ifinfomsg));
        struct ifinfomsg *link = mnl_nlmsg_get_payload(message);

        link->ifi_index = interface;
        return message;
}

size_t vf_netlink_ask(uint8_t buffer[static VF_NETLINK_ASK_SIZE], int interface)
{
        struct nlmsghdr *message = begin(buffer, RTM_GETLINK, 0, interface);

        mnl_attr_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS);
        return message->nlmsg_len;
}

size_t vf_netlink_order(uint8_t buffer[static VF_NETLINK_ASK_SIZE], int interface, unsigned vf,
                        const VfSettings *settings, VfSetting setting)
{
        const Layout *layout = &layouts[setting];
        struct nlmsghdr *message = begin(buffer, RTM_SETLINK, NLM_F_ACK, interface);
        struct nlattr *list = mnl_attr_nest_start(message, IFLA_VFINFO_LIST);
        struct nlattr *info = mnl_attr_nest_start(message, IFLA_VF_INFO), *vlans;
        uint8_t payload[sizeof(vf) + VF_MAC_SIZE];
        VfSettings wanted = *settings;

        /* Drivers that store no protocol refuse any but 802.1Q. */
        wanted.vlan_protocol = htonl((settings->vlan_protocol ?: ETH_P_8021Q) << 16);
        memcpy(payload, &vf, sizeof(vf));
        memcpy(payload + sizeof(vf), (const char *)&wanted + layout->offset, layout->size);
        if (setting == VF_SETTING_VLAN) {
                vlans = mnl_attr_nest_start(message, IFLA_VF_VLAN_LIST);
                mnl_attr_put(message, IFLA_VF_VLAN_INFO, sizeof(vf) + layout->size, payload);
                mnl_attr_nest_end(message, vlans);
        } else {
                mnl_attr_put(message, layout->type, sizeof(vf) + layout->size, payload);
        }
        mnl_attr_nest_end(message, info);
        mnl_attr_nest_end(message, list);
        return message->nlmsg_len;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int parse_setting(const struct nlattr *attribute, uint32_t vf, VfSetting setting,
                         VfSettings *settings)
{
        const Layout *layout = &layouts[setting];
        const uint32_t *payload = mnl_attr_get_payload(attribute);

        if (mnl_attr_get_payload_len(attribute) < sizeof(vf) + layout->size || payload[0] != vf)
                return -EBADMSG;
        if (layout->size == sizeof(uint32_t) && payload[1] == UINT32_MAX)
                return 0;
        memcpy((char *)settings + layout->offset, payload + 1, layout->size);
        settings->known |= 1U << setting;
        return 0;
}

/* Reads the settings if their first attribute names `vf`. Returns 0, _E_NONE or -EBADMSG. */
static int parse_info(const struct nlattr *info, uint32_t vf, VfSettings *ret_settings)
{
        const struct nlattr *found[IFLA_VF_MAX + 1] = {NULL};
        const struct nlattr *vlans[IFLA_VF_VLAN_INFO + 1] = {NULL};
        const struct nlattr *first = mnl_attr_get_payload(info);
        VfSettings settings = {.known = 0};

        int r = netlink_find_nested(info, found, ARRAY_SIZE(found));
        if (r < 0 || mnl_attr_get_payload_len(info) == 0 ||
            mnl_attr_get_payload_len(first) < sizeof(vf))
                return -EBADMSG;
        if (mnl_attr_get_u32(first) != vf)
                return VF_NETLINK_E_NONE;
        /* The kernel lists one VLAN; the older attribute beside the list lacks the protocol. */
        if (found[IFLA_VF_VLAN_LIST])
                r = netlink_find_nested(found[IFLA_VF_VLAN_LIST], vlans, ARRAY_SIZE(vlans));
        found[IFLA_VF_VLAN_LIST] = vlans[IFLA_VF_VLAN_INFO];
        for (VfSetting s = 0; r == 0 && s < _VF_SETTING_N; s++)
                if (found[layouts[s].type])
                        r = parse_setting(found[layouts[s].type], vf, s, &settings);
        settings.vlan_protocol = ntohl(settings.vlan_protocol) >> 16;
        if (r == 0)
                *ret_settings = settings;
        return r;
}

int vf_netlink_parse(const void *data, size_t n_data, int interface, unsigned vf,
                     VfSettings *ret_settings)
{
        const struct nlmsghdr *message = data;
        const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
        const struct nlattr *found[IFLA_VFINFO_LIST + 1] = {NULL}, *list, *info;

        if (!netlink_is_whole(message, n_data) || message->nlmsg_type != RTM_NEWLINK)
                return netlink_parse_ack(data, n_data) ?: -EBADMSG; /* an ack was not asked for */
        int r = netlink_find(message, sizeof(*link), found, ARRAY_SIZE(found));
        list = found[IFLA_VFINFO_LIST];
        if (r < 0 || !list || link->ifi_index != interface)
                return r < 0 ? r : VF_NETLINK_E_NONE;
        r = netlink_find_nested(list, NULL, 0) ?: VF_NETLINK_E_NONE; /* its lengths are right */
        mnl_attr_for_each_nested(info, list)
                if (r == VF_NETLINK_E_NONE && mnl_attr_get_type(info) == IFLA_VF_INFO)
                        r = parse_info(info, vf, ret_settings);
        return r;
}
