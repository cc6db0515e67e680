/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The ioctls of the VFIO character devices and of iommufd that the headers of Debian 12 do not
 * have.
 *
 * Numbers and layouts are those that the kernel has published since 6.2 (iommufd) and 6.6 (VFIO):
 * type ';', from base 100 for VFIO and 0x80 for iommufd; an argument begins with its own size.
 */

#include <linux/vfio.h>
#include <stdint.h>

typedef struct VfioBind {
        uint32_t argsz;
        uint32_t flags;
        int32_t iommufd;
        uint32_t out_devid;
} VfioBind;

typedef struct VfioAttach {
        uint32_t argsz;
        uint32_t flags;
        uint32_t address_space; /* where it is detached from, nothing */
} VfioAttach;

#define VFIO_BIND _IO(VFIO_TYPE, VFIO_BASE + 18)
#define VFIO_ATTACH _IO(VFIO_TYPE, VFIO_BASE + 19)
#define VFIO_DETACH _IO(VFIO_TYPE, VFIO_BASE + 20)

#define IOMMUFD_TYPE ';'

typedef struct IommufdDestroy {
        uint32_t size;
        uint32_t id;
} IommufdDestroy;

typedef struct IommufdAlloc {
        uint32_t size;
        uint32_t flags;
        uint32_t out_id;
} IommufdAlloc;

typedef struct IommufdOption {
        uint32_t size;
        uint32_t option;
        uint16_t operation;
        uint16_t reserved;
        uint32_t object;
        uint64_t value;
} IommufdOption;

#define IOMMUFD_DESTROY _IO(IOMMUFD_TYPE, 0x80)
#define IOMMUFD_ALLOC _IO(IOMMUFD_TYPE, 0x81)
#define IOMMUFD_OPTION _IO(IOMMUFD_TYPE, 0x87)

#define IOMMUFD_OPTION_RLIMIT_MODE 0
#define IOMMUFD_OPTION_SET 0
#define IOMMUFD_RLIMIT_OF_PROCESS 1 /* 0: of the user, over all processes */
