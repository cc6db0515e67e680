/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * isoctl: isolation groups on the command line. main() parses the command line, opens the machine
 * and runs the verb. It fails if standard output could not be written (a full disk).
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/isoctl.h"
#include "cli/output.h"

/* In the order of the help. */
static const Verb *const verbs[] = {
        &verb_overview, &verb_list,    &verb_show,      &verb_groups,   &verb_tree,
        &verb_explain,  &verb_slots,   &verb_compare,   &verb_graph,    &verb_diff,
        &verb_plan,     &verb_acquire, &verb_release,   &verb_revoke,   &verb_run,
        &verb_emit,     &verb_leases,  &verb_holders,   &verb_wait,     &verb_transfer,
        &verb_take,     &verb_expel,   &verb_repair,    &verb_reset,    &verb_type,
        &verb_memlock,  &verb_monitor, &verb_history,   &verb_metrics,  &verb_doctor,
        &verb_policy,   &verb_reserve, &verb_unreserve, &verb_snapshot, &verb_version,
        &verb_help,     NULL,
};

int main(int argc, char **argv)
{
        Invocation invocation = {.verbs = verbs};
        int code;

        code = run_remotely(argc, argv);
        if (code == EXIT_DONE)
                code = options_parse(argc, argv, &invocation);
        output_init(invocation.json);
        if (invocation.quiet)
                notes_silence();
        if (code == EXIT_DONE)
                code = open_host(&invocation);
        if (code == EXIT_DONE)
                code = invocation.verb->run(&invocation);
        invocation.host = iso_host_free(invocation.host);
        free(invocation.from_root);

        if (fflush(stdout) != 0 || ferror(stdout)) {
                note("writing the output failed: %s", strerror(errno));
                return code == EXIT_DONE ? EXIT_FAILED : code;
        }
        return code;
}
