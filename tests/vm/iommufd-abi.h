/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The few numbers and layouts of iommufd that the DMA client speaks. Debian 12's kernel headers
 * predate iommufd, so they are written down here.
 *
 * Every request starts with the size of its structure; the kernel takes requests that are longer
 * than it knows as long as the rest is zero.
 */
#pragma once

#include <linux/ioctl.h>
#include <stdint.h>

/* On /dev/iommu: type ';', numbers from 0x80. */
#define LAB_IOMMU_IOAS_ALLOC _IO(';', 0x81)
#define LAB_IOMMU_IOAS_MAP _IO(';', 0x85)
#define LAB_IOMMU_IOAS_UNMAP _IO(';', 0x86)
#define LAB_IOMMU_OPTION _IO(';', 0x87)

#define LAB_OPTION_RLIMIT_MODE 0
#define LAB_OPTION_GET 1

/* On a vfio device: type ';', numbers from 100. */
#define LAB_VFIO_BIND_IOMMUFD _IO(';', 100 + 18)
#define LAB_VFIO_ATTACH_PT _IO(';', 100 + 19)

enum {
        LAB_MAP_FIXED_IOVA = 1 << 0,
        LAB_MAP_WRITEABLE = 1 << 1,
        LAB_MAP_READABLE = 1 << 2,
};

typedef struct LabIoasAlloc {
        uint32_t size;
        uint32_t flags;
        uint32_t ret_ioas;
} LabIoasAlloc;

typedef struct LabIoasMap {
        uint32_t size;
        uint32_t flags;
        uint32_t ioas;
        uint32_t reserved;
        uint64_t address;
        uint64_t length;
        uint64_t iova;
} LabIoasMap;

typedef struct LabIoasUnmap {
        uint32_t size;
        uint32_t ioas;
        uint64_t iova;
        uint64_t length;
} LabIoasUnmap;

typedef struct LabOption {
        uint32_t size;
        uint32_t option;
        uint16_t operation;
        uint16_t reserved;
        uint32_t object;
        uint64_t value;
} LabOption;

typedef struct LabVfioBind {
        uint32_t argsz;
        uint32_t flags;
        int32_t iommufd;
        uint32_t ret_device;
} LabVfioBind;

typedef struct LabVfioAttach {
        uint32_t argsz;
        uint32_t flags;
        uint32_t pt;
} LabVfioAttach;
