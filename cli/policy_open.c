/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opening policy files. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/policy.h"

int policy_open(Invocation *invocation, const char *const *paths, unsigned flags, iso_policy **ret)
{
        int r = iso_policy_open(paths, flags, ret);
        const char *message = iso_policy_message(*ret);

        if (r == 0)
                return EXIT_DONE;
        return fail_refusal(invocation, r, "%s", r > 0 ? message : strerror(-r));
}

int policy_open_good(Invocation *invocation, const char *const *paths, unsigned flags,
                     iso_policy **ret)
{
        const iso_policy_file *files;
        size_t n;
        int code = policy_open(invocation, paths, flags, ret);

        if (code != EXIT_DONE)
                return code;
        files = iso_policy_files(*ret, &n);
        for (size_t i = 0; i < n; i++)
                if (*files[i].error) {
                        if (*files[i].excerpt && !invocation->json)
                                (void)fprintf(stderr, "%s\n", files[i].excerpt);
                        return fail_refusal(invocation, -EINVAL, "%s", files[i].error);
                }
        return EXIT_DONE;
}
