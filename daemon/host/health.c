/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The first bytes of the header, the power management capability, and the Command register.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/host/config.h"
#include "daemon/host/health.h"

#define PCI_COMMAND 0x04           /* PCIe Base Specification 7.5.1.1.3 */
#define PCI_COMMAND_MASTER 0x0004U /* bit 2, Bus Master Enable */
#define PCI_STATUS 0x06            /* 7.5.1.1.4 */
#define PCI_STATUS_LIST 0x10U      /* bit 4, Capabilities List */
#define PCI_CAPABILITIES 0x34      /* 7.5.1.1.11 */
#define PCI_HEADER_END 0x40
#define CAP_ID_PM 0x01
#define CAP_PM_CONTROL 4       /* PMCSR, PCI Power Management 3.2.4 */
#define PM_CONTROL_STATE 0x03U /* bits 1:0, PowerState: 3 is D3hot */
#define PM_D3 3U
#define CAPABILITIES_MAX 48 /* that fit behind the header */

#define HEADER_BYTES 16
#define WAKE_TRIES 50 /* 1 second in total */
#define WAKE_STEP_NSEC 20000000L

/*
 * Checks that the device answers: a device that is gone reads all-ones. The ids of a virtual
 * function read all-ones by design (PCIe 9.3.4.1.1), but not all of its header.
 */
static int check_answers(const HostPaths *host, Bdf bdf, char **ret_message)
{
        uint8_t header[HEADER_BYTES];
        char text[BDF_TEXT_SIZE];
        size_t n = 0;

        int r = config_read(host, bdf, 0, header, sizeof(header));
        if (r == -ENOENT || r == -ENODEV)
                return -ENOENT;
        if (r < 0)
                return host_refuse_write(r, ret_message,
                                         "%s: its configuration space cannot be read",
                                         bdf_format(bdf, text));
        while (n < sizeof(header) && header[n] == 0xff)
                n++;
        if (n < sizeof(header))
                return 0;
        return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                           "%s does not answer: its configuration space reads all-ones",
                           bdf_format(bdf, text));
}

/* Reads the power state; 0 if the device has none. The walk is bounded whatever the list holds. */
static unsigned read_power_state(const HostPaths *host, Bdf bdf)
{
        uint8_t bytes[2];

        if (config_read(host, bdf, PCI_STATUS, bytes, 1) < 0 || !(bytes[0] & PCI_STATUS_LIST) ||
            config_read(host, bdf, PCI_CAPABILITIES, bytes, 1) < 0)
                return 0;
        unsigned offset = bytes[0] & 0xfcU;
        for (int i = 0; i < CAPABILITIES_MAX && offset >= PCI_HEADER_END; i++) {
                if (config_read(host, bdf, offset, bytes, sizeof(bytes)) < 0)
                        return 0;
                if (bytes[0] == CAP_ID_PM)
                        return config_read(host, bdf, offset + CAP_PM_CONTROL, bytes, 1) < 0
                                       ? 0
                                       : bytes[0] & PM_CONTROL_STATE;
                offset = bytes[1] & 0xfcU;
        }
        return 0;
}

int health_check(const HostPaths *host, Bdf bdf, char **ret_message)
{
        const struct timespec pause = {.tv_nsec = WAKE_STEP_NSEC};
        char text[BDF_TEXT_SIZE];

        int r = check_answers(host, bdf, ret_message);
        if (r != 0 || read_power_state(host, bdf) != PM_D3)
                return r;
        int w = host_write_device(host, bdf, "power/control", "on");
        /* The device does not report the end of its wake-up, so ask again. */
        for (int i = 0; i < WAKE_TRIES && read_power_state(host, bdf) == PM_D3; i++)
                (void)nanosleep(&pause, NULL);
        if (read_power_state(host, bdf) == PM_D3)
                return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                                   "%s does not wake: it stays in D3%s%s", bdf_format(bdf, text),
                                   w < 0 ? "; power/control: " : "", w < 0 ? strerror(-w) : "");
        return check_answers(host, bdf, ret_message);
}

static int read_command(const HostPaths *host, Bdf bdf, uint16_t *ret_command)
{
        uint8_t bytes[2];

        int r = config_read(host, bdf, PCI_COMMAND, bytes, sizeof(bytes));
        if (r == 0)
                *ret_command = (uint16_t)(bytes[0] | bytes[1] << 8);
        return r;
}

int health_stop_master(const HostPaths *host, Bdf bdf, char **ret_message)
{
        char text[BDF_TEXT_SIZE];
        uint16_t command = 0;

        int r = read_command(host, bdf, &command);
        if (r == 0 && !(command & PCI_COMMAND_MASTER))
                return 0;
        int w = r < 0 ? r
                      : config_write16(host, bdf, PCI_COMMAND,
                                       (uint16_t)(command & ~PCI_COMMAND_MASTER));
        if (r == 0)
                r = read_command(host, bdf, &command);
        if (r == 0 && !(command & PCI_COMMAND_MASTER))
                return 0;
        return host_refuse_write(w, ret_message, "%s: its bus mastering cannot be switched off",
                                 bdf_format(bdf, text));
}

bool health_reaches_memory(const HostPaths *host, int32_t group)
{
        static const char *const translated[] = {"DMA", "DMA-FQ", "blocked"};
        _cleanup_(freep) char *type = NULL;

        if (host_read_at(&type, "%s/kernel/iommu_groups/%d/type", host->sysfs, group) < 0)
                return true;
        for (size_t i = 0; i < ARRAY_SIZE(translated); i++)
                if (strcmp(type, translated[i]) == 0)
                        return false;
        return true;
}
