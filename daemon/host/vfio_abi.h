/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The one ioctl of the VFIO character device that Debian 12's headers do not have yet.
 *
 * Numbers and layout as published by the kernel since 6.6: VFIO type ';', base 100, request 18; an
 * argument that begins with its own size.
 */

#include <linux/vfio.h>
#include <stdint.h>

#ifndef VFIO_DEVICE_BIND_IOMMUFD

struct vfio_device_bind_iommufd {
        uint32_t argsz;
        uint32_t flags;
        int32_t iommufd;
        uint32_t out_devid;
};

#define VFIO_DEVICE_BIND_IOMMUFD _IO(VFIO_TYPE, VFIO_BASE + 18)

#endif
