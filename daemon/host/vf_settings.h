/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Saves and restores the settings of a virtual function of a network card by the host (MAC, VLAN,
 * rates, spoof check, link state, trust), through an interface of its PF.
 *
 * All of these may block (the kernel has one lock for all interfaces): for workers.
 */

#include "daemon/host/host.h"
#include "daemon/host/vf_netlink.h"

#define VF_INTERFACES_MAX 16 /* of one PF that are asked */

enum {
        _VF_SETTINGS_E_SUCCESS,
        VF_SETTINGS_E_NONE, /* no VF, or its PF is no network card with settings for it */
};

/* Finds the PF of a VF and its number: N of virtfnN. Returns 0, VF_SETTINGS_E_NONE or -errno. */
_nodiscard_ int vf_settings_find(const HostPaths *host, Bdf vf, Bdf *ret_pf, unsigned *ret_number);

/*
 * Lists the indices of the PF's interfaces in this network namespace, lowest first: a card may have
 * several, and only the one of the port knows VFs. Returns how many there are (0 if none), or
 * -errno.
 */
_nodiscard_ int vf_settings_interfaces(const HostPaths *host, Bdf pf,
                                       int interfaces[static VF_INTERFACES_MAX]);

/* Reads the present settings. Returns 0, VF_SETTINGS_E_NONE or -errno. */
_nodiscard_ int vf_settings_read(const HostPaths *host, Bdf vf, VfSettings *ret_settings);

/*
 * Restores the settings: writes those that differ, one by one, and reads all back. A VF or
 * interface that is gone needs nothing. Returns 0, a Refusal with *ret_message, or -errno.
 */
_nodiscard_ int vf_settings_restore(const HostPaths *host, Bdf vf, const VfSettings *saved,
                                    char **ret_message);

/* Sets one setting of VF `number` of an interface. Returns 0, or the -errno of the kernel. */
_nodiscard_ int vf_settings_write_interface(int interface, unsigned number,
                                            const VfSettings *settings, VfSetting setting);

/* The same as the two above for VF `number` of one interface. */
_nodiscard_ int vf_settings_read_interface(int interface, unsigned number,
                                           VfSettings *ret_settings);
_nodiscard_ int vf_settings_restore_interface(int interface, unsigned number,
                                              const VfSettings *saved, char **ret_message);
