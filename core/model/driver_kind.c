/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Classifies drivers by name. */

#include <string.h>

#include "core/model/strength.h"

bool driver_is_vfio(const char *driver)
{
        static const char *const ends[] = {"vfio_pci", "vfio-pci"};
        size_t n = strlen(driver);

        /* mlx5_vfio_pci, nvgrace_gpu_vfio_pci, xe-vfio-pci, … */
        for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
                if (n > strlen(ends[i]) && strcmp(driver + n - strlen(ends[i]), ends[i]) == 0)
                        return true;
        return strncmp(driver, "vfio", 4) == 0;
}

bool driver_is_harmless(const char *driver)
{
        return driver[0] == '\0' || strcmp(driver, "pcieport") == 0 ||
               strcmp(driver, "pci-stub") == 0 || driver_is_vfio(driver);
}
