/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lists the devices that the policy reserves on this machine, or why it does not. Adopts the
 * present devices for a rule that expects others.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/document.h"
#include "cli/policy.h"

static int fail_policy(const Invocation *invocation, const iso_policy *policy, int error)
{
        const char *message = iso_policy_message(policy);

        return fail_refusal(invocation, error, "%s", *message ? message : strerror(-error));
}

static int show(Invocation *invocation, iso_policy *policy)
{
        const iso_reservation *found;
        json_object *document, *array;
        bool refused = false;
        size_t n;
        int r = iso_policy_reservations(policy, invocation->host, &found, &n);

        if (r != 0)
                return fail_policy(invocation, policy, r);
        document = json_document("reserve");
        array = json_add_array(document, "reservations");
        for (size_t i = 0; i < n; i++) {
                json_object *object = json_append(array, must(json_object_new_object()));

                json_add_text(object, "device", found[i].device);
                json_add_text(object, "rule", found[i].rule);
                json_add_text(object, "origin", found[i].origin);
                json_add_text(object, "verdict", found[i].verdict);
                json_add_text(object, "text", found[i].text);
                refused |= strcmp(found[i].verdict, "reserved") != 0 &&
                           strcmp(found[i].verdict, "bridge") != 0;
                if (!invocation->json)
                        (void)printf("%s\n", found[i].text);
        }
        if (invocation->json)
                json_print(document);
        else
                json_object_put(document);
        if (n == 0 && !invocation->json)
                (void)printf("no rule reserves a device of this machine\n");
        if (refused)
                note("to accept the present devices, run: isoctl reserve --accept RULE");
        return refused ? EXIT_FAILED : EXIT_DONE;
}

static int accept_rule(Invocation *invocation, iso_policy *policy)
{
        json_object *document;
        const char *path;
        int r = iso_policy_accept(policy, invocation->host, invocation->accept, invocation->policy,
                                  &path);

        if (r != 0)
                return fail_policy(invocation, policy, r);
        if (invocation->json) {
                document = json_document("reserve-accept");
                json_add_text(document, "rule", invocation->accept);
                json_add_text(document, "file", path);
                json_print(document);
        } else {
                (void)printf("%s: rule %s now expects the present devices\n", path,
                             invocation->accept);
        }
        note("this takes effect at the next boot, or now with: systemctl restart "
             "isolationd-reserve (and update-initramfs -u or dracut -f for drivers that the "
             "initramfs loads)");
        return EXIT_DONE;
}

static int run_reserve(Invocation *invocation)
{
        const char *const paths[] = {invocation->policy, NULL};
        _cleanup_(policy_freep) iso_policy *policy = NULL;
        int code = policy_open_good(invocation, paths, ISO_POLICY_ANY_NAMES, &policy);

        if (code == EXIT_DONE)
                code = open_tree(invocation);
        if (code != EXIT_DONE)
                return code;
        return invocation->accept ? accept_rule(invocation, policy) : show(invocation, policy);
}

const Verb verb_reserve = {
        .name = "reserve",
        .arguments = "",
        .summary = "list devices that the policy reserves; adopt the present ones",
        .help = "Exits with 1 if a rule expects other devices than the present ones.\n"
                "--accept RULE  make the rule expect the present devices\n"
                "--policy DIR   the policy to read and to write; default: the directories that\n"
                "               the daemon reads, and /etc/isolationd/policy.d for writing\n"
                "--from PATH    the machine; default: /sys\n",
        .options = OPTION_ACCEPT | OPTION_POLICY | OPTION_FROM,
        .host = VERB_HOST_NONE,
        .run = run_reserve,
};
