/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Help, generated from the rows of the verbs. */

#include <stdio.h>

#include "cli/document.h"
#include "cli/isoctl.h"

static void print_overview(const Verb *const *verbs)
{
        (void)printf("isoctl VERB [ARGUMENTS] [OPTIONS]\n"
                     "Lease IOMMU isolation groups: devices that the IOMMU cannot separate go to "
                     "one owner.\n\n");
        for (size_t i = 0; verbs[i]; i++)
                (void)printf("  %-9s %-28s %s\n", verbs[i]->name, verbs[i]->arguments,
                             verbs[i]->summary);
        (void)printf("\n"
                     "  --json       print one JSON document instead of text\n"
                     "  -H, --host [USER@]HOST\n"
                     "               run the command on another machine, by ssh\n"
                     "  -q, --quiet  no notes; -v, --verbose: more columns; --no-legend: no "
                     "headings\n"
                     "  --from PATH  read a sysfs tree (/sys or a copy), a snapshot, the output of "
                     "lspci or a\n"
                     "               listing of groups instead of asking isolationd\n"
                     "  --groups FILE\n"
                     "               with --from and the output of lspci: read the groups from "
                     "this listing\n"
                     "  --root DIR   the same as --from DIR/sys\n\n"
                     "Exit: 0 done, 1 failed, 2 usage, 3 not found, 4 busy, 5 denied, 6 not viable "
                     "or too weak,\n"
                     "7 timeout or stuck, 8 no daemon, 9 needs repair. More: isoctl help VERB, "
                     "man isoctl\n");
}

static void print_verb(const Verb *verb)
{
        (void)printf("isoctl %s%s%s%s [--json]%s\n%s\n%s%s", verb->name,
                     *verb->arguments ? " " : "", verb->arguments,
                     verb->options & OPTION_COMMAND ? " -- COMMAND..." : "",
                     verb->options & OPTION_FROM ? " [--from PATH [--groups FILE]]" : "",
                     verb->summary, *verb->help ? "\n" : "", verb->help);
}

static void print_json(const Verb *const *verbs)
{
        json_object *document = json_document("help");
        json_object *array = json_add_array(document, "verbs");

        for (size_t i = 0; verbs[i]; i++) {
                json_object *object = json_append(array, must(json_object_new_object()));

                json_add_text(object, "verb", verbs[i]->name);
                json_add_text(object, "arguments", verbs[i]->arguments);
                json_add_text(object, "summary", verbs[i]->summary);
        }
        json_print(document);
}

static int run_help(Invocation *invocation)
{
        const Verb *verb = NULL;

        if (invocation->n_arguments > 0) {
                verb = verb_find(invocation->verbs, invocation->arguments[0]);
                if (!verb)
                        return fail_usage(invocation, "unknown verb '%s'",
                                          invocation->arguments[0]);
        }
        if (invocation->json)
                print_json(invocation->verbs);
        else if (verb)
                print_verb(verb);
        else
                print_overview(invocation->verbs);
        return EXIT_DONE;
}

const Verb verb_help = {
        .name = "help",
        .arguments = "[VERB]",
        .summary = "show this overview, or the help of a verb",
        .help = "",
        .max_arguments = 1,
        .host = VERB_HOST_NONE,
        .run = run_help,
};
