/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The version, which isoctl and libisolation share. */

#include <stdio.h>

#include "cli/document.h"
#include "cli/isoctl.h"

static int run_version(Invocation *invocation)
{
        json_object *document;

        if (invocation->json) {
                document = json_document("version");
                json_add_text(document, "version", iso_version());
                json_print(document);
        } else {
                (void)printf("isoctl %s\n", iso_version());
        }
        return EXIT_DONE;
}

const Verb verb_version = {
        .name = "version",
        .arguments = "",
        .summary = "print isoctl's version",
        .help = "",
        .host = VERB_HOST_NONE,
        .run = run_version,
};
