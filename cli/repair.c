/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Restores devices that the daemon could not return to the host, or lists them. */

#include <stdio.h>

#include "cli/document.h"
#include "cli/text.h"

static void free_report(iso_repair_report **report)
{
        (void)iso_repair_report_free(*report);
}

static int run_repair(Invocation *invocation)
{
        _cleanup_(free_report) iso_repair_report *report = NULL;
        json_object *document;
        int r;

        r = iso_repair(invocation->host, invocation->arguments, invocation->dry_run, &report);
        if (r != 0)
                return fail_host(invocation, r);
        if (invocation->json) {
                document = json_document("repair");
                json_add_bool(document, "dry_run", invocation->dry_run);
                json_add_list(document, "lines", report->lines);
                json_add_number(document, "left", report->n_left, 0);
                json_print(document);
        } else {
                for (size_t i = 0; report->lines[i]; i++)
                        (void)printf("%s\n", report->lines[i]);
                if (!report->lines[0])
                        (void)printf("nothing needs repair\n");
        }
        return report->n_left > 0 ? iso_error_exit_code(ISO_E_QUARANTINED) : EXIT_DONE;
}

const Verb verb_repair = {
        .name = "repair",
        .arguments = "[LEASE|SELECTOR...]",
        .summary = "return stuck devices to the host",
        .help = "Covers leases in quarantine, and devices that bear the mark of a lease although\n"
                "no lease has them. A device that is only bound to vfio-pci is listed; name it to\n"
                "bind it to its host driver. Exits with 9 while something needs repair.\n"
                "--dry-run        print the steps and change nothing\n",
        .options = OPTION_DRY_RUN,
        .max_arguments = ANY_NUMBER,
        .host = VERB_HOST_DAEMON,
        .run = run_repair,
};
