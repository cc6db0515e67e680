/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The kernel's part of a screen: a console driver that can be unbound and bound again, and the
 * platform device of the firmware's framebuffer.
 */

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/daemon/fakehost.h"
#include "tests/unit/tree.h"

#define FRAMEBUFFER_DRIVER "bus/platform/devices/" FAKEHOST_FRAMEBUFFER "/driver"

int fakehost_bind_console(const char *name, const char *text)
{
        char path[FAKEHOST_PATH_SIZE / 2];

        (void)snprintf(path, sizeof(path), "class/vtconsole/%s/bind", name);
        if (!fakehost_has("%s", path))
                return -ENOENT;
        tree_file(path, text[0] == '0' ? "0\n" : "1\n");
        return 0;
}

int fakehost_unbind_framebuffer(const char *name, const char *text)
{
        char path[FAKEHOST_PATH_SIZE];

        return unlink(fakehost_path(path, FRAMEBUFFER_DRIVER)) < 0 ? -ENODEV : 0;
}

int fakehost_probe_platform(const char *name, const char *text)
{
        if (!fakehost_has(FRAMEBUFFER_DRIVER))
                tree_link(FRAMEBUFFER_DRIVER, "../../drivers/efi-framebuffer");
        return 0;
}
