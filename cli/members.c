/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Takes a device that joined a lease into the lease (`take`), or removes it from the machine
 * (`expel`).
 *
 * isoctl closes the fds that `take` returns, as `acquire` does: the device is then ready for a
 * program that has the fds of the lease.
 */

#include <stdio.h>

#include "cli/document.h"
#include "cli/text.h"

/*
 * Finds the lease and the device that the two arguments name. Returns EXIT_DONE or the exit code.
 */
static int find(Invocation *invocation, uint32_t *ret_lease, const char **ret_address)
{
        const iso_device *device;
        const iso_group *group;
        const iso_lease *lease;
        int r;

        r = iso_host_resolve_lease(invocation->host, invocation->arguments[0], &lease);
        if (r == 0)
                r = iso_host_resolve(invocation->host, invocation->arguments[1], &device, &group);
        if (r != 0)
                return fail_host(invocation, r);
        if (!device)
                return fail_refusal(invocation, ISO_E_INVALID, "%s is a group; name a device",
                                    invocation->arguments[1]);
        *ret_lease = lease->id;
        *ret_address = device->address;
        return EXIT_DONE;
}

static json_object *member_document(const Invocation *invocation, uint32_t lease,
                                    const char *address)
{
        json_object *document = json_document(invocation->verb->name);

        json_add_number(document, "lease", lease, 1);
        json_add_text(document, "device", address);
        return document;
}

static int run_take(Invocation *invocation)
{
        json_object *document, *names;
        const char *address = NULL;
        iso_grant *grant;
        uint32_t lease = 0;
        int r;

        r = find(invocation, &lease, &address);
        if (r != EXIT_DONE)
                return r;
        r = iso_take_device(invocation->host, lease, address, &grant);
        if (r != 0)
                return fail_host(invocation, r);

        if (invocation->json) {
                document = member_document(invocation, lease, address);
                names = json_add_array(document, "fds");
                for (size_t i = 0; i < grant->n_fds; i++)
                        (void)json_append(names, must(json_object_new_string(grant->fds[i].name)));
                json_print(document);
        } else {
                (void)printf("%s now belongs to lease %u\n", address, lease);
        }
        (void)iso_grant_free(grant);
        return EXIT_DONE;
}

static int run_expel(Invocation *invocation)
{
        const char *address = NULL;
        uint32_t lease = 0;
        int r;

        r = find(invocation, &lease, &address);
        if (r != EXIT_DONE)
                return r;
        r = iso_expel_device(invocation->host, lease, address);
        if (r != 0)
                return fail_host(invocation, r);
        if (invocation->json)
                json_print(member_document(invocation, lease, address));
        else
                (void)printf("%s is removed from the machine until lease %u ends\n", address,
                             lease);
        return EXIT_DONE;
}

const Verb verb_take = {
        .name = "take",
        .arguments = "LEASE DEVICE",
        .summary = "take a held device into the lease that it joined",
        .help = "DEVICE is one that is held: isoctl leases. It is bound to vfio-pci. A program "
                "that\n"
                "needs its descriptor (mode iommufd) asks for it itself: libisolation(3).\n",
        .min_arguments = 2,
        .max_arguments = 2,
        .host = VERB_HOST_DAEMON,
        .run = run_take,
};

const Verb verb_expel = {
        .name = "expel",
        .arguments = "LEASE DEVICE",
        .summary = "remove a held device from the machine",
        .help = "For administrators. It is back when the lease has ended.\n",
        .min_arguments = 2,
        .max_arguments = 2,
        .host = VERB_HOST_DAEMON,
        .run = run_expel,
};
