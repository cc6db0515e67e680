/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The type of a group's default domain, which has its devices while they are not leased. */

#include <stdio.h>

#include "cli/document.h"
#include "cli/isoctl.h"
#include "cli/text.h"

static int run_type(Invocation *invocation)
{
        iso_host *host = invocation->host;
        const iso_device *device;
        const iso_group *group;
        json_object *document;
        int r;

        r = find_group(invocation, invocation->arguments[0], &group);
        if (r != EXIT_DONE)
                return r;
        if (invocation->n_arguments > 1) {
                r = iso_set_group_type(host, group, invocation->arguments[1]);
                if (r == 0)
                        r = iso_host_refresh(host);
                if (r == 0)
                        r = iso_host_resolve(host, invocation->arguments[0], &device, &group);
                if (r != 0)
                        return fail_host(invocation, r);
        }
        if (!invocation->json) {
                (void)printf("group %s · type %s\n", group->id,
                             *group->type ? group->type : "unknown");
                return EXIT_DONE;
        }
        document = json_document("type");
        json_add_text(document, "group", group->id);
        json_add_number(document, "kernel_group", group->kernel_group, 0);
        json_add_optional(document, "type", group->type);
        json_print(document);
        return EXIT_DONE;
}

const Verb verb_type = {
        .name = "type",
        .arguments = "SELECTOR [TYPE]",
        .summary = "show or set the type of a group's default domain",
        .help = "TYPE is identity, DMA, DMA-FQ or auto. Only administrators may set it. Except\n"
                "from DMA to DMA-FQ, the kernel requires a group without drivers and owner.\n",
        .min_arguments = 1,
        .max_arguments = 2,
        .host = VERB_HOST_DAEMON,
        .run = run_type,
};
