/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The admitting process runs its tasks one after the other, in the order of the kernel's events. As
 * in the kernel, a probe that hangs delays those behind it.
 */

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "daemon/guard/gate.h"
#include "daemon/guard/watch.h"

static void let_in(const GuardOrders *orders, const AdmitTask *task, int socket_fd)
{
        GuardReport report = {.kind = GUARD_REPORT_LET_IN, .bdf = task->bdf};
        _cleanup_(freep) char *driver = NULL;

        report.code = gate_let_in(&orders->host, task->bdf, true, &driver);
        if (report.code < 0)
                return; /* the function is gone, or the daemon retries: there is no report */
        report.nsec = watch_now() - task->since;
        (void)snprintf(report.text, sizeof(report.text), "%s", driver);
        (void)watch_report(socket_fd, &report, 0);
}

_Noreturn void admit_run(const GuardOrders *orders, int pipe_fd, int socket_fd)
{
        AdmitTask task;

        (void)prctl(PR_SET_NAME, "isolation-admit");
        while (TEMP_FAILURE_RETRY(read(pipe_fd, &task, sizeof(task))) == (ssize_t)sizeof(task)) {
                task.driver[sizeof(task.driver) - 1] = '\0';
                if (!task.is_driver)
                        let_in(orders, &task, socket_fd);
                else if (gate_admit(&orders->host, task.driver, &orders->places) < 0)
                        continue; /* the driver was unregistered */
        }
        _exit(0);
}
