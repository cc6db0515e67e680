/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The input is the kernel's answer about an interface. Its first byte selects the interface and the
 * VF. The settings found are written as a request, which must be read as the same settings.
 */

#include "fuzz.h"

#include "daemon/host/netlink.h"
#include "daemon/host/vf_netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* A request with the header of an answer. */
static int read_order(uint8_t *order, size_t n_order, int interface, unsigned vf,
                      VfSettings *ret_settings)
{
        struct nlmsghdr head;

        memcpy(&head, order, sizeof(head));
        MUST(head.nlmsg_len == n_order);
        head.nlmsg_type = RTM_NEWLINK;
        memcpy(order, &head, sizeof(head));
        return vf_netlink_parse(order, n_order, interface, vf, ret_settings);
}

static void check_orders(const VfSettings *settings, int interface, unsigned vf)
{
        for (VfSetting s = 0; s < _VF_SETTING_N; s++) {
                _Alignas(struct nlmsghdr) uint8_t order[VF_NETLINK_ASK_SIZE];
                VfSettings again = {.known = 0};

                if (!(settings->known & 1U << s))
                        continue;
                size_t n = vf_netlink_order(order, interface, vf, settings, s);
                MUST(n <= sizeof(order) && n % NLMSG_ALIGNTO == 0);
                if (s == VF_SETTING_VLAN)
                        continue; /* its VF's number is one level deeper than the reader expects */
                MUST(read_order(order, n, interface, vf, &again) == 0);
                MUST(again.known == 1U << s);
                MUST(!vf_settings_differ(settings, &again, s));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_data)
{
        VfSettings settings = {.known = 0};

        if (n_data == 0)
                return 0;
        int interface = data[0] & 0xf;
        unsigned vf = data[0] >> 4;
        /* The parser wants it aligned. */
        uint8_t *answer = malloc(--n_data > 0 ? n_data : 1);
        MUST(answer);
        memcpy(answer, data + 1, n_data);
        int r = vf_netlink_parse(answer, n_data, interface, vf, &settings);
        int ack = netlink_parse_ack(answer, n_data);

        free(answer);
        MUST(r <= 0 ? r >= -4095 : r == VF_NETLINK_E_NONE);
        MUST(ack <= 0 && ack >= -4095);
        MUST(r >= 0 ? ack == -EBADMSG : ack == 0 || ack == r || r == -EBADMSG);
        MUST(settings.known >> _VF_SETTING_N == 0);
        MUST(r == 0 || settings.known == 0);
        check_orders(&settings, interface, vf);
        return 0;
}
