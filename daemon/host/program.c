/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* posix_spawn(3), and systemctl(1) as one use of it. */

#include "daemon/host/program.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#define UNIT_SIZE 256 /* systemd.unit(5) */

int program_run(const char *program, char *const argv[], int *ret_status)
{
        char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
        char *envp[] = {path, NULL};
        pid_t pid;

        int r = posix_spawn(&pid, program, NULL, NULL, argv, envp);
        if (r != 0)
                return r;
        while (waitpid(pid, ret_status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

bool service_is_managed(void)
{
        return getenv("NOTIFY_SOCKET");
}

int service_restart(const char *unit)
{
        char systemctl[] = "systemctl", restart[] = "restart", no_block[] = "--no-block";
        char quiet[] = "-q", no_ask[] = "--no-ask-password", end[] = "--", name[UNIT_SIZE];
        char *argv[] = {systemctl, restart, no_block, quiet, no_ask, end, name, NULL};
        int status = 0;

        if ((size_t)snprintf(name, sizeof(name), "%s", unit) >= sizeof(name))
                return -ENAMETOOLONG;
        int r = program_run("/bin/systemctl", argv, &status);
        if (r != 0)
                return r > 0 ? -r : r;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}
