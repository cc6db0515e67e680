/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The parser of policy files, called for one line at a time. Prints "accepted", or "refused" and
 * the reason. It does not look up names of users.
 */

#include "core/probe/policy_json.h"

#include <stdio.h>

int main(void)
{
        const PolicyOptions options = {.lookup = &policy_lookup_nobody};
        _cleanup_(freep) char *line = NULL;
        size_t size = 0;

        for (ssize_t n; (n = getline(&line, &size, stdin)) > 0;) {
                _cleanup_(policy_freep) Policy *policy = calloc(1, sizeof(*policy));
                _cleanup_(policy_fault_clear) PolicyFault fault = {.message = NULL};
                int r;

                if (!policy)
                        return 1;
                r = policy_parse_text(policy, "line", line, (size_t)n, &options, &fault);
                if (r < 0)
                        return 1;
                (void)printf("%s%s\n", r == 0 ? "accepted" : "refused ",
                             r == 0 ? "" : fault.message);
                (void)fflush(stdout);
        }
        return 0;
}
