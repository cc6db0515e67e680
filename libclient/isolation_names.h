/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ISOLATION_NAMES_H
#define ISOLATION_NAMES_H

/*
 * The part of libisolation about what people call devices: names of vendors and products, what a
 * device is to the running system, and selectors of several devices. isolation.h includes it and
 * documents its conventions.
 */

#include "isolation.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The name of a device by its ids, from this machine's hwdb(7) or pci.ids:
 * "Intel 82574L Gigabit Network Connection"; "Intel device 10d3" if only the vendor is known, "" if
 * neither is. Legal forms ("Corporation") are left out. UTF-8. Valid until the host is freed.
 */
const char *iso_host_device_name(iso_host *host, const iso_device *device);

/*
 * What a device is to the system that runs on this machine: interfaces ("enp3s0"), disks
 * ("nvme0n1"), screens ("card1"), RDMA devices ("mlx5_0"), and where its file systems are mounted
 * ("/srv"). *ret_n gets the number; NULL-terminated. From a copied sysfs tree without mounts; none
 * for a machine in a file. Valid as long as the view.
 */
const char *const *iso_host_device_uses(iso_host *host, const iso_device *device, size_t *ret_n);

/*
 * The name of the platform's slot below a port, "PCIE3"; "" if it has none, or for a daemon host.
 * Valid as long as the view.
 */
const char *iso_host_port_slot(const iso_host *host, const iso_device *port);

/*
 * Finds all devices of a selector: one of iso_host_resolve(), or "8086:10d3" (all devices with
 * these ids), "01:00" (all functions of a card), "vfs:SELECTOR" (all virtual functions of a
 * device). For a group: its members. *ret is sorted by address and valid as long as the view.
 * Returns 0, ISO_E_NOT_FOUND, or -errno.
 */
int iso_host_resolve_all(iso_host *host, const char *selector, const iso_device *const **ret,
                         size_t *ret_n);

#ifdef __cplusplus
}
#endif

#endif
