/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the policy reserves of this machine, or why it does not; and adopting a machine that is
 * another than a rule expects.
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
                (void)printf("no rule reserves anything that is there\n");
        if (refused)
                note("if what is there now is what you want: isoctl reserve --accept RULE");
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
                (void)printf("%s: rule %s expects what is there now\n", path, invocation->accept);
        }
        note("it holds from the next boot on, or with: systemctl restart isolationd-reserve "
             "(and update-initramfs -u or dracut -f for drivers that are loaded there)");
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
        .summary = "what the policy reserves, or why not; adopt what is there",
        .help = "Exit 1 if a rule expects something else than what is there.\n"
                "--accept RULE  make what is there now what the rule expects\n"
                "--policy DIR   the policy, and where it is written; else what the daemon reads,\n"
                "               and /etc/isolationd/policy.d\n"
                "--from PATH    the machine; /sys otherwise\n",
        .options = OPTION_ACCEPT | OPTION_POLICY | OPTION_FROM,
        .host = VERB_HOST_NONE,
        .run = run_reserve,
};
