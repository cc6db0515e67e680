/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The settings of a virtual function by the administrator of the host, as rtnetlink(7) messages.
 *
 * It converts bytes and uses no socket: the link message of a PF has IFLA_VFINFO_LIST, in it one
 * IFLA_VF_INFO per VF, in it an attribute per setting, each beginning with the number of the VF
 * (linux/if_link.h). A setting that the kernel does not report is unknown, and never written.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/base.h"

#define VF_MAC_SIZE 32          /* of the attribute; an Ethernet address is its first 6 */
#define VF_NETLINK_ASK_SIZE 256 /* more than any request here needs; aligned as by malloc(3) */

typedef enum VfSetting {
        VF_SETTING_MAC,
        VF_SETTING_VLAN, /* with priority and protocol */
        VF_SETTING_RATE, /* minimum and maximum, Mbit/s; 0: none */
        VF_SETTING_SPOOFCHK,
        VF_SETTING_LINK_STATE, /* 0 as the PF's, 1 up, 2 down */
        VF_SETTING_TRUST,
        _VF_SETTING_N,
} VfSetting;

typedef struct VfSettings {
        unsigned known; /* bits 1 << VfSetting: what the following hold */
        /* In the order of the kernel's structures. */
        uint8_t mac[VF_MAC_SIZE];
        uint32_t vlan; /* 0: none */
        uint32_t qos;
        uint32_t vlan_protocol; /* 0x8100 or 0x88a8 */
        uint32_t min_rate;
        uint32_t max_rate;
        uint32_t spoofchk;
        uint32_t link_state;
        uint32_t trust;
} VfSettings;

enum {
        _VF_NETLINK_E_SUCCESS,
        VF_NETLINK_E_NONE, /* the interface has no such VF */
};

/* "mac", "vlan", … */
const char *vf_setting_to_string(VfSetting setting);

/* Whether both know that setting and differ in it. */
bool vf_settings_differ(const VfSettings *a, const VfSettings *b, VfSetting setting);

/* Makes the request for an interface and its VFs. Returns its length in `buffer`. */
size_t vf_netlink_ask(uint8_t buffer[static VF_NETLINK_ASK_SIZE], int interface);

/* Makes the request to set one setting of `settings` of one VF. Same return. */
size_t vf_netlink_order(uint8_t buffer[static VF_NETLINK_ASK_SIZE], int interface, unsigned vf,
                        const VfSettings *settings, VfSetting setting);

/*
 * Finds one VF in the answer, aligned as well. Returns 0, VF_NETLINK_E_NONE, -EBADMSG for an
 * incomplete answer, or the -errno of the kernel.
 */
_nodiscard_ int vf_netlink_parse(const void *data, size_t n_data, int interface, unsigned vf,
                                 VfSettings *ret_settings);
