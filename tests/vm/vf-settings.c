/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The daemon's way of reading and writing a virtual function's settings, tried on the kernel.
 *
 *   vf-settings orders INTERFACE        one without VFs: each order must be understood all the same
 *   vf-settings round-trip INTERFACE N  one with VFs, as netdevsim's: all settings of VF N are
 *                                       changed, read back, and restored to what they were
 *
 * What an interface cannot do the kernel refuses with EOPNOTSUPP, after it has checked the form of
 * what it is asked; a form that is wrong, with EINVAL or ERANGE.
 */

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/host/vf_settings.h"

static const VfSettings changed = {
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

static void print(const char *what, const VfSettings *settings)
{
        printf("%s: mac ", what);
        for (size_t i = 0; i < 6; i++)
                printf("%02x", settings->mac[i]);
        printf(" vlan %u qos %u proto %04x rate %u-%u spoofchk %u state %u trust %u known %x\n",
               settings->vlan, settings->qos, settings->vlan_protocol, settings->min_rate,
               settings->max_rate, settings->spoofchk, settings->link_state, settings->trust,
               settings->known);
}

static int try_orders(int interface)
{
        VfSettings settings;
        int failed = 0;

        int r = vf_settings_read_interface(interface, 0, &settings);
        printf("reading: %d\n", r);
        failed += r != VF_SETTINGS_E_NONE;
        for (VfSetting s = 0; s < _VF_SETTING_N; s++) {
                r = vf_settings_write_interface(interface, 0, &changed, s);
                printf("%s: %s\n", vf_setting_to_string(s), strerror(-r));
                failed += r != -EOPNOTSUPP;
        }
        /* The kernel does look: a VF of a number that there cannot be is refused otherwise. */
        r = vf_settings_write_interface(interface, UINT32_MAX, &changed, VF_SETTING_MAC);
        printf("an impossible VF: %s\n", strerror(-r));
        failed += r != -EINVAL;
        return failed;
}

/* Makes VF `number` as `wanted`, and looks. */
static int make(int interface, unsigned number, const VfSettings *wanted, const char *what)
{
        VfSettings now;
        char *message = NULL;
        int failed = 0;

        int r = vf_settings_restore_interface(interface, number, wanted, &message);
        if (r != 0)
                printf("%s: %d %s\n", what, r, message ? message : "");
        free(message);
        failed += r != 0 || vf_settings_read_interface(interface, number, &now) != 0;
        if (failed > 0)
                return failed;
        print(what, &now);
        for (VfSetting s = 0; s < _VF_SETTING_N; s++)
                failed += !(now.known & 1U << s) || vf_settings_differ(wanted, &now, s);
        return failed;
}

static int round_trip(int interface, unsigned number)
{
        VfSettings before;

        int r = vf_settings_read_interface(interface, number, &before);
        if (r != 0) {
                printf("reading: %d\n", r);
                return 1;
        }
        print("before", &before);
        return make(interface, number, &changed, "changed") +
               make(interface, number, &before, "restored");
}

int main(int argc, char **argv)
{
        int interface = argc >= 3 ? (int)if_nametoindex(argv[2]) : 0;
        int failed = 1;

        if (interface > 0 && argc == 3 && strcmp(argv[1], "orders") == 0)
                failed = try_orders(interface);
        else if (interface > 0 && argc == 4 && strcmp(argv[1], "round-trip") == 0)
                failed = round_trip(interface, (unsigned)strtoul(argv[3], NULL, 10));
        else
                fprintf(stderr, "usage: vf-settings orders IF | round-trip IF N\n");
        printf("%d failed\n", failed);
        return failed > 0;
}
