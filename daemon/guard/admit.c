/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Errands one after the other, in the order in which the kernel told of them: as in the kernel, a
 * probe that hangs holds up those behind it.
 */

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "daemon/guard/gate.h"
#include "daemon/guard/watch.h"

static void let_in(const GuardOrders *orders, const AdmitTask *errand, int socket_fd)
{
        GuardReport report = {.kind = GUARD_REPORT_LET_IN, .bdf = errand->bdf};
        _cleanup_(freep) char *driver = NULL;

        report.code = gate_let_in(&orders->host, errand->bdf, true, &driver);
        if (report.code < 0)
                return; /* it is gone; or the daemon sees to it, since it is not reported */
        report.nsec = watch_now() - errand->since;
        (void)snprintf(report.text, sizeof(report.text), "%s", driver);
        (void)watch_report(socket_fd, &report, 0);
}

_Noreturn void admit_run(const GuardOrders *orders, int pipe_fd, int socket_fd)
{
        AdmitTask errand;

        (void)prctl(PR_SET_NAME, "isolation-usher");
        while (TEMP_FAILURE_RETRY(read(pipe_fd, &errand, sizeof(errand))) ==
               (ssize_t)sizeof(errand)) {
                errand.driver[sizeof(errand.driver) - 1] = '\0';
                if (!errand.is_driver)
                        let_in(orders, &errand, socket_fd);
                else if (gate_admit(&orders->host, errand.driver, &orders->places) < 0)
                        continue; /* the driver is gone again */
        }
        _exit(0);
}
